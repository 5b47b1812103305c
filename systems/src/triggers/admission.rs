//! Admission: what a start does while others of its melody play, and who gets the room that there is.

use super::starts::run_of;
use super::{Cause, Change, Facts, MelodyRow, Ms, Order, Phase, Start, Ticket, Triggers, Verdict};
use std::sync::Arc;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::melody::triggers::Concurrency;
use symphony_ecs_core::value::Value;

impl Triggers {
    /// A new start, not yet in any queue.
    pub(super) fn enter(&mut self, melody: MelodyRow, cause: Cause, facts: Facts, phase: Phase, now: Ms) -> u32 {
        let ticket = self.next;
        self.next += 1;
        let run = run_of(ticket, self.salt, now);
        self.changes.push(Change::Accepted(ticket));
        self.starts.enter(Start { ticket, melody, run, phase, born: now, due: 0, cause, facts: Some(facts) })
    }

    /// A key for a start, if there is one.
    pub(super) fn learn(&mut self, slot: u32, key: Option<String>, at: Ms) {
        let Some(key) = key.map(Arc::<str>::from) else { return };
        let (melody, run) = (self.starts.melody(slot), self.starts.run(slot).clone());
        if matches!(self.starts.phase(slot), Phase::Settling | Phase::Waiting) {
            self.keys.hold(slot, key.clone());
        }
        self.keys.learn(melody, key.clone(), run.clone(), at);
        self.changes.push(Change::Key { melody, key, run, at });
    }

    /// A start without a wait for further events.
    pub(super) fn admit_new(
        &mut self,
        melody: MelodyRow,
        cause: Cause,
        facts: Facts,
        key: Option<String>,
        now: Ms,
    ) -> Verdict {
        // What would be dropped at once is not accepted in the first place.
        if self.policy(melody) == Concurrency::Skip
            && let Some(playing) = self.active[melody as usize].first()
        {
            return Verdict::Skipped(self.starts.run(*playing).clone());
        }
        let slot = self.enter(melody, cause, facts, Phase::Waiting, now);
        let verdict = self.admit(slot);
        self.learn(slot, key, now);
        verdict
    }

    /// Lets a start in, puts it behind others, or drops it.
    pub(super) fn admit(&mut self, slot: u32) -> Verdict {
        let melody = self.starts.melody(slot);
        let at = melody as usize;
        let Some(playing) = self.active[at].first().copied() else {
            return self.let_in(slot);
        };
        let run = self.starts.run(slot).clone();
        match self.policy(melody) {
            Concurrency::Parallel => self.let_in(slot),
            Concurrency::Queue => {
                self.wait(slot);
                Verdict::Waits(run)
            }
            Concurrency::Skip => {
                let playing = self.starts.run(playing).clone();
                self.drop_start(slot);
                Verdict::Skipped(playing)
            }
            Concurrency::Replace => {
                for earlier in std::mem::take(&mut self.waiting[at]) {
                    self.drop_start(earlier);
                }
                let unbegun: Vec<u32> =
                    self.active[at].iter().copied().filter(|slot| self.starts.phase(*slot) == Phase::Waiting).collect();
                for earlier in unbegun {
                    self.active[at].remove(&earlier);
                    self.for_room.retain(|waiting| *waiting != earlier);
                    self.drop_start(earlier);
                }
                if self.active[at].is_empty() {
                    return self.let_in(slot);
                }
                for playing in self.active[at].clone() {
                    if self.starts.phase(playing) == Phase::Playing {
                        self.move_to(playing, Phase::Stopping);
                        self.orders.push(Order::Stop(self.starts.ticket(playing)));
                    }
                }
                self.wait(slot);
                Verdict::Waits(run)
            }
        }
    }

    fn policy(&self, melody: MelodyRow) -> Concurrency {
        self.concurrency.get(melody as usize).copied().unwrap_or_default()
    }

    fn wait(&mut self, slot: u32) {
        self.waiting[self.starts.melody(slot) as usize].push_back(slot);
        if self.starts.phase(slot) != Phase::Waiting {
            self.move_to(slot, Phase::Waiting);
        }
    }

    /// Nothing of its melody is in its way.
    fn let_in(&mut self, slot: u32) -> Verdict {
        let run = self.starts.run(slot).clone();
        self.active[self.starts.melody(slot) as usize].insert(slot);
        if self.live >= self.room {
            self.for_room.push_back(slot);
            if self.starts.phase(slot) != Phase::Waiting {
                self.move_to(slot, Phase::Waiting);
            }
            return Verdict::Waits(run);
        }
        self.begin(slot);
        Verdict::Starts(run)
    }

    fn begin(&mut self, slot: u32) {
        self.live += 1;
        self.keys.settle(slot);
        self.move_to(slot, Phase::Playing);
        self.orders.push(Order::Start(self.starts.ticket(slot)));
    }

    fn move_to(&mut self, slot: u32, phase: Phase) {
        self.starts.set_phase(slot, phase);
        let ticket = self.starts.ticket(slot);
        // A start that was accepted a moment ago is written down as it is when the batch is.
        if self.changes.last() != Some(&Change::Accepted(ticket)) {
            self.changes.push(Change::Moved(ticket));
        }
    }

