//! The world's side of the arbiter: which rows wait for what is scarce, which hold it, and what is said to their runs.

use super::keeper::{DecisionLine, FILE, Keeper};
use super::post::{Answer, Arbiter, Ask, Back, Post};
use crate::run::{Alarm, FailedAttempt, Outgoing, Run, is_reconstruction};
use crate::runs::Runs;
use bevy_ecs::prelude::Resource;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::What;
use symphony_ecs_core::ids::{BlockId, Row, RunSlot};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Operation, Usage};
use symphony_ecs_core::score::{Action, NodeSpec, Score};
use symphony_pit::arbitration::{Reservation, ResourceId, Told};
use symphony_pit::dag::{Block, Columns};

/// Resources and how much of each.
type Parts = Arc<[(ResourceId, u64)]>;

/// What the calls of a run take of what is scarce: by score, row and choice of player, as it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    parts: HashMap<(u32, Row, u32), Parts>,
    /// Starts decided in this frame, in their order.
    pub intents: Vec<Intent>,
    /// Calls that were playing when the run was resumed have been told to the arbiter.
    adopted: bool,
    /// Rows that gave way once, and never do again.
    displaced: BTreeSet<(BlockId, Row)>,
}

/// A start that has its budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intent {
    pub block: BlockId,
    pub row: Row,
    pub choice: u32,
    pub what: Start,
}

/// What starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// A row that only takes time.
    Pause(Duration),
    /// A call.
    Call(Reservation),
}

/// A row that asked.
#[derive(Clone, Copy, Debug)]
struct Seated {
    slot: RunSlot,
    intent: Intent,
    plays: bool,
}

/// What is scarce, as this world knows it. Without an arbiter nothing is.
#[derive(Resource, Default)]
pub(crate) struct Scarce {
    post: Option<Mutex<Post>>,
    rows: BTreeMap<u64, Seated>,
    last_token: u64,
    asks: Vec<Ask>,
    back: Vec<Back>,
    withdrawn: Vec<u64>,
    /// For which moment each run that waits has an alarm.
    alarms: BTreeMap<RunSlot, u64>,
    files: BTreeMap<RunSlot, PathBuf>,
    keeper: Option<Keeper>,
}

impl Scarce {
    pub fn of(arbiter: &Arbiter) -> Self {
        Self { post: Some(Mutex::new(arbiter.join())), ..Self::default() }
    }

    pub fn is_on(&self) -> bool {
        self.post.is_some()
    }

