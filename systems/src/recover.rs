//! Recovery: what a run has lost, and the record of a run that plays just what brings it back.
//!
//! Nodes of the melody itself are looked at; their bodies play as a whole. The new run begins with a frame in which
//! every row that does not play takes over what it gave; rows that are to be reconstructed have failed in it. From there
//! it plays like any run that was resumed.

use crate::orchestra::Orchestra;
use crate::record::FrameRecord;
use crate::run::Run;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use symphony_ecs_core::clock::{ClockKind, Time};
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Event, Place, SkipReason, Then};
use symphony_ecs_core::expr::Expr;
use symphony_ecs_core::ids::{BlockId, Row, RunId, RunSlot};
use symphony_ecs_core::melody::model::{ErrorClass, JoinKind};
use symphony_ecs_core::ports::Usage;
use symphony_ecs_core::score::{Action, Bind, CandidateFrom, Gather, NameFrom, Score};
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Block, Columns, Losses, RecoveryPlan, Way};

/// What a run's own nodes have given, and who takes what.
#[derive(Debug)]
pub struct Ground {
    /// The melody's score.
    pub score: Arc<Score>,
    /// How each row stands.
    pub status: Vec<Status>,
    /// Values by slot.
    pub values: Vec<Value>,
    /// Values of the melody's inputs.
    pub inputs: Vec<Value>,
    run: RunId,
    clock: ClockKind,
    seed: u64,
    takes: Vec<Taken>,
    spares: Vec<Option<Taken>>,
    /// What the outputs of the melody and the rows that are not over take.
    wanted: BTreeSet<u32>,
    /// Which rows are named first in joins that take who comes first.
    first: Vec<u32>,
}

/// Slots and inputs of the melody that are taken.
#[derive(Clone, Debug, Default)]
struct Taken {
    slots: BTreeSet<u32>,
    inputs: BTreeSet<u32>,
}

impl Orchestra {
    /// What a run's own nodes have given. `None` before it has begun.
    pub fn ground(&mut self, slot: RunSlot) -> Option<Ground> {
        let (world, nodes) = self.world();
        let columns = Columns::of(nodes.query_mut(&mut *world));
        let statuses = columns.status.to_vec();
        let run = self.run(slot)?;
        let block = run.block(BlockId(0))?;
        let score = Arc::clone(&block.score);
        let rows = || (0..score.rows()).map(Row);
        let status: Vec<Status> = rows().map(|row| statuses[block.at(row)]).collect();
        let takes: Vec<Taken> = rows().map(|row| taken(block, row)).collect();
        let spare = |row: Row| {
            let spec = score.spec(row).reconstruct.as_ref()?;
            Run::reconstruct_inputs(block, row).ok()?;
            let mut taken = Taken::default();
            spec.inputs.iter().for_each(|gather| taken.gather(block, gather));
            Some(taken)
        };
        let spares = rows().map(spare).collect();
        let mut wanted = Taken::default();
        score.outputs.iter().for_each(|output| wanted.gather(block, &output.from));
        for row in rows().filter(|row| !status[row.ix()].is_over()) {
            wanted.slots.extend(&takes[row.ix()].slots);
        }
        let mut first = vec![u32::MAX; score.rows() as usize];
        for (spec, state) in score.joins.iter().zip(&block.joins) {
            for (place, winner) in (0u32..).zip(&state.winners) {
                if let Some(CandidateFrom::Slot { row, .. }) = spec.candidates.get(*winner as usize) {
                    first[*row as usize] = first[*row as usize].min(place);
                }
            }
        }
        Some(Ground {
            status,
            values: block.values.clone(),
            inputs: block.inputs.clone(),
            run: run.id.clone(),
            clock: run.clock,
            seed: run.seed,
            takes,
            spares,
            wanted: wanted.slots,
            first,
            score,
        })
    }
}

