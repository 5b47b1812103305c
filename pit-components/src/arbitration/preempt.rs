//! Preemption: whether stopping somebody is worth it, and whom.
//!
//! Both sides are value times time. Stopping a holder saves the waiting request the time for which the holder would
//! still play; it costs the holder what it has done, what starting again takes, and the time for which the other plays:
//!
//! ```text
//! gain = value(waiting) · left(holder)
//! loss = value(holder)  · (done(holder) + restart(holder) + estimate(waiting))
//! ```
//!
//! It happens only when gain > loss, never to a holder that may not be stopped, and never twice to the same call (the
//! caller admits it again as not preemptible).

use super::demand::Demand;
use super::holds::{Hold, HoldId, Holds};
use super::stock::Stock;

/// What stopping somebody gives and takes, in ten-thousandths of value times nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bargain {
    pub hold: HoldId,
    pub gain: u128,
    pub loss: u128,
}

/// The gain and the loss of stopping `hold` for a request of this value and estimate.
pub(super) fn weigh(hold: &Hold, value: u16, estimate_ns: u64, now_ns: u64) -> (u128, u128) {
    let done = now_ns.saturating_sub(hold.since_ns);
    let left = hold.estimate_ns.saturating_sub(done);
    let gain = u128::from(value) * u128::from(left);
    let again = u128::from(done) + u128::from(hold.restart_ns) + u128::from(estimate_ns);
    (gain, u128::from(hold.value) * again)
}

/// The best bargain: the holder whose stopping makes the demand fit and gains most over what it loses.
pub(super) fn best(
    holds: &Holds,
    stock: &Stock,
    demand: &Demand,
    value: u16,
    estimate_ns: u64,
    now_ns: u64,
) -> Option<Bargain> {
    let fits_without = |hold: &Hold| {
        demand.parts().all(|(resource, amount)| {
            let back = if stock.comes_back(resource) { hold.demand.amount(resource) } else { 0 };
            stock.free(resource).saturating_add(back) >= amount
        })
    };
    let may =
        holds.iter().filter(|(_, hold)| hold.preemptible && !hold.leaving && hold.batch == 0 && fits_without(hold));
    let bargains = may.map(|(id, hold)| {
        let (gain, loss) = weigh(hold, value, estimate_ns, now_ns);
        Bargain { hold: id, gain, loss }
    });
    bargains.filter(|one| one.gain > one.loss).max_by_key(|one| (one.gain - one.loss, std::cmp::Reverse(one.hold)))
}
