//! The engine: requests come in, what is free is given out by the strategies of the resources, and every decision says
//! why.
//!
//! ```text
//!           ┌──────────────── what comes back ◄──────────────┐
//!           ▼                                                │
//! admit ─► queues ─► due first ─► each queue by its key ─► granted ─► held
//!   │        ▲           ▲                │
//! refused    │           └─ passed over too often, or waited too long
//!            └─ parked: its party has its quota
//! ```
//!
//! Invariants: a grant takes all that its request asks for, or nothing; what is granted is never more than there is; with
//! equal calls and times the decisions are equal. A request waits at the queue of the first resource of its demand, so
//! declare first what is scarcest.

mod admit;
mod back;
mod decide;
mod grant;

use super::batches::Batches;
use super::demand::{Demand, MOST_RESOURCES, ResourceId};
use super::elders::{Elders, Patience};
use super::holds::{Hold, HoldId, Holds};
use super::parties::{Parties, PartyId};
use super::queue::{Queue, Strategy};
use super::record::Ring;
use super::requests::{Requests, Ticket};
use super::skills::Skills;
use super::stock::{Kind, Refill, Stock};
use super::value::Weights;
use bevy_ecs::prelude::Resource;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A resource as it is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceSpec {
    /// What it is.
    pub kind: Kind,
    /// How much of it there is.
    pub capacity: u64,
    /// How a rate refills.
    pub refill: Option<Refill>,
    /// Who is next. All that is shared fairly has one queue: dominant shares are across resources.
    pub strategy: Strategy,
    /// How much waiting outweighs the whole of value (or of skill).
    pub patience_ns: u64,
    /// How many calls that are alike share one grant at most ([`Strategy::Collaborate`]).
    pub batch: u32,
    /// Whether a grant may be taken from somebody who allows it.
    pub preempts: bool,
}

impl ResourceSpec {
    /// So much of a kind, by value, a minute of waiting outweighing the whole of it.
    pub fn new(kind: Kind, capacity: u64) -> Self {
        let patience_ns = 60_000_000_000;
        Self { kind, capacity, refill: None, strategy: Strategy::default(), patience_ns, batch: 1, preempts: false }
    }
}

/// What an engine is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSpec {
    /// The resources, by their numbers; the scarcest first.
    pub resources: Vec<ResourceSpec>,
    /// How much each term of value counts.
    pub weights: Weights,
    /// How long a request may be passed over.
    pub patience: Patience,
    /// Decisions that are kept.
    pub kept: usize,
}

impl EngineSpec {
    /// These resources; four thousand decisions are kept.
    pub fn new(resources: Vec<ResourceSpec>) -> Self {
        Self { resources, weights: Weights::default(), patience: Patience::default(), kept: 4_096 }
    }
}

/// Why there can be no such engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Too many resources.
    #[error("an engine has at most {MOST_RESOURCES} resources, not {0}")]
    TooMany(usize),
    /// A rate that never refills, or something else that does.
    #[error("resource {0}: a rate, and nothing else, refills")]
    Refill(u8),
}

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It asks for nothing.
    #[error("the request asks for nothing")]
    Nothing,
    /// A party or a resource that the engine does not have.
    #[error("the request names a party or a resource that is not there")]
    Unknown,
    /// More than there can ever be.
    #[error("there is never so much of resource {}", .0.0)]
    Never(ResourceId),
    /// More than its party may have.
    #[error("the party's quota of resource {} is lower", .0.0)]
    Quota(ResourceId),
    /// A holder asks for more than it claimed, or a claim is less than the demand.
    #[error("more is asked for than was claimed")]
    Claim,
    /// Nothing is held under this number.
    #[error("nothing is held under this number any more")]
    Stale,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has what it asked for, until the hold is given back.
    Granted(HoldId),
    /// It will never get it: what it asks for is spent.
    Refused(ResourceId),
    /// The holder must stop and give back; the request has not been granted yet.
    Stop(HoldId),
}

/// A decision as the caller acts on it; the [`Record`](super::Record) of the same number says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The number of its record.
    pub id: u64,
    /// The request.
    pub ticket: Ticket,
    /// The request's label (of a stop: the holder's).
    pub label: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether somebody had to wait.
    pub contended: bool,
    queue: u8,
    waited: bool,
}

