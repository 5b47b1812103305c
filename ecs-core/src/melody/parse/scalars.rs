//! Values with a form of their own: types, expressions, durations, sizes and money.

use super::reader::Reader;
use super::tree::{Tree, TreeValue};
use crate::expr::Expr;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Span, Spanned};
use crate::melody::units::{BadQuantity, parse_duration, parse_size};
use crate::types::PortType;
use std::time::Duration;

/// More money than any run may spend: a thousand million dollars.
const MOST_USD: f64 = 1e9;

impl<'t> Reader<'t> {
    /// A port type, or a finding at the part of it that is wrong.
    pub fn port_type(&mut self, what: &str, tree: Tree<'t>) -> Option<Spanned<PortType>> {
        let form = "write a type in quotes, such as \"text\", \"int\", \"json\", \"list<text>\" or \"artifact<text/markdown>\"";
        let TreeValue::Text(text) = &tree.value else {
            self.wrong_type(what, &tree, "a type", form);
            return None;
        };
        match PortType::parse(text) {
            Ok(value) => Some(Spanned { value, span: tree.span }),
            Err(error) => {
                let span = self.part(&tree.span, text, &error.span);
                let finding = Diagnostic::error("bad-type", format!("`{text}` is not a type")).at(span, error.message);
                self.report(finding.help(error.help.unwrap_or_else(|| form.to_owned())));
                None
            }
        }
    }

    /// An expression, or a finding at the part of it that is wrong.
    pub fn expression(&mut self, what: &str, tree: Tree<'t>) -> Option<Spanned<Expr>> {
        let form = "write a CEL expression in quotes, such as \"lint.ok && size(lint.report) > 0\"";
        let TreeValue::Text(text) = &tree.value else {
            let help = match tree.value {
                TreeValue::Bool(truth) => format!("put it in quotes: \"{truth}\""),
                _ => form.to_owned(),
            };
            self.wrong_type(what, &tree, "an expression", help);
            return None;
        };
        match Expr::parse(text) {
            Ok(value) => Some(Spanned { value, span: tree.span }),
            Err(error) => {
                let span = self.part(&tree.span, text, &error.span);
                let finding =
                    Diagnostic::error("bad-expression", format!("{what} is not an expression")).at(span, error.message);
                self.report(finding.help(error.help.unwrap_or_else(|| form.to_owned())));
                None
            }
        }
    }

    fn quantity<Q>(
        &mut self,
        what: &str,
        tree: &Tree<'t>,
        code: &'static str,
        expected: &str,
        read: fn(&str) -> Result<Q, BadQuantity>,
    ) -> Option<Q> {
        let (text, quoted) = match &tree.value {
            TreeValue::Text(text) => (text.to_string(), true),
            TreeValue::Int(number) => (number.to_string(), false),
            TreeValue::Float(number) => (number.to_string(), false),
            _ => {
                let help = format!("write {expected} in quotes");
                self.wrong_type(what, tree, expected, help);
                return None;
            }
        };
        match read(&text) {
            Ok(quantity) if quoted => Some(quantity),
            Ok(_) => None,
            Err(BadQuantity { message, help }) if quoted => {
                let finding = Diagnostic::error(code, format!("{what} is not {expected}: `{text}`"));
                self.report(finding.at(tree.span.clone(), message).help(help));
                None
            }
            Err(BadQuantity { help, .. }) => {
                self.wrong_type(what, tree, &format!("{expected} in quotes"), help);
                None
            }
        }
    }

    /// A duration such as `"1h30m"`, or a finding.
    pub fn duration(&mut self, what: &str, tree: &Tree<'t>) -> Option<Duration> {
        self.quantity(what, tree, "bad-duration", "a duration", parse_duration)
    }

    /// A duration that is not nothing, or a finding.
    pub fn positive_duration(&mut self, what: &str, tree: &Tree<'t>) -> Option<Duration> {
        let duration = self.duration(what, tree)?;
        if duration.is_zero() {
            self.report(
                Diagnostic::error("bad-duration", format!("{what} is zero, so nothing could ever be done within it"))
                    .at(tree.span.clone(), "must be longer")
                    .help("write a longer duration, or leave the limit out"),
            );
            return None;
        }
        Some(duration)
    }

    /// A size such as `"512MiB"` in bytes, or a finding.
    pub fn size(&mut self, what: &str, tree: &Tree<'t>) -> Option<u64> {
        self.quantity(what, tree, "bad-size", "a size", parse_size)
    }

    /// Dollars, as micro-dollars, or a finding.
    pub fn money(&mut self, what: &str, tree: &Tree<'t>) -> Option<u64> {
        let dollars = match &tree.value {
            TreeValue::Float(dollars) => *dollars,
            TreeValue::Int(dollars) => *dollars as f64,
            TreeValue::Text(text) if text.trim_start_matches('$').parse::<f64>().is_ok() => {
                let help = format!("take the quotes away: {}", text.trim_start_matches('$'));
                self.wrong_type(what, tree, "a number of dollars", help);
                return None;
            }
            _ => {
                self.wrong_type(what, tree, "a number of dollars", "write dollars as a number, such as 2.50");
                return None;
            }
        };
        let micros = (dollars * 1e6).round();
        if !(0.0..=MOST_USD).contains(&dollars) {
            let finding = Diagnostic::error("bad-number", format!("{what} must lie between 0 and {MOST_USD} dollars"));
            self.report(finding.at(tree.span.clone(), "out of range").help("write dollars as a number, such as 2.50"));
            return None;
        }
        if dollars > 0.0 && micros == 0.0 {
            let finding = Diagnostic::error(
                "bad-number",
                format!("{what} is less than a millionth of a dollar, which counts as nothing"),
            );
            self.report(finding.at(tree.span.clone(), "too small").help("money is counted in millionths of a dollar"));
            return None;
        }
        Some(micros as u64)
    }

    /// Notes a key that is missing from a table.
    pub fn missing(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: &str,
        help: impl Into<String>,
    ) {
        self.report(Diagnostic::error(code, message).at(span, label).help(help));
    }
}
