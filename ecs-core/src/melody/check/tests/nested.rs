//! Bodies: nested melodies and loops across files.

use super::*;

const BODY: &str = r#"
[types]
Report = { type = "object" }
[inputs]
draft = { type = "text", required = true }
notes = { type = "text?" }
[node.fix]
uses = "builtin:json"
in = { draft = "inputs.draft", notes = { from = "inputs.notes", kind = "soft" } }
out = { verdict = "enum<fix|done>", draft = "text", count = "int", report = "json<Report>" }
[outputs]
verdict = "fix.verdict"
draft = "fix.draft"
count = "fix.count"
report = "fix.report"
"#;

fn body() -> [(&'static str, String); 1] {
    [("body.melody.toml", melody(BODY))]
}

#[test]
fn loops_and_nested_melodies_have_the_ports_of_their_bodies() {
    let root = melody(
        r#"
[types]
Same = { type = "object" }
[node.again]
loop = { body = "body.melody.toml", carry = { draft = "draft" }, until = "outputs.verdict == 'done' || iteration >= 3 || inputs.notes == ''", max = 5 }
in = { draft = { value = "x" } }
out = { verdict = "text" }
[node.once]
uses = "melody:body.melody.toml"
map = { over = { expr = "['a', 'b']" } }
in = { draft = "item" }
[outputs]
verdict = "again.verdict"
drafts = "once.draft"
report = "again.report"
"#,
    );
    let checked = check_files(&root, &body()).unwrap_or_else(|findings| panic!("{}", render(&findings, false)));
    assert_eq!(checked.melodies.len(), 2, "a body is checked once");
    let root = &checked.melodies[0];
    assert_eq!((root.nodes[0].body, root.nodes[1].body), (Some(1), Some(1)));
    assert!(root.nodes[0].players.is_empty());
    let outputs: Vec<String> = root.outputs.iter().map(PortType::to_string).collect();
    assert_eq!(outputs, ["text", "list<text>", "json<Same>"], "a schema keeps its meaning across files");
    assert_eq!(root.nodes[0].input_types, [PortType::Text]);
}

#[test]
fn mistakes_at_the_border_of_a_body() {
    let root = melody(
        r#"
[node.again]
loop = { body = "body.melody.toml", carry = { count = "draft", drafft = "notes", draft = "nots", verdict = "notes" }, until = "verdict == 'done' || outputs.veredict == '' || iteration.x > 1 || inputs.draf == '' || other.x", max = 5 }
in = { notes = { value = 3 }, extra = { value = 1 } }
out = { verdict = "int", more = "text" }
with = { temperature = 1 }
[node.once]
uses = "melody:nobody.melody.toml"
"#,
    );
    insta::assert_snapshot!(findings(&root, &body()));
}

#[test]
fn findings_of_a_body_name_its_file() {
    let files =
        [("body.melody.toml", melody("[node.a]\nuses = \"builtin:jsn\"\n")), ("broken.melody.toml", "name = ".into())];
    let root = melody(
        "[node.x]\nuses = \"melody:body.melody.toml\"\n[node.y]\nuses = \"melody:broken.melody.toml\"\n[node.z]\nuses = \"melody:broken.melody.toml\"\n",
    );
    insta::assert_snapshot!(findings(&root, &files));
}

#[test]
fn files_that_contain_each_other_are_refused() {
    let nest = |path: &str| melody(&format!("[node.n]\nuses = \"melody:{path}\"\n"));
    let files = [("a.melody.toml", nest("b.melody.toml")), ("b.melody.toml", nest("a.melody.toml"))];
    insta::assert_snapshot!(findings(&nest("a.melody.toml"), &files));
    let own = findings(&nest("test.melody.toml"), &[("test.melody.toml", String::new())]);
    assert!(own.contains("test.melody.toml → test.melody.toml"), "{own}");
}

#[test]
fn melodies_nest_to_a_bounded_depth() {
    let nest = |path: String| melody(&format!("[node.n]\nuses = \"melody:{path}\"\n"));
    let chain = |levels: usize| -> Result<Checked, Vec<Diagnostic>> {
        let paths: Vec<String> = (1..levels).map(|level| format!("m{level}.melody.toml")).collect();
        let files: Vec<(&str, String)> = paths
            .iter()
            .enumerate()
            .map(|(place, path)| {
                let text = paths
                    .get(place + 1)
                    .map_or_else(|| melody("[node.n]\nuses = \"operator:git/log\"\n"), |next| nest(next.clone()));
                (path.as_str(), text)
            })
            .collect();
        check_files(&nest("m1.melody.toml".to_owned()), &files)
    };
    assert_eq!(chain(super::super::MAX_DEPTH).unwrap().melodies.len(), super::super::MAX_DEPTH);
    let findings = chain(super::super::MAX_DEPTH + 1).unwrap_err();
    assert_eq!(findings[0].code, "too-deep");
    // A body that was checked already, nearer to the root, counts with what lies below it.
    let mut files: Vec<(String, String)> =
        (1..31).map(|level| (format!("m{level}.melody.toml"), nest(format!("m{}.melody.toml", level + 1)))).collect();
    files.push(("m31.melody.toml".into(), melody("[node.n]\nuses = \"operator:git/log\"\n")));
    files.push(("long.melody.toml".into(), nest("m1.melody.toml".into())));
    let root = melody("[node.n]\nuses = \"melody:m1.melody.toml\"\n[node.l]\nuses = \"melody:long.melody.toml\"\n");
    let files: Vec<(&str, String)> = files.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    assert_eq!(check_files(&root, &files).unwrap_err()[0].code, "too-deep");
}
