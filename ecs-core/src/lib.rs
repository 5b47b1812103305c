//! The score of the orchestra: ids, values, port types, the melody model and its text format, the compiled score,
//! the node columns, events, clocks and the ports through which the floors above are reached.
//!
//! This crate knows no I/O, no Python and no GPU. Whatever it needs from outside (files, players, a disk) arrives
//! through a trait in [`ports`] or [`melody::sources`].

pub mod clock;
pub mod components;
pub mod events;
pub mod expr;
pub mod identity;
pub mod ids;
pub mod melody;
pub mod ports;
pub mod score;
pub mod types;
pub mod value;
