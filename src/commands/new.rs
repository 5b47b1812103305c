//! `symphony new`: writes a melody to start from.

use crate::exit::Exit;
use crate::failure::Failure;
use clap::Args;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Write a melody to start from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony new --list
  symphony new hello
  symphony new loop drafts/letter.melody.toml")]
pub struct New {
    /// Which template
    #[arg(required_unless_present = "list")]
    template: Option<String>,
    /// Where to write it [default: TEMPLATE.melody.toml]
    path: Option<PathBuf>,
    /// List the templates
    #[arg(long)]
    list: bool,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

/// A melody to start from, with the bodies it uses. `@NAME@` stands for the name that the person chose.
struct Template {
    name: &'static str,
    summary: &'static str,
    /// What follows the chosen name in the file's name, and the text.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! template {
    ($name:literal, $summary:literal $(, $suffix:literal)*) => {
        Template {
            name: $name,
            summary: $summary,
            files: &[
                (".melody.toml", include_str!(concat!("../templates/", $name, ".melody.toml"))),
                $((concat!("-", $suffix, ".melody.toml"),
                    include_str!(concat!("../templates/", $name, "-", $suffix, ".melody.toml"))),)*
            ],
        }
    };
}

const TEMPLATES: &[Template] = &[
    template!("hello", "one node and one input: the smallest melody"),
    template!("pipeline", "steps in sequence and in parallel, and one that plays only sometimes"),
    template!("map", "the same step for every item of a list, a few at a time"),
    template!("loop", "draft, judge and rewrite until it is good enough", "body"),
    template!("approval", "a person says yes before the last step, which can be undone"),
    template!("model", "an AI model with a fallback, retries and a budget"),
];

impl New {
    pub fn run(self) -> Result<Exit, Failure> {
        if self.list {
            return super::print(listing().as_bytes());
        }
        let wanted = self.template.unwrap_or_default();
        let template = TEMPLATES.iter().find(|template| template.name == wanted).ok_or_else(|| {
            Failure::usage(format!("there is no template `{wanted}`"))
                .help(format!("the templates are: {}", TEMPLATES.iter().map(|t| t.name).collect::<Vec<_>>().join(", ")))
        })?;
        let base = base(self.path.as_deref().unwrap_or(Path::new(template.name)))?;
        let files: Vec<(PathBuf, String)> =
            template.files.iter().map(|(suffix, text)| base.file(suffix, text)).collect();
        if !self.force
            && let Some((path, _)) = files.iter().find(|(path, _)| path.exists())
        {
            return Err(Failure::usage(format!("{} is there already", path.display()))
                .help("choose another name, or write over it with --force"));
        }
        for (path, text) in &files {
            write(path, text, self.force)?;
        }
        let mut said = String::new();
        for (path, _) in &files {
            let _ = writeln!(said, "wrote {}", path.display());
        }
        if let Some((path, _)) = files.first() {
            let _ = writeln!(said, "play it with: symphony play {}", path.display());
        }
        super::print(said.as_bytes())
    }
}

fn listing() -> String {
    let widest = TEMPLATES.iter().map(|template| template.name.len()).max().unwrap_or(0);
    TEMPLATES.iter().map(|template| format!("{:<widest$}  {}\n", template.name, template.summary)).collect()
}

/// The folder and the name that a person means by a path, with or without `.melody.toml`.
pub(super) struct Base {
    pub(super) folder: PathBuf,
    pub(super) name: String,
}

/// Reads such a path.
pub(super) fn base(path: &Path) -> Result<Base, Failure> {
    let bad = || {
        Failure::usage(format!("`{}` is no name for a melody", path.display()))
            .help("names of melodies are made of letters, digits, dashes and underscores: drafts/my-letter")
    };
    let file = path.file_name().and_then(|name| name.to_str()).ok_or_else(bad)?;
    let name = file.strip_suffix(".melody.toml").or_else(|| file.strip_suffix(".toml")).unwrap_or(file);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(plain) {
        return Err(bad());
    }
    Ok(Base { folder: path.parent().unwrap_or(Path::new("")).to_path_buf(), name: name.to_owned() })
}

impl Base {
    fn file(&self, suffix: &str, text: &str) -> (PathBuf, String) {
        // Names within the format are lower-case; files keep what the person wrote.
        let name = self.name.to_ascii_lowercase().replace('_', "-");
        let text = text.replace("@NAME@", &name).replace("@FILE@", &self.name);
        (self.folder.join(format!("{}{suffix}", self.name)), text)
    }
}

fn write(path: &Path, text: &str, over: bool) -> Result<(), Failure> {
    let bad = |error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(bad)?;
    }
    let mut options = File::options();
    if over {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!("{} is there already", path.display())),
        _ => bad(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_with_and_without_their_ending() {
        for (path, folder, name) in [("a/My_note", "a", "My_note"), ("x.melody.toml", "", "x"), ("b/y.toml", "b", "y")]
        {
            let base = base(Path::new(path)).unwrap();
            assert_eq!((base.folder.to_str(), base.name.as_str()), (Some(folder), name));
        }
        for path in ["", "..", "a b", "1st", "é"] {
            assert!(base(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello.melody.toml");
        let new = |force| New { template: Some("hello".into()), path: Some(path.clone()), list: false, force }.run();
        new(false).unwrap();
        fs::write(&path, "mine").unwrap();
        assert_eq!(new(false).unwrap_err().exit, Exit::Usage);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        new(true).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("name   = \"hello\""));
    }

    #[test]
    fn every_placeholder_is_filled() {
        for template in TEMPLATES {
            for (suffix, text) in template.files {
                let (_, text) = base(Path::new("my_tune")).unwrap().file(suffix, text);
                assert!(!text.contains("@NAME@") && !text.contains("@FILE@"), "{}{suffix}", template.name);
                assert!(text.contains("my-tune"), "{}{suffix}", template.name);
            }
        }
    }
}
