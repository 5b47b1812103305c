//! The triggers against a naive model that keeps a plain list of starts and looks through it for every question, and
//! in the situations that people meet.

use super::*;
use proptest::prelude::*;
use symphony_ecs_core::melody::parse;
use symphony_ecs_core::melody::timetable::rfc3339;

fn armed(name: &str, on: &str) -> Armed {
    let text = format!("format = 1\nname = \"{name}\"\non = {{ {on} }}\n[node.a]\nuses = \"builtin:text\"\n");
    let melody = parse("t.melody.toml", &text).unwrap_or_else(|findings| panic!("{findings:?}")).melody;
    Armed { name: name.to_owned(), folder: PathBuf::from("/tune"), on: melody.on }
}

fn at(text: &str) -> Ms {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn new(armed: &[Armed]) -> Triggers {
    Triggers::new(armed, 1000, Kept { next: 1, ..Kept::default() }, 0)
}

fn ask(triggers: &mut Triggers, melody: MelodyRow, key: Option<&str>, now: Ms) -> Verdict {
    let event = Event::Asked { melody, facts: Facts::new(), key: key.map(str::to_owned) };
    triggers.take(event, now).pop().unwrap().1
}

fn end(triggers: &mut Triggers, run: &RunId, status: RunStatus) -> Vec<(MelodyRow, Verdict)> {
    let ticket = triggers.start_of(run).unwrap().ticket;
    let outputs = Facts::from([("text".to_owned(), Value::text("x"))]);
    triggers.take(Event::Ended { ticket, status, outputs }, 0)
}

/// Moments at which a run was started, when the time is looked at as given.
fn moments(on: &str, seen: &str, looks: &[&str]) -> Vec<String> {
    let melodies = [armed("a", on)];
    let id = new(&melodies).schedule_id(0).to_owned();
    let kept = Kept { next: 1, seen: BTreeMap::from([(id, at(seen))]), ..Kept::default() };
    let mut triggers = Triggers::new(&melodies, 1000, kept, at(looks[0]));
    for look in looks {
        triggers.tick(at(look));
    }
    let moment = |start: Start| match start.cause {
        Cause::Schedule(moment) => moment,
        cause => panic!("{cause:?}"),
    };
    triggers.open().into_iter().map(moment).collect()
}

#[test]
fn a_schedule_starts_at_its_moments_and_not_before() {
    let on = "schedule = { cron = \"*/10 * * * *\" }, concurrency = \"parallel\"";
    let looks = ["2026-01-01T00:00:01Z", "2026-01-01T00:09:59Z", "2026-01-01T00:10:00Z", "2026-01-01T00:20:30Z"];
    assert_eq!(moments(on, "2026-01-01T00:00:00Z", &looks), ["2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z"]);
}

#[test]
fn missed_moments_follow_the_policy() {
    let on =
        |missed| format!("schedule = {{ cron = \"0 * * * *\", missed = \"{missed}\" }}, concurrency = \"parallel\"");
    let away = |missed| moments(&on(missed), "2026-01-01T00:00:00Z", &["2026-01-01T03:30:00Z"]);
    assert_eq!(away("skip"), Vec::<String>::new());
    assert_eq!(away("once"), ["2026-01-01T03:00:00Z"]);
    assert_eq!(away("all"), ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"]);
    // Half a minute late is not missed.
    let late = moments(&on("skip"), "2026-01-01T00:00:00Z", &["2026-01-01T03:00:30Z"]);
    assert_eq!(late, ["2026-01-01T03:00:00Z"]);
}

#[test]
fn a_new_schedule_makes_up_for_nothing() {
    let melodies = [armed("a", "schedule = { cron = \"0 * * * *\", missed = \"all\" }")];
    let now = at("2026-01-01T03:30:00Z");
    let mut triggers = Triggers::new(&melodies, 10, Kept { next: 1, ..Kept::default() }, now);
    assert_eq!(triggers.decided().0, [Change::Seen { schedule: 0, at: now }]);
    assert!(triggers.tick(now).is_empty());
    assert_eq!(triggers.next_wake().map(rfc3339).unwrap(), "2026-01-01T04:00:00Z");
}

#[test]
fn many_missed_moments_come_in_parts_and_none_is_lost() {
    let melodies = [armed("a", "schedule = { cron = \"* * * * *\", missed = \"all\" }")];
    let id = new(&melodies).schedule_id(0).to_owned();
    let kept = Kept { next: 1, seen: BTreeMap::from([(id, 0)]), ..Kept::default() };
    let mut triggers = Triggers::new(&melodies, 10, kept, 0);
    triggers.tick(2_500 * 60_000);
    assert_eq!(triggers.open_count(), 2_500);
}

#[test]
fn the_autumn_hour_starts_a_daily_melody_once() {
    let on =
        "schedule = { cron = \"30 2 * * *\", tz = \"Europe/Berlin\", missed = \"all\" }, concurrency = \"parallel\"";
    let starts =
        moments(on, "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T02:00:00Z"]);
    assert_eq!(starts, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn a_key_seen_before_starts_nothing_and_names_its_run() {
    let mut triggers = new(&[armed("a", "api = true, concurrency = \"parallel\"")]);
    let Verdict::Starts(run) = ask(&mut triggers, 0, Some("k"), 5) else { panic!() };
    assert_eq!(ask(&mut triggers, 0, Some("k"), 6), Verdict::Known(run.clone()));
    end(&mut triggers, &run, RunStatus::Completed);
    assert_eq!(ask(&mut triggers, 0, Some("k"), 7), Verdict::Known(run.clone()));
    assert_ne!(ask(&mut triggers, 0, Some("other"), 7).run(), &run);
    // A day later it is forgotten.
    let later = 7 + keys::KEPT + 1;
    triggers.tick(later);
    assert!(triggers.decided().0.iter().any(|change| matches!(change, Change::ForgetBefore(_))));
    assert!(matches!(ask(&mut triggers, 0, Some("k"), later), Verdict::Starts(_)));
}

#[test]
fn events_within_the_debounce_are_one() {
    let mut triggers = new(&[armed("a", "event = { file = \"src/**\" }, api = true, debounce = \"2s\"")]);
    let file = |path: &str| Event::File(PathBuf::from(path));
    let Some((0, Verdict::Settles(run))) = triggers.take(file("/tune/src/a.rs"), 1000).pop() else { panic!() };
    assert!(triggers.take(file("/tune/other/a.rs"), 1100).is_empty());
    assert!(triggers.tick(2999).is_empty());
    assert_eq!(triggers.take(file("/tune/src/deep/b.rs"), 2500).pop(), Some((0, Verdict::Settles(run.clone()))));
    assert_eq!(ask(&mut triggers, 0, Some("k"), 2600), Verdict::Settles(run.clone()));
    assert_eq!(triggers.next_wake(), Some(4600));
    assert!(triggers.tick(4599).is_empty());
    assert_eq!(triggers.tick(4600), [(0, Verdict::Starts(run.clone()))]);
    assert_eq!(ask(&mut triggers, 0, Some("k"), 4700), Verdict::Known(run));
}

#[test]
fn the_newest_event_is_the_one_that_is_told() {
    let mut triggers = new(&[armed("a", "event = { file = \"*\" }, debounce = \"2s\"")]);
    triggers.take(Event::File("/tune/a".into()), 0);
    triggers.take(Event::File("/tune/b".into()), 1);
    triggers.tick(5000);
    let ticket = triggers.open()[0].ticket;
    assert_eq!(triggers.facts_of(ticket)["file"], Value::text("/tune/b"));
}

#[test]
fn a_replacing_start_stops_what_plays_and_drops_what_waits() {
    let mut triggers = new(&[armed("a", "api = true, concurrency = \"replace\"")]);
    let first = ask(&mut triggers, 0, None, 0).run().clone();
    let Verdict::Waits(second) = ask(&mut triggers, 0, Some("k"), 1) else { panic!() };
    let Verdict::Waits(third) = ask(&mut triggers, 0, None, 2) else { panic!() };
    let first_ticket = triggers.start_of(&first).unwrap().ticket;
    let (_, orders) = triggers.decided();
    assert_eq!(orders, [Order::Start(first_ticket), Order::Stop(first_ticket), Order::Dropped(second.clone(), 0)]);
    end(&mut triggers, &first, RunStatus::Cancelled);
    assert_eq!(triggers.start_of(&third).unwrap().phase, Phase::Playing);
    // The key of what was dropped may be used again: it has started nothing.
    assert!(matches!(ask(&mut triggers, 0, Some("k"), 3), Verdict::Waits(run) if run != second));
}

#[test]
fn chains_and_outputs_start_what_follows() {
    let melodies = [
        armed("first", "api = true"),
        armed("second", "after = \"first\""),
        armed("third", "after = { melody = \"first\", ended = \"failed\" }"),
        armed("fourth", "event = { artifact = \"fir*.text\" }"),
    ];
    let mut triggers = new(&melodies);
    let run = ask(&mut triggers, 0, None, 0).run().clone();
    let started = end(&mut triggers, &run, RunStatus::Completed);
    assert_eq!(started.iter().map(|(melody, _)| *melody).collect::<Vec<_>>(), [1, 3]);
    let ticket = triggers.start_of(started[0].1.run()).unwrap().ticket;
    let facts = triggers.facts_of(ticket);
    assert_eq!((&facts["text"], &facts["run"]), (&Value::text("x"), &Value::text(run.as_str())));
    let run = ask(&mut triggers, 0, None, 0).run().clone();
    let started = end(&mut triggers, &run, RunStatus::Failed);
    assert_eq!(started.iter().map(|(melody, _)| *melody).collect::<Vec<_>>(), [2]);
}

#[test]
fn topics_reach_those_who_wait_for_them() {
    let mut triggers = new(&[armed("a", "event = { topic = \"orders/*\" }"), armed("b", "event = { topic = \"x\" }")]);
    let body = Value::map([("n".to_owned(), Value::Int(3))]);
    let told = triggers.take(Event::Topic { topic: "orders/new".into(), body, key: None }, 0);
    assert_eq!(told.len(), 1);
    let ticket = triggers.open()[0].ticket;
    assert_eq!(triggers.facts_of(ticket)["n"], Value::Int(3));
}

#[test]
fn what_was_written_down_goes_on() {
    let melodies = [armed("a", "api = true, concurrency = \"queue\""), armed("b", "api = true, debounce = \"1s\"")];
    let mut before = new(&melodies);
    ask(&mut before, 0, None, 0);
    ask(&mut before, 0, None, 1);
    ask(&mut before, 1, None, 2);
    let kept = Kept { starts: before.open(), next: before.next_ticket(), ..Kept::default() };
    let mut after = Triggers::new(&melodies, 1000, kept, 10);
    assert_eq!(after.decided().1, [Order::Start(1)], "what played plays on, and nothing else starts");
    assert_eq!(after.open(), before.open());
    assert_eq!(after.next_wake(), Some(1002));
}

/// One step of a story.
#[derive(Clone, Debug)]
enum Step {
    Ask { melody: MelodyRow, key: Option<u8> },
    Wait(Ms),
    End { which: prop::sample::Index, failed: bool },
    Cancel(prop::sample::Index),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u32..6, proptest::option::weighted(0.4, 0u8..4)).prop_map(|(melody, key)| Step::Ask { melody, key }),
        2 => (1i64..1500).prop_map(Step::Wait),
        4 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, failed)| Step::End { which, failed }),
        1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => Just(Step::Restart),
    ]
}

