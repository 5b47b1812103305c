//! Hidden subcommands: the helper processes of the stage are this program itself.
//!
//! They are told apart before the command line is read, because they start often and take arguments as they are.

use std::ffi::OsString;
use std::process::ExitCode;
use symphony_extensions::{bundled, host, mcp, sdk};

/// Does what a helper process is for, if this is one.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    match arguments.next()?.to_str()? {
        "__launch" => Some(host::launch(arguments)),
        "__guard" => Some(host::guard()),
        "__mcp" => Some(mcp::helper(arguments)),
        "__player" => Some(player(&arguments.next().unwrap_or_default().to_string_lossy())),
        _ => None,
    }
}

/// Plays a bundled player until the host closes the bus.
fn player(name: &str) -> ExitCode {
    match bundled::player(name) {
        Some(player) => sdk::serve(&*player),
        None => {
            eprintln!("there is no bundled player `{name}`");
            ExitCode::from(2)
        }
    }
}
