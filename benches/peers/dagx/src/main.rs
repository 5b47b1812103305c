//! The dagx peer: builds the layered graph, runs it once, and prints what that cost as one line of JSON.

mod layered;
mod span;

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;

use layered::{Fanin, Layered, Shape};
use span::measure;
use tokio::runtime::{Builder, Runtime};

const USAGE: &str = "usage: dagx-peer layered LAYERS WIDTH FANIN [--threads T]   (FANIN is 1, 2 or 3)";

struct Order {
    shape: Shape,
    threads: usize,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(Order { shape, threads }) = parse(&words) else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    };

    let runtime = runtime(threads)?;
    let (layered, build) = measure(|| Layered::build(&shape));
    let (outcome, run) = measure(|| layered.run(&runtime));
    outcome?;

    // dagx does not say its version; the manifest pins this one.
    println!(
        concat!(
            r#"{{"peer":"dagx 0.3.1","case":"layered","tasks":{},"edges":{},"threads":{},"#,
            r#""build_cpu_ns":{},"cpu_ns":{},"wall_ns":{},"checksum":{}}}"#,
        ),
        shape.tasks(),
        shape.edges(),
        threads,
        build.cpu_ns,
        run.cpu_ns,
        run.wall_ns,
        layered.checksum()?,
    );
    Ok(ExitCode::SUCCESS)
}

fn parse(words: &[&str]) -> Option<Order> {
    let ["layered", layers, width, fanin, options @ ..] = words else {
        return None;
    };
    let fanin = match *fanin {
        "1" => Fanin::One,
        "2" => Fanin::Two,
        "3" => Fanin::Three,
        _ => return None,
    };
    let threads = match options {
        [] => 1,
        ["--threads", threads] => positive(threads)?,
        _ => return None,
    };
    Some(Order { shape: Shape { layers: positive(layers)?, width: positive(width)?, fanin }, threads })
}

fn positive(word: &str) -> Option<usize> {
    word.parse().ok().filter(|&number| number > 0)
}

/// One thread gets Tokio's current-thread runtime, which spares a single worker the cost of being woken for each task.
fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).build(),
    }
}
