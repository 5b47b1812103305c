//! `pool.predict`: was the player warm when it was asked?
//!
//! Protocol. Recordings of WfInstances are replayed on 8 machines, first come first served, to learn when each task
//! started; a task asks for the player that its program is. Of each melody's recordings (in the order of their dates) the first half is learned
//! from and the second half is played, with what was learned frozen; melodies that were recorded once are left out. The stand
//! is empty when a run begins, holds 4 players at once, and a player is warm 2 s after it is loaded. **Recall** is the share of
//! requests that found their player warm. **Precision** is the share of players loaded ahead that were asked before they were
//! let go. A **cold start** is a request that had to load its player. *No prediction* loads on demand and lets the longest
//! unused go (LRU): the strictest reading; with the stage's rule of 30 s the ratio is higher, and printed.

use super::recorded::{Run, all, halves};
use super::stand::{Filling, Stand, Tally};
use crate::bench::Bench;
use crate::error::BenchError;
use crate::figures::{Figure, unknown};
use crate::line::{Goal, Line};
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use symphony_ecs_core::clock::Time;
use symphony_pit::pool::{History, PlayerNo, Recording};

pub const FIGURE: Figure = Figure {
    id: "pool.predict",
    what: "recorded runs: was the player warm when it was asked? against LRU and last-next",
    measure,
    sample,
};

const ID: &str = "pool.predict";

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    if std::env::var_os("SYMPHONY_DATA").is_none() {
        eprintln!("{ID}: skipped; set SYMPHONY_DATA to the folder that holds wfinstances/");
        return Ok(());
    }
    let mut of = BTreeMap::new();
    for filling in ["demand", "lru", "last-next", "history", "score"] {
        of.insert(filling, crate::sample::of_ours(ID, &["halves", filling, "4", "2"])?);
    }
    let get = |filling: &str, name: &str| of.get(filling).map_or(f64::NAN, |sample: &Sample| sample.get(name));
    for (filling, words) in [("history", "learned"), ("score", "learned, and the rows of the score ahead")] {
        let (missed, wasted) = (1.0 - get(filling, "recall"), 1.0 - get(filling, "precision"));
        for (peer, name) in [("lru", "LRU"), ("last-next", "last-next")] {
            let what = format!(
                "requests that found their player cold ({words}): recall {:.3}, {name} {:.3}",
                get(filling, "recall"),
                get(peer, "recall")
            );
            let (peer_name, peer) = (Some(name), Some(1.0 - get(peer, "recall")));
            let goal = Goal::at_most(0.2);
            bench.print(&Line { id: ID, what, unit: "share", ours: missed, peer_name, peer, goal });
        }
        let what = format!("loaded ahead and never asked ({words}): precision {:.3}", get(filling, "precision"));
        let (peer_name, peer) = (Some("last-next"), Some(1.0 - get("last-next", "precision")));
        bench.print(&Line { id: ID, what, unit: "share", ours: wasted, peer_name, peer, goal: Goal::at_most(0.5) });
        for (peer, name, goal) in [
            ("lru", "no prediction (LRU)", Goal::times(3.0)),
            ("demand", "no prediction (30 s)", Goal::times(3.0)),
            ("last-next", "last-next", Goal::default()),
        ] {
            let what = format!("cold starts in {} requests ({words})", get(filling, "asked"));
            let (peer_name, peer) = (Some(name), Some(get(peer, "cold")));
            bench.print(&Line { id: ID, what, unit: "", ours: get(filling, "cold"), peer_name, peer, goal });
        }
    }
    let other = [("8", "2"), ("4", "10")];
    for (room, load) in other {
        let ours = crate::sample::of_ours(ID, &["halves", "score", room, load])?;
        let lru = crate::sample::of_ours(ID, &["halves", "lru", room, load])?;
        let what = format!(
            "cold starts with room for {room} and {load} s to load: recall {:.3} (LRU {:.3}), precision {:.3}",
            ours.get("recall"),
            lru.get("recall"),
            ours.get("precision")
        );
        let (peer_name, peer) = (Some("no prediction (LRU)"), Some(lru.get("cold")));
        bench.print(&Line { id: ID, what, unit: "", ours: ours.get("cold"), peer_name, peer, goal: Goal::default() });
    }
    for (split, words) in
        [("dates", "what was learned frozen"), ("dates-learning", "each run learned from when it is over")]
    {
        let ours = crate::sample::of_ours(ID, &[split, "score", "4", "2"])?;
        let lru = crate::sample::of_ours(ID, &["dates", "lru", "4", "2"])?;
        let what = format!(
            "cold starts when all recordings are halved by date, so that most melodies of the second half are new \
             ({words}): recall {:.3} (LRU {:.3}), precision {:.3}",
            ours.get("recall"),
            lru.get("recall"),
            ours.get("precision")
        );
        let (peer_name, peer) = (Some("no prediction (LRU)"), Some(lru.get("cold")));
        bench.print(&Line { id: ID, what, unit: "", ours: ours.get("cold"), peer_name, peer, goal: Goal::default() });
    }
    let decide = bench.best(ID, &["halves", "score", "4", "2"], Sample::cpu_per_task)?;
    let what = "a request foreseen: course, forecast and plan, processor time";
    bench.alone(ID, what, "ns", decide.cpu_per_task(), Goal::default());
    Ok(())
}

