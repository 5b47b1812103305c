//! The Arbitration Engine: who gets what there is too little of, and why.
//!
//! [`Budget`] is a run's own money, tokens and calls in flight: a call reserves its declared worst case before it
//! leaves. [`Engine`] is for what runs and melodies share: seats at models, memory, GPUs, money, rates, files. It knows
//! no clock (times are passed in), no run and no disk; everything is columns, heaps and bits.
//!
//! - What is asked for: [`Request`], a [`Demand`] of several resources at once, a value of four [`Terms`].
//! - Who is next: the [`Strategy`] of each resource; dominant shares with weights and quotas between [`Parties`].
//! - What can go wrong and does not: nobody waits for ever ([`Patience`]), nobody waits for each other (all or nothing,
//!   and a banker for holders that ask for more), nothing is granted twice (stale numbers do nothing).
//! - Why: a [`Record`] a decision, in words by [`Told::sentence`].

mod banker;
mod batches;
mod budget;
mod demand;
mod elders;
mod engine;
mod fair;
mod holds;
mod parties;
mod preempt;
mod queue;
mod record;
mod requests;
mod skills;
mod stock;
#[cfg(test)]
mod tests;
mod value;
mod words;

pub use budget::{Budget, Grant, Need, Reservation, Returned};
pub use demand::{Demand, DemandError, MOST_PARTS, MOST_RESOURCES, ResourceId};
pub use elders::Patience;
pub use engine::{Counts, Decision, Engine, EngineSpec, Outcome, Refusal, ResourceSpec, SpecError};
pub use holds::HoldId;
pub use parties::{Parties, PartyId, WHOLE};
pub use queue::Strategy;
pub use record::{Reason, Record, Ring, Rival, Verb};
pub use requests::{Request, Ticket};
pub use skills::{Experience, Skills};
pub use stock::{Kind, Refill, Stock};
pub use value::{ONE, Terms, Weights};
pub use words::{Names, Side, Told};
