//! Rules: which resources are scarce, whose calls take them, and what calls and parties are worth.

use globset::{Glob, GlobMatcher};
use symphony_ecs_core::ports::Operation;
use symphony_ecs_core::score::NodeSpec;
use symphony_pit::arbitration::{
    EngineSpec, MOST_PARTS, MOST_RESOURCES, ONE, Patience, ResourceId, ResourceSpec, Terms, Weights,
};

/// A pattern of names: `*` and `?` as in files.
#[derive(Clone, Debug)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Brackets that do not close and the like, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        Glob::new(text).map(|glob| Self(glob.compile_matcher())).map_err(|error| error.to_string())
    }

    fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// How much of a resource a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// So much.
    Amount(u64),
    /// The memory that the node's `limits.mem` allows; nothing if it says nothing.
    Memory,
    /// The worst case of the call in micro-dollars.
    Cost,
    /// The worst case of the call in tokens.
    Tokens,
}

/// A resource that is scarce.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// What it is and who is next.
    pub spec: ResourceSpec,
    /// Whose calls take it, by the full name of the operation (`instrument:large/chat`).
    pub players: Vec<Pattern>,
    /// Which nodes take it, by id.
    pub nodes: Vec<Pattern>,
    /// How much.
    pub take: Take,
}

/// What melodies count beside each other. The first that matches holds.
#[derive(Clone, Debug)]
pub struct PartyRule {
    /// Names of melodies.
    pub melody: Pattern,
    /// Weight; 1 without a rule.
    pub weight: u32,
    /// The most that it may hold of resources.
    pub quotas: Vec<(ResourceId, u64)>,
}

/// What calls are worth. Later rules win, term by term.
#[derive(Clone, Debug)]
pub struct ValueRule {
    /// Names of melodies.
    pub melody: Pattern,
    /// Ids of nodes.
    pub node: Pattern,
    /// Terms in the order of their names, in ten-thousandths; `None` leaves what holds without the rule.
    pub terms: [Option<u16>; 4],
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Resources, the scarcest first.
    pub resources: Vec<Declared>,
    /// How much each term of value counts.
    pub weights: Weights,
    /// How long anybody may be passed over.
    pub patience: Patience,
    /// Decisions that are kept in memory.
    pub kept: usize,
    /// Melodies.
    pub parties: Vec<PartyRule>,
    /// Values.
    pub values: Vec<ValueRule>,
}

/// Why rules are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Too many resources.
    #[error("{0} scarce resources are declared; there may be {MOST_RESOURCES} at most")]
    TooMany(usize),
    /// Two of one name.
    #[error("the resource `{0}` is declared twice")]
    Twice(String),
    /// The engine says no.
    #[error("{0}")]
    Spec(#[from] symphony_pit::arbitration::SpecError),
}

/// A call that costs this much is worth half of one that costs nothing, by cost efficiency alone.
const HALF_COST_MICROS: u64 = 100_000;

impl Rules {
    /// These resources, everything else as it is without settings.
    pub fn of(resources: Vec<Declared>) -> Self {
        let (weights, patience) = (Weights::default(), Patience::default());
        Self { resources, weights, patience, kept: 4_096, parties: Vec::new(), values: Vec::new() }
    }

    /// What the engine is told.
    pub(super) fn engine(&self) -> Result<EngineSpec, RulesError> {
        if self.resources.len() > MOST_RESOURCES {
            return Err(RulesError::TooMany(self.resources.len()));
        }
        for (place, one) in self.resources.iter().enumerate() {
            if self.resources[..place].iter().any(|other| other.name == one.name) {
                return Err(RulesError::Twice(one.name.clone()));
            }
        }
        let resources = self.resources.iter().map(|one| one.spec).collect();
        Ok(EngineSpec { resources, weights: self.weights, patience: self.patience, kept: self.kept })
    }

    /// Whether calls of this operation take anything, whichever node they are of.
    pub(super) fn touch_player(&self, operation: &Operation) -> bool {
        self.resources.iter().any(|one| one.players.iter().any(|pattern| pattern.is_match(&operation.name)))
    }

    /// Whether calls of a node of this id take anything, whoever plays them.
    pub(super) fn touch_node(&self, node: &str) -> bool {
        self.resources.iter().any(|one| one.nodes.iter().any(|pattern| pattern.is_match(node)))
    }

    /// Whether any rule looks at the ids of nodes.
    pub(super) fn look_at_nodes(&self) -> bool {
        self.resources.iter().any(|one| !one.nodes.is_empty())
    }

    /// What a call takes, the first resources that fit into a demand.
    pub(super) fn parts(&self, operation: &Operation, spec: &NodeSpec, node: &str) -> Vec<(ResourceId, u64)> {
        let taken = self.resources.iter().zip(0u8..).filter(|(one, _)| one.is_for(operation, node));
        let amounts = taken.map(|(one, number)| {
            let amount = match one.take {
                Take::Amount(amount) => amount,
                Take::Memory => spec.limits.mem.unwrap_or(0),
                Take::Cost => spec.limits.cost_micros.or(operation.worst_cost_micros).unwrap_or(0),
                Take::Tokens => spec.limits.tokens.or(operation.worst_tokens).unwrap_or(0),
            };
            (ResourceId(number), amount)
        });
        amounts.filter(|(_, amount)| *amount > 0).take(MOST_PARTS).collect()
    }

    /// What a call is worth. Without a rule: business value and impact are in the middle, cost efficiency falls with
    /// the declared cost, learning value with what is known of this work (`novelty`).
    pub(super) fn terms(
        &self,
        operation: &Operation,
        spec: &NodeSpec,
        melody: &str,
        node: &str,
        novelty: u16,
    ) -> Terms {
        let cost = spec.limits.cost_micros.or(operation.worst_cost_micros).unwrap_or(0);
        let cheap = u64::from(ONE) * HALF_COST_MICROS / HALF_COST_MICROS.saturating_add(cost);
        let mut terms = [ONE / 2, ONE / 2, cheap as u16, novelty];
        for rule in self.values.iter().filter(|rule| rule.melody.is_match(melody) && rule.node.is_match(node)) {
            for (term, chosen) in terms.iter_mut().zip(rule.terms) {
                *term = chosen.unwrap_or(*term).min(ONE);
            }
        }
        let [business, impact, cost, learning] = terms;
        Terms { business, impact, cost, learning }
    }

    /// Weight and quotas of a melody.
    pub(super) fn party(&self, melody: &str) -> (u32, &[(ResourceId, u64)]) {
        let rule = self.parties.iter().find(|rule| rule.melody.is_match(melody));
        rule.map_or((1, &[]), |rule| (rule.weight, &rule.quotas))
    }
}

impl Declared {
    fn is_for(&self, operation: &Operation, node: &str) -> bool {
        self.players.iter().any(|pattern| pattern.is_match(&operation.name))
            || self.nodes.iter().any(|pattern| pattern.is_match(node))
    }
}
