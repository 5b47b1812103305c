//! Restoring: random melodies are cut after any frame, with and without a checkpoint, restored into a fresh orchestra
//! and played on. What was sealed stays; what was not is played as if nothing had happened. Damage is refused.

mod stand;

use proptest::prelude::*;
use stand::plan::{Plan, Profile, Rng, draw};
use stand::stories::{check_invariants, stories, timeless};
use stand::{Played, Script, export, options_of, parts_with, played};
use std::collections::BTreeMap;
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Notice, RunStatus, What};
use symphony_ecs_core::ports::JournalError;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::travel::Fold;
use symphony_systems::{Orchestra, Pulse, RunOptions};

const CALM: Profile = Profile { races: false, halts: false, parallel: false, budget: false };
const WILD: Profile = Profile { races: true, halts: true, parallel: true, budget: false };

/// A run that was played frame by frame.
struct Record {
    played: Played,
    frames: Vec<(u64, Vec<u8>)>,
    /// Checkpoints after some frames.
    checkpoints: BTreeMap<u64, Vec<u8>>,
}

fn record(options: &RunOptions) -> Record {
    let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
    let slot = orchestra.play(options, None);
    let (mut frames, mut checkpoints) = (Vec::new(), BTreeMap::new());
    loop {
        orchestra.frame();
        frames.extend(orchestra.sealed(slot));
        if orchestra.status(slot) == RunStatus::Playing
            && let Some((frame, blob)) = orchestra.checkpoint(slot)
        {
            checkpoints.insert(frame, blob);
        }
        if orchestra.status(slot) != RunStatus::Playing && matches!(orchestra.pulse(), Pulse::Rest(_)) {
            break;
        }
    }
    let notices = orchestra.notices();
    let played = played(&mut orchestra, slot, options, notices);
    Record { played, frames: (0..).zip(frames).collect(), checkpoints }
}

/// What a run that was cut came to.
struct Resumed {
    played: Played,
    /// All notices of both lives.
    notices: Vec<Notice>,
    /// Idempotency keys of the calls of the second life.
    keys: Vec<String>,
    /// Notices that the first life had kept.
    kept: usize,
}

/// Cuts a run after `cut` frames, restores it and plays on.
fn resume(options: &RunOptions, record: &Record, cut: usize, checkpoint: Option<u64>) -> Result<Resumed, JournalError> {
    let from = checkpoint.map_or(0, |frame| frame as usize + 1);
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let restored = Restored {
        checkpoint: checkpoint.map(|frame| (frame, record.checkpoints[&frame].clone())),
        frames: &record.frames[from..cut],
        path: "test",
        play_on: true,
    };
    let slot = restore(&mut orchestra, options, &restored, None)?;
    orchestra.play_to_end(slot);
    let new = orchestra.notices();
    let first = new.iter().find_map(|notice| notice.seq).unwrap_or(record.played.notices.len() as u64) as usize;
    let mut notices = record.played.notices[..first].to_vec();
    notices.extend(new.iter().filter(|notice| notice.seq.is_some()).cloned());
    let played = played(&mut orchestra, slot, options, new);
    let keys = script.take().into_iter().map(|call| call.key).collect();
    Ok(Resumed { played, notices, keys, kept: first })
}

/// Cuts of a run: the first and last frames and some between, each from the start and from a checkpoint before it.
fn cuts(record: &Record, rng: &mut Rng) -> Vec<(usize, Option<u64>)> {
    let count = record.frames.len();
    let mut cuts = vec![(0, None), (1, None), (count, None)];
    for _ in 0..6 {
        let cut = rng.below(count + 1);
        cuts.push((cut, None));
        let before: Vec<u64> = record.checkpoints.range(..cut as u64).map(|(frame, _)| *frame).collect();
        if !before.is_empty() {
            cuts.push((cut, Some(rng.pick(&before))));
        }
        if record.checkpoints.contains_key(&(cut as u64)) {
            cuts.push((cut + 1, Some(cut as u64)));
        }
    }
    cuts
}

/// The story of both lives, told again from their frames.
fn told(options: &RunOptions, record: &Record, cut: usize, resumed: &Resumed) -> String {
    let second = (cut as u64..).zip(resumed.played.frames.iter().cloned());
    let mut fold = Fold::new(options, "test");
    for (frame, blob) in record.frames[..cut].iter().cloned().chain(second) {
        assert!(fold.frame(frame, &blob, u64::MAX).unwrap());
    }
    export(&fold.notices())
}

fn count() -> u64 {
    if std::env::var_os("SYMPHONY_LONG").is_some() { 10_000 } else { 250 }
}

