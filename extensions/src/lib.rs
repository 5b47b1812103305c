//! The Grand Stage: players that live outside the process, and the bus, the host and the manifest that bring them in.
//!
//! ```text
//!   Symphony.toml ──► manifest ──► host::Registry ──► host::Host ══ bus (socketpair) ══ sdk::serve ──► a Player
//!   what it is        checked      who plays what     processes       frames, fds       in the player's process
//! ```
//!
//! [`host::Host`] is the only thing in the orchestra that starts processes (but for an MCP server that [`mcp`] lists
//! once); everything else sees the ports of `symphony_ecs_core::ports`.

pub mod builtin;
pub mod bundled;
pub mod bus;
pub mod host;
pub mod manifest;
pub mod mcp;
pub mod sdk;
