//! The identity of a call: what must be equal for the result of one call to stand in for another.
//!
//! ```text
//! part     = BLAKE3(operation: name, version, digest · settings · what `retry` varies · declared outputs)
//! identity = BLAKE3(part · inputs by port · numbers of the iterations around it · seed, if a person named one)
//! ```
//!
//! Secrets count by name only, so a new password makes nothing dirty. The node's own name, its limits and its place in
//! the melody do not count: a node that is renamed or moved stays clean. Iterations of loops count, because a player
//! may answer them differently; the numbers of a map's items count for players that say so ([`Reuse::Place`]), because
//! else a new first item would make all the others dirty.

use crate::melody::model::{Retry, Setting};
use crate::ports::{Operation, Port, Reuse};
use crate::value::{Digest, SPILLED, Value};
use std::sync::Arc;

/// The identity of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallIdentity {
    /// What is known of the call before it has inputs: equal for all calls of a node.
    pub part: Digest,
    /// All of it.
    pub whole: Digest,
}

/// A number of a body around a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// An iteration of a loop.
    Iteration(u32),
    /// An item of a map.
    Item(u32),
}

/// The part of the identity that is known before a call has inputs.
pub fn part_of(operation: &Operation, with: &[(Arc<str>, Setting)], retry: Option<&Retry>, outputs: &[Port]) -> Digest {
    let mut writer = Writer::new("symphony call 1 part");
    writer.text(&operation.name).text(&operation.version.to_string()).bytes(&operation.digest.0);
    let mut settings: Vec<_> = with.iter().collect();
    settings.sort_by(|(one, _), (other, _)| one.cmp(other));
    writer.count(settings.len());
    for (name, setting) in settings {
        writer.text(name);
        match setting {
            Setting::Value(value) => writer.value(value),
            Setting::Secret(name) => writer.text("secret").text(&name.value),
        };
    }
    let varied = retry.map(|retry| retry.vary.as_slice()).unwrap_or_default();
    writer.count(varied.len());
    for (name, values) in varied {
        writer.text(&name.value).count(values.len());
        for value in values {
            writer.value(value);
        }
    }
    writer.count(outputs.len());
    for port in outputs {
        writer.text(&port.name).text(&port.ty.to_string());
    }
    writer.digest()
}

/// The identity of a call. Absent inputs count as inputs that are not bound: a player sees no difference.
pub fn identity_of<'a>(
    part: Digest,
    reuse: Reuse,
    inputs: impl Iterator<Item = (&'a str, &'a Value)>,
    around: &[Around],
    seed: Option<u64>,
) -> CallIdentity {
    let mut writer = Writer::new("symphony call 1");
    writer.bytes(&part.0);
    let mut inputs: Vec<_> = inputs.filter(|(_, value)| value.is_present()).collect();
    inputs.sort_by_key(|(name, _)| *name);
    writer.count(inputs.len());
    for (name, value) in inputs {
        writer.text(name).value(value);
    }
    for around in around {
        match (around, reuse) {
            (Around::Iteration(number), _) => writer.text("iteration").count(*number as usize),
            (Around::Item(number), Reuse::Place) => writer.text("item").count(*number as usize),
            (Around::Item(_), _) => &mut writer,
        };
    }
    if let Some(seed) = seed {
        writer.text("seed").bytes(&seed.to_le_bytes());
    }
    CallIdentity { part, whole: writer.digest() }
}

/// Hashes fields so that no two lists of fields look the same: lengths stand before contents.
struct Writer(blake3::Hasher);

impl Writer {
    fn new(context: &str) -> Self {
        let mut writer = Self(blake3::Hasher::new());
        writer.text(context);
        writer
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).0.update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn count(&mut self, count: usize) -> &mut Self {
        self.0.update(&(count as u64).to_le_bytes());
        self
    }