    fn drop_start(&mut self, slot: u32) {
        let melody = self.starts.melody(slot);
        for key in self.keys.drop_start(slot, melody) {
            self.changes.push(Change::Forget { melody, key });
        }
        self.changes.push(Change::Gone(self.starts.ticket(slot)));
        self.orders.push(Order::Dropped(self.starts.run(slot).clone(), melody));
        self.starts.leave(slot);
    }

    /// What the event told, for the run that begins; the start keeps it no longer.
    pub fn facts_of(&mut self, ticket: Ticket) -> Facts {
        self.starts.find(ticket).map(|slot| self.starts.take_facts(slot)).unwrap_or_default()
    }

    /// A run is over: its followers start, its outputs are told, and its place is free.
    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        status: RunStatus,
        outputs: Facts,
        now: Ms,
    ) -> Vec<(MelodyRow, Verdict)> {
        let Some(slot) = self.starts.find(ticket) else { return Vec::new() };
        let melody = self.starts.melody(slot);
        let run = Value::text(self.starts.run(slot).as_str());
        self.leave(slot);
        let name = self.name(melody).to_owned();
        let mut verdicts = Vec::new();
        let mut facts = outputs.clone();
        facts.insert("run".to_owned(), run.clone());
        facts.insert("status".to_owned(), Value::text(status.as_str()));
        let followers = self.matching.after(&name, status);
        verdicts.extend(self.accept_all(&followers, &Cause::After(name.clone()), &facts, None, now));
        if status == RunStatus::Completed {
            for (output, value) in outputs {
                let told = format!("{name}.{output}");
                let facts = Facts::from([("run".to_owned(), run.clone()), ("artifact".to_owned(), value)]);
                let waiting = self.matching.artifacts(&told);
                verdicts.extend(self.accept_all(&waiting, &Cause::Artifact(told), &facts, None, now));
            }
        }
        verdicts
    }

    fn leave(&mut self, slot: u32) {
        let at = self.starts.melody(slot) as usize;
        if matches!(self.starts.phase(slot), Phase::Playing | Phase::Stopping) {
            self.live = self.live.saturating_sub(1);
        }
        self.active[at].remove(&slot);
        self.changes.push(Change::Gone(self.starts.ticket(slot)));
        self.starts.leave(slot);
        if self.active[at].is_empty()
            && let Some(next) = self.waiting[at].pop_front()
        {
            self.let_in(next);
        }
        while self.live < self.room
            && let Some(next) = self.for_room.pop_front()
        {
            self.begin(next);
        }
    }

    /// Drops a start that has not begun, or stops its run; whether there was one.
    pub fn cancel(&mut self, ticket: Ticket) -> bool {
        let Some(slot) = self.starts.find(ticket) else { return false };
        let at = self.starts.melody(slot) as usize;
        match self.starts.phase(slot) {
            Phase::Playing => {
                self.move_to(slot, Phase::Stopping);
                self.orders.push(Order::Stop(ticket));
            }
            Phase::Stopping => {}
            Phase::Settling | Phase::Waiting => {
                self.settled_at.remove(&(self.starts.due(slot), slot));
                if self.settling[at] == Some(slot) {
                    self.settling[at] = None;
                }
                self.waiting[at].retain(|waiting| *waiting != slot);
                self.for_room.retain(|waiting| *waiting != slot);
                let was_next = self.active[at].remove(&slot);
                self.drop_start(slot);
                if was_next
                    && self.active[at].is_empty()
                    && let Some(next) = self.waiting[at].pop_front()
                {
                    self.let_in(next);
                }
            }
        }
        true
    }

    /// Takes up starts that were written down: what played plays on, what waited waits in its old order.
    pub(super) fn take_up(&mut self, mut starts: Vec<Start>) {
        starts.sort_unstable_by_key(|start| start.ticket);
        let mut waiting = Vec::new();
        for start in starts {
            let (melody, phase, ticket, due) = (start.melody, start.phase, start.ticket, start.due);
            self.next = self.next.max(ticket + 1);
            let at = melody as usize;
            let slot = self.starts.enter(start);
            match phase {
                Phase::Settling => {
                    self.settling[at] = Some(slot);
                    self.settled_at.insert((due, slot));
                }
                Phase::Waiting => waiting.push(slot),
                Phase::Playing | Phase::Stopping => {
                    self.live += 1;
                    self.active[at].insert(slot);
                    self.orders.push(Order::Start(ticket));
                    if phase == Phase::Stopping {
                        self.orders.push(Order::Stop(ticket));
                    }
                }
            }
        }
        for slot in waiting {
            let at = self.starts.melody(slot) as usize;
            if self.active[at].is_empty() || self.policy(self.starts.melody(slot)) == Concurrency::Parallel {
                self.let_in(slot);
            } else {
                self.waiting[at].push_back(slot);
            }
        }
    }
}
