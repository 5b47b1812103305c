//! The figures of Symphony, each beside its peer, measured in the same run.
//!
//! ```text
//! symphony-benches [ID…] [--json] [--list]
//! ```
//!
//! Every measurement is taken in a process of its own (this program again, with a hidden subcommand), so that memory,
//! caches and processor time of one figure do not touch the next.

mod bench;
mod chorus;
mod error;
mod figures;
mod line;
mod meter;
mod peers;
mod sample;

use error::BenchError;
use std::process::ExitCode;

const USAGE: &str = "usage: symphony-benches [ID…] [--json] [--list]\n\n\
    Without an ID all figures are measured. --list names them; --json prints one object a line.\n\
    Exit status: 0 if every line holds, 1 if one does not, 2 for wrong usage or a figure that could not be measured.\n";

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("__launch") => return symphony_extensions::host::launch(words),
        Some("__guard") => return symphony_extensions::host::guard(),
        Some("__echo") => return figures::roundtrip::echo(),
        Some("__sample") => return answer(sample::take(words)),
        _ => {}
    }
    let (mut ids, mut json) = (Vec::new(), false);
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--json" => json = true,
            "--list" => {
                for figure in figures::ALL {
                    println!("{:<10} {}", figure.id, figure.what);
                }
                return ExitCode::SUCCESS;
            }
            "--help" | "-h" => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            id => match figures::ALL.iter().find(|figure| figure.id == id) {
                Some(figure) => ids.push(figure),
                None => {
                    eprint!("there is no figure `{id}` (--list names them)\n\n{USAGE}");
                    return ExitCode::from(2);
                }
            },
        }
    }
    if ids.is_empty() {
        ids = figures::ALL.iter().collect();
    }
    measure(&ids, json)
}

fn measure(figures: &[&figures::Figure], json: bool) -> ExitCode {
    let mut bench = bench::Bench::new(json);
    let mut worst = 0;
    for figure in figures {
        if let Err(error) = (figure.measure)(&mut bench) {
            eprintln!("{}: {error}", figure.id);
            worst = 2;
        }
    }
    ExitCode::from(if worst == 0 && !bench.all_hold() { 1 } else { worst })
}

fn answer(taken: Result<sample::Sample, BenchError>) -> ExitCode {
    match taken.and_then(|sample| serde_json::to_string(&sample).map_err(BenchError::from)) {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
