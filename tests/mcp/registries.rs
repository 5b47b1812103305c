//! Real servers from the registries: one of npm and one of PyPI. Each is installed once below `target/`. Where node or a
//! registry cannot be had, the test says so and skips.

use crate::house::{House, Said};
use crate::stand::{melody, output};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NPM: &str = "@modelcontextprotocol/server-everything@2026.8.31";
const PYPI: &str = "mcp-server-time==2026.10.19";

/// Where a server is installed, by what it is: another version has another folder.
fn folder(what: &str) -> PathBuf {
    let name: String = what.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-servers").join(name)
}

/// Runs the steps of an installation once. False when it cannot be done here, which is said.
fn installed(what: &str, steps: &mut [Command]) -> bool {
    let done = folder(what).join("installed");
    if done.exists() {
        return true;
    }
    std::fs::create_dir_all(folder(what)).unwrap();
    for step in steps {
        let skipped = |why: &str| eprintln!("SKIPPED: {what} cannot be installed here: {why}");
        match step.current_dir(folder(what)).stdin(Stdio::null()).output() {
            Err(error) => {
                skipped(&format!("{step:?}: {error}"));
                return false;
            }
            Ok(output) if !output.status.success() => {
                skipped(&String::from_utf8_lossy(&output.stderr));
                return false;
            }
            Ok(_) => {}
        }
    }
    std::fs::write(done, "").unwrap();
    true
}

fn command(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// A house in which the server is declared as `real`, and as `time`, as the documents call one.
fn house(server: &serde_json::Value) -> House {
    let house = House::new();
    house.write(".mcp.json", json!({ "mcpServers": { "real": server, "time": server } }).to_string());
    house
}

fn played(house: &House, node: &str, outputs: &str) -> Said {
    house.write("m.melody.toml", melody(node, outputs));
    house.expect(0, &["play", "m.melody.toml", "--json"])
}

#[test]
fn a_server_of_npm_plays() {
    let install = command("npm", &["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", ".", NPM]);
    if !installed(NPM, &mut [command("node", &["--version"]), install]) {
        return;
    }
    let program = folder(NPM).join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let house = house(&json!({ "command": "node", "args": [program, "stdio"] }));
    played(&house, "uses = \"mcp:real/get-sum\"\nin = { a = { value = 2 }, b = { value = 3.5 } }", "text = \"n.text\"");
    assert!(output(&house, "text").contains("5.5"), "{}", output(&house, "text"));
    let weather = "uses = \"mcp:real/get-structured-content\"\nin = { location = { value = \"New York\" } }";
    played(&house, weather, "warmth = \"n.temperature\"\nsky = \"n.conditions\"");
    assert!(output(&house, "warmth").parse::<f64>().is_ok(), "{}", output(&house, "warmth"));
    played(&house, "uses = \"mcp:real/get-tiny-image\"", "files = \"n.files\"");
    assert!(output(&house, "files").contains("image/png"), "{}", output(&house, "files"));
    let long = "uses = \"mcp:real/trigger-long-running-operation\"\nwith = { duration = 1, steps = 4 }";
    let said = played(&house, long, "text = \"n.text\"");
    assert!(said.lines.iter().any(|line| line["event"] == "progress"), "{}", said.stdout);
}

#[test]
fn a_server_of_pypi_plays() {
    let python = folder(PYPI).join("venv/bin/python");
    let mut steps =
        [command("python3", &["-m", "venv", "venv"]), command(&python, &["-m", "pip", "install", "--quiet", PYPI])];
    if !installed(PYPI, &mut steps) {
        return;
    }
    let house = house(&json!({ "command": python, "args": ["-m", "mcp_server_time", "--local-timezone", "UTC"] }));
    let node = r#"uses = "mcp:real/convert_time"
in = { source_timezone = { value = "UTC" }, time = { value = "12:00" } }
with = { target_timezone = "Asia/Tokyo" }"#;
    played(&house, node, "text = \"n.text\"");
    assert!(output(&house, "text").contains("21:00"), "{}", output(&house, "text"));
    // The melody of the documents plays as it is printed.
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/mcp.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    house.write("world-clock.melody.toml", shown);
    house.expect(0, &["play", "world-clock.melody.toml", "--quiet", "--input", "city_time=00:30"]);
    assert!(output(&house, "tokyo").contains("09:30"), "{}", output(&house, "tokyo"));
    house.write("m.melody.toml", melody(&node.replace("Asia/Tokyo", "Nowhere/At_All"), "text = \"n.text\""));
    let said = house.say(&["play", "m.melody.toml", "--json"]);
    let (class, message) = crate::stand::failure(&said);
    assert_eq!(class, "io", "{message}");
}