    fn post(&mut self) -> Option<&mut Post> {
        self.post.as_mut().map(|post| post.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where news of other worlds arrives.
    pub fn wake(&mut self) -> Option<crossbeam_channel::Receiver<()>> {
        self.post().map(|post| post.wake.clone())
    }

    /// Whether a row of this run waits for what is scarce.
    pub fn waits(&self, slot: RunSlot) -> bool {
        self.rows.values().any(|seated| seated.slot == slot && !seated.plays)
    }

    /// Looks whether a run takes anything that is scarce.
    pub fn seat(&mut self, run: &mut Run) {
        if self.is_on() {
            run.wants = self.touches(&run.scores).then(Wants::default);
        }
    }

    /// Whether anything in these scores takes what is scarce.
    pub fn touches(&mut self, scores: &[Arc<Score>]) -> bool {
        let Some(post) = self.post() else { return false };
        let rules = post.arbiter.rules();
        // Specs are few, rows may be a million.
        let by_player = |spec: &NodeSpec| match &spec.action {
            Action::Call(players) => players.iter().any(|player| rules.touch_player(player)),
            _ => false,
        };
        let by_node = |score: &Score, row: Row| {
            matches!(score.spec(row).action, Action::Call(_)) && rules.touch_node(&score.id(row))
        };
        scores.iter().any(|score| {
            score.specs.iter().any(by_player)
                || rules.look_at_nodes() && (0..score.rows()).map(Row).any(|row| by_node(score, row))
        })
    }

    /// Where the decisions of a run are kept.
    pub fn keep(&mut self, slot: RunSlot, folder: &Path) {
        if self.is_on() {
            self.files.insert(slot, folder.join(FILE));
        }
    }

    /// A run leaves the world: everything that it holds or waits for goes back.
    pub fn leave(&mut self, slot: RunSlot) {
        let Self { rows, back, withdrawn, .. } = self;
        rows.retain(|token, seated| {
            let stays = seated.slot != slot;
            match (stays, seated.plays) {
                (true, _) => {}
                (false, true) => back.push(Back { token: *token, spent: 0, quality: None }),
                (false, false) => withdrawn.push(*token),
            }
            stays
        });
        self.files.remove(&slot);
        self.alarms.remove(&slot);
        // Other worlds may wait for it, and this one may not play another frame.
        self.hand_in();
    }

    /// Everything of a frame: what came back goes back, what may start asks, what is granted starts.
    pub fn settle(&mut self, runs: &mut Runs, columns: &mut Columns<'_>) {
        let now_ns = self.now_ns(runs);
        for seat in runs.iter_mut() {
            self.take_back(&mut seat.run);
        }
        self.drop_needless(runs, columns);
        let frozen: Vec<RunSlot> = runs.iter().filter(|seat| seat.broken.is_some()).map(|seat| seat.run.slot).collect();
        for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
            self.ask_for(&mut seat.run, columns, now_ns);
        }
        let due = self.alarms.values().any(|at| *at <= now_ns);
        let idle = self.asks.is_empty() && self.back.is_empty() && self.withdrawn.is_empty() && !due;
        let Some(post) = &mut self.post else { return };
        let post = post.get_mut().unwrap_or_else(PoisonError::into_inner);
        if idle && post.wake.try_recv().is_err() {
            self.start_rest(runs, columns);
            return;
        }
        let (answers, next) = post.exchange(now_ns, &mut self.back, &mut self.withdrawn, &mut self.asks);
        let mut granted = BTreeSet::new();
        for answer in answers {
            match answer {
                Answer::Granted(token, told) => {
                    self.tell(runs, token, told);
                    granted.insert(token);
                }
                Answer::Refused(token, why, told) => {
                    self.tell(runs, token, told);
                    self.refuse(runs, token, why);
                }
                Answer::Stop(token, told) => self.stop(runs, columns, token, told),
            }
        }
        // Who waited before this frame first; then the frame's own starts in their order.
        for token in &granted {
            let Some(seated) = self.rows.get(token).copied() else { continue };
            let Some(seat) = runs.get_mut(seated.slot) else { continue };
            let waits = seat.run.wants.as_ref().is_some_and(|wants| {
                !wants.intents.iter().any(|intent| matches!(intent.what, Start::Call(held) if held.scarce() == *token))
            });
            if waits && !frozen.contains(&seated.slot) {
                self.begin(&mut seat.run, columns, *token, seated.intent);
            }
        }
        for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
            let Some(wants) = &mut seat.run.wants else { continue };
            let mut intents = std::mem::take(&mut wants.intents);
            for intent in intents.drain(..) {
                match intent.what {
                    Start::Call(held) if held.scarce() != 0 => {
                        if granted.contains(&held.scarce()) {
                            self.begin(&mut seat.run, columns, held.scarce(), intent);
                        }
                    }
                    _ => start(&mut seat.run, columns, intent),
                }
            }
            if let Some(wants) = &mut seat.run.wants {
                wants.intents = intents;
            }
        }
        self.set_alarm(runs, now_ns, next);
        self.hand_in();
    }

    /// What came back at once, for who waits for it.
    fn hand_in(&mut self) {
        if let Some(post) = &mut self.post
            && !(self.back.is_empty() && self.withdrawn.is_empty())
        {
            let post = post.get_mut().unwrap_or_else(PoisonError::into_inner);
            post.hand_in(&mut self.back, &mut self.withdrawn);
        }
    }

