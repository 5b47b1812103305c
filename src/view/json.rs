//! The view for programs: one JSON object a line, the summary last.

use super::{Closing, Painter};
use serde::Serialize;
use std::io::{self, Write};
use symphony_ecs_core::events::Notice;

/// Writes everything, keeps nothing.
#[derive(Debug)]
pub struct Json;

impl Painter for Json {
    fn notice(&mut self, notice: &Notice, out: &mut dyn Write) -> io::Result<()> {
        line(notice, out)
    }

    fn end(&mut self, closing: &Closing, out: &mut dyn Write) -> io::Result<()> {
        line(&closing.summary, out)
    }
}

fn line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut text = serde_json::to_vec(value).map_err(io::Error::other)?;
    text.push(b'\n');
    out.write_all(&text)
}
