//! What is written down is there again, for whoever comes next.

use super::*;
use crate::triggers::{Armed, Event, Order, Triggers, Verdict};
use std::path::PathBuf;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::melody::parse;
use symphony_ecs_core::value::Value;

fn armed(name: &str, on: &str) -> Armed {
    let text = format!("format = 1\nname = \"{name}\"\non = {{ {on} }}\n[node.a]\nuses = \"builtin:text\"\n");
    let melody = parse("t.melody.toml", &text).unwrap().melody;
    Armed { name: name.to_owned(), folder: PathBuf::from("/work"), on: melody.on }
}

fn melodies() -> Vec<Armed> {
    vec![armed("a", "api = true, schedule = { cron = \"0 6 * * *\" }"), armed("b", "api = true, debounce = \"1s\"")]
}

/// A ledger and the triggers that it remembers.
fn open(path: &Path, melodies: &[Armed], now: Ms) -> (Ledger, Triggers, Vec<Order>) {
    let mut ledger = Ledger::open(path, 7).unwrap();
    let names: Vec<&str> = melodies.iter().map(|armed| armed.name.as_str()).collect();
    let found = ledger.read(&names).unwrap();
    assert_eq!(found.strangers, []);
    let mut triggers = Triggers::new(melodies, 10, found.kept, now);
    let (changes, orders) = triggers.decided();
    ledger.commit(&triggers, &changes).unwrap();
    (ledger, triggers, orders)
}

fn ask(triggers: &mut Triggers, melody: u32, n: i64, key: Option<&str>) -> Verdict {
    let facts = Facts::from([("n".to_owned(), Value::Int(n)), ("b".to_owned(), Value::Bytes([1, 2].into()))]);
    let event = Event::Asked { melody, facts, key: key.map(str::to_owned) };
    triggers.take(event, 1000).pop().unwrap().1
}

#[test]
fn everything_accepted_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("triggers.db");
    let melodies = melodies();
    let (mut ledger, mut triggers, _) = open(&path, &melodies, 500);
    let first = ask(&mut triggers, 0, 1, Some("k"));
    ask(&mut triggers, 0, 2, None);
    ask(&mut triggers, 1, 3, None);
    ask(&mut triggers, 1, 4, None);
    let (changes, orders) = triggers.decided();
    assert_eq!(orders, [Order::Start(1)]);
    ledger.commit(&triggers, &changes).unwrap();
    let expected = triggers.open();
    drop(ledger);

    let (mut ledger, mut again, orders) = open(&path, &melodies, 9_000_000);
    assert_eq!(orders, [Order::Start(1)]);
    assert_eq!(again.open(), expected);
    assert_eq!(again.facts_of(3)["n"], Value::Int(4), "the newest of what settles");
    assert_eq!(ask(&mut again, 0, 1, Some("k")), Verdict::Known(first.run().clone()));
    assert_eq!(again.next_ticket(), triggers.next_ticket());
    // The schedule goes on from where it was armed first.
    assert_eq!(again.next_moment(0), triggers.next_moment(0));
    again.take(Event::Ended { ticket: 1, status: RunStatus::Completed, outputs: Facts::new() }, 0);
    let (changes, orders) = again.decided();
    assert_eq!(orders, [Order::Start(2)]);
    ledger.commit(&again, &changes).unwrap();
    drop(ledger);
    let (_, third, _) = open(&path, &melodies, 0);
    assert_eq!(third.open().iter().map(|start| start.ticket).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn what_begins_and_ends_in_one_batch_leaves_its_number_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("triggers.db");
    let melodies = melodies();
    let (mut ledger, mut triggers, _) = open(&path, &melodies, 500);
    ask(&mut triggers, 0, 1, None);
    triggers.take(Event::Ended { ticket: 1, status: RunStatus::Completed, outputs: Facts::new() }, 0);
    let (changes, _) = triggers.decided();
    ledger.commit(&triggers, &changes).unwrap();
    drop(ledger);
    let (_, again, orders) = open(&path, &melodies, 500);
    assert_eq!((again.open_count(), orders.len(), again.next_ticket()), (0, 0, 2));
}

#[test]
fn melodies_that_are_gone_keep_their_starts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("triggers.db");
    let melodies = melodies();
    let (mut ledger, mut triggers, _) = open(&path, &melodies, 500);
    let run = ask(&mut triggers, 0, 1, None).run().clone();
    let (changes, _) = triggers.decided();
    ledger.commit(&triggers, &changes).unwrap();
    let found = ledger.read(&["b"]).unwrap();
    assert_eq!(found.strangers, [("a".to_owned(), run)]);
    assert_eq!(ledger.read(&["a", "b"]).unwrap().kept.starts.len(), 1);
}

#[test]
fn foreign_newer_and_broken_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("triggers.db");
    drop(Ledger::open(&path, 7).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", FORMAT + 1).unwrap();
    assert!(matches!(Ledger::open(&path, 7), Err(LedgerError::Newer { .. })));
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    let error = Ledger::open(&other, 7).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is no database, but a file of some length that is not empty at all").unwrap();
    assert!(matches!(Ledger::open(&text, 7), Err(LedgerError::Damaged { .. })));
}
