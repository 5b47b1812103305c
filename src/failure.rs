//! A failure at the border: what a person reads when a command cannot do what it was asked, and the exit code.

use crate::exit::Exit;
use std::fmt;
use std::path::Path;

/// Why a command ended without doing its work.
#[derive(Debug)]
pub struct Failure {
    /// The program's exit code.
    pub exit: Exit,
    /// What is wrong and where, in one sentence. Empty when everything has been said already (diagnostics).
    message: String,
    /// The cure.
    help: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), help: None }
    }

    /// A failure of which everything has been printed already.
    pub fn said(exit: Exit) -> Self {
        Self { exit, message: String::new(), help: None }
    }

    /// The command line is wrong in a way that clap cannot see.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The state folder cannot be used as it should.
    pub fn state(message: impl fmt::Display) -> Self {
        Self::new(Exit::State, message)
    }

    /// A file of the state folder could not be read or written; says the cure for the usual causes.
    pub fn state_io(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let help = match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "make the folder writable, or put the state elsewhere with --state DIR (or SYMPHONY_STATE)"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "free some space, or put the state on another disk with --state DIR; nothing committed is lost"
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "something that is not a folder stands where the state folder should be; move it, or use --state DIR"
            }
            _ => return Self::state(format!("{}: {error}", path.display())),
        };
        Self::state(format!("{}: {error}", path.display())).help(help)
    }

    /// Adds the cure.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return Ok(());
        }
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_folder_comes_with_its_cure() {
        let error = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
        let text = Failure::state_io(Path::new("/x/.symphony"), &error).to_string();
        assert!(text.starts_with("error: /x/.symphony: "), "{text}");
        assert!(text.contains("--state DIR"), "{text}");
    }

    #[test]
    fn what_has_been_said_is_not_said_again() {
        assert_eq!(Failure::said(Exit::Melody).to_string(), "");
    }
}
