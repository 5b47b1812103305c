//! Rerouting: nodes of a running melody that have not begun are added, replaced and taken away.
//!
//! The edit is a text of its own that a [`Rescore`] makes a score of; nothing here reads melodies. It takes effect between
//! two walks: what has happened keeps its state under new row numbers, and everything that names a row of the melody is
//! renamed with it. The event holds the edit, so a replay makes the same score and renames the same rows.
//!
//! Bodies of nodes that stay keep the scores that they play, whatever was compiled anew.

use super::{Alarm, Flight, FlightKind, Outgoing, Run, Timer};
use crate::options::Reusing;
use std::cmp::Reverse;
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, What};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::score::{Action, LoopSpec, MapSpec, Score};
use symphony_pit::dag::{Block, Columns, RowMap};

/// Makes scores of edits.
pub trait Rescore: Send + Sync {
    /// The edit that a change asks for, on top of the last edit (none: what the run began with), and the ids that it
    /// replaces. The error says what is wrong with it, for people.
    fn edit(&self, last: Option<&str>, change: &str) -> Result<Edit, String>;

    /// The score of an edit. Must give the same for the same edit.
    fn score(&self, edit: &str) -> Result<Arc<Score>, String>;
}

/// An edit of a running melody.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Edit {
    /// What [`Rescore::score`] makes a score of.
    pub text: String,
    /// Nodes that are new although their ids are known.
    pub replaced: Vec<String>,
}

/// What an edit does, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rerouted {
    /// Nodes that come.
    pub added: Vec<String>,
    /// Nodes that go.
    pub removed: Vec<String>,
    /// Nodes that are replaced.
    pub replaced: Vec<String>,
}

/// An edit that waits for the next walk.
pub(crate) struct Rerouting {
    pub edit: Edit,
    pub score: Arc<Score>,
    pub by: String,
}

impl Run {
    /// The score of an edit, with the bodies of the nodes that stay.
    pub(crate) fn rescored(&self, edit: &Edit) -> Result<Arc<Score>, String> {
        let rescore = self.rescore.as_ref().ok_or("this run cannot be rewired here")?;
        let mut score = rescore.score(&edit.text)?;
        let old = &self.scores[0];
        let map = RowMap::by_id(old, &score, &edit.replaced);
        let kept = |row: u32| map.from(row).map(|row| old.spec(Row(row)).action.clone());
        let bodies: Vec<(u32, Action)> = (0..score.rows()).filter_map(|row| Some((row, kept(row)?))).collect();
        let new = Arc::make_mut(&mut score);
        for (row, action) in bodies {
            let spec = new.spec_of.get(row as usize).and_then(|spec| new.specs.get_mut(*spec as usize));
            let Some(spec) = spec else { continue };
            let grafted = match (&spec.action, action) {
                (Action::Nested(_), Action::Nested(body)) => Action::Nested(body),
                (Action::Loop(new), Action::Loop(old)) => {
                    Action::Loop(Arc::new(LoopSpec { body: Arc::clone(&old.body), ..(**new).clone() }))
                }
                (Action::Map(new), Action::Map(old)) => {
                    Action::Map(Arc::new(MapSpec { body: Arc::clone(&old.body), ..(**new).clone() }))
                }
                _ => continue,
            };
            spec.action = grafted;
        }
        Ok(score)
    }

    /// Why an edit cannot take effect now. The state may be one of a replay.
    pub(crate) fn objection(&self, columns: &Columns<'_>, edit: &Edit, score: &Score) -> Option<String> {
        if self.is_over() || self.halting.is_some() {
            return Some("the run is ending".to_owned());
        }
        let Some(block) = self.block(BlockId(0)) else { return Some("the run has not begun".to_owned()) };
        let old = &block.score;
        if old.inputs != score.inputs {
            return Some("the melody's inputs cannot be changed while it plays".to_owned());
        }
        let map = RowMap::by_id(old, score, &edit.replaced);
        for row in (0..old.rows()).map(Row) {
            let at = block.at(row);
            let (status, id) = (columns.status[at], old.id(row));
            let waits = matches!(status, Status::Pending | Status::Ready) && columns.attempt[at].0 == 0;
            if waits {
                continue;
            }
            let Some(new) = map.to(row) else {
                return Some(format!("`{id}` is {}: only nodes that have not begun can be changed", status.as_str()));
            };
            if old.spec(row).outputs != score.spec(new).outputs {
                return Some(format!("`{id}` is {} and would have other outputs", status.as_str()));
            }
        }
        None
    }

    /// The edit that took effect last.
    pub(crate) fn last_edit(&self) -> Option<&Edit> {
        self.edits.last()
    }

    /// What an edit does.
    pub(crate) fn effect(&self, edit: &Edit, score: &Score) -> Rerouted {
        let known = |score: &Score, id: &str| score.row_of(id).is_some();
        let old = &self.scores[0];
        let ids = |from: &Score, without: &Score| {
            from.ids.iter().filter(|id| !known(without, id)).map(ToString::to_string).collect()
        };
        let replaced = edit.replaced.iter().filter(|id| known(old, id) && known(score, id)).cloned();
        Rerouted { added: ids(score, old), removed: ids(old, score), replaced: replaced.collect() }
    }

