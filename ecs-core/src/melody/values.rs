//! Values as people write them in TOML: pins, settings.
//!
//! What TOML cannot hold (a null, a number beyond 64 bits) stands as JSON text in a table of one entry,
//! `{ json = "null" }`. Dates are text.

use crate::value::Value;
use toml_edit::{Item, TableLike, Value as Toml};

/// The value that an item stands for; absent when there is none.
pub fn of(item: &Item) -> Value {
    match item {
        Item::None => Value::Absent,
        Item::Value(value) => literal(value),
        Item::Table(inner) => table(inner),
        Item::ArrayOfTables(tables) => Value::list(tables.iter().map(|inner| table(inner)).collect()),
    }
}

fn literal(value: &Toml) -> Value {
    match value {
        Toml::String(text) => Value::text(text.value().as_str()),
        Toml::Integer(number) => Value::Int(*number.value()),
        Toml::Float(number) => Value::Float(*number.value()),
        Toml::Boolean(truth) => Value::Bool(*truth.value()),
        Toml::Datetime(date) => Value::text(date.value().to_string()),
        Toml::Array(items) => Value::list(items.iter().map(literal).collect()),
        Toml::InlineTable(inner) => {
            let json = inner.get("json").and_then(Toml::as_str).filter(|_| inner.len() == 1);
            match json.map(serde_json::from_str) {
                Some(Ok(json)) => Value::from_json(&json),
                _ => table(inner),
            }
        }
    }
}

fn table(table: &dyn TableLike) -> Value {
    Value::map(table.iter().map(|(name, item)| (name.to_owned(), of(item))).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_item_has_its_value() {
        let text = "a = [1, 2.5, true, \"x\"]\nb = { c = 1979-05-27 }\nd = { json = \"[1, null]\" }\n\
                    e = { json = 1 }\n[[f]]\ng = 1\n[h.i]\nj = \"k\"\n";
        let document: toml_edit::DocumentMut = text.parse().unwrap();
        assert_eq!(
            of(document.as_item()).canonical_json(),
            r#"{"a":[1,2.5,true,"x"],"b":{"c":"1979-05-27"},"d":[1,null],"e":{"json":1},"f":[{"g":1}],"h":{"i":{"j":"k"}}}"#
        );
        assert_eq!(of(&Item::None), Value::Absent);
    }
}
