//! Mistakes, each with its place and cure, as a person sees them.

use super::*;

fn told(rest: &str) -> String {
    findings(&melody(rest), &[])
}

#[test]
fn names_that_do_not_exist() {
    insta::assert_snapshot!(told(
        r#"
[inputs]
topic = { type = "text" }
[node.log]
uses = "operator:git/log"
in = { limitt = { value = 5 }, since = "inputs.topik" }
[node.a]
uses = "builtin:json"
needs = ["lgo"]
if = "log.cuont > 0 && lag.count > 0 && topic == ''"
in = { x = "lgo.count", y = "log.cuont", z = "topic.x", e = { expr = "has(log.heda) ? iteration : nobody" } }
[node.b]
uses = "operator:gti/log"
[outputs]
x = "b.anything"
y = { all = ["par_*.x"] }
z = { expr = "item" }
"#
    ));
}

#[test]
fn types_that_do_not_go_together() {
    insta::assert_snapshot!(told(
        r#"
[inputs]
n = { type = "int", default = "many" }
f = { type = "json<Lint>" }
[node.log]
uses = "operator:git/log"
in = { limit = { value = "five" }, since = "inputs.n" }
[node.a]
uses = "operator:file/write"
in = { path = "log.commits", content = { all = ["log.head"] } }
[node.b]
uses = "operator:file/write"
in = { path = { first_of = ["log.head", "log.count"] }, content = { from = "log.head", kind = "soft" } }
[node.c]
uses = "operator:file/read"
in = { file = "a.file" }
out = { text = "int", more = "text" }
[node.d]
uses = "operator:git/log"
in = { since = { from = "log.head", kind = "soft", default = 3 } }
"#
    ));
}

#[test]
fn inputs_that_are_missing() {
    insta::assert_snapshot!(told(
        "[node.a]\nuses = \"operator:file/write\"\nin = { content = { value = \"x\" } }\nundo = { uses = \"operator:file/read\" }\n"
    ));
}

#[test]
fn settings_that_the_player_does_not_take() {
    insta::assert_snapshot!(told(
        r#"
[node.a]
uses = "instrument:large/chat"
in = { prompt = { value = "x" } }
with = { temprature = 0.5, temperature = 3, model = 5 }
retry = { max = 2, vary = { temperature = [1, "hot"], heat = [1] } }
[node.b]
uses = "builtin:template"
with = { text = { secret = "KEY" }, more = 1 }
[node.c]
uses = "builtin:template"
"#
    ));
}

#[test]
fn fallbacks_that_differ() {
    insta::assert_snapshot!(told(
        r#"
[node.a]
uses = ["instrument:large/chat", "instrument:other/chat"]
in = { prompt = { value = "x" } }
out = { score = "float" }
[node.b]
uses = ["instrument:large/chat", "mcp:server/tool", "addon:painter", "melody:x.melody.toml"]
in = { prompt = { value = "x" } }
"#
    ));
}

#[test]
fn circles_are_named_in_order() {
    insta::assert_snapshot!(told(
        r#"
[node.a]
uses = "builtin:json"
in = { x = "c.x" }
out = { x = "text" }
[node.b]
uses = "builtin:json"
if = "a.x == 'go'"
out = { x = "text" }
[node.c]
uses = "builtin:json"
in = { y = { first_of = ["b.x"] } }
out = { x = "text" }
[node.self]
uses = "builtin:json"
if = "self.x == 1"
in = { x = "self.x" }
needs = ["self"]
out = { x = "int" }
[node.p]
uses = "builtin:json"
needs = ["q"]
[node.q]
uses = "builtin:json"
needs = [{ node = "p", kind = "soft" }, "nobody"]
"#
    ));
}

#[test]
fn maps_that_have_no_list() {
    insta::assert_snapshot!(told(
        r#"
[inputs]
text = { type = "text" }
[node.a]
uses = "builtin:json"
map = { over = "inputs.text", as = "line" }
if = "size(line) > 3 && index > 0"
in = { x = "line" }
[node.b]
uses = "builtin:json"
map = { over = "log.head", as = "a" }
[node.log]
uses = "operator:git/log"
[node.c]
uses = "builtin:json"
in = { x = { expr = "item.x" } }
"#
    ));
}

#[test]
fn failure_policies_that_cannot_be_followed() {
    insta::assert_snapshot!(told(
        r#"
[node.a]
uses = "operator:git/log"
on_error = "reconstruct"
[node.b]
uses = "operator:git/log"
on_error = "reconstruct"
reconstruct = { uses = "builtin:json", in = { x = "after.y", z = { expr = "deep.y" }, w = "a.head" } }
[node.after]
uses = "builtin:json"
in = { x = "b.head" }
out = { y = "text" }
[node.deep]
uses = "builtin:json"
in = { x = "after.y" }
out = { y = "text" }
[node.c]
uses = "operator:git/log"
reconstruct = { uses = "melody:x.melody.toml" }
[node.p]
uses = "operator:git/log"
on_error = "reconstruct"
reconstruct = { uses = "builtin:json", in = { x = { first_of = ["q.head", "a.head"] } } }
[node.q]
uses = "operator:git/log"
on_error = "reconstruct"
reconstruct = { uses = "builtin:json", in = { x = "p.head" } }
[node.mapped]
uses = "operator:git/log"
map = { over = { expr = "[1, 2]" } }
on_error = "reconstruct"
reconstruct = { uses = "operator:git/log" }
[node.other]
uses = "builtin:json"
out = { y = "text", head = "int" }
on_error = "reconstruct"
reconstruct = { uses = "operator:git/log" }
"#
    ));
}

#[test]
fn schemas_that_cannot_be_used() {
    insta::assert_snapshot!(findings(
        &melody(
            r#"
[types]
Missing = "schemas/missing.json"
Broken = "schemas/broken.json"
Remote = { "$ref" = "https://example.org/x.json" }
Wrong = { type = 5 }
[inputs]
a = { type = "json<Mising>" }
[node.n]
uses = "builtin:json"
in = { a = "inputs.a" }
out = { x = "list<json<Other>?>" }
"#
        ),
        &[("schemas/broken.json", "{".to_owned())],
    ));
}

#[test]
fn findings_are_bounded() {
    let mut rest = String::from("[node.a]\nuses = \"builtin:json\"\n");
    for place in 0..5_000 {
        rest.push_str(&format!("in.p{place} = \"nobody{place}.x\"\n"));
    }
    let findings = check_files(&melody(&rest), &[]).unwrap_err();
    assert_eq!(findings.len(), 201);
    assert_eq!(findings[200].code, "too-many-findings");
}

#[test]
fn gates_judge_their_own_outputs() {
    insta::assert_snapshot!(told(
        r#"
[node.log]
uses = "operator:git/log"
gate = "count > 0 && outputs.cuont < 9 && settings.strict && log.count > 0 && inputs.x"
[node.fine]
uses = "operator:git/log"
gate = "outputs.count > (has(settings.least) ? settings.least : 0)"
if   = "!has(settings.quiet) && outputs.count > 0"
"#
    ));
}
