//! The Pool Manager: which players and models are loaded, who has them, and which will be wanted next.
//!
//! ```text
//!              load        loaded       warmed      taken       returned
//!   Unloaded ───────► Loading ───► Warming ───► Ready ───► Active ───► Cooldown
//!       ▲                │            │          ▲ │          │         │  │
//!       │   failed, time-out, unload  │          │ │          │  rested │  │
//!       └────────────────┴────────────┴──────────┼─┴──────────┴─────────┼──┘
//!                                                └──────────────────────┘
//! ```
//!
//! A **pool** is one player or model with a number of **seats**; a seat holds one process (or one copy of a model).
//! [`Life`] is where a seat is in its life and [`Signal`] what moves it; [`Pools`] keeps them in columns and knows the
//! time-outs. The seats that are ready are handed out by [`Seats`], which is free of locks and shared by threads.
//!
//! [`History`] counts which player follows which; [`plan`] weighs what a warm player would save against what keeping
//! it costs, and says what to load and what to let go.
//!
//! Nothing here reads a clock or starts a process: time is handed in, orders are handed out.

mod course;
mod health;
mod history;
mod learned;
mod life;
mod metrics;
mod plan;
mod recording;
mod saved;
mod seats;
mod table;

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod seats_tests;
#[cfg(test)]
mod table_tests;

pub use course::{Course, Expected};
pub use health::{Admission, Health, HealthRules};
pub use history::{Asked, Facts, Forecast, History, PlayerNo, Term, Upcoming, Whence};
pub use learned::Learned;
pub use life::{IllegalStep, Life, Signal};
pub use metrics::{Counts, Metrics};
pub use plan::{Budgets, Choice, Plan, Prices, Standing, plan};
pub use recording::Recording;
pub use saved::{SavedError, VERSION};
pub use seats::{Cell, Handle, Lease, MOST_SEATS, PoolId, Seats, Stale};
pub use table::{Due, Holding, PoolError, Pools, Rules};
