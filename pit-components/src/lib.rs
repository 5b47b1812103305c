//! The Pit: the members of the orchestra that live in this process, as data and operations without a schedule.
//!
//! Here so far: the first [`dag`] Tracker, the [`arbitration`] of budgets and the first [`artifacts`] store. Pool Manager and Stale Manager follow.

pub mod arbitration;
pub mod artifacts;
pub mod dag;
