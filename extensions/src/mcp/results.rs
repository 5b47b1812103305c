//! The result of a tool as the outputs of a node: text joined, binary parts as artifacts, structured parts as ports.

use super::Tool;
use super::ports::{CONTENT, FILES, STRUCTURED, TEXT, results_of};
use crate::sdk::{ErrorClass, Failure, Outcome, PortType, Reporter, Value};
use base64::Engine as _;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io::Write as _;
use symphony_ecs_core::types::Schemas;

/// The outputs that a result stands for. A result that calls itself an error is a failure of class `io`: the tool was
/// reached and could not do it.
pub(super) fn outcome(tool: &Tool, result: CallToolResult, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let mut parts = Parts { report, texts: Vec::new(), content: Vec::new(), files: Vec::new() };
    if result.is_error == Some(true) {
        let texts = result.content.iter().filter_map(|part| part.as_text()).map(|part| part.text.as_str());
        let said = texts.collect::<Vec<_>>().join("\n");
        let said = if said.trim().is_empty() { "it does not say why".to_owned() } else { said };
        return Err(Failure::new(ErrorClass::Io, format!("the tool `{}` failed: {said}", tool.name)));
    }
    for part in result.content {
        parts.take(part)?;
    }
    let mut outcome = Outcome::of(TEXT, parts.texts.join("\n"))
        .with(CONTENT, Value::from_json(&Json::Array(parts.content)))
        .with(FILES, Value::list(parts.files));
    if let Some(schema) = &tool.output {
        let structured = result.structured_content.unwrap_or(Json::Null);
        held_against(&structured, schema)
            .map_err(|why| invalid(format!("the structured result of `{}`: {why}", tool.name)))?;
        for (property, port) in results_of(tool) {
            if let Some(value) = structured.get(property) {
                outcome = outcome.with(&port, Value::from_json(value));
            }
        }
        outcome = outcome.with(STRUCTURED, Value::from_json(&structured));
    }
    Ok(outcome)
}

/// Holds a result against the schema that the tool declares for it. A schema that cannot be used asks for nothing.
fn held_against(structured: &Json, schema: &Json) -> Result<(), String> {
    const NAME: &str = "outputSchema";
    let mut schemas = Schemas::new();
    if schemas.add(NAME, schema.clone()).is_err() {
        return Ok(());
    }
    let value = Value::from_json(structured);
    let ty = PortType::Json(Some(NAME.to_owned()));
    ty.check_value(&value, &schemas).map(|_| ()).map_err(|error| error.to_string())
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorClass::InvalidOutput, message)
}

struct Parts<'r> {
    report: &'r dyn Reporter,
    texts: Vec<String>,
    content: Vec<Json>,
    files: Vec<Value>,
}

