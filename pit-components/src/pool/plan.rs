//! The plan: which players to load before they are asked, and which to let go, weighed in money.
//!
//! A player that is warm when it is asked saves its load time, which somebody would have waited for. Until then it
//! occupies memory. So with `p` the probability of a request within the horizon:
//!
//! ```text
//!   saving  = p × load time × price of waiting × (1 − failure rate)
//!   cost    = expected idle time × price of what it holds
//!   horizon = load time × price of waiting ÷ price of what it holds       (the break-even of renting and buying)
//! ```
//!
//! It is loaded when the saving exceeds the cost. One that is idle is let go when it was idle for a whole horizon and
//! is not worth its cost: with this rule, what is paid never exceeds twice the least, whatever the future brings (ski
//! rental, Karlin et al. 1988). When memory is short, what saves least for each byte and each second until it is asked
//! makes way (GreedyDual-Size-Frequency, Cherkasova 1998, with the forecast in the place of the frequency; of two that
//! are as probable the later one goes, as Belady's rule has it), the longest unused first.

use super::history::PlayerNo;
use serde::Serialize;
use std::cmp::Ordering;

/// What things cost, in micro-dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// A second that somebody waits for a player.
    pub waiting_second: f64,
    /// A GiB of memory held for a second.
    pub memory_gib_second: f64,
    /// A GiB of GPU memory held for a second.
    pub gpu_gib_second: f64,
}

impl Default for Prices {
    /// A dollar for a quarter of an hour of waiting; about five cents an hour for a GiB of memory, fifty of a GPU's.
    fn default() -> Self {
        Self { waiting_second: 1_000.0, memory_gib_second: 13.0, gpu_gib_second: 130.0 }
    }
}

/// What may be held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of GPU memory.
    pub gpu: u64,
    /// Micro-dollars a second of standing costs.
    pub micros_per_second: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { memory: u64::MAX, gpu: u64::MAX, micros_per_second: u64::MAX }
    }
}

/// A player as the plan sees it: one row of its columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The player.
    pub player: PlayerNo,
    /// How probable a request within the horizon is.
    pub probability: f64,
    /// Expected idle time until then, at most the horizon, in seconds.
    pub idle_seconds: f64,
    /// Expected time until a request, if there is one within the horizon, in seconds.
    pub due_seconds: f64,
    /// Time to load it, in seconds.
    pub load_seconds: f64,
    /// Bytes of memory it takes.
    pub memory: u64,
    /// Bytes of GPU memory it takes.
    pub gpu: u64,
    /// What it costs to keep besides, in micro-dollars a second.
    pub micros_per_second: u64,
    /// Failures among its last outcomes, 0 to 1.
    pub failure_rate: f64,
    /// It is loaded or being loaded.
    pub held: bool,
    /// A call has it: it stays.
    pub busy: bool,
    /// It may be loaded: it is not in quarantine.
    pub healthy: bool,
    /// Since when nobody has used it, in seconds.
    pub unused_seconds: f64,
}

/// What the plan says of a player.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The player.
    pub player: PlayerNo,
    /// What a warm one is expected to save, in micro-dollars.
    pub saving: f64,
    /// What keeping it is expected to cost, in micro-dollars.
    pub cost: f64,
}

/// Orders, in the order in which they are to be carried out: first let go, then load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// To be let go.
    pub unload: Vec<Choice>,
    /// To be loaded.
    pub load: Vec<Choice>,
}

const GIB: f64 = (1u64 << 30) as f64;
/// Memory of a player of which nothing is known.
const SOME_MEMORY: u64 = 64 << 20;
/// Time that a player occupies its room at least.
const LEAST_SECONDS: f64 = 0.01;
/// Horizons, in seconds.
const HORIZONS: (f64, f64) = (1.0, 3600.0);
/// What makes another one go must be worth this much more: two that are alike do not drive each other out in turn.
const CLEARLY: f64 = 1.25;

impl Prices {
    /// Price of keeping a player for a second, in micro-dollars.
    pub fn holding(&self, memory: u64, gpu: u64, micros_per_second: u64) -> f64 {
        let memory = if memory == 0 && gpu == 0 { SOME_MEMORY } else { memory };
        let price = memory as f64 / GIB * self.memory_gib_second + gpu as f64 / GIB * self.gpu_gib_second;
        price + micros_per_second as f64
    }

