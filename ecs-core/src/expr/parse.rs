//! From text to code: the guard, the `cel` parser, then the lowering, which resolves names and functions and refuses
//! what Symphony's expressions do not have.

use super::code::{Binary, Code, Fold};
use super::functions::Function;
use super::{MAX_LENGTH, NameUse, guard, short};
use crate::value::Value;
use cel::common::ast::{EntryExpr, Expr as Cel, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::parser::Parser;
use std::ops::Range;
use std::sync::Arc;

/// A text that is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Where in the text, in bytes.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The cure.
    pub help: Option<String>,
}

/// What parsing gives.
pub(super) struct Lowered {
    pub(super) code: Code,
    pub(super) references: Vec<NameUse>,
    pub(super) locals: usize,
}

/// Reads and lowers an expression.
pub(super) fn parse(text: &str) -> Result<Lowered, ExprError> {
    match short::parse(text) {
        Some(lowered) if text.len() <= MAX_LENGTH => Ok(lowered),
        _ => parse_any(text),
    }
}

/// As [`parse`], without the short way.
pub(super) fn parse_any(text: &str) -> Result<Lowered, ExprError> {
    guard::check(text)?;
    if text.trim().is_empty() {
        let help = Some("write a condition such as `review.verdict == 'fix'`".to_owned());
        return Err(ExprError { span: 0..text.len(), message: "the expression is empty".to_owned(), help });
    }
    let (tree, places) = match Parser::new().parse_with_source_info(text) {
        Ok(parsed) => parsed,
        Err(errors) => {
            let first = errors.errors.into_iter().next();
            let (place, message) = first.map_or(((1, 1), String::new()), |error| (error.pos, error.msg));
            return Err(super::complaint::syntax(text, place, &message));
        }
    };
    let mut lowering = Lowering { text, places: &places, scope: Vec::new(), deepest: 0, references: Vec::new() };
    let code = lowering.lower(&tree)?;
    let mut references = lowering.references;
    references.sort_by_key(|name| name.span.start);
    Ok(Lowered { code, references, locals: lowering.deepest })
}

struct Lowering<'a> {
    text: &'a str,
    places: &'a SourceInfo,
    /// Variables of the comprehensions around, by slot.
    scope: Vec<String>,
    deepest: usize,
    references: Vec<NameUse>,
}

