//! `cargo xtask test`: everything that must hold before a change lands, in the order in which it fails fastest.

use crate::{packages, python, steps};
use std::path::{Path, PathBuf};

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Everything of the default tier.
    Full,
    /// Formatting, lints, unit tests.
    Quick,
}

/// Runs the checks; the first that fails stops the rest.
pub fn run(root: &Path, tier: Tier) -> Result<(), String> {
    packages::ensure(root)?;
    steps::run("formatting", &mut steps::cargo(root, &["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps::run("lints", &mut steps::cargo(root, &lints))?;
    let python = match tier {
        Tier::Full => Some(python::check(root)?),
        Tier::Quick => None,
    };
    let (title, arguments): (_, &[&str]) = match tier {
        Tier::Full => ("tests", &["test", "--workspace", "--no-fail-fast"]),
        Tier::Quick => ("unit tests", &["test", "--workspace", "--lib", "--bins"]),
    };
    let mut tests = steps::cargo(root, arguments);
    match data(root) {
        Some(folder) => {
            tests.env("SYMPHONY_DATA", folder);
        }
        None => eprintln!("\nSYMPHONY_DATA is not set: tests that read real inputs are skipped, and say so"),
    }
    steps::run(title, &mut tests)?;
    if let Some(python::Outcome::Skipped(why)) = python {
        // Said again at the end, where it is read.
        eprintln!("\n!!! the Python checks were SKIPPED: {why}");
    }
    Ok(())
}

/// The folder of real inputs: as the person says, else beside the checkout.
pub fn data(root: &Path) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("SYMPHONY_DATA") {
        return Some(PathBuf::from(folder));
    }
    root.join("../shared/data").canonicalize().ok()
}
