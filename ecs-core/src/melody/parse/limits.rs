//! `limits`, of a melody and of a node.

use super::keys;
use super::reader::Reader;
use super::tree::{Entry, Tree};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Limits;

/// Whose limits they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitsOf {
    Melody,
    Node,
}

impl<'t> Reader<'t> {
    /// The value of `limits`.
    pub fn limits(&mut self, tree: Tree<'t>, of: LimitsOf) -> Limits {
        let mut limits = Limits::default();
        let Some(table) = self.table("`limits`", tree, "limits = { timeout = \"30s\" }") else { return limits };
        for Entry { key, value } in table.entries {
            match key.text.as_ref() {
                "wall" if of == LimitsOf::Node => {
                    let finding = Diagnostic::error("unknown-key", "`wall` limits a whole run, not a node")
                        .at(key.span, "belongs in the melody's `limits`");
                    self.report(finding.help("write `timeout`: how long one attempt of the node may take"));
                }
                "wall" => limits.wall = self.positive_duration("`wall`", &value),
                "timeout" => limits.timeout = self.positive_duration("`timeout`", &value),
                "parallel" => limits.parallel = self.small_count("`parallel`", &value, 1),
                "cost_usd" => limits.cost_micros = self.money("`cost_usd`", &value),
                "tokens" => limits.tokens = self.count("`tokens`", &value, 0),
                "mem" => limits.mem = self.size("`mem`", &value),
                "cpu" => limits.cpu = self.cpu_seconds(&value),
                _ => {
                    self.unknown_key(&key, &keys::LIMITS);
                }
            }
        }
        limits
    }

    /// Processor seconds: a whole number, or a duration.
    fn cpu_seconds(&mut self, value: &Tree<'t>) -> Option<u64> {
        use super::tree::TreeValue;
        match &value.value {
            TreeValue::Text(_) => {
                let duration = self.positive_duration("`cpu`", value)?;
                if duration.subsec_nanos() > 0 {
                    let finding = Diagnostic::error("bad-duration", "`cpu` is counted in whole seconds")
                        .at(value.span.clone(), "has a fraction of a second");
                    self.report(finding.help(format!("write {}", duration.as_secs() + 1)));
                    return None;
                }
                Some(duration.as_secs())
            }
            _ => self.count("`cpu`", value, 1),
        }
    }
}
