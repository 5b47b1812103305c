//! Matching: which melodies an event concerns.

use super::{Armed, MelodyRow};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::melody::triggers::Ended;

/// Patterns, and the melody of each.
#[derive(Default)]
struct Patterns {
    set: GlobSet,
    melody: Vec<MelodyRow>,
}

/// Everything that melodies wait for, by kind.
#[derive(Default)]
pub(super) struct Matching {
    /// By the folder to which paths are relative.
    files: BTreeMap<PathBuf, Patterns>,
    artifacts: Patterns,
    topics: Patterns,
    /// By the name of the melody that is to end.
    after: BTreeMap<String, Vec<(MelodyRow, Ended)>>,
}

impl Matching {
    pub fn new(armed: &[Armed]) -> Self {
        let mut files: BTreeMap<PathBuf, Vec<(MelodyRow, &str)>> = BTreeMap::new();
        let (mut artifacts, mut topics) = (Vec::new(), Vec::new());
        let mut after: BTreeMap<String, Vec<(MelodyRow, Ended)>> = BTreeMap::new();
        for (row, melody) in (0..).zip(armed) {
            for event in &melody.on.events {
                if let Some(file) = &event.file {
                    files.entry(melody.folder.clone()).or_default().push((row, file));
                }
                artifacts.extend(event.artifact.as_deref().map(|pattern| (row, pattern)));
                topics.extend(event.topic.as_deref().map(|pattern| (row, pattern)));
            }
            for entry in &melody.on.after {
                after.entry(entry.melody.value.clone()).or_default().push((row, entry.ended));
            }
        }
        Self {
            files: files.into_iter().map(|(folder, patterns)| (folder, Patterns::new(&patterns, true))).collect(),
            artifacts: Patterns::new(&artifacts, false),
            topics: Patterns::new(&topics, false),
            after,
        }
    }

    /// Melodies that wait for a file.
    pub fn files(&self, path: &Path) -> Vec<MelodyRow> {
        let within = |(folder, patterns): (&PathBuf, &Patterns)| {
            path.strip_prefix(folder).map(|path| patterns.of(path)).unwrap_or_default()
        };
        once(self.files.iter().flat_map(within).collect())
    }

    /// Melodies that wait for an output: `MELODY.OUTPUT`.
    pub fn artifacts(&self, name: &str) -> Vec<MelodyRow> {
        self.artifacts.of(Path::new(name))
    }

    /// Melodies that wait for a topic.
    pub fn topics(&self, topic: &str) -> Vec<MelodyRow> {
        self.topics.of(Path::new(topic))
    }

    /// Melodies that follow another.
    pub fn after(&self, melody: &str, status: RunStatus) -> Vec<MelodyRow> {
        let wanted = |ended: Ended| match ended {
            Ended::Completed => status == RunStatus::Completed,
            Ended::Failed => matches!(status, RunStatus::Failed | RunStatus::Halted),
            Ended::Any => true,
        };
        let waiting = self.after.get(melody).into_iter().flatten();
        once(waiting.filter(|(_, ended)| wanted(*ended)).map(|(row, _)| *row).collect())
    }
}

impl Patterns {
    fn new(patterns: &[(MelodyRow, &str)], folders: bool) -> Self {
        let mut set = GlobSetBuilder::new();
        let mut melody = Vec::new();
        for (row, pattern) in patterns {
            // The reader has refused what is no pattern.
            if let Ok(glob) = GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(folders).build() {
                set.add(glob);
                melody.push(*row);
            }
        }
        Self { set: set.build().unwrap_or_default(), melody }
    }

    fn of(&self, path: &Path) -> Vec<MelodyRow> {
        once(self.set.matches(path).into_iter().filter_map(|at| self.melody.get(at).copied()).collect())
    }
}

/// Each melody once, in order.
fn once(mut rows: Vec<MelodyRow>) -> Vec<MelodyRow> {
    rows.sort_unstable();
    rows.dedup();
    rows
}