impl Ground {
    /// The row that gives a slot.
    pub fn giver(&self, slot: u32) -> Row {
        Row((self.score.slot_off.partition_point(|first| *first <= slot) as u32).saturating_sub(1))
    }

    /// What is needed for a plan, when these slots and inputs of the melody are lost.
    pub fn losses(&self, lost: &[bool], lost_inputs: &[bool]) -> Losses {
        let mut losses = Losses { lost: lost.to_vec(), ..Losses::default() };
        losses.giver = (0..self.values.len() as u32).map(|slot| self.giver(slot).0).collect();
        let gone = |taken: &Taken| taken.inputs.iter().any(|input| lost_inputs.get(*input as usize) == Some(&true));
        for (row, (taken, spare)) in (0u32..).zip(self.takes.iter().zip(&self.spares)) {
            // What stands later is taken by an optional edge: nobody waits for it, so nobody is sure of it.
            losses.takes.push(taken.slots.iter().copied().filter(|slot| self.giver(*slot).0 < row));
            losses.barred.push(gone(taken));
            losses.spare.push(spare.as_ref().is_some_and(|taken| !gone(taken)));
            losses.spare_takes.push(spare.iter().flat_map(|taken| &taken.slots).copied());
        }
        losses
    }

    /// Says in `losses` who plays the rows and which of these players are lost; gives the names of all of them.
    pub fn lose_players(&self, losses: &mut Losses, is_lost: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let mut number = |name: &str| {
            *numbers.entry(name.to_owned()).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() as u32 - 1
            })
        };
        losses.players = Default::default();
        for row in (0..self.score.rows()).map(Row) {
            let spec = self.score.spec(row);
            let players: Vec<u32> = match &spec.action {
                Action::Call(players) => players.iter().map(|player| number(&player.name)).collect(),
                Action::Function(operation, _) => vec![number(&operation.name)],
                _ => Vec::new(),
            };
            losses.players.push(players);
            if let (Some(reconstruct), Some(spare)) = (&spec.reconstruct, losses.spare.get_mut(row.ix())) {
                number(&reconstruct.operation.name);
                *spare &= !is_lost(&reconstruct.operation.name);
            }
        }
        losses.lost_players = names.iter().map(|name| is_lost(name)).collect();
        losses.open = self.status.iter().map(|status| !status.is_over()).collect();
        let nanos = |span: std::time::Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let took = |row| nanos(self.score.spec(row).declared.unwrap_or(self.score.spec(row).estimate));
        losses.took = (0..self.score.rows()).map(|row| took(Row(row))).collect();
        names
    }

    /// How large what a row gave is, in bytes of its canonical form; artifacts count by their reference.
    pub fn size(&self, row: u32) -> u64 {
        let values = self.values.get(self.score.slots(Row(row))).unwrap_or_default();
        values.iter().map(|value| value.canonical_json().len() as u64).sum()
    }

    /// Slots that the outputs of the melody, or rows that are not over, take.
    pub fn wanted(&self) -> Vec<u32> {
        self.wanted.iter().copied().collect()
    }

    /// The first frame of a run that plays a plan.
    pub fn fork(&self, plan: &RecoveryPlan) -> FrameRecord {
        let block = BlockId(0);
        let mut events = vec![
            Event::Began { clock: self.clock, seed: self.seed },
            Event::Opened { block, parent: None, place: Place::Root, inputs: self.inputs.clone() },
        ];
        let mut ways = vec![None; self.status.len()];
        for step in &plan.steps {
            ways[step.row as usize] = Some(step.way);
        }
        // Joins that take who comes first take whom they took.
        let mut rows: Vec<Row> = (0..self.score.rows()).map(Row).collect();
        rows.sort_by_key(|row| self.first[row.ix()]);
        events.extend(rows.into_iter().filter_map(|row| match (ways[row.ix()], self.status[row.ix()]) {
            (Some(Way::Play), _) => None,
            (Some(Way::Reconstruct), _) => Some(Event::Faulted {
                block,
                row,
                class: ErrorClass::Io,
                message: "what it gave is lost, and so is what it took".to_owned(),
                usage: Usage::default(),
                then: Then::Reconstruct,
            }),
            (None, Status::Done) => {
                let outputs = self.values[self.score.slots(row)].to_vec();
                Some(Event::Reused { block, row, outputs, run: self.run.clone() })
            }
            (None, _) => Some(Event::Skipped { block, row, reason: SkipReason::NotAsked }),
        }));
        FrameRecord { time: Time::default(), events }
    }
}