fn each_cut(profile: Profile, check: impl Fn(&Plan, &Record, &Resumed) -> Result<(), String>) {
    let only: Option<u64> = std::env::var("SYMPHONY_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..count(), |seed| seed..seed + 1) {
        let plan = draw(seed, profile);
        let options = options_of(&plan);
        let record = record(&options);
        for (cut, checkpoint) in cuts(&record, &mut Rng(seed)) {
            let place = || format!("{}\nseed {seed}, cut after {cut} frames, checkpoint {checkpoint:?}", plan.print());
            let resumed =
                resume(&options, &record, cut, checkpoint).unwrap_or_else(|error| panic!("{}: {error}", place()));
            assert_eq!(told(&options, &record, cut, &resumed), export(&resumed.notices), "{}: told again", place());
            if let Err(why) = check(&plan, &record, &resumed) {
                panic!("{}: {why}", place());
            }
        }
    }
}

/// Nothing whose end was sealed plays again. A composite node that is tried again plays its body again, under the same
/// paths: what is below it counts anew.
fn check_keys(resumed: &Resumed) -> Result<(), String> {
    let mut begun = BTreeMap::<&str, u32>::new();
    let mut over = BTreeMap::<&str, u32>::new();
    for (place, notice) in resumed.notices.iter().enumerate() {
        let Some(path) = notice.node.as_deref() else { continue };
        let below =
            |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['));
        match &notice.what {
            What::BodyOpened { .. } => over.retain(|known, _| !below(known)),
            What::NodeStarted { attempt, player, .. } => {
                begun.insert(path, *attempt);
                if player == "map" {
                    over.retain(|known, _| !below(known));
                }
            }
            What::NodePlayed { .. } | What::AttemptFailed { .. } | What::NodeCancelled if place < resumed.kept => {
                over.extend(begun.remove(path).map(|attempt| (path, attempt)));
            }
            _ => {}
        }
    }
    let again = over.iter().find(|(path, attempt)| {
        let end = format!("/{path}/{attempt}");
        resumed.keys.iter().any(|key| key.ends_with(&end))
    });
    again.map_or(Ok(()), |(path, attempt)| Err(format!("attempt {attempt} of {path} was over and plays again")))
}

#[test]
fn a_cut_run_comes_to_the_same() {
    each_cut(CALM, |_, record, resumed| {
        let same = |what: &str, equal: bool| if equal { Ok(()) } else { Err(format!("{what} differs")) };
        same("the status", record.played.status == resumed.played.status)?;
        same("a node", record.played.nodes == resumed.played.nodes)?;
        same("an output", record.played.outputs == resumed.played.outputs)?;
        let (first, second) = (stories(&record.played.notices).0, stories(&resumed.notices).0);
        let (first, second) = (timeless(&first), timeless(&second));
        for path in first.keys().chain(second.keys()) {
            if first.get(path) != second.get(path) {
                return Err(format!("{path}\n  uncut {:?}\n    cut {:?}", first.get(path), second.get(path)));
            }
        }
        check_keys(resumed)
    });
}

#[test]
fn whatever_happens_a_cut_run_stays_true_to_its_journal() {
    each_cut(WILD, |plan, _, resumed| {
        if resumed.played.status == RunStatus::Playing {
            return Err("it is stuck".to_owned());
        }
        let stuck = |status: &Status| matches!(status, Status::Running | Status::Backoff | Status::AwaitingApproval);
        if let Some((path, status)) = resumed.played.nodes.iter().find(|(_, status)| stuck(status)) {
            return Err(format!("{path} is {} in a run that is over", status.as_str()));
        }
        check_invariants(plan, &resumed.notices)?;
        check_keys(resumed)?;
        check_undo_log(plan, resumed)
    });
}

/// A run that compensates undoes every life of a node that had begun something, once.
fn check_undo_log(plan: &Plan, resumed: &Resumed) -> Result<(), String> {
    let mut lives = BTreeMap::<String, i64>::new();
    let (mut begun, mut denied) = (BTreeMap::<String, bool>::new(), BTreeMap::<String, bool>::new());
    let mut undone = BTreeMap::<String, i64>::new();
    for notice in &resumed.notices {
        let Some(path) = notice.node.clone() else { continue };
        match &notice.what {
            What::NodeStarted { .. } => drop(begun.insert(path, true)),
            What::ApprovalAnswered { approved: false, .. } => drop(denied.insert(path, true)),
            What::AttemptFailed { .. } if denied.remove(&path) != Some(true) => drop(begun.insert(path, true)),
            What::NodePlayed { .. } => {
                begun.remove(&path);
                *lives.entry(path).or_default() += 1;
            }
            What::NodeFailed { .. } | What::NodeCancelled if begun.remove(&path) == Some(true) => {
                *lives.entry(path).or_default() += 1;
            }
            What::NodeSkipped { .. } => drop(begun.remove(&path)),
            What::UndoEnded { .. } => *undone.entry(path).or_default() += 1,
            _ => {}
        }
    }
    if undone.is_empty() {
        return Ok(());
    }
    lives.retain(|path, _| has_undo(plan, path));
    if lives == undone { Ok(()) } else { Err(format!("undone {undone:?} of {lives:?}")) }
}

fn has_undo(plan: &Plan, path: &str) -> bool {
    let mut melody = &plan.melodies[0];
    let parts: Vec<&str> = path.split('.').collect();
    for (place, part) in parts.iter().enumerate() {
        let node = &melody.nodes[part[1..].split('[').next().unwrap().parse::<usize>().unwrap()];
        match node.what {
            stand::plan::What::Nested(body) | stand::plan::What::Loop { body, .. } => melody = &plan.melodies[body],
            // A mapped node is undone item by item.
            _ if place + 1 == parts.len() => return node.undo.is_some() && node.map.is_some() == part.contains('['),
            _ => {}
        }
    }
    false
}

#[test]
fn a_delay_that_had_not_passed_is_waited_out_after_a_resume() {
    let text = r#"
        format = 1
        name = "m"
        [node.a]
        uses = "operator:test/do"
        with = { fail = 2, took = 10 }
        retry = { max = 3, backoff = "fixed", base = "1s" }
        out = { x = "int" }
    "#;
    let options = stand::options(stand::score(text, &[]));
    let record = record(&options);
    for cut in 0..=record.frames.len() {
        let resumed = resume(&options, &record, cut, None).unwrap();
        let starts: Vec<u64> = resumed
            .notices
            .iter()
            .filter(|notice| matches!(notice.what, What::NodeStarted { .. }))
            .map(|notice| notice.time.0 / 1_000_000)
            .collect();
        assert_eq!(starts.len(), 3, "cut after {cut}");
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 1_000), "cut after {cut}: {starts:?}");
    }
}

