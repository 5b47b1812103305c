use super::*;
use crate::melody::parse;

const TEXT: &str = r#"
format = 1
name = "t"
[inputs]
n = { type = "int", default = 1 }
[outputs]
sum = "c.text"
[node.a]
uses = "builtin:text/split"
in = { text = "inputs.n" }
[node.b]
uses = "operator:shell/run"
needs = ["a"]
with = { command = "echo a.x" }
[node.c]
uses = "builtin:template/render"
in = { list = "a.list", out = "b.stdout" }
if = "a.list != 'a' && b.exit == 0"
"#;

fn melody(text: &str) -> Melody {
    parse("t.melody.toml", text).unwrap_or_else(|found| panic!("{found:?}")).melody
}

fn compared(new: &str) -> MelodyDiff {
    diff(&melody(TEXT), &melody(new))
}

#[test]
fn layout_comments_and_order_do_not_count() {
    let (head, b) = TEXT.split_once("[node.b]").unwrap();
    let (b, c) = b.split_once("[node.c]").unwrap();
    let (head, a) = head.split_once("[node.a]").unwrap();
    let shuffled = format!("# a comment\n{head}\n\n[node.c]{c}[node.b]{b}\n[node.a]   # here too{a}");
    assert_eq!(compared(&shuffled), MelodyDiff::default());
}

#[test]
fn changed_keys_have_both_values() {
    let found = compared(&TEXT.replace("echo a.x", "echo b").replace("default = 1", "default = 2"));
    let changes = &found.changed["b"];
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].key.as_str(), &changes[0].old), ("with.command", &Some(Json::from("echo a.x"))));
    assert_eq!(changes[0].new, Some(Json::from("echo b")));
    assert_eq!(found.melody[0].key, "inputs.n.default");
    assert!(found.edges_added.is_empty() && found.added.is_empty());
}

#[test]
fn a_renamed_node_is_no_change_of_its_neighbours() {
    let text = TEXT.replace("[node.a]", "[node.first]").replace("\"a\"", "\"first\"");
    let text = text.replace("\"a.list\"", "\"first.list\"").replace("\"a.list != 'a'", "\"first.list != 'a'");
    let found = compared(&text);
    assert_eq!(found.renamed, [("a".to_owned(), "first".to_owned())]);
    assert_eq!(found, MelodyDiff { renamed: found.renamed.clone(), ..MelodyDiff::default() });
}

#[test]
fn chains_of_renamed_nodes_are_found() {
    let text = TEXT.replace("[node.b]", "[node.zz]").replace("b.stdout", "zz.stdout").replace("b.exit", "zz.exit");
    let text = text.replace("[node.a]", "[node.y]").replace("[\"a\"]", "[\"y\"]");
    let text = text.replace("\"a.list\"", "\"y.list\"").replace("\"a.list !=", "\"y.list !=");
    let found = compared(&text);
    assert_eq!(found.renamed, [("a".to_owned(), "y".to_owned()), ("b".to_owned(), "zz".to_owned())]);
    assert!(found.changed.is_empty(), "{found:?}");
}

#[test]
fn nodes_and_edges_come_and_go() {
    let new = TEXT.replace("list = \"a.list\", ", "").replace("needs = [\"a\"]\n", "")
        + "[node.d]\nuses = \"builtin:text/split\"\nin = { text = \"c.text\" }\n";
    let found = compared(&new);
    assert_eq!(found.added, ["d"]);
    assert_eq!(found.edges_added, [("c.text".to_owned(), "d.text".to_owned())]);
    let gone: Vec<_> = found.edges_removed.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(gone, [("a", "b"), ("a.list", "c.list")]);
    let back = diff(&melody(&new), &melody(TEXT));
    assert_eq!((back.removed, back.edges_added), (found.added, found.edges_removed));
}

#[test]
fn expressions_are_renamed_outside_quotes() {
    let names = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    assert_eq!(rename_expr("a.x == 'a' && x.a > a.a.a + ab", &names), "b.x == 'a' && x.a > b.a.a + ab");
}
