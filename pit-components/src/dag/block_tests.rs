//! A block against a naive recount: after every step of any playing, every counter is what the statuses say.

use super::*;
use proptest::prelude::*;
use symphony_ecs_core::melody::model::JoinKind;
use symphony_ecs_core::score::{JoinSpec, Topology};

const ROWS: u32 = 12;

/// Columns of a small world.
struct Table {
    status: Vec<Status>,
    remaining: Vec<Remaining>,
    attempt: Vec<Attempt>,
    choice: Vec<Choice>,
    cost: Vec<Cost>,
}

impl Table {
    fn new(rows: usize) -> Self {
        Self {
            status: vec![Status::Failed; rows],
            remaining: vec![Remaining(77); rows],
            attempt: vec![Attempt(7); rows],
            choice: vec![Choice(7); rows],
            cost: vec![Cost(7); rows],
        }
    }

    fn columns(&mut self) -> Columns<'_> {
        Columns {
            status: &mut self.status,
            remaining: &mut self.remaining,
            attempt: &mut self.attempt,
            choice: &mut self.choice,
            cost: &mut self.cost,
        }
    }
}

/// What a random score is made of: edges (from, to, mode), joins (consumer, kind, producers, lenient, an input).
type Edges = Vec<(u32, u32, EdgeMode)>;
type Joins = Vec<(u32, JoinKind, Vec<u32>, bool, Option<bool>)>;