/// What a row takes when it plays.
fn taken(block: &Block, row: Row) -> Taken {
    let score = &block.score;
    let mut taken = Taken::default();
    for bind in score.binds(row) {
        match bind {
            Bind::Slot(slot) => drop(taken.slots.insert(*slot)),
            Bind::Input(input) => drop(taken.inputs.insert(*input)),
            Bind::Gather(gather) => taken.gather(block, &score.gathers[*gather as usize]),
        }
    }
    if let Action::Map(map) = &score.spec(row).action {
        taken.gather(block, &map.over);
        map.item_inputs.iter().for_each(|gather| taken.gather(block, gather));
    }
    taken
}

impl Taken {
    fn gather(&mut self, block: &Block, gather: &Gather) {
        match gather {
            Gather::Literal(_) | Gather::Item | Gather::Index => {}
            Gather::Slot(slot, _) => drop(self.slots.insert(*slot)),
            Gather::Input(input, _) => drop(self.inputs.insert(*input)),
            Gather::Expr(expr, names, _) => names.iter().for_each(|(name, from)| self.name(block, expr, name, from)),
            Gather::Join(join, _) => self.join(block, *join as usize),
        }
    }

    /// The ports that an expression selects of a node, or all of them if it takes the node as a whole.
    fn name(&mut self, block: &Block, expr: &Expr, name: &str, from: &NameFrom) {
        let uses = || expr.references().iter().filter(|used| used.name == name);
        let named = |port: &str| uses().any(|used| used.port.as_deref().is_none_or(|used| used == port));
        match from {
            NameFrom::Row(row) => {
                let ports = block.score.spec(Row(*row)).outputs.iter().map(|port| &*port.name);
                let slots = block.score.slots(Row(*row)).zip(ports);
                self.slots.extend(slots.filter(|(_, port)| named(port)).map(|(slot, _)| slot as u32));
            }
            NameFrom::Inputs => {
                let inputs = (0u32..).zip(&block.score.inputs);
                self.inputs.extend(inputs.filter(|(_, input)| named(&input.name)).map(|(ix, _)| ix));
            }
            NameFrom::Item | NameFrom::Index | NameFrom::Settings => {}
        }
    }

    /// The candidates whose values a join gave; all of them while it gives none.
    fn join(&mut self, block: &Block, join: usize) {
        let (Some(spec), Some(state)) = (block.score.joins.get(join), block.joins.get(join)) else { return };
        let present = |candidate: &CandidateFrom| match candidate {
            CandidateFrom::Slot { slot, .. } => block.values[*slot as usize].is_present(),
            CandidateFrom::Input(input) => block.inputs[*input as usize].is_present(),
        };
        let winners = |most: usize| state.winners.iter().take(most).map(|winner| *winner as usize).collect::<Vec<_>>();
        let chosen: Vec<usize> = match spec.kind {
            JoinKind::FirstOf => spec.candidates.iter().position(present).into_iter().collect(),
            JoinKind::AnyOf => winners(1),
            JoinKind::NOf(n) => winners(n as usize),
            JoinKind::All => (0..spec.candidates.len()).collect(),
        };
        for place in chosen {
            match spec.candidates.get(place) {
                Some(CandidateFrom::Slot { slot, .. }) => drop(self.slots.insert(*slot)),
                Some(CandidateFrom::Input(input)) => drop(self.inputs.insert(*input)),
                None => {}
            }
        }
    }
}
