//! What is scarce here: `[arbitration]` of the settings, as rules for the arbiter.
//!
//! `settings.toml` of the state folder holds for the project; without an `[arbitration]` there, that of
//! `$XDG_CONFIG_HOME/symphony/settings.toml` holds. Without either nothing is scarce.

use crate::failure::Failure;
use crate::state::{self, State};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use symphony_pit::arbitration::{Kind, ONE, Patience, Refill, ResourceId, ResourceSpec, Strategy, Weights};
use symphony_systems::arbiter::{self, Arbiter, Declared, PartyRule, Pattern, Rules, Take, ValueRule};
use toml_edit::{Item, Table};

/// What an arbiter knows when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// What earlier runs have taught.
    Learned,
    /// Nothing: a rehearsal is the same however often one has played.
    Blank,
}

/// The arbiter of this project, if anything is scarce.
///
/// # Errors
/// Settings that cannot be understood: with their file and line.
pub fn open(state: &State, memory: Memory) -> Result<Option<Arbiter>, Failure> {
    let Some((_, rules)) = rules(state)? else { return Ok(None) };
    let arbiter = Arbiter::new(rules).map_err(Failure::usage)?;
    if memory == Memory::Learned
        && let Some(warning) = arbiter::load(&arbiter, &learned(state))
    {
        eprintln!("warning: {warning}");
    }
    Ok(Some(arbiter))
}

/// Keeps what was learned, for the next process.
pub fn keep(state: &State, arbiter: &Arbiter) {
    let path = learned(state);
    if let Err(error) = arbiter::save(arbiter, &path) {
        eprintln!("warning: {}: {error}; what was learned is not kept", path.display());
    }
}

/// Where it is kept.
pub fn learned(state: &State) -> PathBuf {
    state.root().join("pit/arbitration.json")
}