/// Counts since the engine began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Requests admitted.
    pub admitted: u64,
    /// Requests granted.
    pub granted: u64,
    /// Of these: with somebody waiting for the same.
    pub contended: u64,
    /// Of these: because they had waited, or been passed over, as long as anybody may.
    pub due: u64,
    /// Of these: shared with calls alike.
    pub joined: u64,
    /// Holders that got more.
    pub extended: u64,
    /// Requests refused, at the door or later.
    pub refused: u64,
    /// Holders told to stop.
    pub stopped: u64,
    /// Requests taken back.
    pub withdrawn: u64,
    /// Times a request was set aside because its party had its quota.
    pub parked: u64,
    /// Nanoseconds waited by all that were granted.
    pub waited_ns: u64,
    /// Nanoseconds waited by the one that waited longest.
    pub longest_ns: u64,
}

/// A holder that asks for more.
#[derive(Clone, Copy, Debug)]
struct Extension {
    hold: HoldId,
    more: Demand,
    since_ns: u64,
}

/// The Arbitration Engine.
///
/// ```
/// use symphony_pit::arbitration::{Demand, Engine, EngineSpec, Kind, Outcome, Request, ResourceId, ResourceSpec};
///
/// let mut engine = Engine::new(&EngineSpec::new(vec![ResourceSpec::new(Kind::Model, 1)]))?;
/// let melody = engine.add_party(1, &[]);
/// let seat = Demand::of([(ResourceId(0), 1)])?;
/// let (draft, review) = (Request::new(1, melody, seat), Request::new(2, melody, seat));
/// engine.submit(draft, 0)?;
/// engine.submit(review, 0)?;
/// let mut decisions = Vec::new();
/// engine.decide(0, &mut decisions);
/// let Outcome::Granted(hold) = decisions[0].outcome else { panic!() };
/// assert_eq!((decisions.len(), decisions[0].label), (1, 1));
/// engine.give_back(hold, 0);
/// engine.decide(3_000_000_000, &mut decisions);
/// assert_eq!((decisions[1].label, decisions[1].contended), (2, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Resource)]
pub struct Engine {
    stock: Stock,
    parties: Parties,
    weights: Weights,
    requests: Requests,
    holds: Holds,
    queues: Vec<Queue>,
    specs: Vec<ResourceSpec>,
    /// The queue of each resource.
    queue_of: Vec<u8>,
    elders: Elders,
    /// In the order in which they became due.
    due: BTreeMap<u64, Ticket>,
    dues: u64,
    /// Bits of resources that due requests take.
    due_reach: u64,
    /// Somebody became due while the queues were looked at.
    due_again: bool,
    /// Bits of resources of which nothing is granted but to whom they are kept for.
    reserved: u64,
    extensions: BTreeMap<Ticket, Extension>,
    /// Requests by party that wait for the party's own quota.
    parked: Vec<VecDeque<Ticket>>,
    /// Parties that gave something back while requests of theirs were parked.
    lighter: BTreeSet<PartyId>,
    batches: Batches,
    /// Holders that may ask for more.
    claimants: BTreeSet<HoldId>,
    skills: Skills,
    ring: Ring,
    counts: Counts,
    /// Bits of resources that may have become free since the last decisions.
    freed: u64,
    /// The least that somebody was short of, by resource; 0 for nobody.
    short: Vec<u64>,
    now_ns: u64,
    seq: u64,
    rounds: u64,
    /// Kept empty between decisions.
    aside: Vec<super::queue::Entry>,
}

impl Engine {
    /// An engine in which nobody waits.
    pub fn new(spec: &EngineSpec) -> Result<Self, SpecError> {
        let count = spec.resources.len();
        if count > MOST_RESOURCES {
            return Err(SpecError::TooMany(count));
        }
        let mut stock = Stock::default();
        for (one, number) in spec.resources.iter().zip(0u8..) {
            let refills = one.refill.is_some_and(|refill| refill.amount > 0 && refill.every_ns > 0);
            if refills != (one.kind == Kind::Rate) {
                return Err(SpecError::Refill(number));
            }
            stock.add(one.kind, one.capacity, one.refill);
        }
        let mut engine = Self {
            stock,
            parties: Parties::over(count),
            weights: spec.weights,
            requests: Requests::default(),
            holds: Holds::default(),
            queues: Vec::new(),
            specs: spec.resources.clone(),
            queue_of: Vec::new(),
            elders: Elders::over(count, spec.patience),
            due: BTreeMap::new(),
            dues: 0,
            due_reach: 0,
            due_again: false,
            reserved: 0,
            extensions: BTreeMap::new(),
            parked: Vec::new(),
            lighter: BTreeSet::new(),
            batches: Batches::default(),
            claimants: BTreeSet::new(),
            skills: Skills::default(),
            ring: Ring::of(spec.kept),
            counts: Counts::default(),
            freed: 0,
            short: vec![0; count],
            now_ns: 0,
            seq: 0,
            rounds: 0,
            aside: Vec::new(),
        };
        engine.make_queues();
        Ok(engine)
    }

