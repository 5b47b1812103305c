//! Declarations: found in order, read with care, and what is wrong with them said with its cure.

use super::*;
use proptest::prelude::*;

fn places(project: &str, user: &str) -> (tempfile::TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("project/.git")).unwrap();
    std::fs::create_dir_all(folder.path().join("project/melodies")).unwrap();
    std::fs::write(folder.path().join("project/.mcp.json"), project).unwrap();
    std::fs::write(folder.path().join("mcp.json"), user).unwrap();
    let here = folder.path().join("project");
    let places = Places::of(Path::new("melodies/m.melody.toml"), &here, Some(folder.path().join("mcp.json")));
    (folder, places)
}

fn said(error: &CatalogError) -> String {
    format!("{} — {}", error.message, error.help.clone().unwrap_or_default())
}

#[test]
fn the_project_comes_before_the_person() {
    let project = r#"{ "mcpServers": { "Time": { "command": "near", "args": ["a"] } } }"#;
    let user = r#"{ "mcpServers": { "time": { "command": "far" }, "git": { "command": "git-mcp", "cwd": "/tmp" } } }"#;
    let (folder, places) = places(project, user);
    let time = places.find("time").unwrap();
    assert_eq!((time.words(), time.folder), (vec!["near".into(), "a".into()], Some(folder.path().join("project"))));
    assert_eq!(places.find("git").unwrap().folder, Some(PathBuf::from("/tmp")));
}

#[test]
fn an_unknown_server_says_what_is_near_and_where_was_looked() {
    let (_folder, places) = places(r#"{ "mcpServers": { "filesystem": { "command": "x" } } }"#, "{}");
    let text = said(&places.find("filesytem").unwrap_err());
    assert!(text.contains("did you mean `mcp:filesystem`?") && text.contains("melodies/.mcp.json"), "{text}");
    let text = said(&places.find("other").unwrap_err());
    assert!(text.contains("declared are `filesystem`") && text.contains("\"mcpServers\": { \"other\""), "{text}");
}

#[test]
fn what_cannot_be_used_has_a_place_and_a_cure() {
    for (text, wanted) in [
        ("{ \"mcpServers\": {\n  oops", ".mcp.json:2:3: not JSON"),
        ("[]", "not a JSON object"),
        (r#"{ "mcpServers": [] }"#, "`mcpServers` is not an object"),
        (r#"{ "mcpServers": { "x": 5 } }"#, "the server `x` is not an object"),
        (r#"{ "mcpServers": { "x": {} } }"#, "has no `command`"),
        (
            r#"{ "mcpServers": { "x": { "url": "https://a" } } }"#,
            "is reached by a URL — only servers that speak over standard input",
        ),
        (r#"{ "mcpServers": { "x": { "command": "" } } }"#, "`command` that is not text"),
        (r#"{ "mcpServers": { "x": { "command": "a", "args": "b" } } }"#, "`args` that are not a list"),
        (r#"{ "mcpServers": { "x": { "command": "a", "env": { "A": 1 } } } }"#, "`env` that is not an object of texts"),
        (
            r#"{ "mcpServers": { "x": { "command": "${NO_SUCH_VARIABLE_1}" } } }"#,
            "needs the environment variable NO_SUCH_VARIABLE_1",
        ),
    ] {
        let (_folder, places) = places(text, "{}");
        let said = said(&places.find("x").unwrap_err());
        assert!(said.contains(wanted), "{text}\n{said}");
    }
}

#[test]
fn only_names_of_variables_make_the_digest_and_their_values_are_secret() {
    let declared = |env: &str| {
        let (_folder, places) =
            places("{}", &format!(r#"{{ "mcpServers": {{ "x": {{ "command": "a", "env": {env} }} }} }}"#));
        places.find("x").unwrap()
    };
    let one =
        declared(r#"{ "API_KEY": "sk-one", "HOME": "${HOME}", "SEEN": "${PATH:-x}", "FROM": "${CARGO_PKG_NAME}" }"#);
    let two =
        declared(r#"{ "API_KEY": "sk-two", "HOME": "${HOME}", "SEEN": "${PATH:-x}", "FROM": "${CARGO_PKG_NAME}" }"#);
    assert_eq!(one.digest(), two.digest());
    assert_ne!(one.digest(), declared("{}").digest());
    assert_eq!(Declared::secrets(&one.env), ["sk-one", env!("CARGO_PKG_NAME")]);
}

proptest! {
    #[test]
    fn no_file_breaks_the_reader(text in "[\\[\\]{}\":,a-z0-9 \\\\]{0,60}", entry in "[\\[\\]{}\":,a-z0-9 ]{0,40}") {
        let (_folder, places) = places(&text, &format!("{{\"mcpServers\":{{\"x\":{entry}}}}}"));
        let _ = (places.find("x"), places.servers());
    }
}