/// The rules that hold here, and the file that says so.
pub fn rules(state: &State) -> Result<Option<(PathBuf, Rules)>, Failure> {
    let places = [Some(state.root().to_owned()), state::user_config()];
    for path in places.into_iter().flatten().map(|folder| folder.join("settings.toml")) {
        if let Some(rules) = from_file(&path)? {
            return Ok(Some((path, rules)));
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    name: String,
    kind: Kind,
    capacity: u64,
    #[serde(default)]
    players: Vec<String>,
    #[serde(default)]
    nodes: Vec<String>,
    take: Option<Taken>,
    #[serde(default)]
    strategy: Strategy,
    patience_s: Option<f64>,
    batch: Option<u32>,
    #[serde(default)]
    preempt: bool,
    refill: Option<Refilled>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Taken {
    Amount(u64),
    Word(TakenWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TakenWord {
    Memory,
    Cost,
    Tokens,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refilled {
    amount: u64,
    every_s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    passes: Option<u32>,
    wait_s: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighing {
    #[serde(default)]
    business: u32,
    #[serde(default)]
    impact: u32,
    #[serde(default)]
    cost: u32,
    #[serde(default)]
    learning: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Party {
    melody: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    quota: BTreeMap<String, u64>,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Worth {
    #[serde(default = "any")]
    melody: String,
    #[serde(default = "any")]
    node: String,
    business: Option<f64>,
    impact: Option<f64>,
    cost: Option<f64>,
    learning: Option<f64>,
}

fn any() -> String {
    "*".to_owned()
}

/// A file of settings, to say where a mistake stands.
struct Page<'a> {
    path: &'a Path,
    text: &'a str,
}

fn from_file(path: &Path) -> Result<Option<Rules>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
    };
    let document = toml_edit::Document::parse(text.as_str())
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let page = Page { path, text: &text };
    let Some(item) = document.get("arbitration") else { return Ok(None) };
    let table = item.as_table().ok_or_else(|| page.wrong(item, "`arbitration` must be a table"))?;
    page.rules(table).map(Some)
}

impl Page<'_> {
    fn wrong(&self, item: &Item, what: impl std::fmt::Display) -> Failure {
        let line = item.span().map(|span| self.text[..span.start.min(self.text.len())].matches('\n').count() + 1);
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        Failure::usage(format!("{}{line}: {what}", self.path.display()))
            .help("`docs/src/pit/arbitration.md` shows every key of [arbitration]")
    }

    fn rules(&self, table: &Table) -> Result<Rules, Failure> {
        let mut rules = Rules::of(Vec::new());
        let known = ["resource", "weights", "patience", "party", "value"];
        if let Some((key, item)) = table.iter().find(|(key, _)| !known.contains(key)) {
            return Err(self.wrong(item, format!("`{key}` is no key of [arbitration]; there are {}", known.join(", "))));
        }
        for (item, resource) in self.list::<Resource>(table, "resource")? {
            rules.resources.push(declared(resource).map_err(|what| self.wrong(&item, what))?);
        }
        if let Some((item, weights)) = self.one::<Weighing>(table, "weights")? {
            let Weighing { business, impact, cost, learning } = weights;
            let weights = Weights::of([business, impact, cost, learning]);
            rules.weights = weights.ok_or_else(|| self.wrong(item, "one of the weights must be above 0"))?;
        }
        if let Some((item, Waiting { passes, wait_s })) = self.one::<Waiting>(table, "patience")? {
            let Patience { passes: usual, wait_ns } = rules.patience;
            let wait_ns = wait_s.map_or(Ok(wait_ns), ns).map_err(|what| self.wrong(item, what))?;
            rules.patience = Patience { passes: passes.unwrap_or(usual), wait_ns };
        }
        for (item, Party { melody, weight, quota }) in self.list::<Party>(table, "party")? {
            let named = |name: &str| rules.resources.iter().position(|one| one.name == name);
            let mut quotas = Vec::new();
            for (name, most) in quota {
                let place = named(&name).and_then(|place| u8::try_from(place).ok());
                let place = place.ok_or_else(|| self.wrong(&item, format!("no resource is called `{name}`")))?;
                quotas.push((ResourceId(place), most));
            }
            let melody = Pattern::new(&melody).map_err(|what| self.wrong(&item, what))?;
            rules.parties.push(PartyRule { melody, weight, quotas });
        }
        for (item, worth) in self.list::<Worth>(table, "value")? {
            let term = |term: Option<f64>| match term {
                Some(part) if !(0.0..=1.0).contains(&part) => Err(format!("{part} is not from 0 to 1")),
                part => Ok(part.map(|part| (part * f64::from(ONE)).round() as u16)),
            };
            let rule = || {
                let (melody, node) = (Pattern::new(&worth.melody)?, Pattern::new(&worth.node)?);
                let terms = [term(worth.business)?, term(worth.impact)?, term(worth.cost)?, term(worth.learning)?];
                Ok(ValueRule { melody, node, terms })
            };
            rules.values.push(rule().map_err(|what: String| self.wrong(&item, what))?);
        }
        // What no engine can follow is said here, with the file.
        Arbiter::new(rules.clone()).map_err(|error| Failure::usage(format!("{}: {error}", self.path.display())))?;
        Ok(rules)
    }

    fn one<'t, T: DeserializeOwned>(&self, table: &'t Table, key: &str) -> Result<Option<(&'t Item, T)>, Failure> {
        let Some(item) = table.get(key) else { return Ok(None) };
        self.read(item).map(|value| Some((item, value)))
    }

    fn list<T: DeserializeOwned>(&self, table: &Table, key: &str) -> Result<Vec<(Item, T)>, Failure> {
        let Some(item) = table.get(key) else { return Ok(Vec::new()) };
        let tables = item
            .as_array_of_tables()
            .ok_or_else(|| self.wrong(item, format!("write `[[arbitration.{key}]]`, a table for each")))?;
        tables
            .iter()
            .map(|table| Item::Table(table.clone()))
            .map(|item| Ok((item.clone(), self.read(&item)?)))
            .collect()
    }

    fn read<T: DeserializeOwned>(&self, item: &Item) -> Result<T, Failure> {
        let value = symphony_ecs_core::melody::values::of(item);
        serde_json::from_str(&value.canonical_json()).map_err(|error| {
            // Where in the JSON it stands is nobody's business.
            let what = error.to_string();
            self.wrong(item, what.split(" at line ").next().unwrap_or(&what))
        })
    }
}

fn declared(resource: Resource) -> Result<Declared, String> {
    let Resource { name, kind, capacity, players, nodes, take, strategy, patience_s, batch, preempt, refill } =
        resource;
    if players.is_empty() && nodes.is_empty() {
        return Err(format!("nobody takes any of `{name}`; say `players = […]` or `nodes = […]`"));
    }
    if kind == Kind::Rate && refill.is_none() {
        return Err(format!("`{name}` is a rate; say `refill = {{ amount = 60, every_s = 60 }}`"));
    }
    let usual = ResourceSpec::new(kind, capacity);
    let refill = match refill {
        Some(Refilled { amount, every_s }) => Some(Refill { amount, every_ns: ns(every_s)? }),
        None => None,
    };
    let spec = ResourceSpec {
        refill,
        strategy,
        patience_ns: patience_s.map_or(Ok(usual.patience_ns), ns)?,
        batch: batch.unwrap_or(usual.batch),
        preempts: preempt,
        ..usual
    };
    let take = match take {
        Some(Taken::Amount(amount)) => Take::Amount(amount),
        Some(Taken::Word(TakenWord::Memory)) => Take::Memory,
        Some(Taken::Word(TakenWord::Cost)) => Take::Cost,
        Some(Taken::Word(TakenWord::Tokens)) => Take::Tokens,
        None if kind == Kind::Memory => Take::Memory,
        None if kind == Kind::Money => Take::Cost,
        None => Take::Amount(1),
    };
    let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect::<Result<Vec<_>, _>>();
    Ok(Declared { name, spec, players: patterns(players)?, nodes: patterns(nodes)?, take })
}

fn ns(seconds: f64) -> Result<u64, String> {
    match seconds.is_finite() && seconds >= 0.0 {
        true => Ok((seconds * 1e9) as u64),
        false => Err(format!("{seconds} is no time in seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Rules>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, text).unwrap();
        from_file(&file).map_err(|failure| failure.to_string())
    }

    const SONNET: &str = "[[arbitration.resource]]\nname = \"sonnet\"\nkind = \"model\"\ncapacity = 2\n\
                          players = [\"instrument:large/*\"]\n";

    #[test]
    fn settings_become_rules() {
        assert!(read("[melody]\ntone = \"plain\"\n").unwrap().is_none());
        let text = format!(
            "{SONNET}strategy = \"round_robin\"\npatience_s = 1.5\n\
             [[arbitration.resource]]\nname = \"minute\"\nkind = \"rate\"\ncapacity = 40\nplayers = [\"*\"]\ntake = \"tokens\"\n\
             refill = {{ amount = 40, every_s = 60 }}\n\
             [arbitration.weights]\nbusiness = 1\n[arbitration.patience]\npasses = 7\n\
             [[arbitration.party]]\nmelody = \"nightly-*\"\nquota = {{ sonnet = 1 }}\n\
             [[arbitration.value]]\nnode = \"ship\"\nbusiness = 0.9\n"
        );
        let rules = read(&text).unwrap().unwrap();
        let [sonnet, minute] = rules.resources.as_slice() else { panic!() };
        assert_eq!((sonnet.spec.strategy, sonnet.spec.patience_ns), (Strategy::RoundRobin, 1_500_000_000));
        assert_eq!(
            (minute.take, minute.spec.refill),
            (Take::Tokens, Some(Refill { amount: 40, every_ns: 60_000_000_000 }))
        );
        assert_eq!((rules.weights.all(), rules.patience.passes), ([ONE, 0, 0, 0], 7));
        assert_eq!(rules.parties[0].quotas, [(ResourceId(0), 1)]);
        assert_eq!(rules.values[0].terms, [Some(9_000), None, None, None]);
    }

    #[test]
    fn mistakes_name_file_line_and_cure() {
        let wrong = |text: &str, words: &str| {
            let said = read(text).unwrap_err();
            assert!(said.contains(words) && said.contains("settings.toml") && said.contains("help"), "{said}");
        };
        wrong("[arbitration]\nresorce = 1\n", ":2: `resorce` is no key");
        wrong(&format!("{SONNET}capcity = 3\n"), ":1: unknown field `capcity`");
        wrong(&format!("{SONNET}strategy = \"best\"\n"), "unknown variant `best`");
        wrong(&SONNET.replace("players", "# players"), "nobody takes any of `sonnet`");
        wrong(&SONNET.replace("model", "rate"), "`sonnet` is a rate");
        wrong(
            &format!("{SONNET}[[arbitration.party]]\nmelody = \"a\"\nquota = {{ opus = 1 }}\n"),
            "no resource is called `opus`",
        );
        wrong("[[arbitration.value]]\nbusiness = 9\n", "9 is not from 0 to 1");
        assert!(read(&format!("{SONNET}{SONNET}")).unwrap_err().contains("declared twice"));
        assert!(read("[arbitration\n").unwrap_err().contains("line 1"));
    }
}
