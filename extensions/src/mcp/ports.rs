//! A tool's ports and settings from its schemas, and a call's arguments from its inputs and settings.
//!
//! Every property of `inputSchema` is an input port, and a setting under the name that the server gave it. A required
//! one must come by either way. Outputs are `text`, `content` and `files`; with an `outputSchema` also `structured`
//! and its properties.

use super::Tool;
use super::names::ports_for;
use super::schema::port_type;
use crate::manifest::OperationDecl;
use crate::sdk::{Call, ErrorClass, Failure, Reporter, Value};
use base64::Engine as _;
use serde_json::{Map, Value as Json, json};
use std::io::Read as _;
use symphony_ecs_core::ports::{Port, Reuse};
use symphony_ecs_core::types::PortType;

/// All text that the tool answered with.
pub(super) const TEXT: &str = "text";
/// Every part of the answer, as JSON.
pub(super) const CONTENT: &str = "content";
/// Images, audio and resources of the answer.
pub(super) const FILES: &str = "files";
/// The structured result.
pub(super) const STRUCTURED: &str = "structured";

/// The largest artifact that becomes an argument.
const LARGEST: u64 = 16 << 20;

/// A tool as an operation of its server.
pub(super) fn operation_of(tool: &Tool) -> OperationDecl {
    let named = inputs_of(tool);
    let required = required(&tool.input);
    let port = |property: &str, port: &str| {
        let ty = property_type(&tool.input, property);
        let required = required.contains(&property);
        let ty = if required { ty } else { ty.optional() };
        Port { name: port.to_owned(), ty, required }
    };
    OperationDecl {
        inputs: named.iter().map(|(property, name)| port(property, name)).collect(),
        open_inputs: false,
        outputs: outputs_of(tool),
        open_outputs: false,
        settings: Some(settings_of(tool, &named)),
        idempotent: tool.idempotent,
        timeout: None,
        worst_cost_micros: None,
        worst_tokens: None,
        // Servers keep state between calls, so all calls go to one process.
        max_parallel: Some(1),
        // A tool looks at the world and may change it; its schema does not say otherwise.
        reuse: Reuse::Never,
    }
}

/// The properties of a schema's object, by name.
fn properties(schema: &Json) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Json::as_object);
    let mut names: Vec<&str> = properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
    names.sort_unstable();
    names
}

fn required(schema: &Json) -> Vec<&str> {
    let listed = schema.get("required").and_then(Json::as_array);
    listed.map(|names| names.iter().filter_map(Json::as_str).collect()).unwrap_or_default()
}

fn property_type(schema: &Json, property: &str) -> PortType {
    schema.get("properties").and_then(|map| map.get(property)).map_or(PortType::Any, |found| port_type(found, schema))
}

/// Each property of the tool's arguments with its port.
fn inputs_of(tool: &Tool) -> Vec<(&str, String)> {
    ports_for(&properties(&tool.input), &[])
}

/// Each property of the structured result with its port.
pub(super) fn results_of(tool: &Tool) -> Vec<(&str, String)> {
    let schema = tool.output.as_ref().map(properties).unwrap_or_default();
    ports_for(&schema, &[TEXT, CONTENT, FILES, STRUCTURED])
}

fn outputs_of(tool: &Tool) -> Vec<Port> {
    let port = |name: &str, ty: PortType, required| Port { name: name.to_owned(), ty, required };
    let mut ports = vec![
        port(TEXT, PortType::Text, true),
        port(CONTENT, PortType::Json(None), true),
        port(FILES, PortType::list(PortType::Artifact(None)), true),
    ];
    let Some(schema) = &tool.output else { return ports };
    ports.push(port(STRUCTURED, PortType::Json(None), true));
    let required = required(schema);
    for (property, name) in results_of(tool) {
        let ty = property_type(schema, property);
        let required = required.contains(&property) && !ty.may_be_absent();
        ports.push(Port { name, ty: if required { ty } else { ty.optional() }, required });
    }
    ports
}

/// The schema of `with`: that of the arguments, nothing required (an input may give it), each property telling its
/// port.
fn settings_of(tool: &Tool, named: &[(&str, String)]) -> Json {
    let mut schema = tool.input.as_object().cloned().unwrap_or_default();
    schema.remove("required");
    schema.entry("type").or_insert_with(|| json!("object"));
    let properties: Map<String, Json> = named
        .iter()
        .map(|(property, port)| {
            let declared = schema.get("properties").and_then(|map| map.get(*property)).cloned();
            let mut declared = match declared {
                Some(Json::Object(map)) => map,
                // `true` and `{}` say the same; `false` allows nothing.
                Some(Json::Bool(false)) => Map::from_iter([("not".to_owned(), json!({}))]),
                _ => Map::new(),
            };
            declared.insert("x-port".to_owned(), json!(port));
            ((*property).to_owned(), Json::Object(declared))
        })
        .collect();
    schema.insert("properties".to_owned(), Json::Object(properties));
    // A misspelt setting shall be found, unless the tool really takes anything.
    schema.entry("additionalProperties").or_insert(Json::Bool(false));
    Json::Object(schema)
}

