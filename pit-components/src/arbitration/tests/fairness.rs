//! Fairness: dominant resource fairness held against exact progressive filling, its properties, and Jain's index.

use super::*;
use crate::arbitration::Strategy;
use proptest::prelude::*;

/// What a cluster is asked for: capacities, and a demand and a weight a user.
#[derive(Clone, Debug)]
struct Cluster {
    capacities: Vec<u64>,
    demands: Vec<Vec<u64>>,
    weights: Vec<u32>,
}

impl Cluster {
    fn fits(&self, free: &[u64], user: usize) -> bool {
        self.demands[user].iter().zip(free).all(|(amount, free)| amount <= free)
    }

    /// The dominant share of `tasks` tasks over the weight, as a fraction.
    fn share(&self, user: usize, tasks: u64) -> (u128, u128) {
        let weight = u128::from(self.weights[user]);
        let shares = self.demands[user].iter().zip(&self.capacities);
        let shares = shares.map(|(amount, capacity)| (u128::from(amount * tasks), u128::from(*capacity) * weight));
        shares.fold((0, 1), |most, share| if share.0 * most.1 > most.0 * share.1 { share } else { most })
    }

    /// The share of one task, unweighted.
    fn step(&self, user: usize) -> f64 {
        let (over, under) = self.share(user, 1);
        over as f64 / under as f64 * f64::from(self.weights[user])
    }

    /// The resource of which a user takes most.
    fn dominant(&self, user: usize) -> usize {
        let part = |resource: usize| self.demands[user][resource] as f64 / self.capacities[resource] as f64;
        (0..self.capacities.len()).max_by(|a, b| part(*a).total_cmp(&part(*b))).unwrap()
    }

    /// Exact progressive filling, by fractions.
    fn filled(&self) -> Vec<u64> {
        let mut free = self.capacities.clone();
        let mut tasks = vec![0u64; self.demands.len()];
        let (mut served, mut servings) = (tasks.clone(), 0);
        loop {
            let able = (0..tasks.len()).filter(|user| self.fits(&free, *user));
            let next = able.min_by(|a, b| {
                let (a_share, b_share) = (self.share(*a, tasks[*a]), self.share(*b, tasks[*b]));
                (a_share.0 * b_share.1).cmp(&(b_share.0 * a_share.1)).then((served[*a], *a).cmp(&(served[*b], *b)))
            });
            let Some(user) = next else { return tasks };
            tasks[user] += 1;
            servings += 1;
            served[user] = servings;
            free.iter_mut().zip(&self.demands[user]).for_each(|(free, amount)| *free -= amount);
        }
    }

    /// The same by the engine: everybody asks for far more than there is.
    fn decided(&self) -> (Vec<u64>, Engine) {
        let mut engine = engine(&self.capacities, Strategy::Fair);
        let users = self.demands.len();
        let parties: Vec<PartyId> = self.weights.iter().map(|weight| engine.add_party(*weight, &[])).collect();
        let most = (0..users).map(|user| {
            let bounds = self.demands[user].iter().zip(&self.capacities).filter(|(amount, _)| **amount > 0);
            bounds.map(|(amount, capacity)| capacity / amount).min().unwrap_or(0) + 1
        });
        let most: Vec<u64> = most.collect();
        for turn in 0..most.iter().copied().max().unwrap_or(0) {
            for user in (0..users).filter(|user| turn < most[*user]) {
                let parts =
                    self.demands[user].iter().zip(0u8..).map(|(amount, resource)| (ResourceId(resource), *amount));
                let request = Request::new(user as u64 + 1, parties[user], Demand::of(parts).unwrap());
                engine.submit(request, turn).unwrap();
            }
        }
        let mut tasks = vec![0; users];
        for (label, _) in granted(&mut engine, most.iter().copied().max().unwrap_or(0)) {
            tasks[label as usize - 1] += 1;
        }
        (tasks, engine)
    }
}

fn cluster(weighted: bool) -> impl Strategy_<Value = Cluster> {
    let weight = if weighted { 1u32..5 } else { 1u32..2 };
    (1usize..4, 2usize..6).prop_flat_map(move |(resources, users)| {
        let demand = prop::collection::vec(0u64..12, resources)
            .prop_filter("asks for something", |demand| demand.iter().any(|amount| *amount > 0));
        (
            prop::collection::vec(40u64..300, resources),
            prop::collection::vec(demand, users),
            prop::collection::vec(weight.clone(), users),
        )
            .prop_map(|(capacities, demands, weights)| Cluster { capacities, demands, weights })
    })
}

