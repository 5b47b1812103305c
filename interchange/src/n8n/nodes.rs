//! A node of n8n as a node of a melody: who plays it, with which settings, and what happens when it fails.

use super::read::Node;
use crate::json::{Json, Value};
use crate::names::{player_name, slug};
use crate::report::Findings;
use crate::toml::{DraftNode, quoted, setting, table};

/// The draft of a node, without its edges. `ways` are the outputs that its player leaves open.
pub(super) fn draft(node: &Node<'_, '_>, id: String, findings: &mut Findings<'_>) -> DraftNode {
    let mut draft = DraftNode { title: (node.name != id).then(|| node.name.to_owned()), id, ..DraftNode::default() };
    draft.note = node.json.get("notes").text().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    if node.is("disabled") {
        draft.comments.push(format!("Disabled: it hands on what it gets, as n8n does. It was {}.", node.kind));
        pass(&mut draft);
        return draft;
    }
    match node.short() {
        "noOp" => pass(&mut draft),
        "manualTrigger" => {
            draft.uses = Some("builtin:value/pass".to_owned());
            draft.inputs.push(("main".to_owned(), "{ value = [{ json = {} }] }".to_owned()));
            draft.out.push(("main".to_owned(), "any".to_owned()));
        }
        _ => {
            draft.uses = Some(player(node));
            if let Some(version) = setting("type_version", node.json.get("typeVersion")) {
                draft.with.push(version);
            }
            draft.with.extend(node.parameters.entries().iter().filter_map(|(key, value)| setting(key, value)));
            // Those of branches are read where it is decided who decides.
            if !branches(node) {
                report_expressions(node, findings);
            }
            credentials(node, &mut draft, findings);
        }
    }
    failure(node, &mut draft, findings);
    for (key, what) in [
        ("alwaysOutputData", "`alwaysOutputData`: an empty output is absent"),
        ("executeOnce", "`executeOnce`: the player gets all items"),
    ] {
        if node.is(key) {
            findings.note(what, node.name, node.json.at);
        }
    }
    draft
}

/// Whether a node decides which way its items go.
pub(super) fn branches(node: &Node<'_, '_>) -> bool {
    matches!(node.short(), "if" | "filter" | "switch")
}

/// Notes every expression among the settings of a node.
pub(super) fn report_expressions(node: &Node<'_, '_>, findings: &mut Findings<'_>) {
    for (key, value) in node.parameters.entries() {
        expressions(node.name, key, value, findings);
    }
}

/// Makes a node hand on what it gets.
pub(super) fn pass(draft: &mut DraftNode) {
    draft.uses = Some("builtin:value/pass".to_owned());
    if !draft.out.iter().any(|(port, _)| port == "main") {
        draft.out.push(("main".to_owned(), "any".to_owned()));
    }
}

/// `instrument:` for what is a model, `operator:` for the rest; the package, then the type.
fn player(node: &Node<'_, '_>) -> String {
    let (package, short) = node.kind.rsplit_once('.').unwrap_or(("n8n", node.kind));
    let package = package.rsplit('/').next().unwrap_or(package);
    let model = short.starts_with("lm") || short.starts_with("embeddings") || short == "openAi";
    let kind = if model { "instrument" } else { "operator" };
    format!("{kind}:{}/{}", player_name(package), player_name(short))
}

/// A credential is a secret that the host must know; its value never was in the file.
fn credentials(node: &Node<'_, '_>, draft: &mut DraftNode, findings: &mut Findings<'_>) {
    for (kind, credential) in node.json.get("credentials").entries() {
        let secret = slug(kind, "credential").to_ascii_uppercase();
        let name = credential.get("name").text().unwrap_or(kind);
        findings.note(format!("credential `{name}`: set the secret {secret}"), node.name, credential.at);
        draft.with.push((format!("credential_{}", slug(kind, "x")), table(&[("secret".to_owned(), quoted(&secret))])));
    }
}

fn failure(node: &Node<'_, '_>, draft: &mut DraftNode, findings: &mut Findings<'_>) {
    if node.is("retryOnFail") {
        // n8n's own defaults and bounds: two to five tries, up to five seconds between them.
        let tries = node.json.get("maxTries").count().unwrap_or(3).clamp(2, 5);
        let wait = node.json.get("waitBetweenTries").count().unwrap_or(1000).min(5000);
        let backoff = if wait == 0 {
            "backoff = \"none\"".to_owned()
        } else {
            format!("backoff = \"fixed\", base = \"{wait}ms\"")
        };
        draft.more.push(("retry", format!("{{ max = {tries}, {backoff} }}")));
    }
    let on_error = node.json.get("onError").text();
    if on_error == Some("continueErrorOutput") || on_error == Some("continueRegularOutput") || node.is("continueOnFail")
    {
        draft.more.push(("on_error", "\"skip\"".to_owned()));
    }
    if on_error == Some("continueRegularOutput") || node.is("continueOnFail") {
        let what = "going on with the error as an item: after a failure the output is absent";
        findings.note(what, node.name, node.json.at);
    }
}

/// Notes every expression: it stays in the settings as text, for the player to understand.
fn expressions(node: &str, path: &str, json: &Json<'_>, findings: &mut Findings<'_>) {
    match &json.value {
        Value::Text(text) if text.starts_with('=') && text.contains("{{") => {
            let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
            findings.note(format!("expression `{short}`"), format!("{node}: {path}"), json.at);
        }
        Value::List(items) => {
            for (place, item) in items.iter().enumerate() {
                expressions(node, &format!("{path}[{place}]"), item, findings);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                expressions(node, &format!("{path}.{key}"), value, findings);
            }
        }
        _ => {}
    }
}

/// How many outputs a node has besides that for errors.
pub(super) fn outputs(node: &Node<'_, '_>) -> usize {
    let rules = || {
        let rules = node.parameters.get("rules");
        rules.get("values").items().len().max(rules.get("rules").items().len())
    };
    match node.short() {
        "if" => 2,
        "filter" if node.version() >= 2.0 => 1,
        "splitInBatches" if node.version() >= 2.0 => 2,
        "compareDatasets" => 4,
        "textClassifier" => node.parameters.get("categories").get("categories").items().len().max(1),
        "sentimentAnalysis" => 3,
        "switch" => {
            let extra = node.parameters.get("options").get("fallbackOutput").text() == Some("extra");
            let asked = node.parameters.get("numberOutputs").count().and_then(|count| usize::try_from(count).ok());
            asked.unwrap_or_else(|| rules() + usize::from(extra)).max(1)
        }
        _ => 1,
    }
}
