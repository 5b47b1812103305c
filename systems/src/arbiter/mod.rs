//! The arbiter: the Arbitration Engine among the runs of one or more worlds, with names for its numbers.
//!
//! ```text
//! run ─► ready call ─► budget ─► asks ─┐                        ┌─► starts, in the frame in which it is granted
//! run ─► …                             ├─► arbiter (one lock) ──┤
//! world on another thread ─────────────┘      │                 └─► waits; the grant comes by post
//!                                             └─► decisions that made somebody wait ─► RUN/decisions.jsonl
//! ```
//!
//! What is scarce is declared in settings ([`Rules`]); a run none of whose calls takes any of it has nothing to do with
//! all this and pays one branch a frame. A call takes its budget first and what is scarce second, always in this order,
//! and gives both back together, so runs never wait for each other in a circle. While it waits it keeps its place among
//! its run's calls.
//!
//! Grants at once are only counted. Decisions that made somebody wait, refusals and stops are kept beside the journal
//! and not in it: no replay needs them, an event would change the story of a run that is told again, and a line of text
//! is read by everything. A thread appends them; the frame waits for no disk.

mod keeper;
mod learned;
mod post;
mod rules;
mod scarce;
mod state;

pub use keeper::{DecisionLine, Decisions, FILE, read};
pub use learned::{load, save};
pub use post::Arbiter;
pub use rules::{Declared, PartyRule, Pattern, Rules, RulesError, Take, ValueRule};
pub(crate) use scarce::{Intent, Scarce, Start, Wants};
