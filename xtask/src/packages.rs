//! System packages: what `.ci/packages` lists, which of them is missing, and how it gets here.

use crate::steps;
use std::path::Path;

/// A line of `.ci/packages`.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    /// The Debian package.
    name: String,
    /// A shell command that succeeds where the package is not needed any more.
    probe: String,
    /// Tests skip without it.
    optional: bool,
}

/// Installs the missing packages where apt-get and the right to use it are at hand; names them otherwise.
pub fn ensure(root: &Path) -> Result<(), String> {
    let path = root.join(".ci/packages");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let missing = parse(&text).into_iter().filter(|package| !present(root, package));
    let (optional, missing): (Vec<Package>, Vec<Package>) = missing.partition(|package| package.optional);
    if !optional.is_empty() {
        let names: Vec<&str> = optional.iter().map(|package| package.name.as_str()).collect();
        if let Err(why) = install(root, &names) {
            eprintln!("some tests will say that they skip: {why}");
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name.as_str()).collect();
    install(root, &names)?;
    match missing.iter().find(|package| !present(root, package)) {
        None => Ok(()),
        Some(package) => Err(format!("{} is installed, but `{}` still fails", package.name, package.probe)),
    }
}

/// Installs Debian packages, or says who has to.
pub fn install(root: &Path, names: &[&str]) -> Result<(), String> {
    let list = names.join(" ");
    let apt = steps::succeeds(&mut steps::command(root, "apt-get", &["--version"]));
    let is_root = steps::output(&mut steps::command(root, "id", &["-u"])).is_some_and(|id| id.trim() == "0");
    if !apt {
        return Err(format!("system packages are missing; install what Debian calls: {list}"));
    }
    if !is_root {
        return Err(format!("system packages are missing; run: sudo apt-get install -y {list}"));
    }
    let mut update = steps::command(root, "apt-get", &["update", "-q"]);
    // An old list of packages may still do; the install decides.
    let _ = steps::run("apt-get update", &mut update);
    let mut words = vec!["install", "-y", "-q", "--no-install-recommends"];
    words.extend_from_slice(names);
    let mut command = steps::command(root, "apt-get", &words);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    steps::run(&format!("apt-get install {list}"), &mut command)
}

fn present(root: &Path, package: &Package) -> bool {
    steps::succeeds(&mut steps::command(root, "sh", &["-c", &package.probe]))
}

fn parse(text: &str) -> Vec<Package> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let package = |line: &str| {
        let (name, probe) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (name, optional) = name.strip_prefix('?').map_or((name, false), |name| (name, true));
        let probe = match probe.trim() {
            "" => format!("dpkg -s {name}"),
            probe => probe.to_owned(),
        };
        Package { name: name.to_owned(), probe, optional }
    };
    lines.map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_a_package_and_a_probe() {
        let packages = parse("# words\n\n git   git --version\n?libtbb-dev\n");
        let expected = [("git", "git --version", false), ("libtbb-dev", "dpkg -s libtbb-dev", true)];
        let expected =
            expected.map(|(name, probe, optional)| Package { name: name.into(), probe: probe.into(), optional });
        assert_eq!(packages, expected);
    }

    #[test]
    fn the_repository_list_parses() {
        let text = include_str!("../../.ci/packages");
        assert!(parse(text).iter().any(|package| package.name == "git"));
    }
}
