//! The orchestra: the world in which everything plays, its schedule, and the loops that run it.
//!
//! A real loop sleeps until something happens: an answer of the stage, a commit of the journal, a command, a timer.
//! A virtual run needs no sleep; its time jumps.

use crate::arbiter::{Arbiter, Scarce};
use crate::decide::{Conductor, Manual};
use crate::frame;
use crate::options::RunOptions;
use crate::pools::{PoolKeeper, PoolSettings, PoolView};
use crate::restore::checkpoint;
use crate::run::{Rerouted, Rerouting, Run, Tally, scores_of};
use crate::runs::{Runs, Seat};
use crate::stage::{Functions, Rehearsal, Stage, TypedRehearsal};
use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Select};
use std::sync::Arc;
use std::time::{Duration, Instant};
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::components::{Choice, Status};
use symphony_ecs_core::events::{Notice, Place, RunStatus};
use symphony_ecs_core::ids::{Row, RunSlot};
use symphony_ecs_core::ports::{ArtifactPort, ConductorPort, ExtensionPort, JournalError, JournalPort};
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Columns, NodeQuery, NodeTable};
use symphony_pit::pool::Learned;

/// Something a person asks of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Let a node that waits for a person play, or not.
    Approve {
        /// The node's path.
        node: String,
        /// The answer.
        approved: bool,
        /// Who says so.
        by: String,
    },
    /// Stop for good.
    Cancel {
        /// Who says so.
        by: String,
    },
}

/// What a frame has left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// Something can be done at once: run the next frame.
    Beat,
    /// Nothing until something arrives, or until this much time has passed.
    Rest(Option<Duration>),
}

/// The world, its schedule and its way in and out.
pub struct Orchestra {
    world: World,
    schedule: Schedule,
    nodes: QueryState<NodeQuery>,
}

/// The parts an orchestra is made of; everything has a default that plays alone.
pub struct OrchestraParts {
    /// Where out-of-process players play.
    pub stage: Option<Box<dyn ExtensionPort>>,
    /// Models of players for virtual runs.
    pub rehearsal: Arc<dyn Rehearsal>,
    /// Functions of this process, for calls whose inputs must be read from the store.
    pub functions: Option<Arc<dyn Functions>>,
    /// The Artifact Store.
    pub artifacts: Option<Arc<dyn ArtifactPort>>,
    /// Who decides.
    pub conductor: Box<dyn ConductorPort>,
    /// Rows looked at per frame and run at most.
    pub walk_limit: u32,
    /// Who gives out what is scarce; without it nothing is.
    pub arbiter: Option<Arbiter>,
    /// How pools of players are kept; without it players start with their first calls.
    pub pools: Option<PoolSettings>,
}

impl Default for OrchestraParts {
    fn default() -> Self {
        Self {
            stage: None,
            rehearsal: Arc::new(TypedRehearsal),
            functions: None,
            artifacts: None,
            conductor: Box::new(Manual),
            walk_limit: 1 << 16,
            arbiter: None,
            pools: None,
        }
    }
}

impl Default for Orchestra {
    fn default() -> Self {
        Self::new(OrchestraParts::default())
    }
}

impl Orchestra {
    /// An orchestra in which nothing plays yet.
    pub fn new(parts: OrchestraParts) -> Self {
        let mut world = World::new();
        world.insert_resource(Runs::new(parts.walk_limit));
        world.init_resource::<NodeTable>();
        world.insert_resource(Conductor::new(parts.conductor));
        world.insert_resource(Stage::new(parts.stage, parts.rehearsal, parts.functions, parts.artifacts));
        world.insert_resource(parts.arbiter.as_ref().map(Scarce::of).unwrap_or_default());
        world.insert_resource(parts.pools.map(PoolKeeper::new).unwrap_or_default());
        let nodes = world.query::<NodeQuery>();
        let mut schedule = frame::schedule();
        // Else the first frame of the first run does it. The schedule is ours and has no circle.
        let built = schedule.initialize(&mut world);
        debug_assert!(built.is_ok(), "{:?}", built.err());
        Self { world, schedule, nodes }
    }

