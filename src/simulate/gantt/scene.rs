//! A scene: the picture of a schedule as boxes, lines and words, before it is written in any format.
//!
//! ```text
//! title
//! what was played, on what, how long
//!      0      1 min    2 min         axis
//!   0  ████ ██████████ ▒▒▒▒▒▒        a lane a machine, a box an attempt, coloured by kind
//!   1  ██████  ███████
//! ■ kind  ■ kind                     legend, longest first
//! ```

use crate::simulate::outlook::Outlook;
use crate::simulate::words;
use std::collections::{BTreeMap, BTreeSet};

/// Width of the picture.
pub const WIDTH: f32 = 1280.0;
/// Left and right of the lanes.
const LEFT: f32 = 92.0;
const RIGHT: f32 = 36.0;
/// Above the lanes.
const TOP: f32 = 116.0;
/// Height that the lanes share.
const LANES: f32 = 620.0;
/// Kinds in the legend.
const KINDS: usize = 12;
/// Width of a letter, in parts of its size: the letters are all of one width.
pub const LETTER: f32 = 0.6;

/// A colour: red, green, blue.
pub type Color = [u8; 3];

const INK: Color = [0x1f, 0x29, 0x37];
const GREY: Color = [0x6b, 0x72, 0x80];
const RULE: Color = [0xe5, 0xe7, 0xeb];
const BAND: Color = [0xf8, 0xfa, 0xfc];
const CRITICAL: Color = [0xd9, 0x26, 0x2e];
const OTHER: Color = [0x9c, 0xa3, 0xaf];

/// Colours of kinds: told apart by people who see colours differently, and none of them the colour of the critical path.
const PALETTE: [Color; 12] = [
    [0x4e, 0x79, 0xa7],
    [0xf2, 0xa1, 0x4b],
    [0x59, 0xa1, 0x8f],
    [0xb0, 0x7a, 0xa1],
    [0xed, 0xc9, 0x48],
    [0x76, 0xb7, 0xd8],
    [0x9c, 0x75, 0x5f],
    [0x86, 0xbc, 0x5b],
    [0xf4, 0xa6, 0xb8],
    [0x5b, 0x5f, 0x97],
    [0x2f, 0x8f, 0x9d],
    [0xc9, 0xb4, 0x8a],
];

/// What a picture is made of, in the order in which it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A box with round corners.
    Box {
        /// Left, top, width, height.
        at: [f32; 4],
        /// Radius of the corners.
        round: f32,
        /// Colour inside.
        fill: Color,
        /// 0 to 1.
        opacity: f32,
        /// Colour and width of the edge.
        edge: Option<(Color, f32)>,
        /// What a pointer that rests on it is told.
        tip: Option<String>,
    },
    /// A straight line.
    Line {
        /// From (x, y) to (x, y).
        at: [f32; 4],
        /// Colour.
        color: Color,
        /// Width.
        width: f32,
    },
    /// Words.
    Words {
        /// Where they begin (or end, or have their middle), and their base line.
        at: [f32; 2],
        /// The words.
        text: String,
        /// Size of the letters.
        size: f32,
        /// Colour.
        color: Color,
        /// Bold letters.
        bold: bool,
        /// How they lie at the point.
        anchor: Anchor,
    },
}

/// How words lie at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// They begin there.
    Start,
    /// Their middle is there.
    Middle,
    /// They end there.
    End,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Height; the width is [`WIDTH`].
    pub height: f32,
    /// For those who cannot see it.
    pub title: String,
    /// What is drawn.
    pub marks: Vec<Mark>,
}

/// The schedule of the shown run.
pub fn of(outlook: &Outlook) -> Scene {
    let used = outlook.spans.iter().filter_map(|span| span.machine).max().map_or(1, |machine| machine as usize + 1);
    let lanes = outlook.machines.count().max(used);
    let lane = (LANES / lanes as f32).clamp(2.0, 30.0);
    let end = outlook.spans.iter().map(|span| span.end).fold(0.0, f64::max);
    let mut painter = Painter { outlook, lane, lanes, end: if end > 0.0 { end } else { 1.0 }, marks: Vec::new() };
    let colors = painter.colors();
    painter.heading();
    painter.ground();
    painter.boxes(&colors);
    let height = painter.legend(&colors);
    let title = format!("{}: {}", outlook.name, painter.subtitle());
    Scene { height, title, marks: painter.marks }
}

struct Painter<'a> {
    outlook: &'a Outlook,
    lane: f32,
    lanes: usize,
    end: f64,
    marks: Vec<Mark>,
}

