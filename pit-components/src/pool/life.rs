//! Where a seat is in its life, and the one function that says where a signal takes it.

use serde::{Deserialize, Serialize};

/// Where a seat is in its life. The founding papers' words are in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// Nothing is held (idle, cold).
    #[default]
    Unloaded,
    /// Its process is being started, its weights are being read.
    Loading,
    /// It is there and makes itself ready.
    Warming,
    /// It waits for a call (warm, hot).
    Ready,
    /// A call has it.
    Active,
    /// It rests before it is ready again (cooling).
    Cooldown,
}

/// What happens to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// It shall be loaded.
    Load,
    /// Its process is there.
    Loaded,
    /// It said that it is ready.
    Warmed,
    /// A call takes it.
    Taken,
    /// The call gives it back.
    Returned,
    /// It has rested.
    Rested,
    /// It shall go.
    Unload,
    /// It died or broke its word.
    Failed,
    /// It stayed too long where it was.
    TimedOut,
}

/// A signal that means nothing where the seat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seat that is {from} cannot be {signal}", from = .from.as_str(), signal = .signal.as_str())]
pub struct IllegalStep {
    /// Where the seat is.
    pub from: Life,
    /// What was asked.
    pub signal: Signal,
}

impl Life {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Unloaded, Self::Loading, Self::Warming, Self::Ready, Self::Active, Self::Cooldown];

    /// Where the signal takes a seat that is here.
    ///
    /// # Errors
    /// The signal means nothing here: nothing changes.
    pub const fn after(self, signal: Signal) -> Result<Self, IllegalStep> {
        use Signal as S;
        Ok(match (self, signal) {
            (Self::Unloaded, S::Load) => Self::Loading,
            (Self::Loading, S::Loaded) => Self::Warming,
            (Self::Warming, S::Warmed) => Self::Ready,
            (Self::Ready, S::Taken) => Self::Active,
            (Self::Active, S::Returned) => Self::Cooldown,
            // A rest that is over is no failure.
            (Self::Cooldown, S::Rested | S::TimedOut) => Self::Ready,
            // A seat in use is not unloaded under its call: it fails, or it is returned first.
            (Self::Loading | Self::Warming | Self::Ready | Self::Cooldown, S::Unload) => Self::Unloaded,
            (Self::Loading | Self::Warming | Self::Ready | Self::Active | Self::Cooldown, S::Failed) => Self::Unloaded,
            (Self::Loading | Self::Warming | Self::Ready | Self::Active, S::TimedOut) => Self::Unloaded,
            _ => return Err(IllegalStep { from: self, signal }),
        })
    }

    /// Whether a time-out here speaks against the player: one that loads, warms or plays too long is broken; one that
    /// waits too long is only not wanted, and one that rests is done resting.
    pub const fn time_out_is_failure(self) -> bool {
        matches!(self, Self::Loading | Self::Warming | Self::Active)
    }

    /// Whether it holds memory.
    pub const fn is_held(self) -> bool {
        !matches!(self, Self::Unloaded)
    }

    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Loading => "loading",
            Self::Warming => "warming",
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Cooldown => "cooldown",
        }
    }

    pub(super) const fn of(number: u64) -> Self {
        match number {
            1 => Self::Loading,
            2 => Self::Warming,
            3 => Self::Ready,
            4 => Self::Active,
            5 => Self::Cooldown,
            _ => Self::Unloaded,
        }
    }
}

impl Signal {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Load,
        Self::Loaded,
        Self::Warmed,
        Self::Taken,
        Self::Returned,
        Self::Rested,
        Self::Unload,
        Self::Failed,
        Self::TimedOut,
    ];

    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Loaded => "loaded",
            Self::Warmed => "warmed",
            Self::Taken => "taken",
            Self::Returned => "returned",
            Self::Rested => "rested",
            Self::Unload => "unloaded",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_a_seat_goes_round() {
        let way = [Signal::Load, Signal::Loaded, Signal::Warmed, Signal::Taken, Signal::Returned, Signal::Rested];
        let mut at = Life::Unloaded;
        for (signal, there) in
            way.into_iter().zip([Life::Loading, Life::Warming, Life::Ready, Life::Active, Life::Cooldown, Life::Ready])
        {
            at = at.after(signal).unwrap();
            assert_eq!(at, there);
        }
        assert_eq!(at.after(Signal::Unload), Ok(Life::Unloaded));
    }

    #[test]
    fn every_state_that_holds_something_can_fail_and_run_out_of_time() {
        for life in Life::ALL {
            assert_eq!(life.after(Signal::Failed).is_ok(), life.is_held(), "{life:?}");
            assert_eq!(life.after(Signal::TimedOut).is_ok(), life.is_held(), "{life:?}");
            assert_eq!(Life::of(life as u64), life);
        }
    }

    #[test]
    fn a_seat_in_use_is_not_taken_away() {
        let refused = Life::Active.after(Signal::Unload).unwrap_err();
        assert_eq!(refused.to_string(), "a seat that is active cannot be unloaded");
        assert!(Life::Active.after(Signal::Taken).is_err());
        assert!(Life::Ready.after(Signal::Returned).is_err());
    }
}
