//! `estimate`: what a call of a node is expected to take.

use super::keys;
use super::reader::Reader;
use super::tree::{Entry, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Estimate;
use std::ops::RangeInclusive;

impl<'t> Reader<'t> {
    /// The value of `estimate`.
    pub fn estimate(&mut self, tree: Tree<'t>) -> Estimate {
        let mut estimate = Estimate::default();
        let Some(table) = self.table("`estimate`", tree, "estimate = { seconds = 12.5 }") else { return estimate };
        for Entry { key, value } in table.entries {
            match key.text.as_ref() {
                "seconds" => estimate.seconds = self.seconds(&value),
                "cost_usd" => estimate.cost_micros = self.money("`cost_usd`", &value),
                "tokens" => estimate.tokens = self.count("`tokens`", &value, 0),
                "failure" => {
                    let help = "write the share of calls that fail as a number from 0 to 1, such as 0.05";
                    estimate.failure = self.number_within("`failure`", &value, 0.0..=1.0, help);
                }
                _ => {
                    self.unknown_key(&key, &keys::ESTIMATE);
                }
            }
        }
        estimate
    }

    fn seconds(&mut self, value: &Tree<'t>) -> Option<f64> {
        let help = "write seconds as a number from 0 on, such as 12.5";
        self.number_within("`seconds`", value, 0.0..=f64::MAX, help)
    }

    /// A number of a range, or a finding.
    fn number_within(&mut self, what: &str, value: &Tree<'t>, range: RangeInclusive<f64>, help: &str) -> Option<f64> {
        let number = match &value.value {
            TreeValue::Float(number) => *number,
            TreeValue::Int(number) => *number as f64,
            TreeValue::Text(text) if text.parse::<f64>().is_ok() => {
                self.wrong_type(what, value, "a number", format!("take the quotes away: {text}"));
                return None;
            }
            _ => {
                self.wrong_type(what, value, "a number", help);
                return None;
            }
        };
        if range.contains(&number) {
            // Zero has one spelling.
            return Some(if number == 0.0 { 0.0 } else { number });
        }
        let (least, most) = range.into_inner();
        let bounds = match most {
            f64::MAX => format!("at least {least}"),
            most => format!("between {least} and {most}"),
        };
        let finding = Diagnostic::error("bad-number", format!("{what} must be {bounds}"));
        self.report(finding.at(value.span.clone(), "out of range").help(help));
        None
    }
}
