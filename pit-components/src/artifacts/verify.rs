//! A walk through the whole store that reads everything and lists what is damaged.

use super::layout::{self, TMP};
use super::store::{Store, io_error};
use std::path::{Path, PathBuf};
use symphony_ecs_core::ports::ArtifactError;
use symphony_ecs_core::value::Digest;

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Artifacts that match their digest.
    pub sound: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// Artifacts that do not, in the order of their digests.
    pub damaged: Vec<Damage>,
    /// Files that do not belong there.
    pub strays: Vec<PathBuf>,
}

/// An artifact that cannot be handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which one.
    pub digest: Digest,
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong, for people.
    pub message: String,
}

impl Store {
    /// Reads every artifact and compares it with its digest. Costs a reading of the whole store.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] if a folder cannot be listed. A file that cannot be read is listed as damaged.
    pub fn verify(&self) -> Result<Report, ArtifactError> {
        let mut report = Report::default();
        for folder in self.names(self.root())? {
            let path = self.root().join(&folder);
            match folder.as_str() {
                TMP => {}
                name if layout::is_folder(name) => self.verify_folder(name, &path, &mut report)?,
                _ => report.strays.push(path),
            }
        }
        Ok(report)
    }

    fn verify_folder(&self, folder: &str, path: &Path, report: &mut Report) -> Result<(), ArtifactError> {
        for file in self.names(path)? {
            let path = path.join(&file);
            let Some(digest) = layout::digest_at(folder, &file) else {
                report.strays.push(path);
                continue;
            };
            match self.check(&digest) {
                Ok(len) => {
                    report.sound += 1;
                    report.bytes += len;
                }
                // Somebody removed it since the folder was listed.
                Err(ArtifactError::Missing(_)) => {}
                Err(error) => report.damaged.push(Damage { digest, path, message: error.to_string() }),
            }
        }
        Ok(())
    }

    fn names(&self, path: &Path) -> Result<Vec<String>, ArtifactError> {
        self.disk().read_dir(path).map_err(|error| io_error(path, error))
    }
}