/// The arguments of a call: its settings, and its inputs over them.
pub(super) fn arguments(tool: &Tool, call: &Call, report: &dyn Reporter) -> Result<Map<String, Json>, Failure> {
    let mut arguments = Map::new();
    for (name, value) in call.settings.iter().filter(|(_, value)| value.is_present()) {
        arguments.insert(name.clone(), argument(value, name, report)?);
    }
    let named = inputs_of(tool);
    for (port, value) in call.inputs.iter().filter(|(_, value)| value.is_present()) {
        let property = named.iter().find(|(_, name)| name == port).map(|(property, _)| *property);
        let property = property.ok_or_else(|| {
            let message = format!("the tool `{}` has no argument for the input `{port}`", tool.name);
            Failure::new(ErrorClass::Refused, format!("{message}; `symphony check --refresh` reads its tools anew"))
        })?;
        arguments.insert(property.to_owned(), argument(value, port, report)?);
    }
    if let Some(missing) = required(&tool.input).into_iter().find(|property| !arguments.contains_key(*property)) {
        let message = format!("the tool `{}` needs `{missing}`, which is absent", tool.name);
        return Err(Failure::new(ErrorClass::Refused, message));
    }
    Ok(arguments)
}

/// A value as JSON. Bytes and artifacts travel as text, or in base64 when they are none.
fn argument(value: &Value, name: &str, report: &dyn Reporter) -> Result<Json, Failure> {
    let bytes = match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Artifact(artifact) => {
            if artifact.size > LARGEST {
                let message = format!("`{name}` is {} bytes; an argument may have {LARGEST}", artifact.size);
                return Err(Failure::new(ErrorClass::Refused, format!("{message}: give the tool its path instead")));
            }
            let mut bytes = Vec::new();
            let read = report.open(artifact).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
            read.map_err(|error| Failure::io(format!("reading `{name}`"), &error))?;
            bytes
        }
        other => return Ok(other.to_json()),
    };
    Ok(Json::String(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| base64::engine::general_purpose::STANDARD.encode(error.as_bytes())),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::trial::{Notes, call};

    fn tool(input: Json, output: Option<Json>) -> Tool {
        Tool { name: "t".into(), description: None, input, output, idempotent: false }
    }

    fn convert() -> Tool {
        let properties = json!({
            "sourceTimezone": { "type": "string" }, "time": { "type": "string" }, "precise": { "type": "boolean" }
        });
        tool(json!({ "type": "object", "properties": properties, "required": ["sourceTimezone", "time"] }), None)
    }

    fn ports(ports: &[Port]) -> Vec<String> {
        ports.iter().map(|port| format!("{}{}: {}", port.name, if port.required { "!" } else { "" }, port.ty)).collect()
    }

    #[test]
    fn properties_are_ports_and_settings() {
        let operation = operation_of(&convert());
        assert_eq!(ports(&operation.inputs), ["precise: bool?", "source_timezone!: text", "time!: text"]);
        assert_eq!(ports(&operation.outputs), ["text!: text", "content!: json", "files!: list<artifact>"]);
        let settings = operation.settings.unwrap();
        let valid = |value: Json| jsonschema::is_valid(&settings, &value);
        assert!(valid(json!({})) && valid(json!({ "sourceTimezone": "UTC" })));
        assert!(!valid(json!({ "sourceTimezone": 1 })) && !valid(json!({ "source_timezone": "UTC" })));
        assert_eq!(settings["properties"]["sourceTimezone"]["x-port"], "source_timezone");
    }

    #[test]
    fn structured_results_are_ports_beside_the_common_ones() {
        let output = json!({
            "type": "object",
            "properties": { "content": { "type": "string" }, "celsius": { "type": "number" }, "note": { "type": "string" } },
            "required": ["content", "celsius"],
        });
        let operation = operation_of(&tool(json!({ "type": "object" }), Some(output)));
        let said = ports(&operation.outputs);
        assert_eq!(said[3..], ["structured!: json", "celsius!: float", "content_2!: text", "note: text?"]);
        assert!(operation.inputs.is_empty());
    }

    #[test]
    fn arguments_are_settings_with_the_inputs_over_them() {
        let notes = Notes::default();
        let text = |text: &str| Value::text(text);
        let inputs = [("source_timezone", text("UTC")), ("precise", Value::Absent)];
        let settings = [("time", text("10:00")), ("sourceTimezone", text("CET"))];
        let given = arguments(&convert(), &call("t", &inputs, &settings, &[]), &notes).unwrap();
        assert_eq!(Json::Object(given), json!({ "sourceTimezone": "UTC", "time": "10:00" }));
        let bytes = Value::Bytes([255u8, 0].as_slice().into());
        let inputs = [("source_timezone", bytes), ("time", text(""))];
        let given = arguments(&convert(), &call("t", &inputs, &[], &[]), &notes).unwrap();
        assert_eq!(given["sourceTimezone"], "/wA=");
    }

    #[test]
    fn what_is_missing_or_unknown_is_refused() {
        let notes = Notes::default();
        let failure = arguments(&convert(), &call("t", &[("time", Value::text("x"))], &[], &[]), &notes).unwrap_err();
        assert!(failure.message.contains("needs `sourceTimezone`"), "{failure}");
        let failure = arguments(&convert(), &call("t", &[("zone", Value::text("x"))], &[], &[]), &notes).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Refused);
        assert!(failure.message.contains("--refresh"), "{failure}");
    }
}
