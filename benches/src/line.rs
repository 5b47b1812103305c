//! A line: one figure beside its peer, and whether its goal holds.

use serde::Serialize;

/// What is asked of a figure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goal {
    /// The absolute bound: at most this, in the line's unit. Judged only where there is no peer.
    pub at_most: Option<f64>,
    /// The peer must take at least this many times as much. Judged wherever it is asked.
    pub times: Option<f64>,
}

impl Goal {
    /// At most this; no peer.
    pub const fn at_most(bound: f64) -> Self {
        Self { at_most: Some(bound), times: None }
    }

    /// This many times better than the peer.
    pub const fn times(times: f64) -> Self {
        Self { at_most: None, times: Some(times) }
    }

    /// Both; the ratio is judged, the bound only printed.
    pub const fn both(times: f64, bound: f64) -> Self {
        Self { at_most: Some(bound), times: Some(times) }
    }

    fn words(&self) -> String {
        let times = self.times.map(|times| format!("≥ {} ×", plain(times)));
        let bound = self.at_most.map(|bound| format!("≤ {}", plain(bound)));
        times.into_iter().chain(bound).collect::<Vec<_>>().join(", ")
    }
}

/// One figure beside its peer.
#[derive(Clone, Debug)]
pub struct Line {
    /// The figure's id.
    pub id: &'static str,
    /// What exactly was measured.
    pub what: String,
    /// Unit of `ours` and `peer`.
    pub unit: &'static str,
    /// Ours.
    pub ours: f64,
    /// The peer's name, where there is one to compare with.
    pub peer_name: Option<&'static str>,
    /// The peer's; `None` when it is not installed.
    pub peer: Option<f64>,
    /// What is asked.
    pub goal: Goal,
}

#[derive(Serialize)]
struct Json<'a> {
    id: &'a str,
    what: &'a str,
    unit: &'a str,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<&'a str>,
    ratio: Option<f64>,
    goal: String,
    holds: bool,
}

impl Line {
    /// How many times as much the peer takes.
    pub fn ratio(&self) -> Option<f64> {
        self.peer.map(|peer| peer / self.ours)
    }

    /// Whether the goal holds: ratios where one is asked, else the absolute bound.
    pub fn holds(&self) -> bool {
        match (self.goal.times, self.goal.at_most) {
            (Some(times), _) => self.ratio().is_some_and(|ratio| ratio >= times),
            (None, Some(bound)) => self.ours <= bound,
            (None, None) => true,
        }
    }

    /// The line as one JSON object.
    pub fn json(&self) -> String {
        let json = Json {
            id: self.id,
            what: &self.what,
            unit: self.unit,
            ours: rounded(self.ours),
            peer: self.peer.map(rounded),
            peer_name: self.peer_name,
            ratio: self.ratio().map(rounded),
            goal: self.goal.words(),
            holds: self.holds(),
        };
        serde_json::to_string(&json).unwrap_or_default()
    }

    /// The line for people.
    pub fn text(&self) -> String {
        let ours = format!("{} {}", plain(self.ours), self.unit);
        let peer = match (self.peer_name, self.peer) {
            (None, _) => String::new(),
            (Some(name), None) => format!("{name}: not installed"),
            (Some(name), Some(peer)) => format!("{name} {}", plain(peer)),
        };
        let ratio = self.ratio().map(|ratio| format!("{} ×", plain(ratio))).unwrap_or_default();
        let holds = match (self.goal.words().is_empty(), self.holds()) {
            (true, _) => "",
            (false, true) => "holds",
            (false, false) => "FALLS SHORT",
        };
        let goal = self.goal.words();
        format!("{:<9} {ours:>14}  {peer:<28} {ratio:>9}  {goal:<17} {holds:<11}  {}", self.id, self.what)
    }
}

/// Three digits that matter.
fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let scale = 10f64.powi(2 - number.abs().log10().floor() as i32);
    (number * scale).round() / scale
}

/// A number as people write it: three digits that matter, thousands apart.
fn plain(number: f64) -> String {
    let number = rounded(number);
    if number.abs() < 1_000.0 {
        return format!("{number}");
    }
    let digits = format!("{number:.0}");
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ours: f64, peer: Option<f64>, goal: Goal) -> Line {
        Line { id: "call", what: "a task".into(), unit: "ns", ours, peer_name: Some("oneTBB"), peer, goal }
    }

    #[test]
    fn the_ratio_judges_and_the_bound_only_where_no_ratio_is_asked() {
        assert!(line(100.0, Some(140.0), Goal::both(1.3, 50.0)).holds());
        assert!(!line(100.0, Some(120.0), Goal::both(1.3, 500.0)).holds());
        assert!(line(100.0, None, Goal::at_most(100.0)).holds());
        assert!(!line(101.0, None, Goal::at_most(100.0)).holds());
    }

    #[test]
    fn a_peer_that_is_not_installed_is_null_and_the_line_does_not_hold() {
        let line = line(100.0, None, Goal::times(1.3));
        assert!(!line.holds());
        let json: serde_json::Value = serde_json::from_str(&line.json()).unwrap();
        assert!(json["peer"].is_null() && json["ratio"].is_null() && json["holds"] == false);
        assert!(line.text().contains("not installed"));
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(plain(0.012_345), "0.0123");
        assert_eq!(plain(12_345_678.0), "12,300,000");
        assert_eq!(plain(999.6), "1,000");
        assert_eq!(plain(40.0), "40");
    }
}
