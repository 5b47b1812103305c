//! The bus: frames over an inherited socket, between the host and one player's process.
//!
//! [`frame`] cuts a stream of bytes into frames, [`codec`] and [`message`] say what is in them, [`wire`] moves bytes
//! and file descriptors. `docs/bus.md` describes the protocol for authors of players in any language.

pub mod codec;
pub mod frame;
pub mod message;
pub mod size;
pub mod wire;

/// Name of the environment variable that holds the number of the bus's file descriptor.
pub const BUS_FD: &str = "SYMPHONY_BUS_FD";

/// Name of the environment variable that says which codec the payloads use: `msgpack` or `json`.
pub const BUS_CODEC: &str = "SYMPHONY_BUS_CODEC";

/// Version of the messages, as HELLO and HELLO_ACK carry it.
pub const PROTOCOL: u32 = 1;