    /// One queue a resource, and one for all that is shared fairly.
    fn make_queues(&mut self) {
        self.queues.clear();
        self.queue_of.clear();
        let mut fair = None;
        for (spec, number) in self.specs.iter().zip(0u8..) {
            let next = self.queues.len() as u8;
            let queue = match spec.strategy {
                Strategy::Fair => *fair.get_or_insert(next),
                _ => next,
            };
            if queue == next {
                self.queues.push(Queue {
                    strategy: spec.strategy,
                    patience_ns: spec.patience_ns,
                    batch: if spec.strategy == Strategy::Collaborate { spec.batch.max(1) } else { 1 },
                    preempts: spec.preempts,
                    ..Queue::default()
                });
            }
            self.queues[usize::from(queue)].home |= ResourceId(number).bit();
            self.queue_of.push(queue);
        }
    }

    /// Gives a resource another strategy; who waits there keeps the time for which it waited.
    pub fn set_strategy(&mut self, resource: ResourceId, strategy: Strategy) -> Result<(), Refusal> {
        let spec = self.specs.get_mut(resource.ix()).ok_or(Refusal::Unknown)?;
        spec.strategy = strategy;
        self.make_queues();
        let mut all: Vec<Ticket> = self.requests.iter().map(|(ticket, ..)| ticket).collect();
        all.sort_unstable();
        for ticket in all {
            let first = self.requests.asked(ticket).demand.first().unwrap_or_default();
            self.requests.waiting_mut(ticket).queue = self.queue_of[first.ix()];
            let parked = self.requests.waiting(ticket).standing == super::requests::Standing::Parked;
            self.enqueue(ticket, !parked);
        }
        self.freed = u64::MAX;
        Ok(())
    }

    /// Adds a party with its weight (0 counts as 1) and the most it may hold of resources.
    pub fn add_party(&mut self, weight: u32, quotas: &[(ResourceId, u64)]) -> PartyId {
        self.parked.push(VecDeque::new());
        self.parties.add(weight, quotas)
    }

    /// What there is and what is free.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    /// The parties and what they hold.
    pub fn parties(&self) -> &Parties {
        &self.parties
    }

    /// What was seen of who is good at what.
    pub fn skills(&self) -> &Skills {
        &self.skills
    }

    /// Likewise, to learn more.
    pub fn skills_mut(&mut self) -> &mut Skills {
        &mut self.skills
    }

    /// The newest decisions.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Counts since it began.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much each term of value counts.
    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// The strategy of a resource.
    pub fn strategy(&self, resource: ResourceId) -> Option<Strategy> {
        self.specs.get(resource.ix()).map(|spec| spec.strategy)
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.requests.len() + self.extensions.len()
    }

    /// Grants that are held.
    pub fn held(&self) -> usize {
        self.holds.len()
    }

    /// Grants that touched a resource since it began.
    pub fn grants_on(&self, resource: ResourceId) -> u64 {
        self.elders.grants(resource)
    }

    /// Whether something is held under this number.
    pub fn holds(&self, hold: HoldId) -> bool {
        self.holds.get(hold).is_some()
    }

    /// Entries of all columns and lines: what memory follows.
    pub fn entries(&self) -> usize {
        let queues = self.queues.iter().map(|queue| queue.heap.len() + queue.alike.len()).sum::<usize>();
        let parked = self.parked.iter().map(VecDeque::len).sum::<usize>();
        self.requests.slots() + self.holds.slots() + self.elders.entries() + queues + parked + self.due.len()
    }

    fn hold_of(&self, hold: HoldId) -> Option<&Hold> {
        self.holds.get(hold)
    }
}
