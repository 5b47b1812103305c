//! The Pit: the members of the orchestra that live in this process, as data and operations without a schedule.
//!
//! Here so far: the first [`dag`] Tracker and the [`arbitration`] of budgets. Pool Manager and Stale Manager follow.

pub mod arbitration;
pub mod dag;