/// Words: how recordings are halved (`halves` of each melody, or all by `dates`; `dates-learning` goes on learning), the
/// filling, the room, seconds to load.
fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let [split, filling, room, load] = words else { return Err(unknown(words)) };
    let filling = match *filling {
        "demand" => Filling::Demand(30),
        "lru" => Filling::Lru,
        "last-next" => Filling::LastNext,
        "history" => Filling::History,
        "score" => Filling::HistoryAndScore,
        _ => return Err(unknown(words)),
    };
    let room = room.parse().map_err(|_| unknown(words))?;
    let load = load.parse().map_err(|_| unknown(words))?;
    let data = std::env::var_os("SYMPHONY_DATA").map(PathBuf::from);
    let data = data.ok_or_else(|| BenchError::Wrong("SYMPHONY_DATA is not set".to_owned()))?;
    let runs = all(&data.join("wfinstances"))?;
    let (learned, asked) = match *split {
        "halves" => halves(&runs),
        "dates" | "dates-learning" => {
            let (first, second) = runs.split_at(runs.len() / 2);
            (first.iter().collect(), second.iter().collect())
        }
        _ => return Err(unknown(words)),
    };
    let mut history = History::default();
    learned.iter().for_each(|run| learn(&mut history, run));
    let watch = Stopwatch::start();
    let mut tally = Tally::default();
    for run in &asked {
        let strangers = strangers(&history, run);
        let number =
            |program: &str| history.find(program).or_else(|| strangers.get(program).copied()).unwrap_or_default();
        let mut stand = Stand::new(&history, filling, load, room);
        stand.tally = tally;
        stand.play(run, &number);
        tally = stand.tally;
        if *split == "dates-learning" {
            learn(&mut history, run);
        }
    }
    let (cpu, wall) = watch.read();
    let Tally { asked, warm, cold, ahead, ahead_used } = tally;
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: asked as f64, ..Sample::default() };
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    for (name, value) in [
        ("asked", asked as f64),
        ("cold", cold as f64),
        ("recall", share(warm, asked)),
        ("precision", share(ahead_used, ahead)),
    ] {
        sample.more.insert(name.to_owned(), value);
    }
    Ok(sample)
}

/// Learns from a run.
fn learn(history: &mut History, run: &Run) {
    let mut recording = Recording::new(run.melody.as_str(), run.began[3] as u8);
    for (second, task) in &run.starts {
        let player = history.player(&run.program[*task]);
        recording.ask(Time((second * 1e9) as u64), player);
        history.called(player, Duration::try_from_secs_f64(run.seconds[*task]).unwrap_or_default(), true, 0);
    }
    history.learn(&recording);
}

/// Numbers for programs of a run that were never seen.
fn strangers(history: &History, run: &Run) -> BTreeMap<String, PlayerNo> {
    let mut strangers = BTreeMap::new();
    let known = history.players().count() as u32;
    for program in run.program.iter().filter(|program| history.find(program).is_none()) {
        let next = PlayerNo(known + strangers.len() as u32);
        strangers.entry(program.clone()).or_insert(next);
    }
    strangers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run whose players follow one another, each for ten seconds.
    fn chain(players: &[&str]) -> Run {
        Run {
            melody: "chain".to_owned(),
            began: [2020, 1, 1, 0, 0, 0],
            file: String::new(),
            starts: (0..players.len()).map(|task| (10.0 * task as f64, task)).collect(),
            program: players.iter().map(ToString::to_string).collect(),
            seconds: vec![10.0; players.len()],
            children: (1..=players.len()).map(|next| if next < players.len() { vec![next] } else { vec![] }).collect(),
            waits: (0..players.len()).map(|task| usize::from(task > 0)).collect(),
        }
    }

    #[test]
    fn what_was_learned_is_warm_and_lru_is_cold_each_time() {
        let run = chain(&["a", "b", "c", "d", "e", "f"]);
        let mut history = History::default();
        (0..4).for_each(|_| learn(&mut history, &run));
        let number = |program: &str| history.find(program).unwrap_or_default();
        let tally = |filling| {
            let mut stand = Stand::new(&history, filling, 2.0, 3);
            stand.play(&run, &number);
            stand.tally
        };
        let lru = tally(Filling::Lru);
        assert_eq!((lru.asked, lru.warm, lru.cold, lru.ahead), (6, 0, 6, 0));
        let ours = tally(Filling::History);
        assert!(ours.warm >= 5 && ours.ahead_used == ours.ahead, "{ours:?}");
        let blank = History::default();
        let mut stand = Stand::new(&blank, Filling::HistoryAndScore, 2.0, 3);
        let strangers = strangers(&blank, &run);
        stand.play(&run, &|program| strangers[program]);
        assert!(stand.tally.cold < 6, "the score alone tells what comes next: {:?}", stand.tally);
    }
}
