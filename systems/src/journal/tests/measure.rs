//! What a commit costs. Not a test: `cargo test -p symphony-systems -- --ignored --nocapture journal_costs`.

use super::super::Journal;
use super::*;
use std::time::Instant;

const FRAMES: u64 = 50_000;

/// Appends as fast as it goes: (µs per frame, frames per commit, longest wait for a commit in ms).
fn flood(journal: &mut Writer, first: u64, frames: u64) -> (f64, f64, f64) {
    let start = Instant::now();
    let (mut commits, mut last_word, mut longest) = (0u64, start, 0f64);
    for frame in first..first + frames {
        journal.append(frame, vec![frame as u8; 1024]).unwrap();
        if journal.committed().try_recv().is_ok() {
            commits += 1;
            longest = longest.max(last_word.elapsed().as_secs_f64() * 1e3);
            last_word = Instant::now();
        }
    }
    wait_for(journal, first + frames - 1);
    let commits = (commits + 1) as f64;
    (start.elapsed().as_secs_f64() * 1e6 / frames as f64, frames as f64 / commits, longest)
}

#[test]
#[ignore = "prints what a journal costs on this machine and asserts nothing: run it by hand, with --nocapture"]
fn journal_costs() {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let start = Instant::now();
    closed(&dir.path().join("short"), 3);
    println!("create, 3 frames, close: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let mut journal = Journal::create(&dir.path().join("run"), &meta()).unwrap();
    println!("create: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    for frame in 1..=500 {
        journal.append(frame, vec![frame as u8; 1024]).unwrap();
        wait_for(&journal, frame);
    }
    let each = start.elapsed().as_secs_f64() / 500.0;
    println!("one frame of 1 KiB, waited for: {:.0} µs, {:.0} commits/s", each * 1e6, 1.0 / each);
    let (us, group, longest) = flood(&mut journal, 501, FRAMES);
    println!("group commit, 1 KiB: {us:.2} µs per frame, {group:.0} frames per commit, longest stall {longest:.0} ms");
    let start = Instant::now();
    journal.close().unwrap();
    println!("close: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let opened = Journal::open(&dir.path().join("run")).unwrap();
    let frames = opened.frames.len();
    println!("open and verify {frames} frames: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
}
