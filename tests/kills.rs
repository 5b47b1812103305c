//! A run is killed with SIGKILL at random instants and resumed, as often as it takes: its final digests are those of
//! an undisturbed run, and a node whose completion was shown never plays again.
//!
//! `SYMPHONY_KILLS` sets how many instants (default 100 over the three melodies), `SYMPHONY_SEED` the first seed.

mod house;

use house::{House, Said};
use std::collections::BTreeSet;
use std::time::Duration;

const SEQUENCE: &str = r#"
format = 1
name = "sequence"
[outputs]
all = "end.text"
[node.a]
uses = "operator:shell/run"
with = { command = "echo a >> effects; sleep 0.05; printf a" }
[node.b]
uses = "operator:shell/run"
in = { stdin = "a.stdout" }
with = { command = "echo b >> effects; sleep 0.05; cat; printf b" }
[node.c]
uses = "operator:shell/run"
in = { stdin = "a.stdout" }
with = { command = "echo c >> effects; sleep 0.02; cat; printf c" }
[node.end]
uses = "builtin:template/render"
in = { b = "b.stdout", c = "c.stdout" }
with = { template = "{{ b }}-{{ c }}" }
"#;

const FAN: &str = r#"
format = 1
name = "fan"
limits = { parallel = 3 }
[outputs]
all = "joined.text"
[node.list]
uses = "builtin:text/lines"
in = { text = { value = "1\n2\n3\n4\n5\n6" } }
[node.each]
map = { over = "list.list", as = "line", max_parallel = 3 }
uses = "operator:shell/run"
in = { stdin = "line" }
with = { command = "x=$(cat); echo each$x >> effects; sleep 0.03; printf $((x * x))" }
[node.joined]
uses = "builtin:text/join"
in = { list = "each.stdout" }
with = { separator = "," }
"#;

const LOOP: &str = r#"
format = 1
name = "loop"
[outputs]
n = "count.n"
[node.count]
loop = { body = "body.melody.toml", carry = { n = "n" }, until = "outputs.n == '5'", max = 9 }
in = { n = { value = "0" } }
"#;

const BODY: &str = r#"
format = 1
name = "body"
[inputs]
n = { type = "text", required = true }
[outputs]
n = "step.stdout"
[node.step]
uses = "operator:shell/run"
in = { stdin = "inputs.n" }
with = { command = "x=$(cat); echo step$x >> effects; sleep 0.03; printf $((x + 1))" }
"#;

/// A small seeded generator (SplitMix64, Steele et al. 2014): instants must repeat from a printed seed.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Plays with kills; returns (kills, final digests). `seed` draws the instants.
fn play_with_kills(melody: &str, seed: u64, longest: u64) -> (u64, serde_json::Value) {
    let house = House::new();
    house.write("m.melody.toml", melody);
    house.write("body.melody.toml", BODY);
    let mut instants = Seeded(seed);
    let mut played: BTreeSet<String> = BTreeSet::new();
    let mut kills = 0;
    loop {
        let arguments: Vec<String> = match house.runs().first() {
            // Killed before the run was born: nothing to resume.
            None => ["play", "m.melody.toml", "--json"].map(str::to_owned).to_vec(),
            Some(run) => vec!["resume".to_owned(), run.clone(), "--json".to_owned()],
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut child = house.start(&arguments);
        let patience = if kills < 6 { instants.below(longest) } else { 60_000 };
        let mut waited = 0;
        let finished = loop {
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            if waited >= patience {
                break false;
            }
            std::thread::sleep(Duration::from_millis(1));
            waited += 1;
        };
        if !finished {
            child.kill().unwrap();
            kills += 1;
        }
        let said = Said::of(child.wait_with_output().unwrap());
        for node in said.nodes("node_started") {
            assert!(!played.contains(node), "seed {seed}: {node} was completed and plays again");
        }
        played.extend(said.nodes("node_played").into_iter().map(str::to_owned));
        if finished {
            let unborn = said.stderr.contains("no run");
            assert!(unborn || said.code == Some(0), "seed {seed}: {:?} {}", said.code, said.stderr);
            if !unborn {
                assert_eq!(said.summary()["status"], "completed", "seed {seed}");
                return (kills, said.summary()["artifacts"].clone());
            }
        }
    }
}

fn marathon(melody: &str, longest: u64) {
    let (_, undisturbed) = play_with_kills(melody, 1, 1_000_000);
    let wanted = number("SYMPHONY_KILLS", 100).div_ceil(3);
    let mut seed = number("SYMPHONY_SEED", 1);
    let mut killed = 0;
    while killed < wanted {
        let (kills, digests) = play_with_kills(melody, seed, longest);
        assert_eq!(digests, undisturbed, "seed {seed}");
        killed += kills;
        seed += 1;
    }
}

#[test]
fn a_killed_sequence_loses_nothing() {
    marathon(SEQUENCE, 250);
}

#[test]
fn a_killed_fan_out_loses_nothing() {
    marathon(FAN, 250);
}

#[test]
fn a_killed_loop_loses_nothing() {
    marathon(LOOP, 300);
}
