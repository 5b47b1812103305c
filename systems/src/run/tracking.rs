//! Tracking: the critical path and slack of a run's bodies, and what its nodes teach, kept while it plays.
//!
//! Transitions tell it what begins and ends; it writes nothing down and decides nothing, so a run plays the same with and
//! without it. Learned durations come in when a body opens, and only where a node declares none.

use std::sync::Arc;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::score::{Action, NodeSpec, Score};
use symphony_pit::dag::{Block, KindName, Lore, RowMap, ScoreShapes, Slack};

/// One row is looked at again for so many that end; a question about slack brings the rest.
const SLICE: u32 = 64;

/// What is kept of a run that is tracked.
pub struct Tracking {
    /// What was known when it began.
    known: Arc<Lore>,
    /// What it has taught since.
    pub(crate) learned: Lore,
    /// Slack by number of the block.
    slack: Vec<Option<Box<Slack>>>,
    /// By number of the score: the kind of each spec, and the shapes of its rows.
    scores: Vec<ScoreLore>,
    /// How many rows of each kind ended in a batch, and which kinds did; nothing between batches.
    batch: Vec<u32>,
    touched: Vec<u32>,
}

/// What is found once for a score.
struct ScoreLore {
    kinds: Vec<u32>,
    shapes: ScoreShapes,
    /// How long each spec is thought to take.
    took: Vec<u64>,
    /// The slack of a body that has not begun, once one opens.
    fresh: Option<Slack>,
}

impl ScoreLore {
    fn fresh(&mut self, score: &Score) -> &mut Slack {
        let took = &self.took;
        self.fresh.get_or_insert_with(|| Slack::new(&score.topology, |row| took[spec_ix(score, row)]))
    }
}

impl Tracking {
    /// Nothing has begun.
    pub(crate) fn new(known: Arc<Lore>, scores: &[Arc<Score>]) -> Self {
        let mut tracking = Self {
            known,
            learned: Lore::default(),
            slack: Vec::new(),
            scores: Vec::new(),
            batch: Vec::new(),
            touched: Vec::new(),
        };
        scores.iter().for_each(|score| tracking.learn_score(score));
        tracking
    }

    /// A further score of the run.
    pub(crate) fn learn_score(&mut self, score: &Score) {
        let kinds = score.specs.iter().map(|spec| self.learned.number(kind_of(score, spec)));
        let kinds: Vec<u32> = kinds.collect();
        let most = kinds.iter().max().map_or(0, |most| *most as usize + 1);
        self.batch.resize(most.max(self.batch.len()), 0);
        let labels: Vec<u64> = score.specs.iter().map(label_of).collect();
        let shapes = ScoreShapes::of(&score.topology, |row| labels[spec_ix(score, row)]);
        let took: Vec<u64> = score.specs.iter().map(|spec| self.expected(score, spec)).collect();
        self.scores.push(ScoreLore { kinds, shapes, took, fresh: None });
    }

    /// The melody is about to open.
    pub(crate) fn prepare(&mut self, score: &Score) {
        if let Some(lore) = self.scores.first_mut() {
            lore.fresh(score);
        }
    }

    /// The melody has another score, and further bodies may have come.
    pub(crate) fn rescored(&mut self, scores: &[Arc<Score>], map: &RowMap) {
        let Some(score) = scores.first() else { return };
        let mut bodies = std::mem::take(&mut self.scores);
        self.learn_score(score);
        if let (Some(first), Some(mut new)) = (bodies.first_mut(), self.scores.pop()) {
            if let Some(Some(slack)) = self.slack.first_mut() {
                let took = |row| new.took[spec_ix(score, row)];
                **slack = slack.recompiled(&score.topology, |row| map.from(row), took);
            }
            std::mem::swap(first, &mut new);
        }
        self.scores = bodies;
        for body in scores.iter().skip(self.scores.len()) {
            self.learn_score(body);
        }
    }

    /// A body opens, or starts over.
    pub(crate) fn opened(&mut self, block: &Block) {
        let Some(lore) = self.scores.get_mut(block.score_ix as usize) else { return };
        let place = block.id.0 as usize;
        if self.slack.len() <= place {
            self.slack.resize_with(place + 1, || None);
        }
        match &mut self.slack[place] {
            Some(slack) => slack.as_mut().clone_from(lore.fresh(&block.score)),
            // The melody itself opens once.
            empty if block.parent.is_none() => {
                lore.fresh(&block.score);
                *empty = lore.fresh.take().map(Box::new);
            }
            empty => *empty = Some(Box::new(lore.fresh(&block.score).clone())),
        }
    }

    /// How long a node is thought to take, in nanoseconds: as it declares, as was learned, as its kind of player does.
    fn expected(&self, score: &Score, spec: &NodeSpec) -> u64 {
        let nanos = |span: std::time::Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let learned = || self.known.expected(&kind_of(score, spec));
        spec.declared.map(nanos).or_else(learned).unwrap_or_else(|| nanos(spec.estimate))
    }

    /// A body is closed.
    pub(crate) fn closed(&mut self, block: BlockId) {
        if let Some(slack) = self.slack.get_mut(block.0 as usize) {
            *slack = None;
        }
    }

    /// Attempts begin.
    #[inline]
    pub(crate) fn began(&mut self, block: BlockId, rows: &[Row], now: Time) {
        if let Some(Some(slack)) = self.slack.get_mut(block.0 as usize) {
            rows.iter().for_each(|row| slack.began(row.0, now));
        }
    }

