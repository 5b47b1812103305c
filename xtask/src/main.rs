//! The workspace's own tasks, run as `cargo xtask TASK`: one command for every check, one for line coverage.

mod coverage;
mod packages;
mod python;
mod steps;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
The workspace's own tasks.

Usage: cargo xtask TASK

Tasks:
  test [--quick]        formatting, lints, every test, the Python checks
                        (--quick: formatting, lints and the unit tests only)
  coverage [--html DIR] line coverage of the tests, one line a crate and the total
                        (--html: also a report to browse)
  python                make or refresh .venv with the pinned Python tools and run the Python checks

Environment:
  SYMPHONY_DATA         folder of real inputs for the tests (default: ../shared/data where it exists)
  PYTHON                interpreter that makes .venv (default: python3)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::run(&root(), test::Tier::Full),
        ["test", "--quick"] => test::run(&root(), test::Tier::Quick),
        ["coverage"] => coverage::run(&root(), None),
        ["coverage", "--html", folder] => coverage::run(&root(), Some(folder.as_ref())),
        ["python"] => python::check(&root()).map(|_| ()),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("unknown task `{}`\n\n{USAGE}", other.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root: the folder above this package.
fn root() -> PathBuf {
    // `cargo run` sets the variable at run time, so a moved checkout is found where it is now.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    package.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}
