//! A person is asked: answered over the socket, answered while nobody plays, refused.

use crate::house::{House, ended};

fn asked(house: &House) -> std::process::Child {
    house.expect(0, &["new", "approval"]);
    let child = house.start_into(&["play", "approval.melody.toml", "--plain"], "out.txt");
    house.wait_for("out.txt", "waits    publish");
    child
}

#[test]
fn an_approval_reaches_the_run_that_waits() {
    let house = House::new();
    let mut child = asked(&house);
    let said = house.expect(2, &["approve", "last", "length"]);
    assert!(said.stderr.contains("these wait: publish"), "{}", said.stderr);
    house.expect(0, &["approve", "last", "publish", "--by", "ada"]);
    assert_eq!(ended(&mut child), Some(0));
    assert!(house.read("out.txt").contains("approved publish by ada"), "{}", house.read("out.txt"));
    assert_eq!(house.read("announcement.txt"), "The concert begins at eight.\n");
}

#[test]
fn a_refusal_skips_where_the_melody_says_so() {
    let house = House::new();
    let mut child = asked(&house);
    house.expect(0, &["approve", "last", "publish", "--refuse"]);
    assert_eq!(ended(&mut child), Some(0));
    assert!(!house.path().join("announcement.txt").exists());
    let said = house.expect(0, &["show", "last", "--output", "published"]);
    assert_eq!(said.stdout, "nothing was published");
}

#[test]
fn an_answer_waits_for_the_next_owner() {
    let house = House::new();
    let mut child = asked(&house);
    child.kill().expect("a signal");
    ended(&mut child);
    let said = house.expect(0, &["approve", "last", "publish", "--by", "ada"]);
    assert!(said.stdout.contains("kept"), "{}", said.stdout);
    house.expect(0, &["resume", "last"]);
    assert_eq!(house.read("announcement.txt"), "The concert begins at eight.\n");
}
