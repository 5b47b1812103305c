//! Pools in the frame, over a stage of the test's making: who is warmed, which seats calls take, and what becomes of a
//! player that dies, wherever it is in its life.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use symphony_ecs_core::clock::{ClockKind, Time};
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::{CallId, RunSlot};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{
    Busy, CallEvent, CallFailure, CallOutcome, CallRequest, CallWhat, ExtensionPort, Operation, ProcessReport,
    ProcessWhat, Usage, WarmOrder, pool_name,
};
use symphony_ecs_core::score::{Action, EdgeMode, NodeSpec, Score, Wiring};
use symphony_ecs_core::value::Digest;
use symphony_pit::pool::{History, Life, Recording};
use symphony_systems::orchestra::OrchestraParts;
use symphony_systems::pools::{PoolSettings, PoolView};
use symphony_systems::{Orchestra, RunOptions};

/// What the test sees and does behind the stage.
#[derive(Default)]
struct Behind {
    calls: Vec<(CallId, String, u64)>,
    warmed: Vec<(String, u32)>,
    unloaded: Vec<u64>,
    reports: VecDeque<ProcessReport>,
    processes: u64,
    pool_of: BTreeMap<u64, Arc<str>>,
}

struct Stage {
    behind: Arc<Mutex<Behind>>,
    events: Receiver<CallEvent>,
}

impl Behind {
    fn start(&mut self, pool: &str, ahead: bool) -> u64 {
        self.processes += 1;
        self.pool_of.insert(self.processes, Arc::from(pool));
        self.tell(self.processes, ProcessWhat::Starting { ahead });
        self.processes
    }

    fn tell(&mut self, process: u64, what: ProcessWhat) {
        let pool = Arc::clone(&self.pool_of[&process]);
        self.reports.push_back(ProcessReport { process, pool, what });
    }

    fn make_ready(&mut self, process: u64) {
        self.tell(process, ProcessWhat::Spawned);
        self.tell(process, ProcessWhat::Ready { memory: Some(5 << 20) });
    }
}

impl ExtensionPort for Stage {
    fn call(&mut self, request: CallRequest) -> Result<(), Busy> {
        self.call_on(request, None).map(|_| ())
    }
    fn call_on(&mut self, request: CallRequest, process: Option<u64>) -> Result<Option<u64>, Busy> {
        let mut behind = self.behind.lock().unwrap();
        let pool = pool_name(&request.operation.name, request.mem, request.cpu);
        let process = process.unwrap_or_else(|| behind.start(&pool, false));
        behind.calls.push((request.id, pool, process));
        Ok(Some(process))
    }
    fn cancel(&mut self, _: CallId) {}
    fn events(&self) -> &Receiver<CallEvent> {
        &self.events
    }
    fn warm(&mut self, order: &WarmOrder) -> u32 {
        let mut behind = self.behind.lock().unwrap();
        let pool = pool_name(&order.operation.name, order.mem, order.cpu);
        behind.warmed.push((pool.clone(), order.seats));
        behind.start(&pool, true);
        1
    }
    fn unload(&mut self, process: u64) -> bool {
        self.behind.lock().unwrap().unloaded.push(process);
        true
    }
    fn lives(&mut self) -> Vec<ProcessReport> {
        self.behind.lock().unwrap().reports.drain(..).collect()
    }
}

struct House {
    orchestra: Orchestra,
    behind: Arc<Mutex<Behind>>,
    events: Sender<CallEvent>,
    slot: RunSlot,
}

fn operation(name: &str) -> Arc<Operation> {
    Arc::new(Operation {
        name: name.to_owned(),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(name.as_bytes()),
        origin: "test".to_owned(),
        inputs: Vec::new(),
        open_inputs: true,
        outputs: Vec::new(),
        open_outputs: false,
        settings: None,
        in_process: false,
        idempotent: true,
        reuse: Default::default(),
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
    })
}

/// A chain of players, played over a stage of the test's making, with what was learned.
fn house(players: &[&str], history: History) -> House {
    let specs = players
        .iter()
        .map(|name| NodeSpec::plain(Action::Call(Arc::from([operation(name)])), Duration::from_millis(100)));
    let edges: Vec<(u32, u32, EdgeMode)> =
        (1..players.len() as u32).map(|next| (next - 1, next, EdgeMode::Hard)).collect();
    let rows = (0..players.len() as u32).collect();
    let score = Score::from_edges("notes", players.len() as u32, &edges, specs.collect(), rows, Wiring::Order).unwrap();
    let (events, received) = unbounded();
    let behind = Arc::new(Mutex::new(Behind::default()));
    let stage = Stage { behind: Arc::clone(&behind), events: received };
    let pools = PoolSettings { history, ..PoolSettings::default() };
    let mut orchestra = Orchestra::new(OrchestraParts {
        stage: Some(Box::new(stage)),
        pools: Some(pools),
        ..OrchestraParts::default()
    });
    let options = RunOptions { clock: ClockKind::Real, ..RunOptions::simulated(Arc::new(score), 1) };
    let slot = orchestra.play(&options, None);
    let mut house = House { orchestra, behind, events, slot };
    house.frames();
    house
}

