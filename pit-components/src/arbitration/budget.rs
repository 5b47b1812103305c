//! The budget of a run: money, tokens and calls in flight.
//!
//! Invariants: `spent + reserved` of a limited good never exceeds its limit by a grant; a call whose worst case is
//! not declared is alone among its kind while a limit holds. So what is spent can exceed a limit only by what one
//! call took beyond its declaration (or without one).

use symphony_ecs_core::ports::Usage;

/// What a run may use and has used. Money in micro-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Limit of money.
    pub cost_limit: Option<u64>,
    /// Limit of tokens.
    pub token_limit: Option<u64>,
    /// Limit of calls in flight.
    pub parallel: u32,
    /// Spent so far.
    pub spent: Usage,
    reserved: Usage,
    in_flight: u32,
    undeclared: u32,
    /// Calls that came back and held something scarce.
    returned: Vec<Returned>,
}

/// A call that came back and held something scarce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The number under which it was held.
    pub scarce: u64,
    /// What it used.
    pub used: Usage,
    /// How good its result was, from 0 to 10,000, if it says anything about the player.
    pub quality: Option<u16>,
}

/// What a call may take at worst; `None` is not declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Micro-dollars.
    pub cost_micros: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
}

/// What was set aside for a call; must be given back with [`Budget::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    usage: Usage,
    undeclared: bool,
    /// The number of what it holds beyond the budget; 0 for nothing.
    scarce: u64,
}

impl Reservation {
    /// The same, holding something scarce as well.
    pub fn with_scarce(self, number: u64) -> Self {
        Self { scarce: number, ..self }
    }

    /// The number of what it holds beyond the budget; 0 for nothing.
    pub fn scarce(&self) -> u64 {
        self.scarce
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Go.
    Granted(Reservation),
    /// Not now; perhaps when a call in flight comes back.
    Wait,
    /// Never: even alone the call would exceed what is left.
    Refused,
}

impl Budget {
    /// A budget with nothing spent.
    pub fn new(cost_limit: Option<u64>, token_limit: Option<u64>, parallel: u32) -> Self {
        let parallel = parallel.max(1);
        let (spent, reserved) = (Usage::default(), Usage::default());
        let returned = Vec::new();
        Self { cost_limit, token_limit, parallel, spent, reserved, in_flight: 0, undeclared: 0, returned }
    }

    /// How many calls may still start.
    pub fn room(&self) -> u32 {
        self.parallel - self.in_flight.min(self.parallel)
    }

    /// Calls in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Asks for one call.
    pub fn reserve(&mut self, need: Need) -> Grant {
        if self.room() == 0 {
            return Grant::Wait;
        }
        let limited = [
            (self.cost_limit, need.cost_micros, self.spent.cost_micros, self.reserved.cost_micros),
            (self.token_limit, need.tokens, self.spent.tokens, self.reserved.tokens),
        ];
        let mut undeclared = false;
        let mut wait = false;
        for (limit, need, spent, reserved) in limited {
            let Some(limit) = limit else { continue };
            match need {
                Some(0) => {}
                Some(need) if spent.saturating_add(need) > limit => return Grant::Refused,
                Some(need) => wait |= spent.saturating_add(reserved).saturating_add(need) > limit,
                None if spent >= limit => return Grant::Refused,
                None => {
                    undeclared = true;
                    wait |= self.undeclared > 0 || spent.saturating_add(reserved) >= limit;
                }
            }
        }
        // A call without a declaration could take everything that is left, so nothing else is promised beside it.
        let promises = need.cost_micros.unwrap_or(0) > 0 || need.tokens.unwrap_or(0) > 0;
        let limited = self.cost_limit.is_some() || self.token_limit.is_some();
        wait |= limited && promises && self.undeclared > 0;
        wait |= undeclared && self.reserved != Usage::default();
        if wait {
            return Grant::Wait;
        }
        let usage = Usage { cost_micros: need.cost_micros.unwrap_or(0), tokens: need.tokens.unwrap_or(0) };
        self.reserved.cost_micros += usage.cost_micros;
        self.reserved.tokens += usage.tokens;
        self.in_flight += 1;
        self.undeclared += u32::from(undeclared);
        Grant::Granted(Reservation { usage, undeclared, scarce: 0 })
    }

