//! The floors of the house: which crate may stand on which. Arrows point down only.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every crate of the workspace and the crates of the workspace that it may use.
const FLOORS: &[(&str, &[&str])] = &[
    ("symphony-ecs-core", &[]),
    ("symphony-interchange", &["symphony-ecs-core"]),
    ("symphony-layout", &[]),
    ("symphony-render", &["symphony-layout"]),
    ("symphony-extensions", &["symphony-ecs-core"]),
    ("symphony-pit", &["symphony-ecs-core"]),
    ("symphony-systems", &["symphony-ecs-core", "symphony-pit"]),
    ("symphony-conductor", &["symphony-ecs-core", "symphony-pit", "symphony-systems"]),
    ("symphony-editor", &["symphony-ecs-core", "symphony-layout", "symphony-render"]),
    ("xtask", &[]),
];

/// Crates that stand on the roof and may use everything.
const ROOF: &[&str] = &["symphony", "symphony-benches"];

/// What the lowest floor must not know: disks, networks, interpreters, devices.
const NOT_IN_ECS_CORE: &[&str] = &["pyo3", "rusqlite", "tokio", "ureq", "wgpu", "winit"];

#[test]
fn no_crate_depends_on_one_above_it() {
    let packages = packages();
    let members: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let floors: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, dependencies) in &packages {
        if ROOF.contains(&name.as_str()) {
            continue;
        }
        let Some(allowed) = floors.get(name.as_str()) else {
            wrong.push(format!("{name} has no floor: give it one in tests/floors.rs and in ARCHITECTURE.md"));
            continue;
        };
        for dependency in dependencies.iter().filter(|dependency| members.contains(dependency.as_str())) {
            if !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} uses {dependency}, which is not below it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(packages.len() >= 6, "the workspace was not read: {members:?}");
}

#[test]
fn the_score_knows_no_disk_no_network_and_no_device() {
    let packages = packages();
    let score = packages.get("symphony-ecs-core").expect("the workspace has the score");
    let known: Vec<&String> = score.iter().filter(|name| NOT_IN_ECS_CORE.contains(&name.as_str())).collect();
    assert!(known.is_empty(), "symphony-ecs-core uses {known:?}");
}

/// The members of the workspace and everything they depend on directly, for building, testing or playing.
fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let dependencies = |package: &serde_json::Value| {
        package["dependencies"].as_array().expect("dependencies").iter().map(name).collect()
    };
    packages.iter().map(|package| (name(package), dependencies(package))).collect()
}