impl House {
    fn frames(&mut self) {
        (0..4).for_each(|_| self.orchestra.frame());
    }

    fn behind<T>(&mut self, act: impl FnOnce(&mut Behind) -> T) -> T {
        let did = act(&mut self.behind.lock().unwrap());
        self.frames();
        did
    }

    fn call(&self, number: usize) -> (CallId, String, u64) {
        let behind = self.behind.lock().unwrap();
        behind.calls.get(number).cloned().unwrap_or_else(|| panic!("call {number} of {:?}", behind.calls))
    }

    fn end(&mut self, id: CallId, crash: bool) {
        let failure = CallFailure {
            class: ErrorClass::Crash,
            message: "it died".into(),
            retry_after: None,
            usage: Usage::default(),
        };
        let what = if crash { CallWhat::Failed(failure) } else { CallWhat::Done(CallOutcome::default()) };
        self.events.send(CallEvent { id, what }).unwrap();
        self.frames();
    }

    fn pool(&mut self, player: &str) -> PoolView {
        self.orchestra.pools().into_iter().find(|pool| pool.player == player).unwrap()
    }

    fn lives(&mut self, player: &str) -> Vec<Life> {
        self.pool(player).seats.iter().map(|seat| seat.life).collect()
    }
}

#[test]
fn the_row_behind_is_warmed_while_the_one_before_it_plays_and_then_plays_on_it() {
    let mut house = house(&["operator:a/go", "operator:b/go"], History::default());
    let (first, pool, process) = house.call(0);
    assert_eq!(pool, "operator:a");
    house.behind(|behind| behind.make_ready(process));
    assert_eq!(house.lives("operator:a"), [Life::Active], "the seat that was loaded for the call is its own");
    let warmed = house.behind(|behind| behind.warmed.clone());
    assert_eq!(warmed, [("operator:b".to_owned(), 1)], "the score says who is next, and nothing was learned");
    assert_eq!(house.lives("operator:b"), [Life::Loading]);
    let ahead = house.behind(|behind| behind.processes);
    house.behind(|behind| behind.make_ready(ahead));
    assert_eq!(house.lives("operator:b"), [Life::Ready]);
    house.end(first, false);
    assert_eq!(house.lives("operator:a"), [Life::Ready], "given back");
    let (second, _, process) = house.call(1);
    assert_eq!(process, ahead, "a warm hit");
    assert_eq!(house.lives("operator:b"), [Life::Active]);
    house.end(second, false);
    let told = house.pool("operator:b");
    assert_eq!((told.metrics.ahead, told.metrics.ahead_used, told.metrics.cold, told.metrics.uses), (1, 1, 0, 1));
    assert_eq!(house.pool("operator:a").metrics.cold, 1, "nobody could know of the first one");
    assert_eq!(house.orchestra.status(house.slot), RunStatus::Completed);
    drop(house.orchestra.leave(house.slot));
    let learned = house.orchestra.pools_learned().unwrap();
    let mut history = History::default();
    history.absorb(&learned);
    assert_eq!(history.runs(), 1);
    assert_eq!(history.facts(history.find("operator:b").unwrap()).calls, 1);
    assert!(house.orchestra.pools_learned().is_none(), "once");
}

#[test]
fn what_was_learned_warms_the_first_player_before_it_is_asked() {
    let mut history = History::default();
    let [a, c] = ["operator:a", "operator:c"].map(|name| history.player(name));
    for player in [a, c] {
        history.loaded(player, Duration::from_secs(2), Some(1 << 20));
    }
    let mut run = Recording::new("notes", 0);
    run.ask(Time(0), a);
    run.ask(Time(1_000_000_000), c);
    (0..9).for_each(|_| history.learn(&run));
    // `c` does not follow `a` in the score, so only what was learned can tell.
    let mut house = house(&["operator:a/go", "operator:b/go", "operator:c/go"], history);
    let warmed: Vec<String> = house.behind(|behind| behind.warmed.iter().map(|(pool, _)| pool.clone()).collect());
    assert!(warmed.contains(&"operator:c".to_owned()), "{warmed:?}");
    let told = house.pool("operator:c");
    assert!(told.probability > 0.8 && told.saving_micros > told.cost_micros, "{told:?}");
    assert!(!told.terms.is_empty());
}

