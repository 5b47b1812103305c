//! Tools of MCP servers as players: `mcp:SERVER/TOOL`.
//!
//! ```text
//!  .mcp.json ──► declared ──► servers (the catalog) ──► listing: the server is started once, its tools are kept
//!                    │              │                      │
//!                    │              └── ports: JSON Schema ─► port types
//!                    ▼
//!  host ══ bus ══ bridge (`symphony __mcp serve`) ══ JSON-RPC over pipes ══ the server
//! ```
//!
//! A server is a player process like any other: the host starts [`bridge`], which starts the server in its own process
//! group and speaks both eras of the protocol to it (`server/discover` since 2026-07-28, the `initialize` handshake
//! before). Only that process knows an asynchronous runtime.

mod bridge;
mod client;
mod declared;
mod expand;
mod handshake;
mod listing;
mod names;
mod ports;
mod results;
mod schema;
mod servers;
mod start;

pub use bridge::helper;
pub(crate) use bridge::{SERVE, SUBCOMMAND};
pub use declared::{Declared, Places};
pub(crate) use expand::expand;
pub use listing::Listing;
pub use schema::port_type;
pub use servers::Servers;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use symphony_ecs_core::value::{Digest, Value};

/// A tool, as its server describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name, as the server spells it.
    pub name: String,
    /// What it does, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub input: Json,
    /// JSON Schema of its structured result, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// The server says that calling it twice does no further harm (or that it only reads).
    #[serde(default)]
    pub idempotent: bool,
}

impl Tool {
    /// What makes this tool this tool: its server's version, its name and its schemas.
    pub fn digest(&self, version: &semver::Version) -> Digest {
        let parts = [
            ("version", Value::text(version.to_string())),
            ("name", Value::text(self.name.as_str())),
            ("input", Value::from_json(&self.input)),
            ("output", self.output.as_ref().map(Value::from_json).unwrap_or_default()),
        ];
        Value::map(parts).digest()
    }
}
