//! Inputs of a call: every port that must be bound is, none is unknown, and what is bound fits.

use super::bindings::{At, Context, Role, Want};
use super::findings::suggestion;
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Binding, Setting, Span, Spanned};
use crate::ports::{Operation, Port};
use crate::types::PortType;

/// What a player or a body takes.
pub(super) struct Border<'t> {
    pub(super) name: &'t str,
    pub(super) ports: &'t [Port],
    /// Inputs of any other name are welcome.
    pub(super) open: bool,
    /// The schema of the settings, some of which give an input (`x-port`).
    pub(super) settings: Option<&'t serde_json::Value>,
}

impl Border<'_> {
    /// The setting that gives an input, if there is one of that name in `with`.
    fn setting_for<'w>(&self, port: &str, with: &'w [(Spanned<String>, Setting)]) -> Option<&'w Spanned<String>> {
        let properties = self.settings?.get("properties")?;
        let gives = |key: &str| properties.get(key).and_then(|schema| schema.get("x-port")?.as_str()) == Some(port);
        with.iter().map(|(key, _)| key).find(|key| gives(&key.value))
    }
}

impl<'t> From<&'t Operation> for Border<'t> {
    fn from(operation: &'t Operation) -> Self {
        Self {
            name: &operation.name,
            ports: &operation.inputs,
            open: operation.open_inputs,
            settings: operation.settings.as_ref(),
        }
    }
}

/// Checks the bindings of a call against everything that may play it (a first choice and its fallbacks). Returns
/// what the border expects of each binding, in their order.
pub(super) fn check(
    context: &mut Context<'_>,
    at: At<'_>,
    bindings: &[Binding],
    with: &[(Spanned<String>, Setting)],
    borders: &[Border<'_>],
    place: &Span,
) -> Vec<PortType> {
    let mut types = Vec::with_capacity(bindings.len());
    for binding in bindings {
        let mut expected: Option<(PortType, bool)> = None;
        for border in borders {
            let port = border.ports.iter().find(|port| port.name == binding.port.value);
            let Some(port) = port else {
                if !border.open {
                    report_unknown(context, border, binding);
                }
                continue;
            };
            let ty = super::players::known_schemas(&port.ty, context.schemas);
            expected = Some(match expected {
                None => (ty, port.required),
                // The narrower of two; where neither is, each player looks for itself.
                Some((known, required)) if ty.accepts(&known) => (known, required || port.required),
                Some((known, required)) if known.accepts(&ty) => (ty, required || port.required),
                Some((_, required)) => (PortType::Any, required || port.required),
            });
        }
        let (ty, required) = expected.unwrap_or((PortType::Any, false));
        let want = Want { port: &binding.port.value, ty: &ty, required };
        context.source(at, &binding.from, &binding.span, Some(&want));
        types.push(ty);
    }
    for border in borders {
        for binding in bindings {
            if let Some(setting) = border.setting_for(&binding.port.value, with) {
                report_twice(context, binding, setting);
            }
        }
        for port in border.ports.iter().filter(|port| port.required && !port.ty.may_be_absent()) {
            let bound = bindings.iter().any(|binding| binding.port.value == port.name);
            if !bound && border.setting_for(&port.name, with).is_none() {
                report_missing(context, at, border, port, place);
            }
        }
    }
    types
}

fn report_unknown(context: &mut Context<'_>, border: &Border<'_>, binding: &Binding) {
    let name = &binding.port.value;
    let help = suggestion(
        name,
        border.ports.iter().map(|port| port.name.as_str()),
        &format!("the inputs of `{}` are", border.name),
        &format!("`{}` takes no inputs; settings go into `with`", border.name),
    );
    let finding = Diagnostic::error("unknown-input", format!("`{}` has no input `{name}`", border.name));
    context.findings.report(finding.at(binding.port.span.clone(), "no such input").help(help));
}

fn report_twice(context: &mut Context<'_>, binding: &Binding, setting: &Spanned<String>) {
    let (port, name) = (&binding.port.value, &setting.value);
    let finding = Diagnostic::error("given-twice", format!("the input `{port}` is given in `in` and in `with`"));
    let finding = finding.at(binding.port.span.clone(), "given here").see(setting.span.clone(), "and here");
    context.findings.report(finding.help(format!("keep `{port}` in `in`, or `{name}` in `with`")));
}

fn report_missing(context: &mut Context<'_>, at: At<'_>, border: &Border<'_>, port: &Port, place: &Span) {
    let id = at.node.map_or("", |node| context.names.id(node));
    let (call, key) = match at.role {
        Role::Undo => ("the undo of ", "undo.in"),
        Role::Reconstruct => ("the reconstruction of ", "reconstruct.in"),
        _ => ("", "in"),
    };
    let message = format!("{call}`{id}` does not bind the input `{}` of `{}`", port.name, border.name);
    let finding =
        Diagnostic::error("missing-input", message).at(place.clone(), format!("needs `{}` (`{}`)", port.name, port.ty));
    context.findings.report(finding.help(format!(
        "bind it in `{key}`: `{} = \"node.port\"`, or a constant `{} = {{ value = … }}`",
        port.name, port.name
    )));
}
