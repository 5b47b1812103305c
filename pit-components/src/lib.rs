//! The Pit: the members of the orchestra that live in this process, as data and operations without a schedule.
//!
//! The [`pool`] Manager, the first [`dag`] Tracker, the [`arbitration`] of budgets and the first [`artifacts`] store. The Stale Manager follows.

pub mod arbitration;
pub mod artifacts;
pub mod dag;
pub mod pool;
