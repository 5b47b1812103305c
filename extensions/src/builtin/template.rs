//! `builtin:template/render`: a Jinja template over the node's inputs.
//!
//! A template sees its inputs and nothing else: no files, no clock, no other templates. An unknown name is an
//! error; an input that is bound but absent is `none` and prints as nothing; truth values, lists and maps print as
//! JSON. Block tags take their line break with
//! them and may be indented; the last line break of the template stays. Rendering stops after [`FUEL`] steps or
//! [`MAX_OUTPUT`] bytes of output.

use super::ask::{Ask, failure, give, refused};
use super::describe::Builtin;
use super::text::{dedent, truncate};
use minijinja::value::{Kwargs, Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value as Jinja, syntax::SyntaxConfig};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

/// Steps of the template machine that one rendering may take.
pub(crate) const FUEL: u64 = 10_000_000;
/// Bytes that one rendering may write.
pub(crate) const MAX_OUTPUT: usize = 16 << 20;
/// Columns by which the filter `indent` may indent.
const MAX_INDENT: usize = 1000;

/// The description.
pub(super) fn render() -> Builtin {
    Builtin::new(
        "builtin:template/render",
        play,
        "Renders a Jinja template whose variables are the node's inputs. Unknown names are errors; absent inputs are \
         `none` and print as nothing.",
    )
    .may_take("template", PortType::Text)
    .takes_any()
    .gives("text", PortType::Text)
    .with("template", "string", "The template, unless the input `template` brings it.")
    .example_is(
        "[node.page]\nuses = \"builtin:template/render\"\nin   = { title = \"inputs.title\", notes = \"write.text\" }\nwith.template = \"\"\"\n# {{ title }}\n\n{{ notes | trim }}\n\"\"\"",
    )
}

fn play(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let template = call
        .text_or_setting("template")?
        .ok_or_else(|| refused("there is no template: give `with.template` or bind input `template`"))?;
    let variables = call.bound().filter(|(name, _)| *name != "template");
    let text = fill(template, variables).map_err(|error| failure(error.class(), error.to_string()))?;
    give(call, "text", text);
    Ok(())
}

/// Why a template gave no text; says the template's line where it is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The template is wrong, or does not fit its variables.
    #[error("{}{message}", line.map(|line| format!("template line {line}: ")).unwrap_or_default())]
    Wrong {
        /// Line within the template, from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// It would not end, or writes too much.
    #[error("the template {0}")]
    TooMuch(&'static str),
}

impl TemplateError {
    /// The class of failure it is to a player.
    pub(crate) fn class(&self) -> ErrorClass {
        ErrorClass::Refused
    }
}

/// Renders a template with variables.
pub(crate) fn fill<'v>(
    template: &str,
    variables: impl Iterator<Item = (&'v str, &'v Value)>,
) -> Result<String, TemplateError> {
    let variables = Jinja::from_pairs(variables.map(|(name, value)| (name, variable(value))));
    let environment = environment()?;
    let template = environment.template_from_named_str("template", template).map_err(wrong)?;
    let mut output = Bounded(Vec::new());
    let rendered = template.render_captured_to(variables, &mut output);
    if output.0.len() > MAX_OUTPUT {
        return Err(TemplateError::TooMuch("writes more than 16 MiB; make it smaller, or write a file in pieces"));
    }
    rendered.map_err(wrong)?;
    String::from_utf8(output.0)
        .map_err(|_| TemplateError::Wrong { line: None, message: "the result is not UTF-8".to_owned() })
}

/// A value as the engine sees it; text is shared, not copied.
fn variable(value: &Value) -> Jinja {
    match value {
        Value::Absent => Jinja::from(()),
        Value::Bool(truth) => Jinja::from(*truth),
        Value::Int(int) => Jinja::from(*int),
        Value::Float(float) => Jinja::from(*float),
        Value::Text(text) => Jinja::from(text.clone()),
        Value::List(items) => Jinja::from(items.iter().map(variable).collect::<Vec<_>>()),
        Value::Map(map) => Jinja::from_pairs(map.iter().map(|(key, value)| (key.as_str(), variable(value)))),
        other @ (Value::Bytes(_) | Value::Artifact(_)) => Jinja::from(Serde(other)),
    }
}

/// The environment every template is rendered in.
fn environment<'t>() -> Result<Environment<'t>, TemplateError> {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    let mut environment = Environment::new();
    environment.set_syntax(syntax.map_err(wrong)?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(100);
    environment.set_formatter(|out, state, value| match value.kind() {
        ValueKind::None => Ok(()),
        // As everywhere in a melody, not as Python writes it.
        ValueKind::Bool | ValueKind::Seq | ValueKind::Map => {
            let json = serde_json::to_string(value)
                .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
            out.write_str(&json).map_err(Error::from)
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("json", as_json);
    environment.add_filter("tojson", as_json);
    environment.add_filter("wordcount", |text: &str| text.split_whitespace().count());
    environment.add_filter("truncate", |text: &str, max: usize| truncate::shorten(text, max, "…"));
    environment.add_filter("dedent", dedent::dedent);
    environment.add_filter("indent", indent);
    environment.add_test("containing", |text: &str, part: &str| text.contains(part));
    // It pads to any width, which is memory without fuel.
    environment.remove_filter("format");
    Ok(environment)
}

/// `json`, `json(pretty = true)`.
fn as_json(value: Jinja, options: Kwargs) -> Result<String, Error> {
    let pretty = options.get::<Option<bool>>("pretty")?.unwrap_or(false);
    options.assert_all_used()?;
    let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
    text.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// `indent(4)`, `indent(width = 4, first = true, blank = true)`.
fn indent(text: &str, width: Option<usize>, options: Kwargs) -> Result<String, Error> {
    let width = match width {
        Some(width) => width,
        None => options.get::<Option<usize>>("width")?.unwrap_or(4),
    };
    let first = options.get::<Option<bool>>("first")?.unwrap_or(false);
    let blank = options.get::<Option<bool>>("blank")?.unwrap_or(false);
    options.assert_all_used()?;
    if width > MAX_INDENT {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("indent goes up to {MAX_INDENT} columns")));
    }
    let margin = " ".repeat(width);
    let mut output = String::with_capacity(text.len());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if (number > 0 || first) && (blank || !line.trim().is_empty()) {
            output.push_str(&margin);
        }
        output.push_str(line);
    }
    Ok(output)
}

/// The engine's error in our words.
fn wrong(error: Error) -> TemplateError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateError::TooMuch("does not end within 10,000,000 steps; look for a loop over too much");
    }
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => "a name is used that is not an input of the node".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}{cause}"),
        (kind, None) => format!("{kind}{cause}"),
    };
    TemplateError::Wrong { line: error.line(), message }
}

