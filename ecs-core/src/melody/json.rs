//! The canonical JSON of a melody: the same tables and keys as the TOML, in one spelling.
//!
//! Keys are sorted, quantities have one spelling, and what has its default is left out, so equal melodies have equal
//! JSON. The order of tables carries no meaning in a melody; the order within lists does, and is kept.

use super::diagnostics::Diagnostic;
use super::model::{
    ApproveElse, Backoff, Binding, Candidate, EdgeKind, Estimate, InputDecl, Join, JoinKind, Limits, LoopDecl, MapDecl,
    Melody, Need, Node, Reference, Retry, SchemaSource, Setting, SideCall, Source, Spanned,
};
use super::parse::{FORMAT, Parsed, RETRY_BASE, parse_json};
use super::triggers::{Concurrency, Triggers};
use super::units::{duration_text, size_text};
use crate::value::Value;
use serde_json::{Map, Value as Json, json};

/// The canonical JSON of a melody: no places, keys sorted, defaults left out.
pub fn to_json(melody: &Melody) -> Json {
    let mut object = Object::default();
    object.put("format", FORMAT);
    object.put("name", melody.name.value.as_str());
    object.put_some("title", melody.title.as_deref());
    object.put_some("description", melody.description.as_deref());
    if melody.on != (Triggers { manual: true, ..Triggers::default() }) {
        object.put("on", triggers(&melody.on));
    }
    object.put_full("limits", limits(&melody.limits));
    let schema = |source: &SchemaSource| match source {
        SchemaSource::Path(path) => Json::from(path.value.as_str()),
        SchemaSource::Inline(schema) => schema.clone(),
    };
    object.put_full("types", melody.types.iter().map(|(name, source)| (name.value.clone(), schema(source))).collect());
    object.put_full("inputs", melody.inputs.iter().map(|decl| (decl.name.value.clone(), input(decl))).collect());
    object.put_full(
        "outputs",
        melody.outputs.iter().map(|decl| (decl.name.value.clone(), source(&decl.from.from))).collect(),
    );
    object.put_full("node", melody.nodes.iter().map(|decl| (decl.id.value.clone(), node(decl))).collect());
    Json::Object(object.0)
}

/// Reads a melody from its canonical JSON (or any JSON of the same shape).
///
/// # Errors
/// Every mistake in the text, in its order; where it is not JSON, the first place where it is not.
pub fn from_json(path: &str, text: &str) -> Result<Parsed, Vec<Diagnostic>> {
    parse_json(path, text)
}

/// A JSON object in the making.
#[derive(Default)]
struct Object(Map<String, Json>);

