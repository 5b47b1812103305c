//! A recorded execution as plain data, ready to be scheduled again.

/// An execution of a workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The workflow's name.
    pub name: String,
    /// What it says about itself.
    pub description: Option<String>,
    /// The version of the schema, as written.
    pub schema: String,
    /// The system that ran it, with its version.
    pub system: Option<String>,
    /// How long it took in all.
    pub makespan_s: Option<f64>,
    /// When it ran, as written.
    pub executed_at: Option<String>,
    /// Machines that took part.
    pub machines: Vec<Machine>,
    /// Files that were read or written.
    pub files: Vec<DataFile>,
    /// The tasks in the order of the text.
    pub tasks: Vec<Task>,
}

/// A machine of the recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its cores.
    pub cores: Option<u64>,
    /// Clock of a core.
    pub mhz: Option<f64>,
    /// Its memory.
    pub memory_bytes: Option<u64>,
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataFile {
    /// Its name.
    pub id: String,
    /// Its size, where it is known.
    pub bytes: Option<u64>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its id, unique among the tasks.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What kind of task it is: tasks of one category do the same work on different data.
    pub category: String,
    /// How long it ran; 0 where that is not recorded.
    pub runtime_s: f64,
    /// Cores it ran on.
    pub cores: Option<f64>,
    /// Use of a core, in percent.
    pub avg_cpu: Option<f64>,
    /// Memory it took.
    pub memory_bytes: Option<u64>,
    /// Bytes it read.
    pub read_bytes: Option<u64>,
    /// Bytes it wrote.
    pub written_bytes: Option<u64>,
    /// Its priority.
    pub priority: Option<f64>,
    /// Names of the machines it ran on.
    pub machines: Vec<String>,
    /// The program that ran.
    pub program: Option<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Tasks that came before it, by their place in [`Recorded::tasks`], in rising order, each once.
    pub parents: Vec<u32>,
    /// Files it read, by their place in [`Recorded::files`].
    pub inputs: Vec<u32>,
    /// Files it wrote, by their place in [`Recorded::files`].
    pub outputs: Vec<u32>,
}

impl Recorded {
    /// Links between parent and child.
    pub fn edges(&self) -> usize {
        self.tasks.iter().map(|task| task.parents.len()).sum()
    }
}

/// The category of a task by its name: the name without the number that tells it from its siblings.
pub(crate) fn category_of(name: &str) -> &str {
    let trimmed = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if trimmed.len() == name.len() {
        return name;
    }
    let trimmed = trimmed.strip_suffix("ID").unwrap_or(trimmed);
    let kind = trimmed.trim_end_matches(['_', '-', '.', ' ', '#']);
    // `v2` and `md5` are names; only a separator or a row of digits makes a number of its own.
    if kind.is_empty() || kind.len() == trimmed.len() && name.len() - trimmed.len() < 3 { name } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_have_one_category() {
        for (name, category) in [
            ("mProject_ID0000002", "mProject"),
            ("blastall_00000004", "blastall"),
            ("NFCORE.UNZIP_IMGT", "NFCORE.UNZIP_IMGT"),
            ("align-12", "align"),
            ("md5", "md5"),
            ("task00012", "task"),
            ("42", "42"),
        ] {
            assert_eq!(category_of(name), category);
        }
    }
}