impl Parts<'_> {
    fn take(&mut self, part: ContentBlock) -> Result<(), Failure> {
        match part {
            ContentBlock::Text(text) => {
                self.content.push(json!({ "type": "text", "text": text.text }));
                self.texts.push(text.text);
            }
            ContentBlock::Image(image) => self.binary("image", None, &image.data, &image.mime_type)?,
            ContentBlock::Audio(audio) => self.binary("audio", None, &audio.data, &audio.mime_type)?,
            ContentBlock::Resource(embedded) => match embedded.resource {
                ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                    let mime_type = mime_type.unwrap_or_else(|| "text/plain".to_owned());
                    self.file("resource", Some(&uri), text.as_bytes(), &mime_type)?;
                }
                ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                    let mime_type = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                    self.binary("resource", Some(&uri), &blob, &mime_type)?;
                }
                other => self.content.push(serde_json::to_value(other).unwrap_or(Json::Null)),
            },
            other => self.content.push(serde_json::to_value(other).unwrap_or(Json::Null)),
        }
        Ok(())
    }

    fn binary(&mut self, kind: &str, uri: Option<&str>, data: &str, mime_type: &str) -> Result<(), Failure> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(data.trim());
        let bytes = bytes.map_err(|error| invalid(format!("a part of type {mime_type} is not base64: {error}")))?;
        self.file(kind, uri, &bytes, mime_type)
    }

    /// A part that becomes an artifact; in `content` it is named by its place in `files`.
    fn file(&mut self, kind: &str, uri: Option<&str>, bytes: &[u8], mime_type: &str) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::io(format!("handing over a part of type {mime_type}"), &error);
        let memory = rustix::fs::memfd_create("mcp", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = File::from(memory.map_err(|error| failed(error.into()))?);
        file.write_all(bytes).map_err(failed)?;
        let mut part = json!({ "type": kind, "mime_type": mime_type, "file": self.files.len(), "size": bytes.len() });
        if let (Some(uri), Some(map)) = (uri, part.as_object_mut()) {
            map.insert("uri".to_owned(), json!(uri));
        }
        self.files.push(self.report.give(file, mime_type).map_err(failed)?);
        self.content.push(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::trial::Notes;

    fn tool(output: Option<Json>) -> Tool {
        Tool { name: "t".into(), description: None, input: json!({ "type": "object" }), output, idempotent: false }
    }

    fn played(result: Json, output: Option<Json>) -> (Result<Outcome, Failure>, Notes) {
        let notes = Notes::default();
        (outcome(&tool(output), serde_json::from_value(result).unwrap(), &notes), notes)
    }

    #[test]
    fn text_is_joined_and_binary_parts_are_artifacts() {
        let content = json!([
            { "type": "text", "text": "one" },
            { "type": "image", "data": "AQID", "mimeType": "image/png" },
            { "type": "text", "text": "two" },
            { "type": "resource", "resource": { "uri": "a:b", "mimeType": "text/markdown", "text": "# A" } },
            { "type": "resource_link", "uri": "file:///x", "name": "x" },
        ]);
        let (outcome, notes) = played(json!({ "content": content }), None);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.outputs["text"], Value::text("one\ntwo"));
        let files = outcome.outputs["files"].as_list().unwrap();
        assert_eq!(notes.content(&files[0]), [1, 2, 3]);
        assert_eq!(notes.content(&files[1]), b"# A");
        let Value::Artifact(image) = &files[0] else { panic!() };
        assert_eq!(image.media_type, "image/png");
        let content = outcome.outputs["content"].to_json();
        assert_eq!(content[1], json!({ "type": "image", "mime_type": "image/png", "file": 0, "size": 3 }));
        assert_eq!((&content[3]["uri"], &content[4]["uri"]), (&json!("a:b"), &json!("file:///x")));
        assert!(!outcome.outputs.contains_key("structured"));
    }

    #[test]
    fn an_error_of_the_tool_is_a_failure_with_its_text() {
        let (failure, _) =
            played(json!({ "isError": true, "content": [{ "type": "text", "text": "no such city" }] }), None);
        let failure = failure.unwrap_err();
        assert_eq!((failure.class, failure.message.as_str()), (ErrorClass::Io, "the tool `t` failed: no such city"));
    }

    #[test]
    fn structured_results_fit_their_schema_or_fail() {
        let schema =
            json!({ "type": "object", "properties": { "celsius": { "type": "number" } }, "required": ["celsius"] });
        let (outcome, _) =
            played(json!({ "content": [], "structuredContent": { "celsius": 20.5 } }), Some(schema.clone()));
        let outcome = outcome.unwrap();
        assert_eq!(outcome.outputs["celsius"], Value::Float(20.5));
        assert_eq!(outcome.outputs["structured"].get("celsius"), Some(&Value::Float(20.5)));
        for structured in [json!({}), json!({ "celsius": "warm" })] {
            let (failure, _) = played(json!({ "content": [], "structuredContent": structured }), Some(schema.clone()));
            assert_eq!(failure.unwrap_err().class, ErrorClass::InvalidOutput);
        }
        let (failure, _) = played(json!({ "content": [] }), Some(schema));
        assert!(failure.unwrap_err().message.contains("structured result of `t`"));
    }

    #[test]
    fn a_part_that_is_not_base64_is_invalid() {
        let (failure, _) =
            played(json!({ "content": [{ "type": "image", "data": "!", "mimeType": "image/png" }] }), None);
        assert_eq!(failure.unwrap_err().class, ErrorClass::InvalidOutput);
    }
}
