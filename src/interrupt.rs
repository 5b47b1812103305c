//! Ctrl-C: the first asks for a clean stop that resumes, the second ends the program at once.
//!
//! At once is safe as well: what was committed stays committed, and `symphony resume` goes on from there.

use crate::exit::Exit;
use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;

/// Listens for SIGINT, SIGTERM and SIGHUP on a thread of its own, and passes the first of them on as `stop`.
pub fn listen<W: Send + 'static>(words: Sender<W>, stop: W) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let listen = move || {
        let mut stop = Some(stop);
        for _signal in signals.forever() {
            if let Some(stop) = stop.take() {
                // The run loop may be gone already; then there is nothing to stop.
                let _ = words.send(stop);
            } else {
                eprintln!("stopped at once; `symphony resume last` goes on");
                std::process::exit(Exit::Interrupted as i32);
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(())
}