impl Lowering<'_> {
    fn span(&self, id: u64) -> Range<usize> {
        let (start, stop) = self.places.offset_for(id).unwrap_or((0, 0));
        let (start, end) = (start as usize, stop as usize + 1);
        if self.text.get(start..end).is_some() { start..end } else { 0..self.text.len() }
    }

    fn error<T>(&self, id: u64, message: impl Into<String>, help: impl Into<String>) -> Result<T, ExprError> {
        Err(ExprError { span: self.span(id), message: message.into(), help: Some(help.into()) })
    }

    fn lower(&mut self, tree: &IdedExpr) -> Result<Code, ExprError> {
        match &tree.expr {
            Cel::Literal(literal) => self.literal(tree.id, literal),
            Cel::Ident(name) => self.name(tree.id, name, None),
            Cel::Select(select) => {
                let of = Box::new(match &select.operand.expr {
                    Cel::Ident(name) => self.name(select.operand.id, name, Some(&select.field))?,
                    _ => self.lower(&select.operand)?,
                });
                let name: Arc<str> = select.field.as_str().into();
                Ok(if select.test { Code::Has { of, name } } else { Code::Field { of, name } })
            }
            Cel::List(list) => {
                Ok(Code::List(list.elements.iter().map(|item| self.lower(item)).collect::<Result<_, _>>()?))
            }
            Cel::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(pair) = &entry.expr else {
                        return self.error(entry.id, "not an entry of a map", "write `{'key': value}`");
                    };
                    entries.push((self.lower(&pair.key)?, self.lower(&pair.value)?));
                }
                Ok(Code::Map(entries))
            }
            Cel::Call(call) => self.call(tree.id, &call.func_name, call.target.as_deref(), &call.args),
            Cel::Comprehension(fold) => {
                let range = self.lower(&fold.iter_range)?;
                let init = self.lower(&fold.accu_init)?;
                let accu = self.scope.len();
                self.scope.push(fold.accu_var.clone());
                self.scope.push(fold.iter_var.clone());
                self.deepest = self.deepest.max(self.scope.len());
                let go_on = self.lower(&fold.loop_cond)?;
                let step = self.lower(&fold.loop_step)?;
                self.scope.pop();
                let result = self.lower(&fold.result)?;
                self.scope.pop();
                Ok(Code::Fold(Box::new(Fold { range, accu, init, go_on, step, result })))
            }
            Cel::Struct(message) => {
                let help = "write a map: `{'key': value}`";
                self.error(tree.id, format!("there are no messages such as `{}`", message.type_name), help)
            }
            Cel::Unspecified => self.error(tree.id, "the expression is incomplete", "finish it"),
        }
    }

    fn literal(&self, id: u64, literal: &LiteralValue) -> Result<Code, ExprError> {
        Ok(Code::Const(match literal {
            LiteralValue::Boolean(truth) => Value::Bool(*truth.inner()),
            LiteralValue::Int(int) => Value::Int(*int.inner()),
            LiteralValue::Double(float) => Value::Float(*float.inner()),
            LiteralValue::String(text) => Value::text(text.inner()),
            LiteralValue::Bytes(bytes) => Value::Bytes(bytes.inner().into()),
            LiteralValue::Null => Value::Absent,
            LiteralValue::UInt(_) => {
                return self.error(id, "there are no unsigned numbers", "leave the `u` out");
            }
        }))
    }

    fn name(&mut self, id: u64, name: &str, field: Option<&str>) -> Result<Code, ExprError> {
        if let Some(slot) = self.scope.iter().rposition(|local| local == name) {
            return Ok(Code::Local { slot, name: name.into() });
        }
        if let Some(plain) = name.strip_prefix('.') {
            return self.error(id, format!("`{name}` begins with a dot"), format!("write `{plain}`"));
        }
        let mut span = self.span(id);
        if let Some(field) = field {
            // The tree knows the place of the name only; the field follows it after a dot.
            let rest = self.text.get(span.end..).unwrap_or("").trim_start();
            let rest = rest.strip_prefix('.').map(str::trim_start);
            if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(field)) {
                span.end = self.text.len() - rest.len();
            }
        }
        self.references.push(NameUse { name: name.to_owned(), port: field.map(str::to_owned), span });
        Ok(Code::Name(name.into()))
    }

    fn call(
        &mut self,
        id: u64,
        function: &str,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
    ) -> Result<Code, ExprError> {
        // What the comprehensions' own machinery does is paid by the item that they visit.
        let machinery = args.iter().any(|arg| matches!(&arg.expr, Cel::Ident(name) if name.starts_with('@')));
        let steps = u32::from(!machinery);
        let binary = match function {
            operators::ADD => Some(Binary::Add),
            operators::SUBSTRACT => Some(Binary::Subtract),
            operators::MULTIPLY => Some(Binary::Multiply),
            operators::DIVIDE => Some(Binary::Divide),
            operators::MODULO => Some(Binary::Modulo),
            operators::EQUALS => Some(Binary::Equal),
            operators::NOT_EQUALS => Some(Binary::NotEqual),
            operators::LESS => Some(Binary::Less),
            operators::LESS_EQUALS => Some(Binary::LessEqual),
            operators::GREATER => Some(Binary::Greater),
            operators::GREATER_EQUALS => Some(Binary::GreaterEqual),
            operators::IN => Some(Binary::In),
            operators::INDEX => Some(Binary::Index),
            _ => None,
        };
        match (function, args) {
            (_, [left, right]) if let Some(op) = binary => {
                Ok(Code::Binary { op, sides: Box::new([self.lower(left)?, self.lower(right)?]), steps })
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                let decides = function == operators::LOGICAL_OR;
                Ok(Code::Logic { decides, sides: Box::new([self.lower(left)?, self.lower(right)?]), steps })
            }
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let arms = Box::new([self.lower(condition)?, self.lower(yes)?, self.lower(no)?]);
                Ok(Code::If { arms, steps })
            }
            (operators::LOGICAL_NOT, [inner]) => Ok(Code::Not(Box::new(self.lower(inner)?))),
            (operators::NEGATE, [inner]) => Ok(Code::Negate(Box::new(self.lower(inner)?))),
            (operators::NOT_STRICTLY_FALSE, [inner]) => Ok(Code::NotFalse(Box::new(self.lower(inner)?))),
            _ => {
                let method = target.is_some();
                let found = Function::find(function, method, args.len() + usize::from(method))
                    .map_err(|(message, help)| ExprError { span: self.call_span(id, function), message, help })?;
                let args = target.into_iter().chain(args).map(|arg| self.lower(arg)).collect::<Result<_, _>>()?;
                Ok(Code::Call { function: found, args })
            }
        }
    }

    /// The place of a function's name: the tree knows that of its opening bracket.
    fn call_span(&self, id: u64, function: &str) -> Range<usize> {
        let span = self.span(id);
        let before = self.text.get(..span.start).unwrap_or("").trim_end();
        if before.ends_with(function) { before.len() - function.len()..before.len() } else { span }
    }
}
