//! How a process came to its end, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use symphony_ecs_core::melody::model::ErrorClass;

/// Bytes of a player's last words that a message quotes.
pub(super) const TAIL: usize = 4 << 10;

/// The last lines a process wrote to its standard error or output.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default());
        let over = self.0.len().saturating_sub(TAIL);
        self.0.drain(..over);
    }

    /// `; its last words:` and the text, or nothing.
    pub fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let text = text.trim();
        if text.is_empty() { String::new() } else { format!("; its last words:\n{text}") }
    }
}

/// Class and half a sentence for the way a process ended.
pub(super) fn describe(status: Option<ExitStatus>) -> (ErrorClass, String) {
    let Some(status) = status else { return (ErrorClass::Crash, "is gone".to_owned()) };
    let Some(signal) = status.signal() else {
        let code = status.code().unwrap_or_default();
        return (ErrorClass::Crash, format!("ended with status {code} in the middle of a call"));
    };
    let name = match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 | 11 => " (memory fault)",
        9 => " (kill; perhaps the machine ran out of memory)",
        15 => " (terminate)",
        24 => return (ErrorClass::Timeout, "used up the processor time it may use".to_owned()),
        25 => " (a file grew too large)",
        _ => "",
    };
    (ErrorClass::Crash, format!("was ended by signal {signal}{name}"))
}
