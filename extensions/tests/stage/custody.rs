//! What is left when the host itself is killed: nothing.

use crate::harness::{HELPER, eventually, is_alive, trial};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn killing_the_host_leaves_no_orphans() {
    let folder = tempfile::tempdir().unwrap();
    trial(folder.path(), &["serve"], "20s");
    let mut host = Command::new(HELPER).arg("host").arg(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let grandchild: u32 = line.trim().strip_prefix("grandchild ").unwrap().parse().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap();
    let player: u32 = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(is_alive(grandchild) && is_alive(player));
    host.kill().unwrap();
    host.wait().unwrap();
    eventually("the player is gone", || !is_alive(player));
    eventually("and what it started is gone", || !is_alive(grandchild));
}