/// A start of the naive model.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    melody: MelodyRow,
    run: RunId,
    phase: Phase,
    due: Ms,
    keys: Vec<u8>,
}

/// The naive model: one list, in the order in which starts were let through to the concurrency policy.
struct Model {
    policies: Vec<Concurrency>,
    debounce: Vec<Ms>,
    room: usize,
    settling: Vec<Plain>,
    list: Vec<Plain>,
    known: BTreeMap<(MelodyRow, u8), RunId>,
}

impl Model {
    fn plays(plain: &Plain) -> bool {
        matches!(plain.phase, Phase::Playing | Phase::Stopping)
    }

    fn forget(&mut self, plain: &Plain) {
        for key in &plain.keys {
            self.known.remove(&(plain.melody, *key));
        }
    }

    /// Adds a start as its policy says.
    fn admit(&mut self, mut plain: Plain) -> bool {
        let before: Vec<usize> = (0..self.list.len()).filter(|at| self.list[*at].melody == plain.melody).collect();
        match self.policies[plain.melody as usize] {
            Concurrency::Skip if !before.is_empty() => {
                self.forget(&plain);
                return false;
            }
            Concurrency::Replace => {
                for at in before.into_iter().rev() {
                    if Self::plays(&self.list[at]) {
                        self.list[at].phase = Phase::Stopping;
                    } else {
                        let dropped = self.list.remove(at);
                        self.forget(&dropped);
                    }
                }
            }
            _ => {}
        }
        plain.phase = Phase::Waiting;
        self.list.push(plain);
        self.fill();
        true
    }