impl Object {
    fn put(&mut self, key: &str, value: impl Into<Json>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn put_some(&mut self, key: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Leaves an empty object out.
    fn put_full(&mut self, key: &str, value: Map<String, Json>) {
        if !value.is_empty() {
            self.put(key, value);
        }
    }
}

fn triggers(on: &Triggers) -> Map<String, Json> {
    let mut object = Object::default();
    object.put("manual", on.manual);
    let schedules = on.schedules.iter().map(|schedule| {
        let (table, missed) = (&schedule.table, schedule.missed.word());
        json!({ "cron": table.cron(), "tz": table.zone(), "missed": missed })
    });
    let events = on.events.iter().map(|event| {
        let mut inner = Object::default();
        inner.put_some("file", event.file.as_deref());
        inner.put_some("artifact", event.artifact.as_deref());
        inner.put_some("topic", event.topic.as_deref());
        Json::Object(inner.0)
    });
    let after = on.after.iter().map(|after| json!({ "melody": after.melody.value, "ended": after.ended.word() }));
    let lists: [(&str, Vec<Json>); 3] =
        [("schedule", schedules.collect()), ("event", events.collect()), ("after", after.collect())];
    for (key, list) in lists {
        if !list.is_empty() {
            object.put(key, list);
        }
    }
    if on.api {
        object.put("api", true);
    }
    object.put_some("debounce", on.debounce.map(duration_text));
    object.put_some("concurrency", on.concurrency.map(Concurrency::word));
    object.0
}

fn limits(limits: &Limits) -> Map<String, Json> {
    let mut object = Object::default();
    object.put_some("wall", limits.wall.map(duration_text));
    object.put_some("timeout", limits.timeout.map(duration_text));
    object.put_some("parallel", limits.parallel);
    // Below 2^53 micro-dollars the division is exact enough to give the same number back.
    object.put_some("cost_usd", limits.cost_micros.map(|micros| micros as f64 / 1e6));
    object.put_some("tokens", limits.tokens);
    object.put_some("mem", limits.mem.map(size_text));
    object.put_some("cpu", limits.cpu);
    object.0
}

fn estimate(estimate: &Estimate) -> Map<String, Json> {
    let mut object = Object::default();
    object.put_some("seconds", estimate.seconds);
    object.put_some("cost_usd", estimate.cost_micros.map(|micros| micros as f64 / 1e6));
    object.put_some("tokens", estimate.tokens);
    object.put_some("failure", estimate.failure);
    object.0
}

fn input(decl: &InputDecl) -> Json {
    let mut object = Object::default();
    object.put("type", decl.ty.value.to_string());
    if decl.required {
        object.put("required", true);
    }
    object.put_some("default", decl.default.as_ref().map(Value::to_json));
    object.put_some("description", decl.description.as_deref());
    Json::Object(object.0)
}

fn node(node: &Node) -> Json {
    let mut object = Object::default();
    object.put_some("title", node.title.as_deref());
    object.put_some("description", node.description.as_deref());
    match node.uses.as_slice() {
        [] => {}
        [player] => object.put("uses", player.value.to_string()),
        players => object.put("uses", players.iter().map(|player| player.value.to_string()).collect::<Vec<_>>()),
    }
    object.put_full("in", bindings(&node.inputs));
    object.put_full("with", settings(&node.with));
    object.put_full(
        "out",
        node.out.iter().map(|port| (port.name.value.clone(), Json::from(port.ty.value.to_string()))).collect(),
    );
    if !node.needs.is_empty() {
        object.put("needs", node.needs.iter().map(need).collect::<Vec<_>>());
    }
    object.put_some("if", node.condition.as_ref().map(|condition| condition.value.text()));
    object.put_some("gate", node.gate.as_ref().map(|gate| gate.value.text()));
    object.put_some("map", node.map.as_ref().map(map));
    object.put_some("loop", node.repeat.as_ref().map(repeat));
    object.put_some("retry", node.retry.as_ref().map(retry));
    object.put_some("on_error", node.on_error.word());
    object.put_some("reconstruct", node.reconstruct.as_ref().map(side_call));
    object.put_some("undo", node.undo.as_ref().map(side_call));
    if let Some(approve) = &node.approve {
        let mut inner = Object::default();
        inner.put("by", approve.by.as_str());
        inner.put_some("timeout", approve.timeout.map(duration_text));
        if approve.otherwise != ApproveElse::default() {
            inner.put("else", approve.otherwise.word());
        }
        object.put("approve", inner.0);
    }
    object.put_full("limits", limits(&node.limits));
    object.put_full("estimate", estimate(&node.estimate));
    object.put_some("reuse", node.reuse);
    Json::Object(object.0)
}

fn bindings(bindings: &[Binding]) -> Map<String, Json> {
    bindings.iter().map(|binding| (binding.port.value.clone(), source(&binding.from))).collect()
}

fn settings(settings: &[(Spanned<String>, Setting)]) -> Map<String, Json> {
    let setting = |setting: &Setting| match setting {
        Setting::Value(value) => value.to_json(),
        Setting::Secret(name) => json!({ "secret": name.value }),
    };
    settings.iter().map(|(name, value)| (name.value.clone(), setting(value))).collect()
}

fn source(source: &Source) -> Json {
    match source {
        Source::Ref(reference) => reference_json(reference),
        Source::Literal(value) => json!({ "value": value.to_json() }),
        Source::Expr(expr) => json!({ "expr": expr.text() }),
        Source::Join(join) => join_json(join),
    }
}

fn reference_json(reference: &Reference) -> Json {
    if reference.kind == EdgeKind::Hard && reference.default.is_none() {
        return Json::from(reference.target.to_string());
    }
    let mut object = Object::default();
    object.put("from", reference.target.to_string());
    if reference.kind != EdgeKind::Hard {
        object.put("kind", reference.kind.word());
    }
    object.put_some("default", reference.default.as_ref().map(Value::to_json));
    Json::Object(object.0)
}

fn join_json(join: &Join) -> Json {
    let candidate = |candidate: &Candidate| match candidate {
        Candidate::One(reference) => reference_json(reference),
        Candidate::Pattern { nodes, port, .. } => Json::from(format!("{nodes}.{port}")),
    };
    let candidates: Vec<Json> = join.candidates.iter().map(candidate).collect();
    let mut object = Object::default();
    match join.kind {
        JoinKind::NOf(number) => {
            object.put("n_of", number);
            object.put("from", candidates);
        }
        kind => object.put(kind.word(), candidates),
    }
    object.put_some("default", join.default.as_ref().map(Value::to_json));
    Json::Object(object.0)
}

fn need(need: &Need) -> Json {
    match need.kind {
        EdgeKind::Hard => Json::from(need.node.value.as_str()),
        kind => json!({ "node": need.node.value, "kind": kind.word() }),
    }
}

fn map(map: &MapDecl) -> Json {
    let mut object = Object::default();
    object.put("over", source(&map.over));
    object.put_some("as", map.item_name.as_ref().map(|name| name.value.as_str()));
    object.put_some("max_parallel", map.max_parallel);
    Json::Object(object.0)
}

fn repeat(repeat: &LoopDecl) -> Json {
    let mut object = Object::default();
    object.put("body", repeat.body.value.as_str());
    let carry = repeat.carry.iter();
    object.put_full(
        "carry",
        carry.map(|(output, input)| (output.value.clone(), Json::from(input.value.as_str()))).collect(),
    );
    object.put_some("until", repeat.until.as_ref().map(|until| until.value.text()));
    object.put("max", repeat.max);
    Json::Object(object.0)
}

fn retry(retry: &Retry) -> Json {
    let mut object = Object::default();
    object.put("max", retry.max);
    if retry.backoff != Backoff::default() {
        object.put("backoff", retry.backoff.word());
    }
    if retry.base != RETRY_BASE {
        object.put("base", duration_text(retry.base));
    }
    if !retry.on.is_empty() {
        object.put("on", retry.on.iter().map(|class| class.word()).collect::<Vec<_>>());
    }
    let values = |values: &[Value]| Json::Array(values.iter().map(Value::to_json).collect());
    object.put_full("vary", retry.vary.iter().map(|(name, list)| (name.value.clone(), values(list))).collect());
    Json::Object(object.0)
}

fn side_call(call: &SideCall) -> Json {
    let mut object = Object::default();
    object.put("uses", call.uses.value.to_string());
    object.put_full("in", bindings(&call.inputs));
    object.put_full("with", settings(&call.with));
    Json::Object(object.0)
}
