//! A recorded execution as the subject of a forecast: tasks with the run times that were measured.

use super::scenario::{Change, Quantity};
use crate::exit::Exit;
use crate::failure::Failure;
use std::collections::BTreeSet;
use std::path::Path;
use symphony_interchange::wfformat;
use symphony_systems::simulate::{Task, Ties, Workload};

/// A recorded execution.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The workflow's name.
    pub name: String,
    /// How long it really took, where that is recorded.
    pub took: Option<f64>,
    tasks: Vec<Task>,
    edges: Vec<(u32, u32)>,
}

/// Whether tasks are told apart better by the program they ran: where their names say next to nothing (nearly each
/// task is of a category of its own), and programs are names and not pieces of scripts.
fn kinds_are_programs(tasks: &[wfformat::Task]) -> bool {
    let categories: BTreeSet<&str> = tasks.iter().map(|task| task.category.as_str()).collect();
    let named = |program: &str| !program.is_empty() && !program.contains(|c: char| c.is_whitespace() || c.is_control());
    let programs = || tasks.iter().filter_map(|task| task.program.as_deref());
    categories.len() * 2 > tasks.len() && programs().count() == tasks.len() && programs().all(named)
}

fn file_name(program: &str) -> &str {
    program.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(program)
}

impl Recording {
    /// Reads WfFormat; `path` is for messages.
    ///
    /// # Errors
    /// What is wrong with the text, with its line and the cure.
    pub fn read(path: &Path, text: &str) -> Result<Self, Failure> {
        let recorded = wfformat::read(text).map_err(|refusal| {
            let place = refusal.place.map(|(line, column)| format!("{line}:{column}: ")).unwrap_or_default();
            Failure::new(Exit::Melody, format!("{}:{place}{}", path.display(), refusal.message)).help(refusal.help)
        })?;
        let edges = recorded.tasks.iter().zip(0u32..);
        let edges = edges.flat_map(|(task, number)| task.parents.iter().map(move |parent| (*parent, number))).collect();
        let by_program = kinds_are_programs(&recorded.tasks);
        let tasks = recorded.tasks.into_iter().map(|task| Task {
            kind: match task.program.as_deref().filter(|_| by_program) {
                Some(program) => file_name(program).to_owned(),
                None => task.category,
            },
            id: task.id,
            seconds: task.runtime_s,
            ..Task::default()
        });
        Ok(Self { name: recorded.name, took: recorded.makespan_s, tasks: tasks.collect(), edges })
    }

    /// The workload, changed.
    ///
    /// # Errors
    /// A change that fits nothing here.
    pub fn workload(&self, changes: &[Change]) -> Result<Workload, Failure> {
        let mut tasks = self.tasks.clone();
        for change in changes {
            let Change::Expected { node, quantity, value } = change else {
                return Err(Failure::usage("a recorded execution has no inputs and no settings")
                    .help("change TASK.seconds, TASK.cost_usd or TASK.tokens, where TASK is an id or a category"));
            };
            let mut found = false;
            for task in tasks.iter_mut().filter(|task| task.id == *node || task.kind == *node) {
                found = true;
                match quantity {
                    Quantity::Seconds => task.seconds = *value,
                    Quantity::CostUsd => task.cost_micros = (value * 1e6).round() as u64,
                    Quantity::Tokens => task.tokens = value.round() as u64,
                    Quantity::Failure => {
                        return Err(Failure::usage("failures of single tasks are for melodies")
                            .help("--failures 0.1 (or failures=0.1) lets every attempt fail that often"));
                    }
                }
            }
            if !found {
                return Err(Failure::usage(format!("no task and no category is called `{node}`")));
            }
        }
        // The reader has refused what is no workload, but for run times beyond all numbers.
        Workload::new(tasks, &self.edges, Ties::ById).map_err(|error| Failure::new(Exit::Melody, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_alike_by_category_or_by_program() {
        let task = |category: &str, program: &str| wfformat::Task {
            category: category.into(),
            program: Some(program.into()),
            ..wfformat::Task::default()
        };
        assert!(kinds_are_programs(&[task("map_a", "/bin/map"), task("map_b", "/bin/map")]));
        assert!(!kinds_are_programs(&[task("map", "/bin/map"), task("map", "/bin/map")]));
        assert!(!kinds_are_programs(&[task("map_a", "a script\nof lines"), task("map_b", "/bin/map")]));
        assert_eq!((file_name("/bin/map"), file_name("map")), ("map", "map"));
    }
}