use proptest::strategy::Strategy as Strategy_;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn it_is_exact_progressive_filling(cluster in cluster(true)) {
        prop_assert_eq!(cluster.decided().0, cluster.filled());
    }

    /// Pareto efficiency: nobody could be given one more.
    #[test]
    fn nobody_could_have_more(cluster in cluster(true)) {
        let (_, engine) = cluster.decided();
        let free: Vec<u64> = (0..cluster.capacities.len() as u8).map(|n| engine.stock().free(ResourceId(n))).collect();
        prop_assert!((0..cluster.demands.len()).all(|user| !cluster.fits(&free, user)));
    }

    /// Sharing incentive: nobody has less than the part of everything that its weight is of all weights, but for what
    /// is lost because tasks are whole. When user i first does not fit, every share is at most i's and one task more,
    /// and a resource is full but for one task of i, hence `1 − Σ steps ≤ Σ weights · share(i) / weight(i)`.
    #[test]
    fn nobody_is_better_off_with_a_part_of_its_own(cluster in cluster(true)) {
        let (tasks, _) = cluster.decided();
        let steps: f64 = (0..tasks.len()).map(|user| cluster.step(user)).sum();
        let weights: f64 = cluster.weights.iter().copied().map(f64::from).sum();
        for (user, tasks) in tasks.iter().enumerate() {
            let share = cluster.step(user) * *tasks as f64;
            let part = f64::from(cluster.weights[user]) / weights;
            prop_assert!(share >= part * (1.0 - steps) - 1e-9, "user {user}: {share} of {part}");
        }
    }

    /// Envy-freeness: with what another has nobody could play more, but for whole tasks. User i stops at a resource r;
    /// from then on another adds less of r than one task of i, and so at most `d(i,r) / d(j,r)` tasks.
    #[test]
    fn nobody_envies_another(cluster in cluster(false)) {
        let (tasks, _) = cluster.decided();
        for i in 0..tasks.len() {
            for j in (0..tasks.len()).filter(|j| *j != i) {
                let (mine, theirs) = (&cluster.demands[i], &cluster.demands[j]);
                let used = mine.iter().zip(theirs).filter(|(amount, _)| **amount > 0);
                let with_theirs = used.map(|(amount, other)| other * tasks[j] / amount).min().unwrap_or(0);
                let dominant = cluster.dominant(i);
                let added = (0..mine.len()).filter(|r| mine[*r] > 0 && theirs[*r] > 0).map(|r| {
                    (mine[r] * theirs[dominant]) as f64 / (theirs[r] * mine[dominant]) as f64
                });
                let slack = cluster.step(j) / cluster.step(i) + added.fold(0.0, f64::max);
                prop_assert!(with_theirs as f64 <= tasks[i] as f64 + slack + 1e-9, "{i} envies {j}");
            }
        }
    }
}

#[test]
fn the_example_of_the_paper() {
    let cluster = Cluster { capacities: vec![9, 18], demands: vec![vec![1, 4], vec![3, 1]], weights: vec![1, 1] };
    assert_eq!(cluster.decided().0, [3, 2]);
}

/// Strategy-proofness, on a grid of lies: who asks for more than it needs plays no more tasks.
#[test]
fn lies_do_not_pay() {
    let honest = Cluster { capacities: vec![900, 1_800], demands: vec![vec![1, 4], vec![3, 1]], weights: vec![1, 1] };
    let truth = honest.decided().0[0];
    for (cpu, memory) in (1..=6).flat_map(|cpu| (4..=12).map(move |memory| (cpu, memory))) {
        let mut lie = honest.clone();
        lie.demands[0] = vec![cpu, memory];
        // Each task it is given holds enough for one real one.
        let useful = lie.decided().0[0];
        assert!(useful <= truth + 1, "({cpu}, {memory}) gives {useful} instead of {truth}");
    }
}

/// Jain's index (Jain, Chiu and Hawe, 1984): 1 when all have the same.
fn jain(shares: &[u64]) -> f64 {
    let (sum, squares) =
        (shares.iter().sum::<u64>() as f64, shares.iter().map(|share| (share * share) as f64).sum::<f64>());
    sum * sum / (shares.len() as f64 * squares)
}

/// Parties of equal weight, one of which asks for ten times as much as the others.
fn shares_under_a_flood(strategy: Strategy) -> Vec<u64> {
    let mut engine = engine(&[3], strategy);
    let parties: Vec<PartyId> = (0..8).map(|_| engine.add_party(1, &[])).collect();
    let mut shares = vec![0; 8];
    let mut held = std::collections::VecDeque::new();
    let mut draw = Draw(1);
    for now in 0..4_000u64 {
        // All ask for more than there is, the first for ten times that.
        for (party, number) in parties.iter().zip(1u64..) {
            let count = if number == 1 { 10 } else { u64::from(draw.below(4) < 3) };
            for _ in 0..count.min(if now > 3_000 { 0 } else { 10 }) {
                engine.submit(Request::new(number, *party, demand(&[(0, 1)])), now).unwrap();
            }
        }
        for (label, hold) in granted(&mut engine, now) {
            held.push_back(hold);
            shares[label as usize - 1] += u64::from(now <= 3_000);
        }
        for hold in held.drain(..held.len().min(2)) {
            engine.give_back(hold, 0);
        }
    }
    shares
}

#[test]
fn equal_weights_have_equal_shares() {
    for strategy in [Strategy::RoundRobin, Strategy::Fair] {
        let shares = shares_under_a_flood(strategy);
        assert!(jain(&shares) >= 0.95, "{strategy:?}: {shares:?}");
    }
    let shares = shares_under_a_flood(Strategy::Prioritise);
    assert!(jain(&shares) < 0.6, "by value alone the flood wins: {shares:?}");
}

#[test]
fn more_weight_has_more_turns() {
    let mut engine = engine(&[1], Strategy::RoundRobin);
    let parties = [engine.add_party(1, &[]), engine.add_party(3, &[])];
    for _ in 0..400 {
        for (party, label) in parties.iter().zip(1..) {
            engine.submit(Request::new(label, *party, demand(&[(0, 1)])), 0).unwrap();
        }
    }
    let mut shares = [0, 0];
    for now in 0..200 {
        let held = granted(&mut engine, now);
        shares[held[0].0 as usize - 1] += 1;
        engine.give_back(held[0].1, 0);
    }
    assert!((48..=52).contains(&shares[0]), "{shares:?}");
}
