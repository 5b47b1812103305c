//! WfFormat: executions of workflows as they were recorded, one JSON file each (schema 1.5; 1.3 to 1.6 are read).

mod export;
mod import;
mod melody;
mod order;
pub(crate) mod read;
mod recorded;

pub use export::export;
pub(crate) use import::import;
pub use read::read;
pub use recorded::{DataFile, Machine, Recorded, Task};
