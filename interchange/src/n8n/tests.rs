//! Small workflows of our own and the melodies that come of them.

use crate::{Imported, import};

fn imported(text: &str) -> Imported {
    import("flow", text.as_bytes(), None).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// Compares what came of a workflow with what came of it before.
macro_rules! assert_shown {
    ($text:expr) => {
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(shown(&imported($text))) })
    };
}

fn shown(imported: &Imported) -> String {
    let files: String = imported.files.iter().map(|file| format!("── {}\n{}", file.name, file.text)).collect();
    let report: String =
        imported.report.unsupported.iter().map(|entry| format!("{} @ {}\n", entry.what, entry.place)).collect();
    format!("{files}── {} nodes, {} edges\n{report}", imported.report.nodes, imported.report.edges)
}

#[test]
fn branches_errors_retries_and_pins_come_over() {
    assert_shown!(
        r#"{
  "name": "My Flow",
  "settings": { "timezone": "Europe/Berlin" },
  "pinData": { "Fetch": [{ "json": { "status": "ok", "none": null } }] },
  "nodes": [
    { "name": "Every morning", "type": "n8n-nodes-base.scheduleTrigger", "typeVersion": 1.2, "position": [0, 0],
      "parameters": { "rule": { "interval": [{ "triggerAtHour": 7 }] } } },
    { "name": "Fetch", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 0],
      "parameters": { "url": "={{ $json.url }}", "options": { "timeout": null } },
      "retryOnFail": true, "maxTries": 4, "waitBetweenTries": 500, "onError": "continueErrorOutput",
      "credentials": { "httpBasicAuth": { "id": "1", "name": "Mine" } } },
    { "name": "Is it ok?", "type": "n8n-nodes-base.if", "typeVersion": 2.2, "position": [0, 0],
      "parameters": { "conditions": { "combinator": "and", "conditions": [
        { "leftValue": "={{ $json.status }}", "rightValue": "ok", "operator": { "type": "string", "operation": "equals" } } ] } } },
    { "name": "Tidy", "type": "n8n-nodes-base.noOp", "typeVersion": 1, "position": [0, 0], "parameters": {} },
    { "name": "Old", "type": "n8n-nodes-base.code", "disabled": true, "typeVersion": 2, "position": [0, 0], "parameters": {} },
    { "name": "Tell", "type": "n8n-nodes-base.slack", "typeVersion": 2, "position": [0, 0], "parameters": {}, "notes": "Loud." },
    { "name": "Note", "type": "n8n-nodes-base.stickyNote", "position": [0, 0], "parameters": { "content": "Read me\nplease" } }
  ],
  "connections": {
    "Every morning": { "main": [[{ "node": "Fetch", "type": "main", "index": 0 }]] },
    "Fetch": { "main": [[{ "node": "Is it ok?", "type": "main", "index": 0 }], [{ "node": "Tell", "type": "main", "index": 0 }]] },
    "Is it ok?": { "main": [[{ "node": "Tidy", "type": "main", "index": 0 }], [{ "node": "Old", "type": "main", "index": 0 }]] },
    "Gone": { "main": [[{ "node": "Tell", "type": "main", "index": 0 }]] }
  }
}"#
    );
}

#[test]
fn loops_and_capabilities_come_over() {
    assert_shown!(
        r#"{ "nodes": [
    { "name": "Start", "type": "n8n-nodes-base.manualTrigger", "parameters": {} },
    { "name": "Loop", "type": "n8n-nodes-base.splitInBatches", "typeVersion": 3, "parameters": { "batchSize": 5 } },
    { "name": "Agent", "type": "@n8n/n8n-nodes-langchain.agent", "typeVersion": 1.7, "parameters": {} },
    { "name": "Model", "type": "@n8n/n8n-nodes-langchain.lmChatOpenAi", "typeVersion": 1, "parameters": { "model": "x" } },
    { "name": "Search", "type": "@n8n/n8n-nodes-langchain.toolWikipedia", "typeVersion": 1, "parameters": {} },
    { "name": "Count", "type": "@n8n/n8n-nodes-langchain.toolCalculator", "typeVersion": 1, "parameters": {} },
    { "name": "Done", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "parameters": {} } ],
  "connections": {
    "Start": { "main": [[{ "node": "Loop", "type": "main", "index": 0 }]] },
    "Loop": { "main": [[{ "node": "Done", "type": "main", "index": 0 }], [{ "node": "Agent", "type": "main", "index": 0 }]] },
    "Agent": { "main": [[{ "node": "Loop", "type": "main", "index": 0 }]] },
    "Model": { "ai_languageModel": [[{ "node": "Agent", "type": "ai_languageModel", "index": 0 }]] },
    "Search": { "ai_tool": [[{ "node": "Agent", "type": "ai_tool", "index": 0 }]] },
    "Count": { "ai_tool": [[{ "node": "Agent", "type": "ai_tool", "index": 0 }]] } } }"#
    );
}

#[test]
fn what_is_no_workflow_says_where() {
    let fault = |text: &str| import("x", text.as_bytes(), None).unwrap_err().to_string();
    assert_eq!(
        fault("{\"nodes\": [\n {\"type\": \"x\"}], \"connections\": {}}"),
        "line 2, column 2: a node has no `name` or no `type`"
    );
    assert_eq!(fault("{\"nodes\": [], \"connections\": {}}"), "line 1, column 1: the workflow has no nodes");
    assert_eq!(fault("{\"nodes\": [}"), "line 1, column 12: a value is missing, or this is not JSON");
    assert_eq!(fault("hello"), "line 1, column 1: this begins neither as JSON nor as a graph");
    assert_eq!(fault("{\"a\": 1}"), "line 1, column 1: this JSON is no workflow of a known format");
}
