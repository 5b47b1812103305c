//! Python checks: ruff and mypy over every Python file of the repository, from a virtual environment of its own.

use crate::steps;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What `.venv` holds; a change of a line makes it anew.
const TOOLS: [&str; 2] = ["ruff==0.17.6", "mypy==2.4.1"];

/// Folders whose Python is not ours.
const FOREIGN: [&str; 2] = ["benches/peers/.build/", "benches/peers/target/"];

/// Folders whose Python uses libraries that are not installed here; it is linted, not typed.
const UNTYPED: [&str; 1] = ["benches/peers/"];

/// What became of the checks.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They ran and hold.
    Passed,
    /// They could not run on this machine.
    Skipped(String),
}

/// Makes `.venv` if it is missing or old, then runs the checks. A machine that cannot install the tools is told so and
/// skips them; a check that fails is an error.
pub fn check(root: &Path) -> Result<Outcome, String> {
    let files = files(root)?;
    if files.is_empty() {
        return Ok(Outcome::Passed);
    }
    if let Err(why) = environment(root) {
        eprintln!("\n!!! the Python checks are SKIPPED: {why}");
        return Ok(Outcome::Skipped(why));
    }
    let ruff = root.join(".venv/bin/ruff");
    let listed: Vec<&str> = files.iter().map(String::as_str).collect();
    let with = |words: &[&'static str]| [words, &listed].concat();
    steps::run("ruff", &mut steps::command(root, &ruff, &with(&["check", "--quiet"])))?;
    steps::run("ruff format", &mut steps::command(root, &ruff, &with(&["format", "--check", "--quiet"])))?;
    let mypy = root.join(".venv/bin/mypy");
    for group in mypy_groups(root, &files) {
        let title = format!("mypy --strict {}", group.join(" "));
        let mut words = vec!["--strict", "--no-error-summary", "--cache-dir", "target/mypy"];
        words.extend(group.iter().map(String::as_str));
        steps::run(&title, &mut steps::command(root, &mypy, &words))?;
    }
    Ok(Outcome::Passed)
}

/// The Python files of the repository that are ours, tracked or new, sorted.
fn files(root: &Path) -> Result<Vec<String>, String> {
    let words = ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.py"];
    let listing = steps::output(&mut steps::command(root, "git", &words))
        .ok_or("git cannot list the files of the repository (is this a checkout?)")?;
    let ours = |file: &&str| !FOREIGN.iter().any(|folder| file.starts_with(folder)) && root.join(file).is_file();
    let files: BTreeSet<String> = listing.lines().filter(ours).map(str::to_owned).collect();
    Ok(files.into_iter().collect())
}

/// What mypy sees together: a package as a whole, everything else file by file (players stand alone, and many of them
/// are called `player.py`).
fn mypy_groups(root: &Path, files: &[String]) -> Vec<Vec<String>> {
    let package = |folder: &Path| root.join(folder).join("__init__.py").is_file();
    let mut groups = BTreeSet::new();
    for file in files.iter().filter(|file| !UNTYPED.iter().any(|folder| file.starts_with(folder))) {
        let folders = Path::new(file).ancestors().skip(1);
        let outermost: Option<PathBuf> = folders.take_while(|folder| package(folder)).last().map(Path::to_path_buf);
        groups.insert(outermost.map_or_else(|| file.clone(), |folder| folder.display().to_string()));
    }
    groups.into_iter().map(|group| vec![group]).collect()
}

/// Makes `.venv` and installs the tools, unless it is there with the same pins.
fn environment(root: &Path) -> Result<(), String> {
    let folder = root.join(".venv");
    let stamp = folder.join("symphony-tools.txt");
    let pins = TOOLS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == pins) {
        return Ok(());
    }
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    steps::run("make .venv", &mut steps::command(root, &python, &["-m", "venv", ".venv"]))?;
    let mut words = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    words.extend_from_slice(&TOOLS);
    steps::run("install the Python tools", &mut steps::command(root, folder.join("bin/python"), &words))?;
    std::fs::write(&stamp, pins).map_err(|error| format!("{}: {error}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_checked_whole_and_scripts_alone() {
        let root = std::env::temp_dir().join(format!("xtask-groups-{}", std::process::id()));
        std::fs::create_dir_all(root.join("p/q/inner")).unwrap();
        for file in ["p/q/__init__.py", "p/q/inner/__init__.py", "p/q/inner/a.py", "p/one.py"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        let files = ["p/one.py", "p/q/__init__.py", "p/q/inner/__init__.py", "p/q/inner/a.py"].map(String::from);
        let groups = mypy_groups(&root, &files);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(groups, [vec!["p/one.py".to_owned()], vec!["p/q".to_owned()]]);
    }
}