impl Painter<'_> {
    fn words(&mut self, at: [f32; 2], text: impl Into<String>, size: f32, color: Color, bold: bool, anchor: Anchor) {
        self.marks.push(Mark::Words { at, text: text.into(), size, color, bold, anchor });
    }

    fn x(&self, seconds: f64) -> f32 {
        LEFT + (seconds / self.end) as f32 * (WIDTH - LEFT - RIGHT)
    }

    fn bottom(&self) -> f32 {
        TOP + self.lane * self.lanes as f32
    }

    fn subtitle(&self) -> String {
        let outlook = self.outlook;
        format!(
            "{} · {} · {} · makespan {} · lower bound {}",
            words::count(outlook.tasks, "task"),
            words::machines(&outlook.machines),
            outlook.policy,
            words::span(self.end),
            words::span(outlook.shown_bound),
        )
    }

    fn heading(&mut self) {
        let name = words::cut(&self.outlook.name, 80);
        self.words([LEFT, 40.0], name, 20.0, INK, true, Anchor::Start);
        let subtitle = self.subtitle();
        self.words([LEFT, 64.0], subtitle, 13.0, GREY, false, Anchor::Start);
    }

    /// Lanes and axis.
    fn ground(&mut self) {
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, self.bottom());
        for machine in (0..self.lanes).step_by(2) {
            let at = [left, TOP + machine as f32 * self.lane, right - left, self.lane];
            self.marks.push(Mark::Box { at, round: 0.0, fill: BAND, opacity: 1.0, edge: None, tip: None });
        }
        let step = nice_step(self.end);
        let mut tick = 0;
        while f64::from(tick) * step <= self.end * 1.000_001 {
            let seconds = f64::from(tick) * step;
            let x = self.x(seconds);
            self.marks.push(Mark::Line { at: [x, TOP - 6.0, x, bottom], color: RULE, width: 1.0 });
            self.words([x, TOP - 12.0], tick_label(seconds, step), 11.0, GREY, false, Anchor::Middle);
            tick += 1;
        }
        // As many labels as there is room for.
        let every = (14.0 / self.lane).ceil().max(1.0) as usize;
        for machine in (0..self.lanes).step_by(every) {
            let speed = self.outlook.machines.speeds().get(machine).copied().unwrap_or(1.0);
            let mixed = self.outlook.machines.speeds().iter().any(|speed| *speed != 1.0);
            let label = if mixed { format!("{machine} ×{speed}") } else { machine.to_string() };
            let y = TOP + (machine as f32 + 0.5) * self.lane + 4.0;
            self.words([LEFT - 10.0, y], label, 11.0, GREY, false, Anchor::End);
        }
    }

    /// A colour for each kind: those that take longest have one of their own.
    fn colors(&self) -> BTreeMap<String, Color> {
        let mut shares = self.outlook.by_kind();
        shares.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| a.name.cmp(&b.name)));
        shares.into_iter().zip(PALETTE).map(|(share, color)| (share.name, color)).collect()
    }

    fn boxes(&mut self, colors: &BTreeMap<String, Color>) {
        let outlook = self.outlook;
        let critical: BTreeSet<u32> = outlook.critical.iter().copied().collect();
        // Critical boxes last, so that their edges are on top.
        let (edged, plain): (Vec<_>, Vec<_>) = outlook
            .spans
            .iter()
            .filter_map(|span| Some((span, span.machine?)))
            .partition(|(span, _)| critical.contains(&span.task));
        for (span, machine) in plain.into_iter().chain(edged) {
            let (left, right) = (self.x(span.start), self.x(span.end));
            let gap = if self.lane > 8.0 { 3.0 } else { self.lane * 0.15 };
            let at = [
                left + if right - left > 3.0 { 0.5 } else { 0.0 },
                TOP + machine as f32 * self.lane + gap,
                (right - left - if right - left > 3.0 { 1.0 } else { 0.0 }).max(0.35),
                self.lane - 2.0 * gap,
            ];
            let kind = &outlook.work.kinds()[outlook.work.kind_of(span.task) as usize];
            let fill = colors.get(&**kind).copied().unwrap_or(OTHER);
            let is_critical = critical.contains(&span.task);
            let edge = (is_critical && at[3] > 3.0).then_some((CRITICAL, if self.lane > 14.0 { 2.0 } else { 1.0 }));
            let id = outlook.work.id(span.task);
            let fate = if span.failed { ", failed" } else { "" };
            let from = words::span(span.start);
            let tip = format!(
                "{id} ({kind}): {from} to {}, {}{fate}",
                words::span(span.end),
                words::span(span.end - span.start)
            );
            let opacity = if span.failed { 0.35 } else { 1.0 };
            let round = if at[2] > 6.0 && at[3] > 6.0 { 2.5 } else { 0.0 };
            self.marks.push(Mark::Box { at, round, fill, opacity, edge, tip: Some(tip) });
            let room = ((at[2] - 8.0) / (11.0 * LETTER)).max(0.0) as usize;
            if self.lane >= 17.0 && room >= 4 {
                let text = words::cut(id, room);
                let color = if is_dark(fill) && !span.failed { [0xff, 0xff, 0xff] } else { INK };
                self.words([at[0] + 4.0, at[1] + at[3] / 2.0 + 4.0], text, 11.0, color, false, Anchor::Start);
            }
        }
    }

    /// The kinds and the critical path; gives the height of the whole picture.
    fn legend(&mut self, colors: &BTreeMap<String, Color>) -> f32 {
        let mut shares = self.outlook.by_kind();
        shares.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| a.name.cmp(&b.name)));
        let more = shares.len().saturating_sub(KINDS);
        let mut entries: Vec<(String, Color)> = shares
            .iter()
            .take(KINDS)
            .map(|share| {
                let color = colors.get(&share.name).copied().unwrap_or(OTHER);
                (format!("{} {}", words::cut(&share.name, 34), words::span(share.seconds)), color)
            })
            .collect();
        if more > 0 {
            entries.push((format!("{more} other kinds"), OTHER));
        }
        let (mut x, mut y) = (LEFT, self.bottom() + 34.0);
        let at = [x, y - 9.0, 11.0, 11.0];
        let edge = Some((CRITICAL, 2.0));
        self.marks.push(Mark::Box { at, round: 2.5, fill: [0xff; 3], opacity: 1.0, edge, tip: None });
        let path = format!("critical path, {}", words::count(self.outlook.critical.len(), "task"));
        x += 18.0;
        self.words([x, y], path.as_str(), 11.0, INK, false, Anchor::Start);
        x += path.chars().count() as f32 * 11.0 * LETTER + 26.0;
        for (text, color) in entries {
            let width = 18.0 + text.chars().count() as f32 * 11.0 * LETTER + 26.0;
            if x + width > WIDTH - RIGHT + 26.0 {
                (x, y) = (LEFT, y + 22.0);
            }
            let at = [x, y - 9.0, 11.0, 11.0];
            self.marks.push(Mark::Box { at, round: 2.5, fill: color, opacity: 1.0, edge: None, tip: None });
            self.words([x + 18.0, y], text, 11.0, INK, false, Anchor::Start);
            x += width;
        }
        y + 28.0
    }
}

