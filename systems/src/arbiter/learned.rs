//! What was learned, on the disk: a memory between processes, never a record. A file that cannot be read, or that a
//! newer program wrote, is said and begun anew; nothing fails for it.

use super::post::Arbiter;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use symphony_pit::arbitration::Experience;

/// Version of the file.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    skills: Vec<Skill>,
}

#[derive(Serialize, Deserialize)]
struct Skill {
    resource: String,
    work: String,
    #[serde(flatten)]
    seen: Experience,
}

/// Puts back what `path` keeps. The warning says why nothing was.
pub fn load(arbiter: &Arbiter, path: &Path) -> Option<String> {
    let anew = |why: String| Some(format!("{}: {why}; the arbiter learns anew", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return anew(error.to_string()),
    };
    match serde_json::from_str::<File>(&text) {
        Ok(file) if file.version == VERSION => {
            let skills = file.skills.into_iter().map(|one| (one.resource, one.work, one.seen));
            arbiter.learn(&skills.collect::<Vec<_>>());
            None
        }
        Ok(file) => anew(format!("version {} is not {VERSION}, which this program knows", file.version)),
        Err(error) => anew(error.to_string()),
    }
}

/// Writes down what was learned: beside the file first, then in its place.
///
/// # Errors
/// What the disk says.
pub fn save(arbiter: &Arbiter, path: &Path) -> io::Result<()> {
    let learned = arbiter.learned().into_iter();
    let skills: Vec<Skill> = learned.map(|(resource, work, seen)| Skill { resource, work, seen }).collect();
    if skills.is_empty() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(serde_json::to_string(&File { version: VERSION, skills })?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
