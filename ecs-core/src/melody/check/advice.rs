//! Advice for types that do not go together: what to write instead.

use crate::types::PortType;

/// How to make `from`, which `source` gives, fit a port of type `to`.
pub(super) fn conversion(source: &str, from: &PortType, to: &PortType) -> String {
    let from = from.present();
    let to = to.present();
    match (from, to) {
        (PortType::List(item), to) if to.accepts(item) => {
            format!("play the node once per item: `map = {{ over = \"{source}\" }}`, and bind \"item\" here")
        }
        (from, PortType::List(item)) if item.accepts(from) => {
            format!("make a list of it: `{{ all = [\"{source}\"] }}`")
        }
        (PortType::Float, PortType::Int) => format!("cut off the fraction: `{{ expr = \"int({source})\" }}`"),
        (PortType::Int | PortType::Float | PortType::Bool | PortType::Bytes, PortType::Text) => {
            format!("write it as text: `{{ expr = \"string({source})\" }}`")
        }
        (PortType::Text, PortType::Int) => format!("read it as a number: `{{ expr = \"int({source})\" }}`"),
        (PortType::Text, PortType::Float) => format!("read it as a number: `{{ expr = \"double({source})\" }}`"),
        (PortType::Text | PortType::Enum(_), PortType::Enum(words)) => {
            format!("declare `enum<{}>` in the producer's `out`, or handle the other words first", words.join("|"))
        }
        (PortType::Json(_), PortType::Json(Some(schema))) => {
            format!("declare `json<{schema}>` in the producer's `out`; it is checked when the value arrives")
        }
        (PortType::Artifact(_), PortType::Artifact(Some(media))) => {
            format!("declare `artifact<{media}>` in the producer's `out` if that is what it gives")
        }
        (PortType::Artifact(_), PortType::Text | PortType::Bytes | PortType::Json(_)) => {
            "read the artifact with a node first (`operator:file/read`)".to_owned()
        }
        (PortType::Json(_), _) => format!("pick what is needed: `{{ expr = \"{source}.field\" }}`"),
        (PortType::Union(_), _) => {
            "declare the narrower type in the producer's `out`, or handle the others first".to_owned()
        }
        _ => format!("bind another port, or convert it: `{{ expr = \"…\" }}` over `{source}`"),
    }
}