/// A writer that refuses to grow without end.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() > MAX_OUTPUT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{json, play};
    use super::*;
    use proptest::prelude::*;

    fn rendered(template: &str, inputs: &[(&str, Value)]) -> Result<String, String> {
        let settings = [("template", Value::text(template))];
        match play("template/render", inputs, &settings, &["text"]) {
            Ok(results) => Ok(results[0].as_text().unwrap().to_owned()),
            Err(failure) => Err(failure.message),
        }
    }

    #[test]
    fn inputs_are_variables() {
        let commits = json(serde_json::json!([{"subject": "Add a", "n": 2}, {"subject": "Fix b", "n": 1}]));
        let template = "# {{ title }}\n{% for c in commits|sort(attribute='n') %}\n  {% if c.n %}\n- {{ c.subject }}\n  {% endif %}\n{% endfor %}\n{{ absent }}end\n";
        let inputs = [("title", "Notes".into()), ("commits", commits), ("absent", Value::Absent)];
        assert_eq!(rendered(template, &inputs).unwrap(), "# Notes\n- Fix b\n- Add a\nend\n");
    }

    #[test]
    fn the_input_template_goes_before_the_setting() {
        let inputs = [("template", "{{ a }}!".into()), ("a", Value::Int(1))];
        assert_eq!(rendered("unused", &inputs).unwrap(), "1!");
        let failure = play("template/render", &[], &[], &["text"]).unwrap_err();
        assert!(failure.message.contains("with.template"));
    }

    #[test]
    fn errors_name_the_line() {
        assert!(rendered("a\nb {{ missing }}", &[]).unwrap_err().starts_with("template line 2: "));
        assert!(rendered("a\n\n{% for %}", &[]).unwrap_err().starts_with("template line 3: syntax error"));
        assert!(rendered("{{ a.b.c }}", &[("a", Value::map([("x", Value::Int(1))]))]).is_err());
        assert!(rendered("{{ 'x' | nonsense }}", &[]).unwrap_err().contains("nonsense"));
    }

    #[test]
    fn no_file_is_reached() {
        for template in ["{% include '/etc/passwd' %}", "{% extends 'x' %}", "{% import 'x' as y %}"] {
            assert!(rendered(template, &[]).is_err(), "{template}");
        }
    }

    #[test]
    fn a_template_without_end_is_stopped() {
        let nested = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(rendered(nested, &[]).unwrap_err().contains("10,000,000 steps"));
        let wide = "{% for a in range(9999) %}{{ 'x' * 9999 }}{% endfor %}";
        assert!(rendered(wide, &[]).unwrap_err().contains("16 MiB"));
        assert!(rendered("{{ 'x' * 99999999999999 }}", &[]).is_err());
        assert!(rendered("{{ 'x' | indent(99999999999999) }}", &[]).unwrap_err().contains("1000 columns"));
        assert!(rendered("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", &[]).is_err());
        assert!(rendered(&format!("{{{{ {}1 }}}}", "(".repeat(50_000)), &[]).is_err());
    }

    #[test]
    fn filters_of_our_own() {
        let map = ("m", json(serde_json::json!({"b": [1, null], "a": "ä\"<"})));
        let inputs = [map];
        assert_eq!(rendered("{{ m }} {{ true }}", &inputs).unwrap(), r#"{"a":"ä\"<","b":[1,null]} true"#);
        assert_eq!(rendered("{{ m | json }}", &inputs).unwrap(), r#"{"a":"ä\"<","b":[1,null]}"#);
        assert!(rendered("{{ m | tojson(pretty=true) }}", &inputs).unwrap().contains("\n  \"b\""));
        assert_eq!(rendered("{{ 'one two  three' | wordcount }}", &[]).unwrap(), "3");
        assert_eq!(rendered("{{ 'abcdef' | truncate(4) }}", &[]).unwrap(), "abc…");
        assert_eq!(rendered("{{ 'a: b' is containing(': ') and 'ab' is not containing('c') }}", &[]).unwrap(), "true");
        assert_eq!(rendered("{{ 'a\n\nb' | indent(2) }}", &[]).unwrap(), "a\n\n  b");
        assert_eq!(rendered("{{ 'a\nb' | indent(1, first=true) }}", &[]).unwrap(), " a\n b");
    }

    proptest! {
        #[test]
        fn any_text_renders_or_says_why(template in "[{}%a-z #'|.\n]{0,60}") {
            let _ = rendered(&template, &[("a", Value::Int(1))]);
        }

        #[test]
        fn a_text_goes_through_unchanged(text in "\\PC*") {
            prop_assert_eq!(rendered("{{ a }}", &[("a", Value::text(text.clone()))]).unwrap(), text);
        }
    }
}
