//! `operator:csv/{read,write}`: tables as lists of rows.

use super::ask::{Ask, kind, refused, shown};
use super::content::text_of;
use super::file::{put, resolve, source, written};
use crate::sdk::{Call, ErrorClass, Failure, Outcome, Player, Reporter, Value};
use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use std::collections::{BTreeMap, BTreeSet};

/// The player.
pub(super) struct Csv;

impl Player for Csv {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        match call.operation.as_str() {
            "read" => read(call, report),
            "write" => write(call),
            other => Err(refused(format!("csv has no operation `{other}`; it has read, write"))),
        }
    }
}

/// The one byte that stands between fields.
fn delimiter(call: &Call) -> Result<u8, Failure> {
    match call.maybe_text("delimiter")?.unwrap_or(",").as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(refused("`delimiter` must be one ASCII character, such as \";\" or \"\\t\"")),
    }
}

/// Plays `read`: the text, the artifact or the file `path`; each row is a map by the header's names, or a list of
/// texts without a header.
fn read(call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let (text, name) = match call.input("text") {
        Some(value) => (shown(value), "the text".to_owned()),
        None => {
            let (bytes, name) = source(call, report)?;
            (text_of(bytes, &name)?, name)
        }
    };
    let named = call.flag("header", true)?;
    let infer = call.flag("infer", false)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(call)?)
        .has_headers(named)
        .from_reader(text.strip_prefix('\u{feff}').unwrap_or(&text).as_bytes());
    let header =
        if named { reader.headers().map_err(|error| wrong(&name, &error))?.clone() } else { StringRecord::new() };
    if let Some(twice) = repeated(&header) {
        let message = format!("{name}, line 1: two columns are called `{twice}`; rename one, or set `header = false`");
        return Err(Failure::new(ErrorClass::InvalidOutput, message));
    }
    let field = |text: &str| if infer { inferred(text) } else { Value::text(text) };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(&name, &error))?;
        rows.push(match named {
            true => Value::map(header.iter().zip(&record).map(|(name, text)| (name, field(text)))),
            false => Value::list(record.iter().map(field).collect()),
        });
        if rows.len() % 4096 == 0 && report.is_cancelled() {
            return Err(Failure::cancelled());
        }
    }
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let header: Vec<Value> = header.iter().map(Value::text).collect();
    Ok(Outcome::of("rows", rows).with("header", header).with("count", Value::Int(count)))
}

/// A name that stands twice in a header.
fn repeated(header: &StringRecord) -> Option<&str> {
    let mut seen = BTreeSet::new();
    header.iter().find(|name| !seen.insert(*name))
}

/// A field as a number or a truth value, when it is written exactly as one; an empty field is absent.
fn inferred(text: &str) -> Value {
    match text {
        "" => Value::Absent,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => {
            // 007 and +49 are names of things, not numbers.
            let plain = text.parse::<i64>().ok().filter(|int| int.to_string() == text).map(Value::Int);
            let numeric = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let padded =
                text.trim_start_matches('-').starts_with('0') && !text.trim_start_matches('-').starts_with("0.");
            let float = || text.parse::<f64>().ok().filter(|float| float.is_finite() && numeric && !padded);
            plain.or_else(|| text.contains('.').then(float).flatten().map(Value::Float)).unwrap_or_else(|| text.into())
        }
    }
}

/// A fault of the table, by line.
fn wrong(name: &str, error: &csv::Error) -> Failure {
    let said = match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("{name}, line {line}: {len} fields, but the first row has {expected_len}")
        }
        _ => match error.position() {
            Some(position) => format!("{name}, line {}: {error}", position.line()),
            None => format!("{name}: {error}"),
        },
    };
    Failure::new(ErrorClass::InvalidOutput, said)
}

/// Plays `write`: rows that are maps or lists, as text, and to the file `path` when one is named. Columns come in the
/// order of `columns`; without it, in the order of the `header` input, else by name.
fn write(call: &Call) -> Result<Outcome, Failure> {
    let rows = match call.input("rows") {
        Some(Value::List(rows)) => rows,
        Some(other) => return Err(refused(format!("input `rows` must be a list, not {}", kind(other)))),
        None => return Err(refused("input `rows` is missing: bind it to a list of rows")),
    };
    let mut columns = call.texts("columns")?;
    if columns.is_empty() {
        columns = call.texts("header")?;
    }
    if columns.is_empty() {
        let names: BTreeSet<&String> = rows.iter().filter_map(fields).flat_map(BTreeMap::keys).collect();
        columns = names.into_iter().cloned().collect();
    }
    let failed = |error: csv::Error| refused(format!("the table cannot be written: {error}"));
    let mut writer = WriterBuilder::new().delimiter(delimiter(call)?).flexible(true).from_writer(Vec::new());
    if !columns.is_empty() && call.flag("with_header", true)? {
        writer.write_record(&columns).map_err(failed)?;
    }
    for (number, row) in rows.iter().enumerate() {
        let texts: Vec<String> = match row {
            Value::Map(fields) => columns.iter().map(|name| fields.get(name).map(cell).unwrap_or_default()).collect(),
            Value::List(items) => items.iter().map(cell).collect(),
            other => {
                let message = format!("row {} of `rows` must be a map or a list, not {}", number + 1, kind(other));
                return Err(refused(message));
            }
        };
        writer.write_record(&texts).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| refused(format!("the table cannot be written: {error}")))?;
    let text = text_of(bytes, "the table")?;
    let outcome = match call.maybe_text("path")? {
        Some(path) => {
            put(&resolve(call, path)?, text.as_bytes())?;
            written(path, text.as_bytes())
        }
        None => Outcome::default(),
    };
    Ok(outcome.with("text", text))
}

