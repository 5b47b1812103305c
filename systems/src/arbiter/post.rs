//! The post between worlds and the arbiter they share: asks go in, answers come out, a world that sleeps is woken.

use super::rules::{Rules, RulesError};
use super::state::State;
use crossbeam_channel::{Receiver, bounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use symphony_ecs_core::ids::RunId;
use symphony_pit::arbitration::{Counts, Experience, ResourceId, Terms, Told};

/// The arbiter of everything that is scarce: one for all worlds of a process. Cloning gives another handle.
#[derive(Clone)]
pub struct Arbiter {
    state: Arc<Mutex<State>>,
    rules: Arc<Rules>,
    began: Instant,
}

/// A call that asks for what is scarce.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The world's number of the call.
    pub token: u64,
    pub run: RunId,
    pub melody: Arc<str>,
    /// The node's path and id.
    pub path: String,
    pub node: String,
    pub parts: Vec<(ResourceId, u64)>,
    pub terms: Terms,
    pub estimate_ns: u64,
    /// On the arbiter's clock; `u64::MAX` for whenever.
    pub deadline_ns: u64,
    pub alike: u64,
    pub preemptible: bool,
    /// It plays already, since before the arbiter began.
    pub adopt: bool,
}

/// A call that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    pub token: u64,
    /// Micro-dollars.
    pub spent: u64,
    /// How good the result was, from 0 to 10,000, if it says anything about the player.
    pub quality: Option<u16>,
}

/// What the arbiter says to a world.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The call may leave. The decision, if it made somebody wait.
    Granted(u64, Option<Box<Told>>),
    /// It never will.
    Refused(u64, String, Option<Box<Told>>),
    /// The call must stop for another.
    Stop(u64, Box<Told>),
}

/// A world's place at the arbiter. Dropping it gives everything back.
pub(crate) struct Post {
    pub arbiter: Arbiter,
    pub world: usize,
    /// Something has come for this world.
    pub wake: Receiver<()>,
}

impl Arbiter {
    /// An arbiter for these rules.
    ///
    /// # Errors
    /// Rules that no engine can follow.
    pub fn new(rules: Rules) -> Result<Self, RulesError> {
        let state = State::new(&rules)?;
        Ok(Self { state: Arc::new(Mutex::new(state)), rules: Arc::new(rules), began: Instant::now() })
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Counts since it began.
    pub fn counts(&self) -> Counts {
        self.lock().engine.counts()
    }

    /// What was learned of who is good at what: resource, kind of work (`MELODY/NODE`), and what was seen.
    pub fn learned(&self) -> Vec<(String, String, Experience)> {
        self.lock().learned(&self.rules)
    }

    /// Puts back what was learned; resources that are not declared any more are left out.
    pub fn learn(&self, learned: &[(String, String, Experience)]) {
        self.lock().learn(&self.rules, learned);
    }

    pub(crate) fn join(&self) -> Post {
        let (sender, wake) = bounded(1);
        let world = self.lock().join(sender);
        Post { arbiter: self.clone(), world, wake }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds of the machine's clock since it began.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Post {
    /// Hands in what came back, who withdraws and who asks; gives what was decided for this world, and when a bucket
    /// will have refilled for somebody of it.
    pub fn exchange(
        &self,
        now_ns: u64,
        back: &mut Vec<Back>,
        withdrawn: &mut Vec<u64>,
        asks: &mut Vec<Ask>,
    ) -> (Vec<Answer>, Option<u64>) {
        let mut state = self.arbiter.lock();
        back.drain(..).for_each(|one| state.give_back(self.world, one, now_ns));
        withdrawn.drain(..).for_each(|token| state.withdraw(self.world, token));
        for ask in asks.drain(..) {
            state.ask(&self.arbiter.rules, self.world, ask, now_ns);
        }
        state.decide(&self.arbiter.rules, now_ns, self.world);
        (state.answers(self.world), state.engine.next_ns())
    }

    /// Hands in what came back and who withdraws, and lets the worlds that wait for it know.
    pub fn hand_in(&self, back: &mut Vec<Back>, withdrawn: &mut Vec<u64>) {
        let mut state = self.arbiter.lock();
        back.drain(..).for_each(|one| state.give_back(self.world, one, 0));
        withdrawn.drain(..).for_each(|token| state.withdraw(self.world, token));
        state.decide(&self.arbiter.rules, 0, usize::MAX);
    }

    /// What was seen of a kind of work at a resource.
    pub fn seen(&self, resource: ResourceId, work: &str) -> Experience {
        let mut state = self.arbiter.lock();
        let work = state.work(work);
        state.engine.skills().of(resource, work)
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let mut state = self.arbiter.lock();
        state.leave(&self.arbiter.rules, self.world);
    }
}
