//! The loop of a player's process.

use super::Player;
use std::process::ExitCode;

/// See [`super::serve`].
pub(super) fn serve(_player: &dyn Player) -> ExitCode {
    eprintln!("this program is a player: a Symphony host starts it (SYMPHONY_BUS_FD is not set)");
    ExitCode::from(2)
}
