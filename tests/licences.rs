//! Licences of dependencies: each must offer one that `deny.toml` accepts, and each must come from the registry.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn every_dependency_offers_an_accepted_licence() {
    let accepted = accepted();
    let mut wrong = Vec::new();
    let dependencies = dependencies();
    for (name, licence, source) in &dependencies {
        if !source.starts_with("registry+https://github.com/rust-lang/crates.io-index") {
            wrong.push(format!("{name} comes from {source}, not from crates.io"));
        }
        if !offers(licence, &accepted) {
            wrong.push(format!("{name} is licensed under `{licence}`, which deny.toml does not accept"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(dependencies.len() > 50, "the dependencies were not read");
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let accepted: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(String::from).into();
    for good in ["MIT", "MIT/GPL-3.0", "(GPL-2.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR GPL-3.0"] {
        assert!(offers(good, &accepted), "{good}");
    }
    for bad in ["", "GPL-3.0-only", "MIT AND GPL-3.0", "(GPL-2.0 OR LGPL-3.0) AND MIT", "Apache-2.0"] {
        assert!(!offers(bad, &accepted), "{bad}");
    }
}

/// `[licenses] allow` of `deny.toml`.
fn accepted() -> BTreeSet<String> {
    let text = include_str!("../deny.toml");
    let (_, list) = text.split_once("allow = [").expect("the list of licences");
    let (list, _) = list.split_once(']').expect("its end");
    list.split(',').map(|word| word.trim().trim_matches('"').to_owned()).filter(|word| !word.is_empty()).collect()
}

/// Name, licence expression and source of every package that this machine builds and that is not ours.
fn dependencies() -> Vec<(String, String, String)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let host = Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let host = String::from_utf8(host).expect("UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned();
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1", "--filter-platform", &host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let foreign = packages.filter(|package| package["source"].is_string());
    foreign.map(|package| (text(&package["name"]), text(&package["license"]), text(&package["source"]))).collect()
}

/// Whether an SPDX expression (or the older `A/B`) can be met with the accepted licences alone.
fn offers(expression: &str, accepted: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let met = any_of(&words, &mut place, accepted);
    met && place == words.len()
}

fn any_of(words: &[&str], place: &mut usize, accepted: &BTreeSet<String>) -> bool {
    let mut met = all_of(words, place, accepted);
    while words.get(*place) == Some(&"OR") {
        *place += 1;
        met |= all_of(words, place, accepted);
    }
    met
}

fn all_of(words: &[&str], place: &mut usize, accepted: &BTreeSet<String>) -> bool {
    let mut met = one(words, place, accepted);
    while words.get(*place) == Some(&"AND") {
        *place += 1;
        met &= one(words, place, accepted);
    }
    met
}

fn one(words: &[&str], place: &mut usize, accepted: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*place) else { return false };
    *place += 1;
    if *word == "(" {
        let met = any_of(words, place, accepted);
        *place += 1;
        return met;
    }
    let mut licence = (*word).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*place), words.get(*place + 1)) {
        licence = format!("{word} WITH {exception}");
        *place += 2;
    }
    accepted.contains(&licence)
}
