//! The melody: what a person writes, as a model, and the text format it is written in.

pub mod check;
pub mod diagnostics;
pub mod diff;
pub mod json;
pub mod lock;
pub mod model;
mod parse;
pub mod pins;
mod places;
mod render;
pub mod schema;
pub mod sources;
pub mod timetable;
pub mod triggers;
mod units;
pub mod values;
mod words;

pub use check::{Checked, CheckedMelody, CheckedNode, check};
pub use diagnostics::{Diagnostic, Severity};
pub use json::{from_json, to_json};
pub use lock::{Lock, LockChange, LockEntry};
pub use model::{Melody, Span, Spanned};
pub use parse::{Parsed, RESERVED, parse, slug};
pub use render::{render, summary};
pub use schema::json_schema;
pub use sources::Sources;