    /// Lets play what may: the first of each melody (or all, if they play side by side), while there is room.
    fn fill(&mut self) {
        loop {
            let live = self.list.iter().filter(|plain| Self::plays(plain)).count();
            let free = |at: &usize| {
                let plain = &self.list[*at];
                let alone = !self.list[..*at].iter().any(|other| other.melody == plain.melody);
                plain.phase == Phase::Waiting
                    && (alone || self.policies[plain.melody as usize] == Concurrency::Parallel)
            };
            let Some(next) = (0..self.list.len()).find(free).filter(|_| live < self.room) else { return };
            self.list[next].phase = Phase::Playing;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever happens in whatever order: who plays, who waits, and what is answered is what the model says; a
    /// restart changes nothing. Room is never short here: who is next when it is, is another test.
    #[test]
    fn every_story_ends_as_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        let ons = [
            "concurrency = \"queue\"", "concurrency = \"skip\"", "concurrency = \"replace\"",
            "concurrency = \"parallel\"", "concurrency = \"queue\", debounce = \"1s\"",
            "concurrency = \"replace\", debounce = \"500ms\"",
        ];
        let melodies: Vec<Armed> =
            (0..).zip(ons).map(|(row, on): (u32, _)| armed(&format!("m{row}"), &format!("api = true, {on}"))).collect();
        let mut triggers = Triggers::new(&melodies, 1000, Kept { next: 1, ..Kept::default() }, 0);
        let mut model = Model {
            policies: melodies.iter().map(|armed| armed.on.concurrency.unwrap_or_default()).collect(),
            debounce: vec![0, 0, 0, 0, 1000, 500],
            room: 1000,
            settling: Vec::new(),
            list: Vec::new(),
            known: BTreeMap::new(),
        };
        let mut now = 0;
        let mut written: BTreeMap<(MelodyRow, Arc<str>), RunId> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Ask { melody, key } => {
                    let word = key.map(|key| key.to_string());
                    let verdict = ask(&mut triggers, melody, word.as_deref(), now);
                    let known = key.and_then(|key| model.known.get(&(melody, key)).cloned());
                    match &verdict {
                        Verdict::Known(run) => prop_assert_eq!(Some(run), known.as_ref()),
                        _ => prop_assert_eq!(&known, &None, "{:?}", verdict),
                    }
                    if known.is_none() {
                        let wait = model.debounce[melody as usize];
                        let keys: Vec<u8> = key.into_iter().collect();
                        let run = verdict.run().clone();
                        if let Some(key) = key {
                            model.known.insert((melody, key), run.clone());
                        }
                        let plain = Plain { melody, run, phase: Phase::Settling, due: now + wait, keys };
                        if wait > 0 {
                            match model.settling.iter_mut().find(|other| other.melody == melody) {
                                Some(other) => {
                                    prop_assert_eq!(&other.run, verdict.run());
                                    other.due = plain.due;
                                    other.keys.extend(plain.keys);
                                }
                                None => model.settling.push(plain),
                            }
                        } else if !model.admit(plain) {
                            prop_assert!(matches!(verdict, Verdict::Skipped(_)));
                        }
                    }
                }
                Step::Wait(span) => {
                    now += span;
                    triggers.tick(now);
                    model.settling.sort_by_key(|plain| plain.due);
                    while model.settling.first().is_some_and(|plain| plain.due <= now) {
                        let plain = model.settling.remove(0);
                        model.admit(plain);
                    }
                }
                Step::End { which, failed } => {
                    let playing: Vec<RunId> =
                        model.list.iter().filter(|plain| Model::plays(plain)).map(|plain| plain.run.clone()).collect();
                    if !playing.is_empty() {
                        let run = which.get(&playing);
                        end(&mut triggers, run, if failed { RunStatus::Failed } else { RunStatus::Completed });
                        model.list.retain(|plain| plain.run != *run);
                        model.fill();
                    }
                }
                Step::Cancel(which) => {
                    let open = triggers.open();
                    if !open.is_empty() {
                        let start = which.get(&open);
                        prop_assert!(triggers.cancel(start.ticket));
                        if let Some(at) = model.settling.iter().position(|plain| plain.run == start.run) {
                            let plain = model.settling.remove(at);
                            model.forget(&plain);
                        } else if let Some(at) = model.list.iter().position(|plain| plain.run == start.run) {
                            if Model::plays(&model.list[at]) {
                                model.list[at].phase = Phase::Stopping;
                            } else {
                                let plain = model.list.remove(at);
                                model.forget(&plain);
                                model.fill();
                            }
                        }
                    }
                }
                Step::Restart => {
                    let keys = written.iter().map(|((melody, key), run)| (*melody, key.clone(), run.clone(), now));
                    let kept = Kept {
                        starts: triggers.open(),
                        keys: keys.collect(),
                        next: triggers.next_ticket(),
                        ..Kept::default()
                    };
                    triggers = Triggers::new(&melodies, 1000, kept, now);
                }
            }
            for change in triggers.decided().0 {
                match change {
                    Change::Key { melody, key, run, .. } => drop(written.insert((melody, key), run)),
                    Change::Forget { melody, key } => drop(written.remove(&(melody, key))),
                    _ => {}
                }
            }
            let mut expected: Vec<(RunId, Phase)> =
                model.list.iter().chain(&model.settling).map(|plain| (plain.run.clone(), plain.phase)).collect();
            let mut found: Vec<(RunId, Phase)> =
                triggers.open().into_iter().map(|start| (start.run, start.phase)).collect();
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            found.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(found, expected);
            let known: BTreeMap<(MelodyRow, Arc<str>), RunId> =
                model.known.iter().map(|((melody, key), run)| ((*melody, Arc::from(key.to_string())), run.clone())).collect();
            prop_assert_eq!(&written, &known);
        }
    }

    /// However little room there is: never more play than there is room for, and none waits while there is.
    #[test]
    fn room_is_kept_and_used(room in 1u32..4, steps in proptest::collection::vec(step(), 1..60)) {
        let melodies: Vec<Armed> =
            (0..6).map(|row| armed(&format!("m{row}"), "api = true, concurrency = \"parallel\"")).collect();
        let mut triggers = Triggers::new(&melodies, room, Kept { next: 1, ..Kept::default() }, 0);
        let mut ends = Vec::new();
        for step in steps {
            match step {
                Step::Ask { melody, .. } => drop(ask(&mut triggers, melody, None, 0)),
                Step::End { which, .. } => {
                    let playing: Vec<RunId> = triggers
                        .open()
                        .into_iter()
                        .filter(|start| start.phase == Phase::Playing)
                        .map(|start| start.run)
                        .collect();
                    if !playing.is_empty() {
                        let run = which.get(&playing).clone();
                        ends.push(run.clone());
                        end(&mut triggers, &run, RunStatus::Completed);
                    }
                }
                _ => {}
            }
            let open = triggers.open();
            let playing = open.iter().filter(|start| start.phase == Phase::Playing).count();
            prop_assert_eq!(playing, open.len().min(room as usize));
            let first = open.iter().position(|start| start.phase == Phase::Waiting).unwrap_or(open.len());
            prop_assert!(open[first..].iter().all(|start| start.phase == Phase::Waiting), "in order");
        }
    }
}