    /// Seats a new run; it begins with the next frame.
    pub fn play(&mut self, options: &RunOptions, journal: Option<Box<dyn JournalPort>>) -> RunSlot {
        let root = Arc::clone(&options.score);
        NodeTable::grow(&mut self.world, root.rows());
        let slot = self.world.resource_mut::<Runs>().seat(|slot| {
            let mut run = Run::new(slot, options);
            if let Some(tracking) = &mut run.tracking {
                tracking.prepare(&root);
            }
            run.begin();
            run.open_root(options);
            Seat::new(run, journal)
        });
        self.look_for_scarce(slot);
        self.follow(slot, &root, options.clock);
        slot
    }

    /// Notes whether a run takes anything that is scarce.
    fn look_for_scarce(&mut self, slot: RunSlot) {
        self.world.resource_scope(|world, mut scarce: Mut<'_, Scarce>| {
            if let Some(seat) = world.resource_mut::<Runs>().get_mut(slot) {
                scarce.seat(&mut seat.run);
            }
        });
    }

    /// Gives out what is scarce by this arbiter, for runs that are seated from now on.
    pub fn arbitrate_by(&mut self, arbiter: &Arbiter) {
        self.world.insert_resource(Scarce::of(arbiter));
    }

    /// Keeps the decisions of the arbiter that made somebody of this run wait in a folder, as `decisions.jsonl`.
    pub fn keep_decisions(&mut self, slot: RunSlot, folder: &std::path::Path) {
        self.world.resource_mut::<Scarce>().keep(slot, folder);
    }

    /// Pools follow what a run asks for.
    fn follow(&mut self, slot: RunSlot, score: &Arc<Score>, clock: ClockKind) {
        if clock == ClockKind::Real {
            self.world.resource_mut::<PoolKeeper>().begin(slot, score);
        }
    }

    /// Seats a run that was restored from its journal.
    pub(crate) fn seat_restored(&mut self, make: impl FnOnce(RunSlot) -> Seat) -> RunSlot {
        let slot = self.world.resource_mut::<Runs>().seat(make);
        self.look_for_scarce(slot);
        let begun = self.run(slot).filter(|run| !run.is_over()).map(|run| (run.clock, run.scores.first().cloned()));
        if let Some((clock, Some(score))) = begun {
            self.follow(slot, &score, clock);
        }
        slot
    }

    pub(crate) fn world(&mut self) -> (&mut World, &mut QueryState<NodeQuery>) {
        (&mut self.world, &mut self.nodes)
    }

    /// Runs one frame.
    pub fn frame(&mut self) {
        self.schedule.run(&mut self.world);
    }

    /// What is left to do.
    pub fn pulse(&self) -> Pulse {
        let runs = self.world.resource::<Runs>();
        let mut next: Option<Duration> = None;
        for seat in runs.iter() {
            if !seat.is_quiet() {
                return Pulse::Beat;
            }
            if seat.run.is_over() || seat.broken.is_some() {
                continue;
            }
            if let Some(at) = seat.run.next_timer() {
                if seat.run.clock == ClockKind::Virtual {
                    return Pulse::Beat;
                }
                let wait = at.since(seat.run.now);
                next = Some(next.map_or(wait, |next| next.min(wait)));
            }
        }
        Pulse::Rest(next)
    }

    /// Sleeps until an answer or a commit arrives, a message waits on one of `also`, or `most` has passed.
    pub fn rest<T>(&mut self, most: Option<Duration>, also: &[&Receiver<T>]) {
        let calls = self.world.resource_mut::<Stage>().channels();
        let wake = self.world.resource_mut::<Scarce>().wake();
        let mut runs = self.world.resource_mut::<Runs>();
        let commits: Vec<_> =
            runs.iter_mut().filter_map(|seat| seat.journal().map(|journal| journal.committed().clone())).collect();
        let mut select = Select::new();
        for calls in &calls {
            select.recv(calls);
        }
        for commits in &commits {
            select.recv(commits);
        }
        for also in also {
            select.recv(also);
        }
        if let Some(wake) = &wake {
            select.recv(wake);
        }
        // Only readiness matters here, not which channel it is: Intake drains them all.
        let _ready = match most {
            Some(most) => select.ready_deadline(Instant::now() + most),
            None => Ok(select.ready()),
        };
    }

    /// Plays a run to its end without commands: what simulations and tests do.
    pub fn play_to_end(&mut self, slot: RunSlot) -> RunStatus {
        loop {
            self.frame();
            match (self.pulse(), self.status(slot)) {
                (Pulse::Beat, _) => {}
                (Pulse::Rest(_), status) if status != RunStatus::Playing || self.failure(slot).is_some() => {
                    return status;
                }
                (Pulse::Rest(None), status) if !self.awaits_anything(slot) => return status,
                (Pulse::Rest(wait), _) => self.rest::<()>(wait, &[]),
            }
        }
    }

    fn awaits_anything(&self, slot: RunSlot) -> bool {
        let runs = self.world.resource::<Runs>();
        runs.get(slot).is_some_and(|seat| !seat.run.flights.is_empty() || seat.run.committed < seat.run.frame)
            || self.world.resource::<Scarce>().waits(slot)
    }

    /// Passes a command to a run.
    pub fn command(&mut self, slot: RunSlot, command: Command) {
        if let Some(seat) = self.world.resource_mut::<Runs>().get_mut(slot) {
            seat.run.commands.push(command);
        }
    }

    /// Rewires a run: nodes that have not begun come, go or are replaced, as `change` says. Gives what will be different
    /// from the next frame on, or why it cannot be, for people.
    pub fn reroute(&mut self, slot: RunSlot, change: &str, by: &str) -> Result<Rerouted, String> {
        let nodes = &mut self.nodes;
        self.world.resource_scope(|world, mut runs: Mut<'_, Runs>| {
            let run = runs.get_mut(slot).map(|seat| &mut seat.run).ok_or("there is no such run")?;
            if !run.routes.is_empty() {
                return Err("another edit is about to take effect; try again".to_owned());
            }
            let rescore = run.rescore.clone().ok_or("this run cannot be rewired")?;
            let edit = rescore.edit(run.edits.last().map(|edit| edit.text.as_str()), change)?;
            let score = run.rescored(&edit)?;
            if let Some(why) = run.objection(&Columns::of(nodes.query_mut(&mut *world)), &edit, &score) {
                return Err(why);
            }
            if run.wants.is_some() || world.resource_mut::<Scarce>().touches(&scores_of(&score)) {
                let why = "what it takes is scarce (`symphony pit arbitration --rules`): such a run is not rewired";
                return Err(why.to_owned());
            }
            let effect = run.effect(&edit, &score);
            if effect == Rerouted::default() {
                return Err("the edit changes nothing".to_owned());
            }
            run.routes.push_back(Rerouting { edit, score, by: by.to_owned() });
            Ok(effect)
        })
    }

    /// How a run stands.
    pub fn status(&self, slot: RunSlot) -> RunStatus {
        self.run(slot).map_or(RunStatus::Cancelled, |run| run.status)
    }

    /// Why the run's journal stopped, if it did.
    pub fn failure(&self, slot: RunSlot) -> Option<&JournalError> {
        self.world.resource::<Runs>().get(slot)?.broken.as_ref()
    }

    /// A run's state.
    pub fn run(&self, slot: RunSlot) -> Option<&Run> {
        self.world.resource::<Runs>().get(slot).map(|seat| &seat.run)
    }

    pub(crate) fn run_mut(&mut self, slot: RunSlot) -> Option<&mut Run> {
        self.world.resource_mut::<Runs>().into_inner().get_mut(slot).map(|seat| &mut seat.run)
    }

    /// Counts of a run.
    pub fn tally(&self, slot: RunSlot) -> Tally {
        self.run(slot).map(|run| run.tally).unwrap_or_default()
    }

    /// Notices of committed frames since the last call, of all runs.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.world.resource_mut::<Runs>().published)
    }

    /// Sealed frames of a run without a journal, if it records.
    pub fn sealed(&mut self, slot: RunSlot) -> Vec<Vec<u8>> {
        let mut runs = self.world.resource_mut::<Runs>();
        runs.get_mut(slot).map(|seat| std::mem::take(&mut seat.record)).unwrap_or_default()
    }

    /// The state of a run between frames: the number of its last sealed frame and a checkpoint after it. `None`
    /// before the first frame, while undos play, and when there is no such run.
    pub fn checkpoint(&mut self, slot: RunSlot) -> Option<(u64, Vec<u8>)> {
        let nodes = &mut self.nodes;
        self.world.resource_scope(|world, runs: Mut<'_, Runs>| {
            let run = &runs.get(slot)?.run;
            let frame = run.frame.checked_sub(1)?;
            Some((frame, checkpoint::encode(run, &Columns::of(nodes.query_mut(world)))?))
        })
    }

    /// Nodes of the open blocks with path, status, attempt and outputs, in order.
    pub fn nodes(&mut self, slot: RunSlot) -> Vec<NodeView> {
        let mut views = Vec::new();
        let columns = Columns::of(self.nodes.query_mut(&mut self.world));
        // The columns borrow the world; copy what is needed before looking at the run.
        let (status, attempt, choice) = (columns.status.to_vec(), columns.attempt.to_vec(), columns.choice.to_vec());
        let runs = self.world.resource::<Runs>();
        let Some(seat) = runs.get(slot) else { return views };
        for block in seat.run.blocks() {
            for row in (0..block.rows()).map(Row) {
                if matches!(block.place, Place::Item(_)) && row.0 > 0 {
                    continue;
                }
                let spec = block.score.spec(row);
                let values = &block.values[block.score.slots(row)];
                let outputs = spec.outputs.iter().map(|port| port.name.clone()).zip(values.iter().cloned()).collect();
                let (status, attempt) = (status[block.at(row)], attempt[block.at(row)].0);
                views.push(NodeView {
                    path: seat.run.path(block, row),
                    status,
                    attempt,
                    reused: status == Status::Done && attempt == 0,
                    reconstructed: status == Status::Done && choice[block.at(row)] == Choice::RECONSTRUCTION,
                    outputs,
                });
            }
        }
        views
    }

    /// The pools of players of this orchestra, by player: who is warm, and why.
    pub fn pools(&mut self) -> Vec<PoolView> {
        self.with_pools(|pools, stage| pools.view(stage))
    }

    /// Warms a player by hand: so many seats; says how many were started. `None` when no melody here names it.
    pub fn warm(&mut self, player: &str, seats: u32) -> Option<u32> {
        self.with_pools(|pools, stage| pools.warm(stage, player, seats))
    }

    /// What pools learned from runs that left, since the last time.
    pub fn pools_learned(&mut self) -> Option<Learned> {
        self.world.resource_mut::<PoolKeeper>().learned()
    }

    fn with_pools<T>(&mut self, what: impl FnOnce(&mut PoolKeeper, &mut Stage) -> T) -> T {
        self.world.resource_scope(|world, mut pools: Mut<'_, PoolKeeper>| {
            what(&mut pools, &mut world.resource_mut::<Stage>())
        })
    }

    /// Takes a run out of the world; its journal is handed back to be closed.
    pub fn leave(&mut self, slot: RunSlot) -> Option<Box<Seat>> {
        let seat = self.world.resource_mut::<Runs>().leave(slot)?;
        self.world.resource_mut::<Scarce>().leave(slot);
        self.world.resource_mut::<PoolKeeper>().end(slot);
        let mut table = self.world.resource_mut::<NodeTable>();
        for block in seat.run.blocks().chain(seat.run.closed.iter()) {
            table.give_back(block.base, block.rows());
        }
        Some(seat)
    }
}

/// A node as `show` and tests see it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// Path.
    pub path: String,
    /// Status.
    pub status: Status,
    /// Attempts begun.
    pub attempt: u16,
    /// Whether it took over what an equal call gave before.
    pub reused: bool,
    /// Whether its players failed and its outputs were obtained by `reconstruct`.
    pub reconstructed: bool,
    /// Outputs by port; absent ones included.
    pub outputs: Vec<(String, Value)>,
}
