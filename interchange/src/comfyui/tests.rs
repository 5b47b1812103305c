//! Small workflows of our own and the melodies that come of them.

use crate::{Imported, import};

fn shown(imported: &Imported) -> String {
    let files: String = imported.files.iter().map(|file| format!("── {}\n{}", file.name, file.text)).collect();
    let report: String =
        imported.report.unsupported.iter().map(|entry| format!("{} @ {}\n", entry.what, entry.place)).collect();
    format!("{files}── {} nodes, {} edges\n{report}", imported.report.nodes, imported.report.edges)
}

/// Compares what came of a workflow with what came of it before.
macro_rules! assert_shown {
    ($text:expr) => {{
        let imported = import("flow", $text.as_bytes(), None).unwrap_or_else(|refusal| panic!("{refusal}"));
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(shown(&imported)) })
    }};
}

#[test]
fn ports_modes_and_subgraphs_come_over() {
    assert_shown!(
        r#"{ "last_node_id": 9, "last_link_id": 9, "groups": [{ "title": "Step 1" }],
  "nodes": [
    { "id": 1, "type": "LoadImage", "mode": 0, "inputs": [], "outputs": [{ "name": "IMAGE", "type": "IMAGE", "links": [1] }],
      "properties": { "cnr_id": "comfy-core" }, "widgets_values": ["a.png", "image"] },
    { "id": 2, "type": "Scale", "mode": 4, "inputs": [{ "name": "image", "type": "IMAGE", "link": 1 }],
      "outputs": [{ "name": "IMAGE", "type": "IMAGE", "links": [2] }], "widgets_values": [2.0] },
    { "id": 3, "type": "5555-sub", "mode": 0, "title": "Polish it",
      "inputs": [{ "name": "image", "type": "IMAGE", "link": 2 }, { "name": "steps", "type": "INT", "widget": { "name": "steps" }, "link": null }],
      "outputs": [{ "name": "LATENT", "type": "LATENT", "links": [3] }], "widgets_values": [30] },
    { "id": 4, "type": "Decode", "mode": 2, "inputs": [{ "name": "samples", "type": "LATENT", "link": 3 }, { "name": "seed", "type": "INT", "link": null }],
      "outputs": [], "widgets_values": [18446744073709551615, null] },
    { "id": 5, "type": "MarkdownNote", "mode": 0, "widgets_values": ["Read *me*"] } ],
  "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 3, 0, 4, 0, "LATENT"], [9, 8, 0, 4, 1, "INT"]],
  "definitions": { "subgraphs": [ { "id": "5555-sub", "name": "Polish", "inputNode": { "id": -10 }, "outputNode": { "id": -20 },
    "inputs": [{ "name": "image", "type": "IMAGE" }, { "name": "steps", "type": "INT" }], "outputs": [{ "name": "LATENT", "type": "LATENT" }],
    "nodes": [
      { "id": 7, "type": "Encode", "mode": 0, "inputs": [{ "name": "pixels", "type": "IMAGE" }], "outputs": [{ "name": "LATENT", "type": "LATENT" }] },
      { "id": 8, "type": "KSampler", "mode": 0, "inputs": [{ "name": "latent", "type": "LATENT" }, { "name": "steps", "type": "INT" }], "outputs": [{ "name": "LATENT", "type": "LATENT" }] } ],
    "links": [
      { "id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 7, "target_slot": 0, "type": "IMAGE" },
      { "id": 2, "origin_id": 7, "origin_slot": 0, "target_id": 8, "target_slot": 0, "type": "LATENT" },
      { "id": 3, "origin_id": -10, "origin_slot": 1, "target_id": 8, "target_slot": 1, "type": "INT" },
      { "id": 4, "origin_id": 8, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "LATENT" } ] } ] } }"#
    );
}

#[test]
fn prompts_of_the_api_come_over() {
    assert_shown!(
        r#"{ "4": { "class_type": "CheckpointLoader", "inputs": { "name": "x" }, "_meta": { "title": "Load" } },
             "3": { "class_type": "KSampler", "inputs": { "seed": 5, "model": ["4", 0], "latent": ["9", 1] } } }"#
    );
}

#[test]
fn an_index_is_no_workflow() {
    let fault = |text: &str| import("x", text.as_bytes(), None).unwrap_err().to_string();
    assert_eq!(
        fault("[{\"moduleName\": \"default\"}]"),
        "line 1, column 1: this is a list, not a workflow: an index of workflows, perhaps"
    );
    assert_eq!(fault("{\"nodes\": [], \"links\": []}"), "line 1, column 1: the workflow has no nodes");
}
