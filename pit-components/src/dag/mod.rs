//! The DAG Tracker: which rows of a score are due, which are over, and what follows from what.
//!
//! Nodes are entities of one archetype that never changes, spawned in order and never despawned, so that *table row
//! = index* and their components are plain columns ([`table`]). A [`Block`] plays a score on a range of those rows:
//! it counts down waits along CSR edges and collects the rows that are due. A [`DirtySet`] says which rows would play
//! after an edit, [`Losses`] which must play again after a loss. [`Slack`] keeps the critical path of what plays,
//! [`Routes`] rewires it, [`Lore`] knows what to expect of it. Nothing here decides or plays.

mod bits;
mod block;
mod dirty;
mod join;
mod lore;
mod origin;
mod recovery;
mod rerouted;
mod route;
mod slack;
mod table;
mod weak;

pub use block::{Block, Parent};
pub use dirty::{DirtySet, Standing};
pub use join::JoinState;
pub use lore::{BadLore, Durations, Kind, KindName, Lore, ScoreShapes, Shape, Shapes};
pub use origin::Origin;
pub use recovery::{Lists, Losses, RecoveryPlan, Step, Way};
pub use rerouted::RowMap;
pub use route::{Compacted, Refusal, Routes};
pub use slack::Slack;
pub use table::{Columns, NodeQuery, NodeTable};