/// Whether white letters are read better on it.
fn is_dark([red, green, blue]: Color) -> bool {
    0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue) < 150.0
}

/// A step of the axis that people count in: about eight of them.
fn nice_step(end: f64) -> f64 {
    const CLOCK: [f64; 14] = [
        60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 43200.0, 86400.0, 172800.0,
        604800.0,
    ];
    let rough = end / 8.0;
    if rough > 30.0 {
        let found = CLOCK.into_iter().find(|step| *step >= rough);
        return found.unwrap_or_else(|| (rough / 604_800.0).ceil() * 604_800.0);
    }
    let power = 10f64.powf(rough.log10().floor());
    let found = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough);
    found.unwrap_or(power * 10.0)
}

fn tick_label(seconds: f64, step: f64) -> String {
    match step {
        _ if seconds == 0.0 => "0".to_owned(),
        step if step >= 86_400.0 => format!("{:.0} d", seconds / 86_400.0),
        step if step >= 3_600.0 => format!("{:.0} h", seconds / 3_600.0),
        step if step >= 60.0 => {
            let minutes = seconds / 60.0;
            match minutes >= 60.0 {
                true => format!("{:.0}:{:02.0} h", (minutes / 60.0).floor(), minutes % 60.0),
                false => format!("{minutes:.0} min"),
            }
        }
        step if step >= 1.0 => format!("{seconds:.0} s"),
        step if step >= 0.1 => format!("{seconds:.1} s"),
        _ => words::span(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_counted_in_steps_that_people_know() {
        assert_eq!([0.08, 7.0, 100.0, 400.0, 4000.0, 30_000.0].map(nice_step), [0.01, 1.0, 20.0, 60.0, 600.0, 7200.0]);
        let labels = [(0.0, 60.0), (120.0, 60.0), (4500.0, 900.0), (2.0, 1.0), (0.5, 0.5), (7200.0, 3600.0)];
        assert_eq!(labels.map(|(at, step)| tick_label(at, step)), ["0", "2 min", "1:15 h", "2 s", "0.5 s", "2 h"]);
    }
}
