//! `roundtrip`: a warm call of a player in a process of its own, from the request to the answer's event.
//!
//! The player is this program again; it gives back what it got.

use super::Figure;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use symphony_ecs_core::ids::{CallId, RunSlot};
use symphony_ecs_core::melody::model::{PlayerKind, PlayerRef};
use symphony_ecs_core::ports::{CallRequest, CallWhat, Catalog, ExtensionPort, Operation};
use symphony_ecs_core::value::Value;
use symphony_extensions::host::{Host, HostConfig, Registry};
use symphony_extensions::sdk::{Call, Failure, Outcome, Player, Reporter, serve};
use symphony_pit::artifacts::{RealDisk, Store};

pub const FIGURE: Figure =
    Figure { id: "roundtrip", what: "a warm call of an out-of-process player, 64 bytes", measure, sample };

const WARM_UP: usize = 500;
const ROUNDS: usize = 5_000;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let best = bench.best("roundtrip", &[], |sample| sample.get("p50_ns"))?;
    let (p99, best_of_all) = (best.get("p99_ns") / 1e3, best.get("min_ns") / 1e3);
    let what = format!("a warm out-of-process call of 64 B, wall, p50 (p99 {p99:.0} µs, shortest {best_of_all:.1} µs)");
    bench.alone("roundtrip", what, "µs", best.get("p50_ns") / 1e3, Goal::at_most(60.0));
    Ok(())
}

struct Echo;

impl Player for Echo {
    fn play(&self, call: &Call, _report: &dyn Reporter) -> Result<Outcome, Failure> {
        Ok(Outcome::of("y", call.text("x")?.to_owned()))
    }
}

/// The player's process.
pub fn echo() -> ExitCode {
    serve(&Echo)
}

const MANIFEST: &str = r#"
schema = 1
[extension]
id = "echo"
version = "1.0.0"
kind = "operator"
[runtime]
command = ["PROGRAM", "__echo"]
sdk = "rust"
[operation.echo]
in = { x = "text" }
out = { y = "text" }
"#;

fn sample(_: &[&str]) -> Result<Sample, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("a folder for the stage"))?;
    let this = std::env::current_exe().map_err(BenchError::io("this program's own path"))?;
    let extension = folder.path().join("extensions/echo");
    std::fs::create_dir_all(&extension).map_err(BenchError::io("a folder for the player"))?;
    let manifest = MANIFEST.replace("PROGRAM", &this.display().to_string());
    std::fs::write(extension.join("Symphony.toml"), manifest).map_err(BenchError::io("the player's manifest"))?;
    let registry = Registry::new(vec![folder.path().join("extensions")]);
    let store = Store::open(&folder.path().join("artifacts"), Arc::new(RealDisk))
        .map_err(|error| BenchError::Wrong(error.to_string()))?;
    let mut config = HostConfig::new(this, Arc::new(registry), Arc::new(store), folder.path().to_owned());
    config.cache_dir = folder.path().join("cache");
    let mut host = Host::new(config);
    let player = PlayerRef {
        kind: PlayerKind::Operator,
        name: "echo".into(),
        operation: Some("echo".into()),
        range: semver::VersionReq::STAR,
    };
    let operation = host.operation(&player).map_err(|error| BenchError::Wrong(error.to_string()))?;
    for serial in 0..WARM_UP {
        call(&mut host, &operation, serial as u64)?;
    }
    let watch = Stopwatch::start();
    let mut times = Vec::with_capacity(ROUNDS);
    for serial in WARM_UP..WARM_UP + ROUNDS {
        times.push(call(&mut host, &operation, serial as u64)?.as_nanos() as f64);
    }
    let (cpu, wall) = watch.read();
    times.sort_by(f64::total_cmp);
    let more = [("p50_ns", ROUNDS / 2), ("p99_ns", ROUNDS * 99 / 100), ("min_ns", 0)];
    let more = more.into_iter().map(|(name, place)| (name.to_owned(), times[place])).collect();
    Ok(Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: ROUNDS as f64, more, ..Sample::default() })
}

/// One call, and how long it took from the request to its end.
fn call(host: &mut Host, operation: &Arc<Operation>, serial: u64) -> Result<Duration, BenchError> {
    let id = CallId { run: RunSlot(0), serial };
    let request = CallRequest {
        id,
        operation: Arc::clone(operation),
        idempotency_key: format!("bench/echo/{serial}"),
        path: "echo".to_owned(),
        attempt: 1,
        inputs: vec![(Arc::from("x"), Value::text("x".repeat(64)))],
        settings: Vec::new(),
        outputs: operation.outputs.clone().into(),
        timeout: Some(Duration::from_secs(20)),
        mem: None,
        cpu: None,
        seed: 1,
    };
    let begun = Instant::now();
    host.call(request).map_err(|_| BenchError::Wrong("the stage is full".to_owned()))?;
    loop {
        let event = host.events().recv_timeout(Duration::from_secs(30));
        let event = event.map_err(|_| BenchError::Wrong("the player does not answer".to_owned()))?;
        match event.what {
            CallWhat::Done(_) if event.id == id => return Ok(begun.elapsed()),
            CallWhat::Failed(failure) if event.id == id => {
                return Err(BenchError::Wrong(format!("the call failed: {}", failure.message)));
            }
            _ => {}
        }
    }
}