    /// For how long keeping a player costs less than loading it anew, in seconds.
    pub fn horizon(&self, load_seconds: f64, holding: f64) -> f64 {
        (load_seconds * self.waiting_second / holding.max(f64::MIN_POSITIVE)).clamp(HORIZONS.0, HORIZONS.1)
    }

    /// What a warm player is expected to save and to cost.
    pub fn choice(&self, standing: &Standing) -> Choice {
        let well = 1.0 - standing.failure_rate.clamp(0.0, 1.0);
        let saving = standing.probability * standing.load_seconds * self.waiting_second * well;
        let cost = standing.idle_seconds * self.holding(standing.memory, standing.gpu, standing.micros_per_second);
        Choice { player: standing.player, saving, cost }
    }
}

/// What is held at once, as shares of the budgets.
#[derive(Clone, Copy, Default)]
struct Load {
    memory: u64,
    gpu: u64,
    micros: u64,
}

impl Load {
    fn with(self, standing: &Standing) -> Self {
        Self {
            memory: self.memory.saturating_add(standing.memory),
            gpu: self.gpu.saturating_add(standing.gpu),
            micros: self.micros.saturating_add(standing.micros_per_second),
        }
    }

    fn without(self, standing: &Standing) -> Self {
        Self {
            memory: self.memory.saturating_sub(standing.memory),
            gpu: self.gpu.saturating_sub(standing.gpu),
            micros: self.micros.saturating_sub(standing.micros_per_second),
        }
    }

    fn fits(self, budgets: &Budgets) -> bool {
        self.memory <= budgets.memory && self.gpu <= budgets.gpu && self.micros <= budgets.micros_per_second
    }
}

/// What a byte (or the scarcest good) saves for each second that a player occupies it: what is asked sooner gives its
/// room back to others sooner.
fn density(standing: &Standing, budgets: &Budgets, prices: &Prices) -> f64 {
    let share = |taken: u64, of: u64| taken as f64 / (of.max(1)) as f64;
    let size = share(standing.memory, budgets.memory)
        .max(share(standing.gpu, budgets.gpu))
        .max(share(standing.micros_per_second, budgets.micros_per_second));
    let seconds = standing.due_seconds.max(0.0) + standing.load_seconds.max(LEAST_SECONDS);
    prices.choice(standing).saving / (size.max(f64::MIN_POSITIVE) * seconds)
}

/// Those that could make way, the least worth first.
fn victims(standings: &[Standing], budgets: &Budgets, prices: &Prices) -> Vec<usize> {
    let idle = |at: &usize| standings.get(*at).is_some_and(|standing| standing.held && !standing.busy);
    let mut victims: Vec<usize> = (0..standings.len()).filter(idle).collect();
    victims.sort_by(|a, b| {
        let (a, b) = (&standings[*a], &standings[*b]);
        let worth = density(a, budgets, prices).total_cmp(&density(b, budgets, prices));
        worth.then(b.unused_seconds.total_cmp(&a.unused_seconds)).then(a.player.cmp(&b.player))
    });
    victims
}

/// Weighs all players and says what to load and what to let go. The same for the same standings, in any order.
pub fn plan(standings: &[Standing], budgets: &Budgets, prices: &Prices) -> Plan {
    let mut plan = Plan::default();
    let mut load = standings.iter().filter(|standing| standing.held).fold(Load::default(), Load::with);
    let mut gone = vec![false; standings.len()];
    for (at, standing) in standings.iter().enumerate() {
        let choice = prices.choice(standing);
        let holding = prices.holding(standing.memory, standing.gpu, standing.micros_per_second);
        let over = standing.unused_seconds >= prices.horizon(standing.load_seconds, holding);
        if standing.held && !standing.busy && over && choice.saving <= choice.cost {
            gone[at] = true;
            load = load.without(standing);
            plan.unload.push(choice);
        }
    }
    let victims = victims(standings, budgets, prices);
    let mut next = 0;
    for at in worth_loading(standings, budgets, prices) {
        let standing = &standings[at];
        let mut made = load;
        let mut leaving = Vec::new();
        let mut look = next;
        while !made.with(standing).fits(budgets) {
            let Some(victim) = victims.get(look) else { break };
            look += 1;
            if gone[*victim] {
                continue;
            }
            if density(&standings[*victim], budgets, prices) * CLEARLY >= density(standing, budgets, prices) {
                break;
            }
            made = made.without(&standings[*victim]);
            leaving.push(*victim);
        }
        if !made.with(standing).fits(budgets) {
            continue;
        }
        next = look;
        load = made.with(standing);
        for victim in leaving {
            gone[victim] = true;
            plan.unload.push(prices.choice(&standings[victim]));
        }
        plan.load.push(prices.choice(standing));
    }
    plan.unload.sort_by_key(|choice| choice.player);
    plan
}

