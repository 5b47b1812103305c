//! Tools of MCP servers: a scripted server of our own in both eras of the protocol, and real ones from the registries.

#[path = "../house/mod.rs"]
mod house;
mod mistakes;
mod plays;
mod registries;
mod stand;
