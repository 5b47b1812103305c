//! The Arbitration Engine, first part: budgets. A call reserves its declared worst case before it leaves, so a
//! budget is never overshot by more than one call.

mod budget;

pub use budget::{Budget, Grant, Need, Reservation};