    /// Sets nothing aside but counts the call: for what must be played whatever the budget says.
    pub fn force(&mut self) -> Reservation {
        self.in_flight += 1;
        Reservation { usage: Usage::default(), undeclared: false, scarce: 0 }
    }

    /// A call came back: frees what was set aside and books what it took.
    pub fn settle(&mut self, reservation: Reservation, used: Usage) {
        self.settle_as(reservation, used, None);
    }

    /// What came back since the last look and held something scarce.
    pub fn take_returned(&mut self) -> Vec<Returned> {
        std::mem::take(&mut self.returned)
    }

    /// Settles, saying how good the result was.
    pub fn settle_as(&mut self, reservation: Reservation, used: Usage, quality: Option<u16>) {
        if reservation.scarce != 0 {
            self.returned.push(Returned { scarce: reservation.scarce, used, quality });
        }
        self.reserved.cost_micros -= reservation.usage.cost_micros;
        self.reserved.tokens -= reservation.usage.tokens;
        self.in_flight -= 1;
        self.undeclared -= u32::from(reservation.undeclared);
        self.book(used);
    }

    /// Whether a call without cost needs nothing but room.
    pub fn is_unlimited(&self) -> bool {
        self.cost_limit.is_none() && self.token_limit.is_none()
    }

    /// Starts `calls` that cost nothing; the caller has looked at [`Self::room`].
    pub fn launch(&mut self, calls: u32) {
        self.in_flight += calls;
    }

    /// Calls started with [`Self::launch`] came back.
    pub fn land(&mut self, calls: u32) {
        self.in_flight -= calls;
    }

    /// Books what was spent without a reservation (a replay).
    pub fn book(&mut self, used: Usage) {
        self.spent.cost_micros = self.spent.cost_micros.saturating_add(used.cost_micros);
        self.spent.tokens = self.spent.tokens.saturating_add(used.tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cost(micros: u64) -> Need {
        Need { cost_micros: Some(micros), tokens: Some(0) }
    }

    #[test]
    fn what_is_promised_is_not_promised_twice() {
        let mut budget = Budget::new(Some(100), None, 8);
        let Grant::Granted(first) = budget.reserve(cost(60)) else { panic!() };
        assert_eq!(budget.reserve(cost(60)), Grant::Wait);
        budget.settle(first, Usage { cost_micros: 10, tokens: 0 });
        assert!(matches!(budget.reserve(cost(60)), Grant::Granted(_)));
        assert_eq!(budget.reserve(cost(91)), Grant::Refused);
    }

    #[test]
    fn a_free_call_passes_a_spent_budget() {
        let mut budget = Budget::new(Some(100), Some(10), 8);
        budget.book(Usage { cost_micros: 100, tokens: 10 });
        assert!(matches!(budget.reserve(cost(0)), Grant::Granted(_)));
        assert_eq!(budget.reserve(Need::default()), Grant::Refused);
    }

    proptest! {
        /// Calls that keep their word never exceed the budget; undeclared ones exceed it by one call at most.
        #[test]
        fn never_overshot_by_more_than_one_call(
            calls in proptest::collection::vec((proptest::option::of(0u64..50), 0u64..50, any::<bool>()), 1..200),
        ) {
            let mut budget = Budget::new(Some(200), None, 4);
            let mut flying: Vec<(Reservation, u64, bool)> = Vec::new();
            let mut largest_undeclared = 0;
            for (declared, takes, land) in calls {
                if land && !flying.is_empty() {
                    let (reservation, takes, _) = flying.remove(0);
                    budget.settle(reservation, Usage { cost_micros: takes, tokens: 0 });
                }
                let takes = declared.map_or(takes, |declared| takes.min(declared));
                if let Grant::Granted(reservation) = budget.reserve(Need { cost_micros: declared, tokens: Some(0) }) {
                    flying.push((reservation, takes, declared.is_none()));
                    if declared.is_none() { largest_undeclared = largest_undeclared.max(takes); }
                }
                prop_assert!(flying.len() <= 4);
                prop_assert!(flying.iter().filter(|(_, _, undeclared)| *undeclared).count() <= 1);
            }
            for (reservation, takes, _) in flying {
                budget.settle(reservation, Usage { cost_micros: takes, tokens: 0 });
            }
            prop_assert!(budget.spent.cost_micros <= 200 + largest_undeclared);
        }
    }
}