/// Restores from what may be damaged and plays a little; only the error says so.
fn survive(options: &RunOptions, checkpoint: Option<(u64, Vec<u8>)>, frames: &[(u64, Vec<u8>)]) {
    let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
    let restored = Restored { checkpoint, frames, path: "test", play_on: true };
    match restore(&mut orchestra, options, &restored, None) {
        Ok(_) => (0..50).for_each(|_| orchestra.frame()),
        Err(error) => assert!(matches!(error, JournalError::Damaged { .. } | JournalError::Newer { .. }), "{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_refused(blob in proptest::collection::vec(any::<u8>(), 0..200), version in any::<bool>()) {
        let options = options_of(&draw(3, CALM));
        let mut blob = blob;
        if version { blob.insert(0, 1); }
        survive(&options, None, &[(0, blob.clone())]);
        survive(&options, Some((4, blob)), &[]);
    }

    #[test]
    fn damaged_frames_never_panic(
        seed in 0u64..40, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), to in any::<u8>(),
        remove in any::<bool>(),
    ) {
        let options = options_of(&draw(seed, WILD));
        let mut record = record(&options);
        let place = at.index(record.frames.len());
        let blob = &mut record.frames[place].1;
        let byte = byte.index(blob.len());
        if remove {
            blob.remove(byte);
        } else {
            blob[byte] = to;
        }
        survive(&options, None, &record.frames);
    }

    #[test]
    fn exchanged_frames_never_panic(seed in 0u64..40, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let options = options_of(&draw(seed, WILD));
        let mut record = record(&options);
        let count = record.frames.len();
        let (one, other) = (one.index(count), other.index(count));
        record.frames[one].1 = record.frames[other].1.clone();
        survive(&options, None, &record.frames);
    }

    #[test]
    fn damaged_checkpoints_never_panic(
        seed in 0u64..40, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let options = options_of(&draw(seed, WILD));
        let record = record(&options);
        let points: Vec<_> = record.checkpoints.iter().collect();
        prop_assume!(!points.is_empty());
        let (frame, blob) = points[at.index(points.len())];
        let mut blob = blob.clone();
        let byte = byte.index(blob.len());
        blob[byte] = to;
        survive(&options, Some((*frame, blob)), &record.frames[*frame as usize + 1..]);
    }
}
