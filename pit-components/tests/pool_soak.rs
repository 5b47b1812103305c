//! The Pool Manager under load for a while: threads lease, players are loaded, die, time out and rest, runs are learned
//! from and foreseen. Nothing may grow. One second by default; `SYMPHONY_SOAK_SECONDS` says how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use symphony_ecs_core::clock::Time;
use symphony_pit::pool::{
    Budgets, Course, Expected, HealthRules, History, Life, PlayerNo, PoolId, Pools, Prices, Rules, Signal, Standing,
    plan,
};

/// What may be added after the first third: the allocator's own drift.
const DRIFT: u64 = 4 << 20;
const PLAYERS: u32 = 12;
const MELODIES: u64 = 5;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// Numbers that look random and are the same each time (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (drawn ^ (drawn >> 31)) % bound
    }
}

#[test]
fn nothing_grows_under_load() {
    let seconds = std::env::var("SYMPHONY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let span = Duration::from_secs_f64(seconds);
    let rules = Rules {
        loading: Some(Duration::from_millis(5)),
        ready: Some(Duration::from_millis(50)),
        cooldown: Duration::from_micros(100),
        ..Rules::default()
    };
    let mut pools = Pools::new(HealthRules { first: Duration::from_millis(1), ..HealthRules::default() });
    let mut history = History::default();
    let ids: Vec<PoolId> = (0..PLAYERS)
        .map(|number| {
            history.player(&format!("player {number}"));
            pools.open(&format!("player {number}"), 16, rules)
        })
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let leased = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let seats: Vec<_> = ids.iter().filter_map(|pool| pools.seats(*pool).cloned()).collect();
            let (stop, leased) = (Arc::clone(&stop), Arc::clone(&leased));
            std::thread::spawn(move || {
                let mut draw = Draw(thread);
                while !stop.load(Ordering::Relaxed) {
                    let pool = &seats[draw.below(PLAYERS.into()) as usize];
                    leased.fetch_add(u64::from(pool.lease().is_some()), Ordering::Relaxed);
                    std::thread::yield_now();
                }
            })
        })
        .collect();
    let (begun, mut draw, mut early, mut rounds, mut moved) = (Instant::now(), Draw(7), None, 0u64, 0);
    while begun.elapsed() < span {
        rounds += 1;
        let now = Time::default().after(begun.elapsed());
        moved += step(&mut pools, &ids, &mut draw, now);
        if rounds.is_multiple_of(16) {
            play(&mut history, &mut draw);
        }
        if early.is_none() && begun.elapsed() > span / 3 {
            early = Some(resident());
        }
    }
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let (early, late) = (early.unwrap_or_else(resident), resident());
    let (leased, runs) = (leased.load(Ordering::Relaxed), history.runs());
    println!(
        "{seconds} s: {leased} leases, {moved} steps, {runs} runs; {early} bytes after a third, {late} at the end"
    );
    assert!(leased > 0 && moved > 0 && runs > 0);
    assert!(late <= early + DRIFT, "memory grew from {early} to {late} bytes");
}

/// Moves seats of one pool at random, and all whose time is up; says how many steps were taken.
fn step(pools: &mut Pools, ids: &[PoolId], draw: &mut Draw, now: Time) -> u64 {
    let pool = ids[draw.below(PLAYERS.into()) as usize];
    let mut steps = u64::from(pools.load(pool, draw.below(1 << 40), draw.below(2) == 0, now).is_ok());
    for slot in 0..16 {
        let life = pools.seats(pool).and_then(|seats| seats.life(slot)).unwrap_or_default();
        let signal = match (life, draw.below(50)) {
            (_, 0) => Signal::Failed,
            (Life::Ready, 1..4) => Signal::Unload,
            (Life::Loading, _) => Signal::Loaded,
            (Life::Warming, _) => Signal::Warmed,
            _ => continue,
        };
        steps += u64::from(pools.step(pool, slot, signal, now).is_ok());
    }
    let mut due = Vec::new();
    pools.tick(now, &mut due);
    pools.played_well(pool);
    steps + due.len() as u64
}

/// A run of some melody, foreseen at each request and learned from.
fn play(history: &mut History, draw: &mut Draw) {
    let melody = draw.below(MELODIES);
    let mut course = Course::new(format!("melody {melody}"), draw.below(24) as u8);
    let mut now = 0;
    for step in 0..20 {
        now += draw.below(3_000_000_000);
        let player = PlayerNo(((melody * 3 + step + draw.below(2)) % u64::from(PLAYERS)) as u32);
        course.ask(Time(now), player);
        course.expect(Expected { player: PlayerNo((player.0 + 1) % PLAYERS), due: Time(now + 1), odds: 0.9 });
        history.called(player, Duration::from_millis(draw.below(500)), draw.below(9) > 0, 1);
        history.loaded(player, Duration::from_millis(draw.below(900)), Some(1 << 20));
        let upcoming = course.upcoming(Time(now));
        let forecasts = history.forecast(course.here(), &upcoming, |_| 30.0);
        let standings: Vec<Standing> = forecasts
            .iter()
            .map(|one| Standing {
                player: one.player,
                probability: one.probability,
                idle_seconds: one.idle_seconds,
                due_seconds: one.due_seconds,
                load_seconds: history.facts(one.player).load_seconds,
                memory: 1 << 20,
                gpu: 0,
                micros_per_second: 0,
                failure_rate: 0.0,
                held: draw.below(2) == 0,
                busy: false,
                healthy: true,
                unused_seconds: 1.0,
            })
            .collect();
        let budgets = Budgets { memory: 4 << 20, ..Budgets::default() };
        assert!(plan(&standings, &budgets, &Prices::default()).load.len() <= 4);
    }
    history.learn(&course.recording);
}