fn score(edges: &Edges, joins: &Joins) -> (Arc<Score>, Vec<Value>) {
    let mut wired: Vec<(u32, u32, EdgeMode)> = Vec::new();
    for (one, other, mode) in edges {
        if one != other {
            wired.push(((*one).min(*other), (*one).max(*other), *mode));
        }
    }
    wired.sort_unstable();
    wired.dedup();
    let (mut specs, mut join_edges, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    let mut marks = vec![Marks::OUTPUTS; ROWS as usize];
    let mut waits = vec![0u32; ROWS as usize];
    let mut members = vec![0u16; ROWS as usize];
    for (_, consumer, mode) in &wired {
        match mode {
            EdgeMode::Hard | EdgeMode::Soft => waits[*consumer as usize] += 1,
            EdgeMode::Group => members[*consumer as usize] += 1,
            EdgeMode::Join | EdgeMode::Optional => {}
        }
    }
    let group = |(row, members): (usize, &u16)| match members {
        0 => Group::default(),
        _ => Group::new(group_kind(row as u32), *members),
    };
    let groups: Vec<Group> = members.iter().enumerate().map(group).collect();
    waits.iter_mut().zip(&members).for_each(|(waits, members)| *waits += u32::from(*members > 0));
    for (consumer, kind, producers, lenient, input) in joins {
        let mut candidates = Vec::new();
        let mut producers: Vec<u32> = producers.iter().copied().filter(|row| row < consumer).collect();
        producers.sort_unstable();
        producers.dedup();
        for row in producers {
            join_edges.push((row, specs.len() as u32, candidates.len() as u32));
            candidates.push(CandidateFrom::Slot { slot: row, row });
            marks[row as usize] = marks[row as usize].and(Marks::JOINS);
            wired.push((row, *consumer, EdgeMode::Join));
        }
        if let Some(present) = input {
            candidates.push(CandidateFrom::Input(inputs.len() as u32));
            inputs.push(if *present { Value::Int(1) } else { Value::Absent });
        }
        // The checker refuses joins without candidates, and `n_of` more than there are.
        if candidates.is_empty() {
            continue;
        }
        let kind = match kind {
            JoinKind::NOf(n) => JoinKind::NOf((*n).clamp(1, candidates.len() as u32)),
            other => *other,
        };
        waits[*consumer as usize] += 1;
        specs.push(JoinSpec { consumer: *consumer, kind, candidates, lenient: *lenient });
    }
    join_edges.sort_unstable();
    let score = Score {
        topology: Topology::from_sorted(ROWS, &wired),
        waits,
        groups: if members.iter().any(|members| *members > 0) { groups } else { Vec::new() },
        marks,
        joins: specs,
        join_edges,
        slot_off: (0..=ROWS).collect(),
        ..Score::default()
    };
    (Arc::new(score), inputs)
}

fn group_kind(row: u32) -> JoinKind {
    [JoinKind::All, JoinKind::AnyOf, JoinKind::NOf(2)][row as usize % 3]
}

/// Waits of a row as the format says them, without looking at any counter.
fn naive(block: &Block, status: &[Status], row: u32, arrivals: &[u32]) -> (u32, bool) {
    let score = &block.score;
    let (mut waits, mut blocked) = (0, false);
    let (mut gave, mut failed, mut open) = (0, 0, 0);
    for producer in 0..ROWS {
        for edge in score.topology.succ(producer).iter().filter(|edge| edge.row() == row) {
            let status = status[(block.base + producer) as usize];
            match edge.mode() {
                EdgeMode::Join | EdgeMode::Optional => {}
                EdgeMode::Group if status == Status::Done => gave += 1,
                EdgeMode::Group if status.is_over() => failed += 1,
                EdgeMode::Group => open += 1,
                _ if !status.is_over() => waits += 1,
                EdgeMode::Hard => blocked |= status != Status::Done,
                EdgeMode::Soft => {}
            }
        }
    }
    let members = gave + failed + open;
    let need = match group_kind(row) {
        JoinKind::All => members,
        JoinKind::NOf(n) => n.min(members),
        JoinKind::AnyOf | JoinKind::FirstOf => 1,
    };
    match members {
        0 => {}
        _ if gave >= need => {}
        _ if gave + open < need => blocked = true,
        _ => waits += 1,
    }
    for join in score.joins.iter().filter(|join| join.consumer == row) {
        // Play the arrivals again, one by one, until the join is decided.
        let mut known: Vec<Option<bool>> = join
            .candidates
            .iter()
            .map(|candidate| match candidate {
                CandidateFrom::Input(input) => Some(block.inputs[*input as usize].is_present()),
                CandidateFrom::Slot { .. } => None,
            })
            .collect();
        let verdict = |known: &[Option<bool>]| {
            let present = known.iter().filter(|known| **known == Some(true)).count();
            let open = known.iter().filter(|known| known.is_none()).count();
            let wanted = match join.kind {
                JoinKind::All => known.len(),
                JoinKind::AnyOf => 1,
                JoinKind::NOf(n) => n as usize,
                JoinKind::FirstOf => {
                    let first = known.iter().find(|known| **known != Some(false));
                    return first.map_or(Some(false), |known| *known);
                }
            };
            if present >= wanted {
                Some(true)
            } else if present + open < wanted {
                Some(false)
            } else {
                None
            }
        };
        let mut decided = verdict(&known);
        for arrived in arrivals {
            for (place, candidate) in join.candidates.iter().enumerate() {
                if let CandidateFrom::Slot { row, slot } = candidate
                    && row == arrived
                {
                    let done = status[(block.base + row) as usize] == Status::Done;
                    known[place] = Some(done && block.values[*slot as usize].is_present());
                }
            }
            decided = decided.or_else(|| verdict(&known));
        }
        match decided {
            None => waits += 1,
            Some(false) => blocked |= !join.lenient,
            Some(true) => {}
        }
    }
    (waits, blocked)
}

fn mode() -> impl Strategy<Value = EdgeMode> {
    use EdgeMode::*;
    prop_oneof![Just(Hard), Just(Soft), Just(Group), Just(Optional)]
}

fn kind() -> impl Strategy<Value = JoinKind> {
    prop_oneof![Just(JoinKind::All), Just(JoinKind::AnyOf), Just(JoinKind::FirstOf), (1u32..4).prop_map(JoinKind::NOf)]
}

proptest! {
    #[test]
    fn counters_are_what_the_statuses_say(
        edges in proptest::collection::vec((0..ROWS, 0..ROWS, mode()), 0..24),
        joins in proptest::collection::vec(
            (1..ROWS, kind(), proptest::collection::vec(0..ROWS, 1..5), any::<bool>(), proptest::option::of(any::<bool>())),
            0..6,
        ),
        choices in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..5), ROWS as usize),
    ) {
        let (score, inputs) = score(&edges, &joins);
        let mut table = Table::new(ROWS as usize + 3);
        let mut block = Block { inputs, ..Block::new(BlockId(0), score, 3) };
        // Twice: what is armed again is as good as new.
        for _ in 0..2 {
            block.arm(&mut table.columns());
            let (mut due, mut arrivals) = (Vec::new(), Vec::new());
            for (which, how) in &choices {
                due.append(&mut block.due);
                let mut seen = due.clone();
                seen.sort_unstable();
                let expected: Vec<u32> = (0..ROWS)
                    .filter(|row| !arrivals.contains(row) && naive(&block, &table.status, *row, &arrivals).0 == 0)
                    .collect();
                prop_assert_eq!(seen, expected, "what is due, each once");
                let recount = block.recount(&table.columns());
                for row in 0..ROWS {
                    let (waits, blocked) = naive(&block, &table.status, row, &arrivals);
                    let remaining = table.remaining[3 + row as usize];
                    prop_assert_eq!((remaining.0 & !Remaining::BLOCKED, remaining.is_blocked()), (waits, blocked));
                    prop_assert_eq!(recount[row as usize], remaining);
                }
                prop_assert_eq!(block.open as usize, ROWS as usize - arrivals.len());
                prop_assert!(block.score.joins.iter().zip(&block.joins).all(
                    |(spec, join)| join.fits(spec.kind, spec.candidates.len())
                ));
                let mut found = block.clone();
                found.find_due(&table.columns());
                found.due.sort_unstable();
                let mut left = due.clone();
                left.sort_unstable();
                prop_assert_eq!(&found.due, &left);
                found.find_groups(&table.columns());
                prop_assert_eq!(&found.groups, &block.groups);
                if due.is_empty() { break; }
                let row = due.swap_remove(which.index(due.len()));
                let status = [Status::Done, Status::Done, Status::Done, Status::Skipped, Status::Failed][*how as usize];
                // A row may be done and give nothing.
                if *how < 2 { block.values[row as usize] = Value::Int(row.into()); }
                block.settle(&mut table.columns(), Row(row), status);
                arrivals.push(row);
            }
            prop_assert_eq!(arrivals.len(), ROWS as usize, "every row becomes due");
        }
        prop_assert_eq!(&table.status[..3], &[Status::Failed; 3], "rows of others are left alone");
    }
}