#[test]
fn a_player_that_dies_is_handled_wherever_it_is() {
    let dead = || ProcessWhat::Died { message: "it died".to_owned() };
    // Loading, warming and ready: b was started ahead, and nobody's call fails with it.
    for (steps, life) in [(0, Life::Loading), (1, Life::Warming), (2, Life::Ready)] {
        let mut house = house(&["operator:a/go", "operator:b/go"], History::default());
        let (first, _, a) = house.call(0);
        house.behind(|behind| behind.make_ready(a));
        let b = house.behind(|behind| behind.processes);
        let way = [ProcessWhat::Spawned, ProcessWhat::Ready { memory: None }];
        way.into_iter().take(steps).for_each(|what| house.behind(|behind| behind.tell(b, what)));
        assert_eq!(house.lives("operator:b"), [life]);
        house.behind(|behind| behind.tell(b, dead()));
        let told = house.pool("operator:b");
        assert_eq!(told.metrics.failures, [(life.as_str(), 1)], "{life:?}");
        assert_eq!(told.health.in_a_row, 1);
        house.end(first, false);
        let (second, pool, process) = house.call(1);
        assert_eq!(pool, "operator:b");
        assert_ne!(process, b, "{life:?}: what is dead plays nothing");
        house.end(second, false);
        assert_eq!(house.orchestra.status(house.slot), RunStatus::Completed, "{life:?}: nobody felt it");
    }
    // Active: its call fails with it, whichever of the two is told first.
    for report_first in [true, false] {
        let mut house = house(&["operator:a/go"], History::default());
        let (call, _, process) = house.call(0);
        house.behind(|behind| behind.make_ready(process));
        if report_first {
            house.behind(|behind| behind.tell(process, dead()));
            assert_eq!(house.lives("operator:a"), []);
        }
        house.end(call, true);
        if !report_first {
            house.behind(|behind| behind.tell(process, dead()));
        }
        let told = house.pool("operator:a");
        assert!(told.health.in_a_row >= 1 && told.seats.iter().all(|seat| seat.process != process), "{told:?}");
    }
    // Unloaded: a report of a process that is gone changes nothing.
    let mut house = house(&["operator:a/go"], History::default());
    let (call, _, process) = house.call(0);
    house.behind(|behind| behind.make_ready(process));
    house.end(call, false);
    house.behind(|behind| behind.tell(process, ProcessWhat::Retired));
    assert_eq!(house.lives("operator:a"), []);
    house.behind(|behind| behind.tell(process, dead()));
    let told = house.pool("operator:a");
    assert_eq!((told.health.in_a_row, told.metrics.failures.len()), (0, 0));
}

#[test]
fn a_player_that_keeps_dying_is_not_started_ahead_any_more() {
    let mut house = house(&["operator:a/go", "operator:b/go"], History::default());
    let (_, _, a) = house.call(0);
    house.behind(|behind| behind.make_ready(a));
    for _ in 0..6 {
        let last = house.behind(|behind| behind.processes);
        if last > a {
            house.behind(|behind| behind.tell(last, ProcessWhat::Died { message: "again".to_owned() }));
        }
    }
    let told = house.pool("operator:b");
    assert_eq!(told.metrics.ahead, 3, "three times, then quarantine: {:?}", told.health);
    assert!(told.health.until.is_some());
}

#[test]
fn warming_by_hand_and_runs_without_players() {
    let mut house = house(&["operator:a/go"], History::default());
    assert_eq!(house.orchestra.warm("operator:a", 2), Some(1));
    assert_eq!(house.orchestra.warm("operator:stranger", 1), None);
    let score = Score::from_edges(
        "quiet",
        2,
        &[(0, 1, EdgeMode::Hard)],
        vec![NodeSpec::plain(Action::Pause(Duration::from_millis(1)), Duration::from_millis(1))],
        Vec::new(),
        Wiring::Order,
    );
    let mut quiet =
        Orchestra::new(OrchestraParts { pools: Some(PoolSettings::default()), ..OrchestraParts::default() });
    let slot = quiet.play(&RunOptions::simulated(Arc::new(score.unwrap()), 1), None);
    assert_eq!(quiet.play_to_end(slot), RunStatus::Completed);
    drop(quiet.leave(slot));
    assert!(quiet.pools().is_empty() && quiet.pools_learned().is_none());
}
