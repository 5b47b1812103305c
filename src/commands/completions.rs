//! `symphony completions`: what a shell needs to complete the command line.

use super::CommandLine;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony completions bash > ~/.local/share/bash-completion/completions/symphony
  symphony completions zsh > ~/.zfunc/_symphony
  symphony completions fish > ~/.config/fish/completions/symphony.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut CommandLine::command(), "symphony", &mut text);
        super::print(&text)
    }
}
