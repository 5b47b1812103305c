//! WfFormat: executions of workflows as they were recorded, one JSON file each (schema 1.5; 1.3 to 1.6 are read).

mod order;
mod read;
mod recorded;

pub use read::read;
pub use recorded::{DataFile, Machine, Recorded, Task};