/// Those that are not held and save more than they cost, the most worth first.
fn worth_loading(standings: &[Standing], budgets: &Budgets, prices: &Prices) -> Vec<usize> {
    let worth = |at: &usize| {
        standings.get(*at).is_some_and(|standing| {
            let choice = prices.choice(standing);
            !standing.held && standing.healthy && choice.saving > choice.cost
        })
    };
    let mut wanted: Vec<usize> = (0..standings.len()).filter(worth).collect();
    wanted.sort_by(|a, b| {
        let (a, b) = (&standings[*a], &standings[*b]);
        let order: Ordering = density(b, budgets, prices).total_cmp(&density(a, budgets, prices));
        order.then(a.idle_seconds.total_cmp(&b.idle_seconds)).then(a.player.cmp(&b.player))
    });
    wanted
}

impl Budgets {
    /// Who must go so that `newcomer`, which a call waits for, has room: the least worth first. Empty when there is room,
    /// and when there is none to be made.
    pub fn make_room(&self, newcomer: &Standing, standings: &[Standing], prices: &Prices) -> Vec<PlayerNo> {
        let held = standings.iter().filter(|standing| standing.held && standing.player != newcomer.player);
        let mut load = held.fold(Load::default(), Load::with);
        let mut leaving = Vec::new();
        for victim in victims(standings, self, prices) {
            if load.with(newcomer).fits(self) {
                break;
            }
            let standing = &standings[victim];
            if standing.player != newcomer.player {
                load = load.without(standing);
                leaving.push(standing.player);
            }
        }
        if load.with(newcomer).fits(self) { leaving } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn standing(player: u32, probability: f64) -> Standing {
        Standing {
            player: PlayerNo(player),
            probability,
            idle_seconds: 10.0,
            due_seconds: 10.0,
            load_seconds: 2.0,
            memory: 256 * MIB,
            gpu: 0,
            micros_per_second: 0,
            failure_rate: 0.0,
            held: false,
            busy: false,
            healthy: true,
            unused_seconds: 0.0,
        }
    }

    fn players(choices: &[Choice]) -> Vec<u32> {
        choices.iter().map(|choice| choice.player.0).collect()
    }

    #[test]
    fn what_saves_more_than_it_costs_is_loaded() {
        let (budgets, prices) = (Budgets::default(), Prices::default());
        let sick = Standing { healthy: false, ..standing(2, 0.9) };
        let plan = plan(&[standing(0, 0.9), standing(1, 0.01), sick], &budgets, &prices);
        assert_eq!(players(&plan.load), [0]);
        assert_eq!(plan.load[0].saving, 0.9 * 2.0 * 1_000.0);
        assert_eq!(plan.load[0].cost, 10.0 * 13.0 / 4.0);
        assert!(plan.unload.is_empty());
    }

    #[test]
    fn when_memory_is_short_the_least_worth_makes_way_and_likes_do_not_drive_each_other_out() {
        let budgets = Budgets { memory: 512 * MIB, ..Budgets::default() };
        let held = |player, probability| Standing { held: true, ..standing(player, probability) };
        let all = [held(0, 0.1), held(1, 0.8), standing(2, 0.6), standing(3, 0.81)];
        let short = plan(&all, &budgets, &Prices::default());
        assert_eq!((players(&short.unload), players(&short.load)), (vec![0], vec![3]));
        let alike = plan(&[held(0, 0.8), held(1, 0.8), standing(2, 0.82)], &budgets, &Prices::default());
        assert_eq!(alike, Plan::default());
        let busy = Standing { busy: true, ..held(0, 0.0) };
        assert_eq!(plan(&[busy, held(1, 0.8), standing(2, 0.82)], &budgets, &Prices::default()), Plan::default());
    }

    #[test]
    fn what_nobody_wants_is_let_go_after_a_horizon() {
        let prices = Prices::default();
        let horizon = prices.horizon(2.0, prices.holding(256 * MIB, 0, 0));
        assert!((horizon - 615.4).abs() < 0.1, "{horizon}");
        let idle = |unused_seconds| Standing { held: true, unused_seconds, idle_seconds: horizon, ..standing(0, 0.0) };
        assert_eq!(plan(&[idle(horizon - 1.0)], &Budgets::default(), &prices), Plan::default());
        assert_eq!(players(&plan(&[idle(horizon)], &Budgets::default(), &prices).unload), [0]);
        let soon = Standing { due_seconds: 1.0, ..standing(3, 0.5) };
        let short = Budgets { memory: 256 * MIB, ..Budgets::default() };
        let made = plan(&[Standing { held: true, ..standing(0, 0.9) }, soon], &short, &prices);
        assert_eq!((players(&made.unload), players(&made.load)), (vec![0], vec![3]), "the sooner of two goes first");
        let wanted = Standing { probability: 0.9, idle_seconds: 5.0, ..idle(horizon) };
        assert_eq!(plan(&[wanted], &Budgets::default(), &prices), Plan::default());
    }

    #[test]
    fn a_call_that_waits_gets_room_from_the_least_worth_idle_ones() {
        let budgets = Budgets { memory: 600 * MIB, ..Budgets::default() };
        let held = |player, probability| Standing { held: true, ..standing(player, probability) };
        let newcomer = Standing { memory: 300 * MIB, ..standing(9, 0.0) };
        let gone = budgets.make_room(&newcomer, &[held(0, 0.5), held(1, 0.1)], &Prices::default());
        assert_eq!(gone, [PlayerNo(1)]);
        let busy = |player| Standing { busy: true, ..held(player, 0.0) };
        assert!(budgets.make_room(&newcomer, &[busy(0), busy(1)], &Prices::default()).is_empty());
    }

    proptest! {
        /// Budgets hold whatever is proposed; nothing busy goes, nothing held is loaded, nobody is named twice.
        #[test]
        fn budgets_hold(
            rows in proptest::collection::vec(
                (0.0f64..1.0, 0.0f64..100.0, 0.0f64..20.0, 1u64..400, 0u64..3, any::<bool>(), any::<bool>(), 0.0f64..2e3),
                1..24,
            ),
            memory in 100u64..2000,
        ) {
            let rows: Vec<Standing> = rows.iter().zip(0u32..).map(|(row, player)| Standing {
                idle_seconds: row.1, load_seconds: row.2, memory: row.3 * MIB, gpu: row.4 * MIB,
                held: row.5, busy: row.5 && row.6, unused_seconds: row.7, ..standing(player, row.0)
            }).collect();
            let budgets = Budgets { memory: memory * MIB, gpu: 20 * MIB, ..Budgets::default() };
            let made = plan(&rows, &budgets, &Prices::default());
            let row = |choice: &Choice| rows[choice.player.0 as usize];
            let held = rows.iter().filter(|row| row.held).fold(Load::default(), Load::with);
            let after = made.unload.iter().fold(held, |load, choice| load.without(&row(choice)));
            let after = made.load.iter().fold(after, |load, choice| load.with(&row(choice)));
            prop_assert!(after.fits(&budgets) || made.load.is_empty());
            prop_assert!(made.unload.iter().all(|choice| row(choice).held && !row(choice).busy));
            prop_assert!(made.load.iter().all(|choice| !row(choice).held && choice.saving > choice.cost));
            let mut named: Vec<_> = made.unload.iter().chain(&made.load).map(|choice| choice.player).collect();
            named.sort_unstable();
            let count = named.len();
            named.dedup();
            prop_assert_eq!(count, named.len());
        }
    }
}
