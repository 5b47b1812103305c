//! Calls: a seat is taken when one leaves and given back when it ends.

use super::{Calling, Keeper, PoolKeeper};
use crate::run::{FlightKind, Run};
use crate::stage::Stage;
use std::time::Duration;
use symphony_ecs_core::ids::RunSlot;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{Busy, CallRequest, CallWhat, Usage};
use symphony_pit::dag::Columns;
use symphony_pit::pool::{Expected, Facts, PlayerNo, PoolId};

/// What is said of a call that leaves: which players its score will want next, and in how many seconds.
pub(super) type Sighted = Vec<(PoolId, f64)>;

impl PoolKeeper {
    /// Whether pools follow this request.
    pub(crate) fn follows(&self, request: &CallRequest) -> bool {
        self.0
            .as_ref()
            .is_some_and(|keeper| !request.operation.in_process && keeper.courses.contains_key(&request.id.run))
    }

    /// Hands a request over, on a seat of its player's pool if one is ready, and looks what its score wants next.
    pub(crate) fn call(
        &mut self,
        stage: &mut Stage,
        request: CallRequest,
        run: &Run,
        columns: &Columns<'_>,
        kind: FlightKind,
    ) -> Result<(), Busy> {
        let Some(keeper) = &mut self.0 else { return stage.call(request) };
        let pool = keeper.pool(&request.operation, request.mem, request.cpu);
        keeper.call(stage, request, pool)?;
        let sighted = match kind {
            FlightKind::Row(block, row) => keeper.sight(run, columns, block, row, pool),
            FlightKind::Undo(_) | FlightKind::Orphan => Vec::new(),
        };
        keeper.went(run.slot, pool, sighted);
        Ok(())
    }

    /// A call told something; its end gives the seat back.
    pub(crate) fn heard(&mut self, serial: u64, what: &CallWhat) {
        let Some(keeper) = self.0.as_mut().filter(|keeper| !keeper.calls.is_empty()) else { return };
        match what {
            CallWhat::Done(outcome) => keeper.ended(serial, Ok(outcome.usage)),
            CallWhat::Failed(failure) => keeper.ended(serial, Err((failure.class, failure.usage))),
            CallWhat::Progress { .. } | CallWhat::Chunk { .. } | CallWhat::Log { .. } => {}
        }
    }
}

impl Keeper {
    fn call(&mut self, stage: &mut Stage, request: CallRequest, pool: PoolId) -> Result<(), Busy> {
        self.follow(stage);
        let (now, id) = (self.now(), request.id);
        let mut handle = self.pools.take(pool, now);
        let wanted = handle.map(|handle| self.pools.process(pool, handle.slot));
        let played_by = match stage.call_on(request, wanted) {
            Ok(process) => process,
            Err(busy) => {
                handle.map(|handle| self.pools.give_back(handle, now));
                return Err(busy);
            }
        };
        if played_by != wanted {
            // The stage knew better: that process was gone, or busy with what it was not told of here.
            handle.take().map(|handle| self.pools.give_back(handle, now));
            let seat = played_by.and_then(|process| self.seat_of.get(&process).copied());
            handle = seat.and_then(|(pool, slot)| self.pools.take_ready(pool, slot, now));
        }
        if handle.is_none() {
            self.pools.started_cold(pool, now);
        }
        if let Some(process) = played_by {
            self.call_on.insert(process, id.serial);
        }
        self.calls.insert(id.serial, Calling { pool, handle, process: played_by, since: now });
        Ok(())
    }

    /// A run asked for a player: its course goes on.
    fn went(&mut self, run: RunSlot, pool: PoolId, sighted: Sighted) {
        let (now, player) = (self.now(), self.player(pool));
        let expected: Vec<Expected> = sighted
            .into_iter()
            .map(|(next, seconds)| {
                let due = now.after(Duration::try_from_secs_f64(seconds).unwrap_or_default());
                Expected { player: self.player(next), due, odds: super::sight::ODDS }
            })
            .collect();
        if let Some(course) = self.courses.get_mut(&run) {
            course.ask(now, player);
            expected.into_iter().for_each(|row| course.expect(row));
        }
        self.stale = true;
    }

    fn ended(&mut self, serial: u64, how: Result<Usage, (ErrorClass, Usage)>) {
        let Some(Calling { pool, handle, process, since }) = self.calls.remove(&serial) else { return };
        let now = self.now();
        if let Some(process) = process.filter(|process| self.call_on.get(process) == Some(&serial)) {
            self.call_on.remove(&process);
        }
        // A seat whose process has died meanwhile was taken away: its handle is stale, and that is all.
        handle.map(|handle| self.pools.give_back(handle, now));
        let (well, usage) = match how {
            Ok(usage) => {
                self.pools.played_well(pool);
                (true, usage)
            }
            // A process that died is told of by the stage, and counts once.
            Err((ErrorClass::Crash, usage)) => (false, usage),
            Err((ErrorClass::Timeout | ErrorClass::Io | ErrorClass::InvalidOutput, usage)) => {
                self.pools.played_badly(pool, now);
                (false, usage)
            }
            Err((_, usage)) => (true, usage),
        };
        let player = self.player(pool);
        let took = now.since(since);
        self.history.called(player, took, well, usage.cost_micros);
        self.news(player, |facts| facts.called(took, well, usage.cost_micros));
        self.stale = true;
    }

    pub(super) fn news(&mut self, player: PlayerNo, note: impl FnOnce(&mut Facts)) {
        note(self.news.entry(player).or_default());
    }
}