    /// Nobody asks for anything scarce in this frame: what starts, starts.
    fn start_rest(&mut self, runs: &mut Runs, columns: &mut Columns<'_>) {
        for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
            let Some(wants) = &mut seat.run.wants else { continue };
            let mut intents = std::mem::take(&mut wants.intents);
            intents.drain(..).for_each(|intent| start(&mut seat.run, columns, intent));
            if let Some(wants) = &mut seat.run.wants {
                wants.intents = intents;
            }
        }
    }

    /// The machine's clock if any run plays under it, else the latest of the runs.
    fn now_ns(&mut self, runs: &Runs) -> u64 {
        let real = runs.iter().any(|seat| seat.run.clock == ClockKind::Real);
        match self.post() {
            Some(post) if real => post.arbiter.elapsed_ns(),
            _ => runs.iter().map(|seat| seat.run.now.0).max().unwrap_or(0),
        }
    }

    /// Calls that came back.
    fn take_back(&mut self, run: &mut Run) {
        if run.wants.is_none() {
            return;
        }
        for returned in run.budget.take_returned() {
            if self.rows.remove(&returned.scarce).is_some() {
                let (spent, quality) = (returned.used.cost_micros, returned.quality);
                self.back.push(Back { token: returned.scarce, spent, quality });
            }
        }
    }

    /// Rows that need not wait any more: their runs halt, or their bodies are over.
    fn drop_needless(&mut self, runs: &mut Runs, columns: &Columns<'_>) {
        let Self { rows, withdrawn, .. } = self;
        rows.retain(|token, seated| {
            let Some(seat) = runs.get_mut(seated.slot).filter(|_| !seated.plays) else { return true };
            let run = &mut seat.run;
            let waits = run.halting.is_none() && !run.is_over() && is_ready(run, columns, seated.intent);
            if let (false, Start::Call(held)) = (waits, seated.intent.what) {
                run.budget.settle(held.with_scarce(0), Usage::default());
                withdrawn.push(*token);
            }
            waits
        });
    }

    /// Puts the run's starts of this frame into words.
    fn ask_for(&mut self, run: &mut Run, columns: &Columns<'_>, now_ns: u64) {
        let Some(mut wants) = run.wants.take() else { return };
        if !wants.adopted {
            wants.adopted = true;
            self.adopt(run, columns, &mut wants, now_ns);
        }
        for place in 0..wants.intents.len() {
            let intent = wants.intents[place];
            let Start::Call(held) = intent.what else { continue };
            if let Some(token) = self.ask(run, &mut wants, intent, false, now_ns) {
                let intent = Intent { what: Start::Call(held.with_scarce(token)), ..intent };
                wants.intents[place] = intent;
                self.rows.insert(token, Seated { slot: run.slot, intent, plays: false });
            }
        }
        run.wants = Some(wants);
    }

    /// Calls that were playing when the run was resumed leave again; the arbiter is told.
    fn adopt(&mut self, run: &mut Run, columns: &Columns<'_>, wants: &mut Wants, now_ns: u64) {
        for place in 0..run.outbox.len() {
            let Some((_, Outgoing::Call(block, row, held))) = run.outbox.get(place).copied() else { continue };
            let Some(choice) = run.block(block).map(|open| columns.choice[open.at(row)].0) else { continue };
            let intent = Intent { block, row, choice: choice.into(), what: Start::Call(held) };
            if let Some(token) = self.ask(run, wants, intent, true, now_ns) {
                let held = held.with_scarce(token);
                if let Some((_, outgoing)) = run.outbox.get_mut(place) {
                    *outgoing = Outgoing::Call(block, row, held);
                }
                let intent = Intent { what: Start::Call(held), ..intent };
                self.rows.insert(token, Seated { slot: run.slot, intent, plays: true });
            }
        }
    }

    fn ask(&mut self, run: &Run, wants: &mut Wants, intent: Intent, adopt: bool, now_ns: u64) -> Option<u64> {
        let block = run.block(intent.block)?;
        let spec = block.score.spec(intent.row);
        let operation = operation_of(spec, intent.choice)?;
        let node = block.score.id(intent.row);
        let post = self.post.as_mut()?.get_mut().unwrap_or_else(PoisonError::into_inner);
        let rules = post.arbiter.rules();
        let key = (block.score_ix, intent.row, intent.choice);
        let parts = wants.parts.entry(key).or_insert_with(|| rules.parts(operation, spec, &node).into());
        let (first, _) = parts.first()?;
        let melody = melody_of(run);
        let seen = post.seen(*first, &format!("{melody}/{node}"));
        let ends = run.wall.map(|wall| wall.0.saturating_sub(run.now.0).saturating_add(now_ns));
        self.last_token += 1;
        self.asks.push(Ask {
            token: self.last_token,
            run: run.id.clone(),
            path: run.path(block, intent.row),
            parts: parts.to_vec(),
            terms: rules.terms(operation, spec, &melody, &node, seen.novelty()),
            // What was learned, else what the score takes for granted.
            estimate_ns: seen.mean_ns().unwrap_or(u64::try_from(spec.estimate.as_nanos()).unwrap_or(u64::MAX)),
            deadline_ns: ends.unwrap_or(u64::MAX),
            alike: alike(operation),
            preemptible: operation.idempotent && !wants.displaced.contains(&(intent.block, intent.row)),
            adopt,
            melody,
            node: node.into_owned(),
        });
        Some(self.last_token)
    }

    /// A granted row starts, if it still can.
    fn begin(&mut self, run: &mut Run, columns: &mut Columns<'_>, token: u64, intent: Intent) {
        let Start::Call(held) = intent.what else { return };
        if run.halting.is_some() || run.is_over() || !is_ready(run, columns, intent) {
            run.budget.settle(held.with_scarce(0), Usage::default());
            self.rows.remove(&token);
            self.back.push(Back { token, spent: 0, quality: None });
            return;
        }
        let intent = Intent { what: Start::Call(held.with_scarce(token)), ..intent };
        if let Some(seated) = self.rows.get_mut(&token) {
            (seated.intent, seated.plays) = (intent, true);
        }
        start(run, columns, intent);
    }

    fn refuse(&mut self, runs: &mut Runs, token: u64, message: String) {
        let Some(Seated { slot, intent, .. }) = self.rows.remove(&token) else { return };
        let Some(seat) = runs.get_mut(slot) else { return };
        let run = &mut seat.run;
        if let Start::Call(held) = intent.what {
            run.budget.settle(held.with_scarce(0), Usage::default());
        }
        if let Some(wants) = &mut run.wants {
            wants.intents.retain(|one| !matches!(one.what, Start::Call(held) if held.scarce() == token));
        }
        let failure = CallFailure { class: ErrorClass::Budget, message, retry_after: None, usage: Usage::default() };
        run.failures.push(FailedAttempt { block: intent.block, row: intent.row, failure, last: false });
    }

    fn stop(&mut self, runs: &mut Runs, columns: &mut Columns<'_>, token: u64, told: Box<Told>) {
        let Some(seated) = self.rows.get(&token).copied() else { return };
        let Some(seat) = runs.get_mut(seated.slot) else { return };
        let Intent { block, row, .. } = seated.intent;
        if seat.run.displace(columns, block, row, told.sentence())
            && let Some(wants) = &mut seat.run.wants
        {
            wants.displaced.insert((block, row));
        }
        self.tell(runs, token, Some(told));
    }

    /// Says a decision that made somebody wait, and keeps it.
    fn tell(&mut self, runs: &mut Runs, token: u64, told: Option<Box<Told>>) {
        let Some(told) = told else { return };
        let Some(slot) = self.rows.get(&token).map(|seated| seated.slot) else { return };
        let Some(seat) = runs.get_mut(slot) else { return };
        let run = &mut seat.run;
        let node = told.request.name.clone();
        let message = told.sentence();
        run.mention(Some(node.clone()), What::Log { level: "info".to_owned(), message });
        let Some(path) = self.files.get(&slot) else { return };
        if self.keeper.is_none() {
            self.keeper = Keeper::start();
        }
        if let Some(keeper) = &mut self.keeper {
            let line = DecisionLine { node, t_s: run.now.0 as f64 / 1e9, told: *told };
            keeper.keep(path, line);
        }
    }

    /// Wakes the runs that wait when a bucket has refilled for somebody.
    fn set_alarm(&mut self, runs: &mut Runs, now_ns: u64, next: Option<u64>) {
        self.alarms.retain(|_, at| *at > now_ns);
        let Some(at) = next else { return };
        let wait = Duration::from_nanos(at.saturating_sub(now_ns));
        let waiting = self.rows.values().filter(|seated| !seated.plays).map(|seated| seated.slot);
        let waiting: BTreeSet<RunSlot> = waiting.collect();
        for slot in waiting {
            if self.alarms.insert(slot, at) != Some(at)
                && let Some(seat) = runs.get_mut(slot)
            {
                let at = seat.run.now.after(wait);
                seat.run.plan(at, Alarm::Refilled);
            }
        }
    }
}

