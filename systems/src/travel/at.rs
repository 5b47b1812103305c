//! Where in a run: the number of an event, or a time.

use std::fmt;
use std::str::FromStr;
use symphony_ecs_core::clock::Time;

/// A point of a run, as people name it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// After the event with this number (`seq`).
    Event(u64),
    /// After everything that happened up to this time of the run.
    Time(Time),
    /// After this part of the run's time, in percent.
    Percent(f64),
}

/// What was named is no point of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAt(String);

impl fmt::Display for BadAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no point of a run; give the number of an event (12), a time (1.5s, 200ms, 2min) or a part (90%)",
            self.0
        )
    }
}

impl std::error::Error for BadAt {}

impl FromStr for At {
    type Err = BadAt;

    fn from_str(text: &str) -> Result<Self, BadAt> {
        let bad = || BadAt(text.to_owned());
        if let Ok(event) = text.parse() {
            return Ok(Self::Event(event));
        }
        let split = text.find(|c: char| c != '.' && !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, unit) = text.split_at(split);
        let number: f64 = number.parse().map_err(|_| bad())?;
        let seconds = match unit.trim() {
            "%" if number <= 100.0 => return Ok(Self::Percent(number)),
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" | "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(bad()),
        };
        // A float beyond the range becomes its end, which is after every run.
        Ok(Self::Time(Time((number * seconds * 1e9).round() as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_events_times_and_parts() {
        let at = |text: &str| text.parse::<At>();
        assert_eq!(at("12"), Ok(At::Event(12)));
        assert_eq!(at("1.5s"), Ok(At::Time(Time(1_500_000_000))));
        assert_eq!(at("200ms"), Ok(At::Time(Time(200_000_000))));
        assert_eq!(at("2min"), Ok(At::Time(Time(120_000_000_000))));
        assert_eq!(at("90%"), Ok(At::Percent(90.0)));
        for bad in ["", "x", "-1", "1.5", "101%", "1.2.3s", "5 parsecs"] {
            let said = at(bad).unwrap_err().to_string();
            assert!(said.contains("number of an event"), "{bad}: {said}");
        }
    }
}
