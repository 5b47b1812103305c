//! The DAG Tracker: which rows of a score are due, which are over, and what follows from what.
//!
//! Nodes are entities of one archetype that never changes, spawned in order and never despawned, so that *table row
//! = index* and their components are plain columns ([`table`]). A [`Block`] plays a score on a range of those rows:
//! it counts down waits along CSR edges and collects the rows that are due. A [`DirtySet`] says which rows would play
//! after an edit, [`Losses`] which must play again after a loss. Nothing here decides or plays.

mod block;
mod dirty;
mod join;
mod origin;
mod recovery;
mod table;

pub use block::{Block, Parent};
pub use dirty::{DirtySet, Standing};
pub use join::JoinState;
pub use origin::Origin;
pub use recovery::{Lists, Losses, RecoveryPlan, Step, Way};
pub use table::{Columns, NodeQuery, NodeTable};