    /// A value by its digest. A large value that lives in the store is the same value as one that travels; an artifact
    /// is not the text that its bytes spell.
    fn value(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::Artifact(artifact) if artifact.media_type != SPILLED => {
                self.text(&artifact.media_type).bytes(&artifact.digest.0)
            }
            other => self.text("").bytes(&other.digest().0),
        }
    }

    fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::melody::check::tests::operation;
    use crate::melody::model::Spanned;
    use crate::value::ArtifactRef;
    use std::collections::BTreeSet;

    fn part(settings: &[(&str, Setting)], change: impl FnOnce(&mut Operation)) -> Digest {
        let mut played = operation("operator:git/log", &["…"], &["text: text"], None);
        change(&mut played);
        let with: Vec<(Arc<str>, Setting)> =
            settings.iter().map(|(name, setting)| ((*name).into(), setting.clone())).collect();
        part_of(&played, &with, None, &played.outputs.clone())
    }

    fn value(value: i64) -> Setting {
        Setting::Value(Value::Int(value))
    }

    fn secret(name: &str) -> Setting {
        Setting::Secret(Spanned { value: name.to_owned(), span: 0..0 })
    }

    #[test]
    fn what_counts_changes_the_part_and_what_does_not_leaves_it() {
        let base = part(&[("a", value(1)), ("b", value(2))], |_| {});
        assert_eq!(base, part(&[("b", value(2)), ("a", value(1))], |_| {}), "order does not count");
        let all = BTreeSet::from([
            base,
            part(&[("a", value(1)), ("b", value(3))], |_| {}),
            part(&[("a", value(1))], |_| {}),
            part(&[("a", value(1)), ("b", secret("KEY"))], |_| {}),
            part(&[("a", value(1)), ("b", secret("OTHER"))], |_| {}),
            part(&[("a", value(1)), ("b", value(2))], |played| played.version.minor += 1),
            part(&[("a", value(1)), ("b", value(2))], |played| played.digest = Digest::of(b"other")),
            part(&[("a", value(1)), ("b", value(2))], |played| played.outputs[0].name = "other".into()),
        ]);
        assert_eq!(all.len(), 8);
        assert_eq!(base, part(&[("a", value(1)), ("b", value(2))], |played| played.origin = "elsewhere".into()));
    }

    #[test]
    fn inputs_iterations_and_seeds_count_and_items_if_the_player_says_so() {
        let part = Digest::of(b"part");
        let whole = |inputs: &[(&str, Value)], reuse, around: &[Around], seed| {
            identity_of(part, reuse, inputs.iter().map(|(name, value)| (*name, value)), around, seed).whole
        };
        let one = [("a", Value::Int(1))];
        let base = whole(&one, Reuse::Inputs, &[], None);
        assert_eq!(base, whole(&[("b", Value::Absent), ("a", Value::Int(1))], Reuse::Inputs, &[], None));
        assert_eq!(base, whole(&one, Reuse::Inputs, &[Around::Item(3)], None));
        let all = BTreeSet::from([
            base,
            whole(&[("b", Value::Int(1))], Reuse::Inputs, &[], None),
            whole(&[("a", Value::Int(2))], Reuse::Inputs, &[], None),
            whole(&one, Reuse::Inputs, &[Around::Iteration(0)], None),
            whole(&one, Reuse::Inputs, &[Around::Iteration(1)], None),
            whole(&one, Reuse::Place, &[Around::Item(3)], None),
            whole(&one, Reuse::Place, &[Around::Item(4)], None),
            whole(&one, Reuse::Inputs, &[], Some(7)),
        ]);
        assert_eq!(all.len(), 8);
    }

    #[test]
    fn a_large_value_is_itself_wherever_it_lives_and_an_artifact_is_no_text() {
        let text = Value::text("abc");
        let stored = |media_type: &str| {
            let digest = Digest::of(text.canonical_json().as_bytes());
            Value::Artifact(Arc::new(ArtifactRef { digest, media_type: media_type.into(), size: 5 }))
        };
        let whole =
            |value: &Value| identity_of(Digest::of(b""), Reuse::Inputs, [("a", value)].into_iter(), &[], None).whole;
        assert_eq!(whole(&text), whole(&stored(SPILLED)));
        assert_ne!(whole(&text), whole(&stored("text/plain")));
        assert_ne!(whole(&stored("text/html")), whole(&stored("text/plain")));
    }
}