/// The row starts, with everything it needs.
fn start(run: &mut Run, columns: &mut Columns<'_>, intent: Intent) {
    let Some(block) = run.blocks.get_mut(intent.block.0 as usize).and_then(Option::take) else { return };
    run.start(columns, &block, intent.row, intent.choice);
    match intent.what {
        Start::Pause(span) => run.pause(span, block.id, &[intent.row]),
        Start::Call(held) => run.outbox.push_back((run.frame, Outgoing::Call(block.id, intent.row, held))),
    }
    run.blocks[intent.block.0 as usize] = Some(block);
}

fn is_ready(run: &Run, columns: &Columns<'_>, intent: Intent) -> bool {
    let status = |block: &Block| columns.status[block.at(intent.row)];
    run.block(intent.block).is_some_and(|block| status(block) == Status::Ready)
}

fn melody_of(run: &Run) -> Arc<str> {
    run.scores.first().map_or_else(|| Arc::from(""), |score| Arc::from(&*score.name))
}

fn operation_of(spec: &NodeSpec, choice: u32) -> Option<&Operation> {
    match &spec.action {
        Action::Call(players) if !is_reconstruction(choice) => players.get(choice as usize).map(|player| &**player),
        _ => None,
    }
}

/// Calls of one operation are alike: they may share a seat where batches are declared.
fn alike(operation: &Operation) -> u64 {
    let digest = &operation.digest.0;
    let name = symphony_ecs_core::value::Digest::of(operation.name.as_bytes());
    let mixed: [u8; 8] = std::array::from_fn(|place| digest[place] ^ name.0[place]);
    u64::from_le_bytes(mixed) | 1
}
