//! The Artifact Store: bytes that are kept by the BLAKE3 digest of their content.
//!
//! ```text
//! artifacts/
//! ├── ab/cdef…      one file per artifact; folder and name together are the 64 hexadecimal digits
//! └── tmp/          files that are being written
//! ```
//!
//! An artifact is written to `tmp/`, synced, renamed to its place, and the folder is synced: only then is it
//! acknowledged. So whatever has a name is whole, and whatever was acknowledged survives a power cut. Equal bytes
//! are stored once. The media type is part of the handle ([`ArtifactRef`]), not of what lies on the disk.
//!
//! Whatever is read is verified; what does not match its digest is reported as damaged and never handed out.
//!
//! ```
//! use std::sync::Arc;
//! use symphony_ecs_core::ports::ArtifactPort as _;
//! use symphony_pit::artifacts::{RealDisk, Store};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! let store = Store::open(&dir.path().join("artifacts"), Arc::new(RealDisk))?;
//! let handle = store.put(b"a waltz", "text/plain")?;
//! assert_eq!(store.get(&handle.digest)?, b"a waltz");
//! # Ok::<(), symphony_ecs_core::ports::ArtifactError>(())
//! ```
//!
//! [`ArtifactRef`]: symphony_ecs_core::value::ArtifactRef

mod disk;
pub mod faults;
mod known;
mod layout;
mod store;
#[cfg(test)]
mod tests;
mod verify;

pub use disk::{Disk, DiskFile, RealDisk};
pub use store::Store;
pub use verify::{Damage, Report};
