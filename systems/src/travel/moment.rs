//! A moment of a run: its full state at one point, as compact columns that are read without folding anything.

use super::timeline::{Cell, NOTHING, State, Timeline};
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Place, RunStatus};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::ports::Usage;
use symphony_ecs_core::value::Value;

use crate::run::Tally;

/// The state of a run at one point.
pub struct Moment<'t> {
    pub(super) timeline: &'t Timeline,
    pub(super) state: State,
    /// How many notices were told by then.
    pub(super) told: u64,
    pub(super) time: Time,
}

/// A node at that point.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeAt {
    /// Path.
    pub path: String,
    /// Status.
    pub status: Status,
    /// Attempts begun.
    pub attempt: u16,
    /// What it has cost, in micro-dollars.
    pub cost_micros: u32,
    /// Outputs by port; absent ones included.
    pub outputs: Vec<(String, Value)>,
}

/// A body that was open at that point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyAt {
    /// Path of what it plays for, with the iteration or item: `fix[3]`, `pages[7]`.
    pub path: String,
    /// The body's name.
    pub melody: String,
    /// The iteration of a loop that plays, from 0.
    pub iteration: Option<u32>,
    /// Which item of a map it is, from 0.
    pub item: Option<u32>,
}

impl Moment<'_> {
    /// How many notices were told by then: the number of the next event.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// When.
    pub fn time(&self) -> Time {
        self.time
    }

    /// How the run stood.
    pub fn status(&self) -> RunStatus {
        self.state.status
    }

    /// Why it did not go on, if it was halting.
    pub fn reason(&self) -> Option<&str> {
        self.timeline.reasons.get(self.state.reason as usize).map(String::as_str)
    }

    /// What it had used.
    pub fn spent(&self) -> Usage {
        self.state.spent
    }

    /// Its counts.
    pub fn tally(&self) -> Tally {
        self.state.tally
    }

    /// Values of the melody's outputs; none before its end.
    pub fn outputs(&self) -> &[Value] {
        match self.state.status {
            RunStatus::Playing => &[],
            _ => &self.timeline.outputs,
        }
    }

    /// Nodes of the bodies that were open, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeAt> + '_ {
        self.open().flat_map(move |id| {
            let body = self.timeline.body(&self.state, id);
            let score = &self.timeline.scores[body.score as usize];
            let rows = if matches!(body.place, Place::Item(_)) { 1 } else { score.rows() };
            (0..rows.min(score.rows())).map(Row).map(move |row| {
                let cell = self.cell(id, row);
                let values = self.timeline.values.get(cell.outputs as usize);
                let value = |place: usize| values.and_then(|values| values.get(place)).cloned().unwrap_or_default();
                let ports = score.spec(row).outputs.iter().enumerate();
                NodeAt {
                    path: self.path(id, row),
                    status: cell.status,
                    attempt: cell.attempt,
                    cost_micros: cell.cost,
                    outputs: ports.map(|(place, port)| (port.name.clone(), value(place))).collect(),
                }
            })
        })
    }

    /// Bodies that were open below the melody itself, in order.
    pub fn bodies(&self) -> impl Iterator<Item = BodyAt> + '_ {
        self.open().filter(|id| self.timeline.bodies[*id as usize].parent.is_some()).map(|id| {
            let body = self.timeline.body(&self.state, id);
            let iteration = self.state.open[id as usize];
            BodyAt {
                path: self.body_path(id),
                melody: self.timeline.scores[body.score as usize].name.to_string(),
                iteration: (body.place == Place::Loop).then_some(iteration),
                item: match body.place {
                    Place::Item(item) => Some(item),
                    _ => None,
                },
            }
        })
    }

    fn open(&self) -> impl Iterator<Item = u32> + '_ {
        let open = self.state.open.iter().zip(0..);
        open.filter(|(iteration, _)| **iteration != NOTHING).map(|(_, id)| id)
    }

    fn cell(&self, id: u32, row: Row) -> Cell {
        let at = self.timeline.body(&self.state, id).base + row.0;
        self.state.cells.get(at as usize).copied().unwrap_or_default()
    }

    fn path(&self, id: u32, row: Row) -> String {
        let body = self.timeline.body(&self.state, id);
        let score = &self.timeline.scores[body.score as usize];
        match body.place {
            Place::Item(_) => self.body_path(id),
            Place::Root => score.id(row).into_owned(),
            Place::Nested | Place::Loop => format!("{}.{}", self.body_path(id), score.id(row)),
        }
    }

    fn body_path(&self, id: u32) -> String {
        let body = self.timeline.body(&self.state, id);
        let Some((BlockId(above), row)) = body.parent else { return String::new() };
        let above = self.path(above, row);
        match body.place {
            Place::Root | Place::Nested => above,
            Place::Loop => format!("{above}[{}]", self.state.open[id as usize]),
            Place::Item(index) => format!("{above}[{index}]"),
        }
    }
}
