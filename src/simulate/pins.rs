//! Pins: outputs that a person has put down for a melody's nodes, in `NAME.melody.pins` beside `NAME.melody.toml`.
//!
//! ```toml
//! format = 1
//!
//! [node.review]               # a node of that melody; a body has pins of its own beside it
//! verdict = "fix"             # port = value, for every call of the node
//! ```

use crate::exit::Exit;
use crate::failure::Failure;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use symphony_ecs_core::melody::values;
use symphony_ecs_core::value::Value;
use toml_edit::DocumentMut;

/// Values by node and port of one melody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pins(BTreeMap<String, BTreeMap<String, Value>>);

impl Pins {
    /// Reads the pins of a melody; without a file there are none.
    ///
    /// # Errors
    /// A file that cannot be read, with its line.
    pub fn beside(melody: &Path) -> Result<Self, Failure> {
        let path = path_of(melody);
        let bad = |what: String| Failure::new(Exit::Melody, format!("{}: {what}", path.display()));
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(bad(error.to_string())),
            Ok(text) => Self::parse(&text)
                .map_err(|what| bad(what).help("pins are tables of values: [node.ID] and below it PORT = VALUE")),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
        if let Some(format) = document.get("format").filter(|format| format.as_integer() != Some(1)) {
            return Err(format!("`format = {}` is not known; this program reads format 1", format.to_string().trim()));
        }
        if let Some((key, _)) = document
            .iter()
            .find(|(key, _)| !matches!(*key, "format" | "node" | "inputs" | "expect" | "status" | "case"))
        {
            return Err(format!("`{key}` is not known here"));
        }
        let mut pins = BTreeMap::new();
        let Some(nodes) = document.get("node") else { return Ok(Self::default()) };
        let nodes = nodes.as_table_like().ok_or("`node` is no table")?;
        for (node, item) in nodes.iter() {
            let table = item.as_table_like().ok_or_else(|| format!("`node.{node}` is no table"))?;
            let ports = table.iter().map(|(port, item)| (port.to_owned(), values::of(item)));
            pins.insert(node.to_owned(), ports.collect());
        }
        Ok(Self(pins))
    }

    /// The pinned value of a port.
    pub fn get(&self, node: &str, port: &str) -> Option<&Value> {
        self.0.get(node)?.get(port)
    }

    /// Whether anything is pinned for a node.
    pub fn has(&self, node: &str) -> bool {
        self.0.contains_key(node)
    }
}

fn path_of(melody: &Path) -> PathBuf {
    melody.with_extension("pins")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_values_by_node_and_port() {
        let text =
            "format = 1\n[node.review]\nverdict = \"fix\"\nscores = [0.5, 1]\n[node.patch]\ndiff = { lines = 3 }\n";
        let pins = Pins::parse(text).unwrap();
        assert_eq!(pins.get("review", "verdict"), Some(&Value::text("fix")));
        assert_eq!(pins.get("review", "scores"), Some(&Value::list(vec![Value::Float(0.5), Value::Int(1)])));
        assert_eq!(pins.get("patch", "diff").and_then(|diff| diff.get("lines")), Some(&Value::Int(3)));
        assert_eq!((pins.get("review", "x"), pins.has("patch"), pins.has("loop")), (None, true, false));
        let pins = Pins::parse("[node.a]\nb = [{ json = \"[1, null]\" }, { json = 1 }]\n").unwrap();
        assert_eq!(pins.get("a", "b").map(Value::canonical_json).as_deref(), Some("[[1,null],{\"json\":1}]"));
        assert_eq!(Pins::parse("format = 1").unwrap(), Pins::default());
        for (text, part) in [
            ("[node]\nreview = 3", "no table"),
            ("[review]\na = 3", "`review` is not known"),
            ("format = 2", "format 1"),
            ("[node.a]\nb = ", "line 2"),
        ] {
            let error = Pins::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(path_of(Path::new("x/a.melody.toml")), Path::new("x/a.melody.pins"));
    }
}