    /// Rows are over that were played, all of them at once.
    pub(crate) fn finished(&mut self, block: &Block, rows: &[u32], now: Time) {
        let Some(Some(slack)) = self.slack.get_mut(block.id.0 as usize) else { return };
        let Some(ScoreLore { kinds, shapes, .. }) = self.scores.get_mut(block.score_ix as usize) else { return };
        // What ends together has mostly begun together: one lesson a kind.
        let mut together = None;
        for row in rows {
            let took = slack.ended(*row, now);
            shapes.finished(*row);
            let kind = kinds[spec_ix(&block.score, *row)];
            if *together.get_or_insert(took) != took {
                self.learned.finished(kind, took, 1);
                continue;
            }
            let times = &mut self.batch[kind as usize];
            if *times == 0 {
                self.touched.push(kind);
            }
            *times += 1;
        }
        // What is not as it was thought is put right in slices, as fast as rows end.
        slack.repair(&block.score.topology, 1 + rows.len() as u32 / SLICE);
        for kind in self.touched.drain(..) {
            let times = std::mem::take(&mut self.batch[kind as usize]);
            self.learned.finished(kind, together.unwrap_or_default(), times.into());
        }
    }

    /// A row is over that was not played to its end.
    pub(crate) fn ended(&mut self, block: BlockId, row: Row, now: Time) {
        if let Some(Some(slack)) = self.slack.get_mut(block.0 as usize) {
            slack.ended(row.0, now);
        }
    }

    /// An attempt failed.
    pub(crate) fn faulted(&mut self, block: &Block, row: Row) {
        if let Some(kind) = self.kind(block, row) {
            self.learned.faulted(kind);
        }
    }

    /// A row failed for good.
    pub(crate) fn failed(&mut self, block: &Block, row: Row, now: Time) {
        self.ended(block.id, row, now);
        if let Some(kind) = self.kind(block, row) {
            self.learned.failed(kind);
        }
    }

    fn kind(&self, block: &Block, row: Row) -> Option<u32> {
        self.scores.get(block.score_ix as usize)?.kinds.get(spec_ix(&block.score, row.0)).copied()
    }

    /// The slack of a body.
    pub fn slack(&self, block: BlockId) -> Option<&Slack> {
        self.slack.get(block.0 as usize)?.as_deref()
    }

    /// The slack of a body, for bringing it up to date.
    pub(crate) fn slack_mut(&mut self, block: BlockId) -> Option<&mut Slack> {
        self.slack.get_mut(block.0 as usize)?.as_deref_mut()
    }

    /// Puts in what a checkpoint kept of an open body, or what its rows say if it kept nothing.
    pub(crate) fn restore(&mut self, block: &Block, kept: Option<Slack>, status: &[Status], now: Time) {
        match kept {
            Some(slack) => {
                let place = block.id.0 as usize;
                if self.slack.len() <= place {
                    self.slack.resize_with(place + 1, || None);
                }
                self.slack[place] = Some(Box::new(slack));
            }
            None => {
                self.opened(block);
                self.catch_up(block.id, status, now);
            }
        }
    }

    /// Rows stand like this by now, whenever that came to be.
    fn catch_up(&mut self, block: BlockId, status: &[Status], now: Time) {
        let Some(slack) = self.slack_mut(block) else { return };
        for (row, status) in (0u32..).zip(status) {
            match status {
                Status::Running | Status::Backoff => slack.began(row, now),
                status if status.is_over() => drop(slack.ended(row, now)),
                _ => {}
            }
        }
    }

    /// What was replayed has been learned when it was played.
    pub(crate) fn forget(&mut self) {
        self.learned.forget();
        self.scores.iter_mut().for_each(|score| score.shapes.forget());
    }

    /// What the run has taught, with the shapes of what finished.
    pub fn learned(&mut self, scores: &[Arc<Score>]) -> &Lore {
        for (score, lore) in scores.iter().zip(&mut self.scores) {
            let words: Vec<String> = score.specs.iter().map(plays).collect();
            let name = |row| words[spec_ix(score, row)].as_str();
            self.learned.shapes.take_in(&mut lore.shapes, &score.topology, name);
        }
        &self.learned
    }
}

#[inline]
fn spec_ix(score: &Score, row: u32) -> usize {
    score.spec_of.get(row as usize).map_or(0, |spec| *spec as usize)
}

/// The kind of a node, as lore knows it.
pub fn kind_of(score: &Score, spec: &NodeSpec) -> KindName {
    KindName { melody: score.name.to_string(), plays: plays(spec) }
}

/// What a node plays, in words.
pub fn plays(spec: &NodeSpec) -> String {
    match &spec.action {
        Action::Call(players) => players.first().map(|player| player.name.clone()).unwrap_or_default(),
        Action::Function(operation, _) => operation.name.clone(),
        Action::Pause(_) => "pause".to_owned(),
        Action::Nested(body) => format!("melody {}", body.name),
        Action::Loop(repeat) => format!("loop of {}", repeat.body.name),
        Action::Map(map) => match map.body.specs.first().map(|spec| &spec.action) {
            Some(Action::Nested(body)) => format!("map of {}", body.name),
            Some(Action::Call(players)) => format!("map of {}", players.first().map_or("", |player| &player.name)),
            Some(Action::Function(operation, _)) => format!("map of {}", operation.name),
            _ => "map".to_owned(),
        },
    }
}

/// A label that is the same for what plays the same, in every run.
fn label_of(spec: &NodeSpec) -> u64 {
    let digest = symphony_ecs_core::value::Digest::of(plays(spec).as_bytes());
    u64::from_le_bytes(std::array::from_fn(|place| digest.0[place]))
}