    /// The melody has another score from now on: everything but its block.
    pub(crate) fn adopt(&mut self, edit: Edit, score: &Arc<Score>) -> RowMap {
        let old = Arc::clone(&self.scores[0]);
        let map = RowMap::by_id(&old, score, &edit.replaced);
        // Open bodies know their scores by number.
        let mut scores = self.scores.to_vec();
        scores[0] = Arc::clone(score);
        for body in super::scores_of(score).iter().skip(1) {
            if !scores.iter().any(|known| Arc::ptr_eq(known, body)) {
                scores.push(Arc::clone(body));
            }
        }
        if let Some(tracking) = &mut self.tracking {
            tracking.rescored(&scores, &map);
        }
        self.scores = scores.into();
        if let Some(asked) = &self.asked {
            let new = |old: &Option<u32>| old.is_none_or(|old| asked.get(old as usize) != Some(&false));
            self.asked = Some(map.from.iter().map(new).collect());
        }
        if let Some(reusing) = &self.reusing {
            let rule =
                |old: &Option<u32>| old.and_then(|old| reusing.rules.get(old as usize)).copied().unwrap_or_default();
            let rules = map.from.iter().map(rule).collect();
            self.reusing = Some(Arc::new(Reusing { results: Arc::clone(&reusing.results), rules, seed: reusing.seed }));
        }
        self.edits.push(edit);
        map
    }

    /// An edit takes effect, on rows of the world from `base` on.
    pub(crate) fn reroute(&mut self, columns: &mut Columns<'_>, base: u32, route: Rerouting) {
        let Rerouting { edit, score, by } = route;
        let Some(mut old) = self.blocks.first_mut().and_then(Option::take) else { return };
        let effect = self.effect(&edit, &score);
        self.emit(|| Event::Rerouted { text: edit.text.clone(), replaced: edit.replaced.clone(), by: by.clone() });
        self.note(|| {
            let Rerouted { added, removed, replaced } = effect;
            (None, What::Rerouted { added, removed, replaced, by })
        });
        let map = self.adopt(edit, &score);
        let block = old.rerouted(columns, Arc::clone(&score), base, &map);
        self.tally.nodes = self.tally.nodes.saturating_sub(old.rows().into()) + u64::from(block.rows());
        // Its rows go back to the world; everything else of it has moved.
        self.closed.push(Block::new(BlockId(0), Arc::clone(&old.score), old.base));
        old.due.clear();
        self.blocks[0] = Some(Box::new(block));
        self.rename(&map);
        self.dirty.push_back(BlockId(0));
    }

    /// Renames all rows of the melody that the run's state names.
    fn rename(&mut self, map: &RowMap) {
        let root = BlockId(0);
        let new = |block: BlockId, row: Row| if block == root { map.to(row) } else { Some(row) };
        for block in self.blocks.iter_mut().flatten().map(|block| &mut **block).chain(&mut self.closed) {
            if let Some(parent) = &mut block.parent {
                parent.row = new(parent.block, parent.row).unwrap_or(parent.row);
            }
        }
        for opening in &mut self.to_open {
            if let Some(parent) = &mut opening.parent {
                parent.row = new(parent.block, parent.row).unwrap_or(parent.row);
            }
        }
        let key = |(block, row)| Some((block, new(block, row)?));
        self.maps = std::mem::take(&mut self.maps).into_iter().filter_map(|(at, map)| Some((key(at)?, map))).collect();
        self.hungry_maps = std::mem::take(&mut self.hungry_maps).into_iter().filter_map(key).collect();
        let waiting = std::mem::take(&mut self.reconstructions);
        self.reconstructions = waiting.into_iter().filter_map(|(at, why)| Some((key(at)?, why))).collect();
        let tries = std::mem::take(&mut self.tries);
        self.tries = tries.into_iter().filter_map(|(at, tries)| Some((key(at)?, tries))).collect();
        self.failures.retain_mut(|failure| {
            let renamed = new(failure.block, failure.row);
            rename(&mut failure.row, renamed)
        });
        let score = &self.scores[0];
        self.candidates.retain_mut(|candidate| {
            let renamed = new(candidate.block, candidate.row);
            let kept = rename(&mut candidate.row, renamed);
            if kept && candidate.block == root {
                candidate.rank = score.rank[candidate.row.ix()];
            }
            kept
        });
        let backlog = std::mem::take(&mut self.backlog).into_iter();
        self.backlog = backlog
            .filter_map(|queued| Some(super::Queued { row: new(queued.block, queued.row)?, ..queued }))
            .collect();
        self.outbox.retain_mut(|(_, what)| match what {
            Outgoing::Call(block, row, _) => rename(row, new(*block, *row)),
            Outgoing::Undo(..) | Outgoing::Cancel(_) => true,
        });
        for Flight { kind, .. } in self.flights.values_mut() {
            if let FlightKind::Row(block, row) = kind {
                *row = new(*block, *row).unwrap_or(*row);
            }
        }
        let ring = |what: &mut Alarm| match what {
            Alarm::Retry(block, row) | Alarm::ApprovalOver(block, row) => rename(row, new(*block, *row)),
            Alarm::Batch(block, rows) => {
                rows.retain_mut(|row| new(*block, Row(*row)).map(|new| *row = new.0).is_some());
                true
            }
            Alarm::Wall | Alarm::Answer(_) | Alarm::Refilled => true,
        };
        self.alarms.retain_mut(ring);
        let mut timers: Vec<Timer> = std::mem::take(&mut self.timers).into_iter().map(|Reverse(timer)| timer).collect();
        timers.retain_mut(|timer| ring(&mut timer.what));
        self.timers = timers.into_iter().map(Reverse).collect();
        for (_, block, rows) in &mut self.pauses {
            rows.retain_mut(|row| new(*block, Row(*row)).map(|new| *row = new.0).is_some());
        }
        for entry in &mut self.undo_log {
            if let Some((_, row)) = entry.key.first_mut() {
                *row = map.to(Row(*row)).map_or(*row, |new| new.0);
            }
            if entry.score == 0 {
                entry.row = map.to(entry.row).unwrap_or(entry.row);
            }
        }
    }
}

/// Gives a row its new name; false if it has none.
fn rename(row: &mut Row, new: Option<Row>) -> bool {
    new.map(|new| *row = new).is_some()
}