fn fields(row: &Value) -> Option<&BTreeMap<String, Value>> {
    match row {
        Value::Map(fields) => Some(fields),
        _ => None,
    }
}

/// A value in a cell: nothing when absent, text as it is, everything else as JSON.
fn cell(value: &Value) -> String {
    if value.is_present() { shown(value) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Notes, call, json, play};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::path::Path;

    fn read_text(text: &str, settings: &[(&str, Value)]) -> Result<Outcome, Failure> {
        Csv.play(&call("read", &[("text", text.into())], settings, &["rows"]), &Notes::default())
    }

    #[test]
    fn rows_are_maps_by_the_header() {
        let outcome = read_text("\u{feff}name;n\n\"Löve; Ada\";007\nBo;\n", &[("delimiter", ";".into())]).unwrap();
        assert_eq!(outcome.outputs["rows"], json(json!([{"name": "Löve; Ada", "n": "007"}, {"name": "Bo", "n": ""}])));
        assert_eq!(outcome.outputs["header"], json(json!(["name", "n"])));
        let bare = read_text("a,1\nb,2\n", &[("header", false.into())]).unwrap();
        assert_eq!(bare.outputs["rows"], json(json!([["a", "1"], ["b", "2"]])));
    }

    #[test]
    fn numbers_are_inferred_on_request_only() {
        let outcome = read_text("a,b,c,d,e,f,g\n1,2.5,007,true,,1e5,-0.5\n", &[("infer", true.into())]).unwrap();
        let expected = json!([{"a": 1, "b": 2.5, "c": "007", "d": true, "e": null, "f": "1e5", "g": -0.5}]);
        assert_eq!(outcome.outputs["rows"], json(expected));
    }

    #[test]
    fn faults_name_the_line() {
        let failure = read_text("a,b\n1,2\n3\n", &[]).unwrap_err();
        assert_eq!(failure.class, ErrorClass::InvalidOutput);
        assert_eq!(failure.message, "the text, line 3: 1 fields, but the first row has 2");
        assert!(read_text("a,a\n1,2\n", &[]).unwrap_err().message.contains("two columns are called `a`"));
        assert!(read_text("a\n", &[("delimiter", "||".into())]).unwrap_err().message.contains("one ASCII character"));
    }

    #[test]
    fn columns_have_a_fixed_order() {
        let rows = json(json!([{"b": 1, "a": "x,y"}, {"c": [1], "a": null}]));
        let write = |settings: &[(&str, Value)]| {
            let call = call("write", &[("rows", rows.clone())], settings, &["text"]);
            Csv.play(&call, &Notes::default()).unwrap().outputs["text"].as_text().unwrap().to_owned()
        };
        assert_eq!(write(&[]), "a,b,c\n\"x,y\",1,\n,,[1]\n");
        assert_eq!(write(&[("columns", json(json!(["c", "b"]))), ("delimiter", "\t".into())]), "c\tb\n\t1\n[1]\t\n");
        assert_eq!(write(&[("columns", json(json!(["b"]))), ("with_header", false.into())]), "1\n\"\"\n");
    }

    #[test]
    fn a_file_is_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let play = |operation: &str, inputs: &[(&str, Value)], path: &str| {
            play("csv", Path::new(folder.path()), call(operation, inputs, &[("path", path.into())], &["rows", "text"]))
                .0
        };
        let rows = json(json!([{"a": "1", "b": "zwei\nLines"}]));
        let outcome = play("write", &[("rows", rows.clone())], "out/t.csv").unwrap();
        assert_eq!(outcome.outputs["path"], Value::text("out/t.csv"));
        assert_eq!(play("read", &[], "out/t.csv").unwrap().outputs["rows"], rows);
        assert_eq!(play("read", &[], "missing.csv").unwrap_err().class, ErrorClass::Io);
        assert!(play("write", &[("rows", json(json!([1])))], "x").unwrap_err().message.starts_with("row 1 of `rows`"));
    }

    proptest! {
        #[test]
        fn read_undoes_write(cells in prop::collection::vec(("[a-z\",;\n\rä ]{0,6}", "[a-z]{0,3}"), 0..6)) {
            let rows: Vec<Value> = cells
                .into_iter()
                .map(|(a, b)| Value::map([("a", Value::text(a)), ("b", Value::text(b))]))
                .collect();
            let call = call("write", &[("rows", rows.clone().into())], &[("columns", json(json!(["a", "b"])))], &["text"]);
            let text = Csv.play(&call, &Notes::default()).unwrap().outputs["text"].as_text().unwrap().to_owned();
            prop_assert_eq!(&read_text(&text, &[]).unwrap().outputs["rows"], &Value::from(rows));
        }
    }
}
