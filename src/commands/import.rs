//! `symphony import`: a workflow of another tool becomes a melody.

use super::new::base;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::whole::{Over, write_all};
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use symphony_interchange::{Format, Imported, Refusal, Report, import};

/// Turn a workflow of another tool into a melody
///
/// Reads WfFormat, n8n, ComfyUI and Graphviz; which one is found out. Writes NAME.melody.toml and what belongs to it
/// (bodies of loops, subgraphs, pins), and says by name and place what a melody cannot say. Node types that are not
/// installed become nodes that need a player: `symphony check` names them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony import flow.json
  symphony import rules.gv --out rules
  symphony import trace.json --from wfformat --json")]
pub struct Import {
    /// The workflow
    file: PathBuf,
    /// Its format [default: found out]
    #[arg(long, value_enum, value_name = "FORMAT")]
    from: Option<From>,
    /// Where to write the melody [default: the file's name, in the current folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    /// Print one JSON object: format, nodes, edges, unsupported
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// A recorded execution (WfCommons)
    Wfformat,
    /// An export of n8n
    N8n,
    /// A workflow of ComfyUI, or a prompt of its API
    Comfyui,
    /// A graph of Graphviz
    Dot,
}

impl From {
    fn format(self) -> Format {
        match self {
            Self::Wfformat => Format::WfFormat,
            Self::N8n => Format::N8n,
            Self::Comfyui => Format::ComfyUi,
            Self::Dot => Format::Dot,
        }
    }
}

impl Import {
    pub fn run(self) -> Result<Exit, Failure> {
        let base = base(self.out.as_deref().unwrap_or(&named_after(&self.file)))?;
        let shown = self.file.display();
        let bytes = files::read_bytes(&self.file).map_err(|why| {
            Failure::new(Exit::Melody, format!("{shown}: {why}")).help("give the file that the other tool exported")
        })?;
        let imported =
            import(&base.name, &bytes, self.from.map(From::format)).map_err(|refusal| refused(&self.file, &refusal))?;
        let over = if self.force { Over::Write } else { Over::Refuse };
        let written: Vec<(PathBuf, String)> =
            imported.files.iter().map(|file| (base.folder.join(&file.name), file.text.clone())).collect();
        write_all(&written, over)?;
        let text = if self.json { as_json(&imported.report) } else { summary(&written, &imported) };
        super::print(text.as_bytes())
    }
}

/// The file's name with what a melody's name may hold, in the current folder.
fn named_after(file: &Path) -> PathBuf {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name = String::with_capacity(stem.len());
    for c in stem.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches(['-', '_']);
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let name: String = if begins { name.to_owned() } else { format!("melody-{name}") };
    PathBuf::from(name.chars().take(100).collect::<String>().trim_end_matches('-'))
}

fn refused(file: &Path, refusal: &Refusal) -> Failure {
    let message = match refusal.place {
        Some((line, column)) => format!("{}:{line}:{column}: {}", file.display(), refusal.message),
        None => format!("{}: {}", file.display(), refusal.message),
    };
    Failure::new(Exit::Melody, message).help(refusal.help.clone())
}

fn as_json(report: &Report) -> String {
    let unsupported: Vec<serde_json::Value> = report
        .unsupported
        .iter()
        .map(|entry| serde_json::json!({ "what": entry.what, "where": entry.place }))
        .collect();
    let object = serde_json::json!({
        "format": report.format.word(),
        "nodes": report.nodes,
        "edges": report.edges,
        "unsupported": unsupported,
    });
    format!("{object}\n")
}

fn summary(written: &[(PathBuf, String)], imported: &Imported) -> String {
    /// More are a matter for `--json`.
    const SHOWN: usize = 40;
    let report = &imported.report;
    let mut text = String::new();
    for (path, _) in written {
        let _ = writeln!(text, "wrote {}", path.display());
    }
    let _ = writeln!(text, "{}: {} nodes, {} edges", report.format.word(), report.nodes, report.edges);
    let all = report.unsupported.len();
    if all > 0 {
        let _ = writeln!(text, "not carried over ({all}):");
    }
    for entry in report.unsupported.iter().take(SHOWN) {
        let _ = writeln!(text, "  {} — {}", entry.what, entry.place);
    }
    if all > SHOWN {
        let _ = writeln!(text, "  and {} more: --json lists them all", all - SHOWN);
    }
    if let Some((path, _)) = written.first() {
        let _ = writeln!(text, "see who must play it with: symphony check {}", path.display());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_give_names_that_melodies_may_have() {
        for (file, name) in [
            ("a/My flow (v2).json", "My-flow-v2"),
            ("3d_scene.json", "melody-3d_scene"),
            ("日本.gv", "melody"),
            ("ok.tar.gv", "ok-tar"),
        ] {
            assert_eq!(named_after(Path::new(file)), PathBuf::from(name));
            base(&named_after(Path::new(file))).unwrap();
        }
    }
}
