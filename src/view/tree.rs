//! The live view: a tree of nodes with their states, redrawn in place at most ten times a second.
//!
//! ```text
//! release-notes                       7/12 nodes  4.2s  $0.0031  about 3.1s left
//! ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━━━━━━
//! ✔ log            operator:git/log                 41ms
//! ✔ authors        builtin:json/query                1ms
//! ◐ polish         loop
//!   ◐ [2].rewrite  instrument:scripted-model/chat   1.2s   "…a warmer first sentence for"
//! · write
//! ```
//!
//! Finished bodies fold into their parent, so the picture stays as tall as the melody is long; what does not fit the
//! terminal is counted in one line at the end.

use super::line::{Line, State, label};
use super::stats::Stats;
use super::words::{self, money, span, tame};
use super::{Closing, Painter, Plan};
use console::{Style, Term};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Instant;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::events::{Notice, What};

/// Melodies with more nodes than this show what plays and what has failed only.
const LARGE: usize = 1000;

/// Failures that a large melody shows.
const FAILURES: usize = 100;

/// The live tree.
#[derive(Debug)]
pub struct Tree {
    melody: String,
    stats: Stats,
    /// Top-level nodes in score order; empty for large melodies.
    order: Vec<String>,
    lines: BTreeMap<String, Line>,
    /// When `stats.time` was learnt, so that clocks tick between notices.
    heard: Instant,
    beat: usize,
    births: u64,
    /// Lines of the picture on the screen.
    drawn: usize,
    closing: Option<String>,
}

impl Tree {
    /// A tree in which every node of the plan waits.
    pub fn new(mut plan: Plan) -> Self {
        if plan.nodes.len() > LARGE {
            plan.nodes.clear();
        }
        let line = |player: &str| Line { player: player.to_owned(), ..Line::default() };
        let lines = plan.nodes.iter().map(|(id, player)| (id.clone(), line(player))).collect();
        Self {
            melody: plan.melody,
            stats: Stats::default(),
            order: plan.nodes.into_iter().map(|(id, _)| id).collect(),
            lines,
            heard: Instant::now(),
            beat: 0,
            births: 0,
            drawn: 0,
            closing: None,
        }
    }

    fn take(&mut self, notice: &Notice) {
        let began = notice.node.as_deref().and_then(|node| self.stats.started(node));
        self.stats.notice(notice);
        self.heard = Instant::now();
        let Some(node) = &notice.node else {
            if let What::RunHalting { reason, .. } = &notice.what {
                self.closing = Some(tame(reason));
            }
            return;
        };
        if matches!(notice.what, What::BodyOpened { .. }) {
            // An iteration or an item has no line of its own; its nodes have.
            return;
        }
        let took = began.map(|began| notice.time.since(began));
        self.births += 1;
        let born = self.births;
        let line = self.lines.entry(node.clone()).or_insert_with(|| Line { born, ..Line::default() });
        match &notice.what {
            What::NodeStarted { player, attempt, .. } => {
                let (player, born) = (player.clone(), line.born);
                *line = Line { state: State::Running, player, attempt: *attempt, born, ..Line::default() };
                self.forget_earlier_iterations(node);
            }
            What::NodePlayed { cost_usd, reconstructed, .. } => {
                line.cost_usd += cost_usd;
                line.settle(State::Played, took, if *reconstructed { "reconstructed" } else { "" });
                self.fold(node);
                self.forget(node);
            }
            What::NodeReused { from, .. } => {
                line.settle(State::Reused, None, &format!("reused of {from}"));
                self.fold(node);
                self.forget(node);
            }
            What::AttemptFailed { class, message, retry_at_ns, reconstructs } => {
                let state = if retry_at_ns.is_some() || *reconstructs { State::Backoff } else { State::Failed };
                line.settle(state, took, &format!("{class}: {message}"));
            }
            What::NodeSkipped { reason } => {
                line.settle(State::Skipped, took, reason);
                self.fold(node);
                self.forget(node);
            }
            What::NodeFailed { class, message } => {
                line.settle(State::Failed, took, &format!("{class}: {message}"));
                if self.stats.failed > FAILURES as u64 {
                    self.forget(node);
                }
            }
            What::NodeCancelled => line.settle(State::Failed, took, "stopped"),
            What::ApprovalAsked { .. } => {
                line.state = State::Asking;
                line.tail = format!("symphony approve {} {node}", notice.run);
            }
            What::ApprovalAnswered { approved, by } => {
                line.state = State::Pending;
                line.tail = format!("{} by {}", if *approved { "approved" } else { "refused" }, tame(by));
            }
            What::UndoStarted { .. } => line.tail = "undoing".to_owned(),
            What::UndoEnded { error: None } => line.tail = "undone".to_owned(),
            What::UndoEnded { error: Some(error) } => line.tail = format!("not undone: {}", tame(error)),
            What::Progress { fraction, message } => {
                line.fraction = *fraction;
                if let Some(message) = message {
                    line.tail = tame(message);
                }
            }
            What::Chunk { text, .. } => line.stream(text),
            What::Log { message, .. } => line.tail = tame(message),
            What::RunBegan { .. }
            | What::RunResumed { .. }
            | What::BodyOpened { .. }
            | What::Rerouted { .. }
            | What::RunHalting { .. }
            | What::RunEnded { .. } => {}
        }
    }

    /// A large melody keeps no line of what is over.
    fn forget(&mut self, node: &str) {
        if self.order.is_empty() {
            self.lines.remove(node);
        }
    }

    /// A node that is over needs no lines for what played within it.
    fn fold(&mut self, node: &str) {
        let inside = |path: &str| path.strip_prefix(node).is_some_and(|rest| rest.starts_with(['.', '[']));
        let stale: Vec<String> = self.below(node).filter(|path| inside(path)).cloned().collect();
        for path in stale {
            self.lines.remove(&path);
        }
    }

    /// When `a[3].x` begins, nodes of `a[2]` that are over leave the picture (a map's items are folded one by one as
    /// they end; a loop's iterations end without a notice of their own).
    fn forget_earlier_iterations(&mut self, node: &str) {
        let Some((body, rest)) = node.rsplit_once('[') else { return };
        let Some(current) = rest.split(']').next() else { return };
        let current = format!("{body}[{current}]");
        let stale: Vec<String> = self
            .below(&format!("{body}["))
            .filter(|path| !path.starts_with(&current))
            .filter(|path| self.lines.get(*path).is_some_and(|line| !line.state.is_urgent()))
            .cloned()
            .collect();
        for path in stale {
            self.lines.remove(&path);
        }
    }

    /// Paths that begin with `prefix`, without `prefix` itself.
    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a String> {
        let from = (std::ops::Bound::Excluded(prefix.to_owned()), std::ops::Bound::Unbounded);
        self.lines.range(from).map(|(path, _)| path).take_while(move |path| path.starts_with(prefix))
    }

    /// The picture as lines that fit `width` columns, at most `height` of them.
    fn render(&self, width: usize, height: usize, now: Time) -> Vec<String> {
        let mut paths: Vec<(&String, &Line)> = Vec::with_capacity(self.lines.len());
        if self.order.is_empty() {
            paths.extend(&self.lines);
        }
        for top in &self.order {
            if let Some(line) = self.lines.get(top) {
                paths.push((top, line));
            }
            let inside = |path: &&String| path.strip_prefix(top.as_str()).is_some_and(|r| r.starts_with(['.', '[']));
            let below = self.below(top).filter(inside);
            let mut below: Vec<_> = below.filter_map(|path| self.lines.get(path).map(|line| (path, line))).collect();
            below.sort_by_cached_key(|(path, _)| self.ancestry(path));
            paths.extend(below);
        }
        let room = height.saturating_sub(3).max(1);
        let hidden = paths.len().saturating_sub(room);
        if hidden > 0 {
            // What plays or has failed goes first, then what has changed last in score order.
            let urgent = paths.iter().filter(|(_, line)| line.state.is_urgent()).count();
            let mut others = room.saturating_sub(urgent);
            let mut urgent_left = room;
            paths.retain(|(_, line)| {
                let left = if line.state.is_urgent() { &mut urgent_left } else { &mut others };
                let stays = *left > 0;
                *left = left.saturating_sub(1);
                stays
            });
        }
        let name_width = paths.iter().map(|(path, _)| label(path).chars().count()).max().unwrap_or(0).min(40);
        let player_width = paths.iter().map(|(_, line)| line.player.chars().count()).max().unwrap_or(0).min(36);
        let mut lines = vec![self.headline(now), self.bar(width)];
        for (path, line) in paths {
            lines.push(self.node_line(path, line, (name_width, player_width, width), now));
        }
        if hidden > 0 {
            lines.push(Style::new().dim().apply_to(format!("  … and {hidden} more nodes")).to_string());
        }
        lines.iter().map(|line| console::truncate_str(line, width, "…").into_owned()).collect()
    }

    /// Births of a path's ancestors and its own: within a body, lines stand in the order in which they appeared.
    fn ancestry(&self, path: &str) -> Vec<u64> {
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| self.lines.get(path.get(..end)?)).map(|line| line.born).collect()
    }

    fn headline(&self, now: Time) -> String {
        let stats = &self.stats;
        let mut text = format!("{}  ", Style::new().bold().apply_to(tame(&self.melody)));
        text += &format!("{}/{} nodes  {}", stats.over(), stats.nodes, span(now.since(Time(0))));
        if stats.running() > 0 {
            text += &format!("  {} playing", stats.running());
        }
        if stats.cost_usd > 0.0 {
            text += &format!("  {}", money(stats.cost_usd));
        }
        if let Some(reason) = &self.closing {
            text += &format!("  {}", Style::new().yellow().apply_to(reason));
        } else if let Some(left) = stats.remaining(now).filter(|left| !left.is_zero()) {
            text += &format!("  about {} left", span(left));
        }
        text
    }

    fn bar(&self, width: usize) -> String {
        let width = width.clamp(10, 60);
        let share = if self.stats.nodes == 0 { 0.0 } else { self.stats.over() as f64 / self.stats.nodes as f64 };
        let full = ((width as f64) * share.clamp(0.0, 1.0)) as usize;
        let done = Style::new().green().apply_to("━".repeat(full));
        format!("{done}{}", Style::new().dim().apply_to("─".repeat(width - full)))
    }

    fn node_line(&self, path: &str, line: &Line, widths: (usize, usize, usize), now: Time) -> String {
        let (name_width, player_width, width) = widths;
        let glyph = line.state.style().apply_to(line.state.glyph(self.beat));
        let dim = Style::new().dim();
        let elapsed = line.took.or_else(|| self.stats.started(path).map(|began| now.since(began)));
        let mut text = format!(
            "{glyph} {:<name_width$}  {:<player_width$}  {:>6}",
            label(path),
            dim.apply_to(&line.player),
            elapsed.map(span).unwrap_or_default(),
        );
        if line.attempt > 1 {
            text += &format!("  attempt {}", line.attempt);
        }
        if line.cost_usd > 0.0 {
            text += &format!("  {}", money(line.cost_usd));
        }
        if let Some(fraction) = line.fraction.filter(|_| line.state == State::Running) {
            text += &format!("  {:.0}%", f64::from(fraction.clamp(0.0, 1.0)) * 100.0);
        }
        let room = width.saturating_sub(console::measure_text_width(&text) + 3);
        if !line.tail.is_empty() && room > 3 {
            text += &format!("  {}", dim.apply_to(line.end_of_tail(room)));
        }
        text
    }

    fn now(&self) -> Time {
        if self.stats.running() == 0 { self.stats.time } else { self.stats.time.after(self.heard.elapsed()) }
    }

    /// Writes the picture over the last one.
    fn draw(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let (height, width) = Term::stdout().size();
        let lines = self.render(usize::from(width), usize::from(height), self.now());
        let mut picture = String::new();
        if self.drawn > 0 {
            picture += &format!("\x1b[{}A\r", self.drawn);
        }
        for line in &lines {
            picture += line;
            picture += "\x1b[K\n";
        }
        picture += "\x1b[J";
        self.drawn = lines.len();
        out.write_all(picture.as_bytes())
    }
}

impl Painter for Tree {
    fn notice(&mut self, notice: &Notice, _out: &mut dyn Write) -> io::Result<()> {
        self.take(notice);
        Ok(())
    }

    fn is_live(&self) -> bool {
        true
    }

    fn picture(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.beat += 1;
        self.draw(out)
    }

    fn end(&mut self, closing: &Closing, out: &mut dyn Write) -> io::Result<()> {
        self.draw(out)?;
        out.write_all(words::closing(closing).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{began, notice, played, started};
    use super::*;

    fn tree(nodes: &[&str]) -> Tree {
        let plan = nodes.iter().map(|id| ((*id).to_owned(), "builtin:text/join".to_owned())).collect();
        let mut tree = Tree::new(Plan { melody: "tune".into(), nodes: plan });
        tree.take(&notice(0, "", began(nodes.len() as u32)));
        tree
    }

    fn picture(tree: &Tree, height: usize, ms: u64) -> String {
        tree.render(76, height, Time(ms * 1_000_000)).join("\n")
    }

    #[test]
    fn every_node_has_a_line_and_bodies_stand_below_their_node() {
        let mut tree = tree(&["log", "polish", "write"]);
        tree.take(&notice(0, "log", started()));
        tree.take(&notice(41, "log", played(0.0)));
        tree.take(&notice(41, "polish", What::NodeStarted { player: "loop".into(), attempt: 1, reconstructs: false }));
        let body = || What::BodyOpened { melody: "polish".into(), nodes: 1 };
        tree.take(&notice(41, "polish", body()));
        tree.take(&notice(41, "polish[0].draft", started()));
        tree.take(&notice(90, "polish[0].draft", played(0.002)));
        tree.take(&notice(90, "polish", body()));
        tree.take(&notice(91, "polish[1].draft", started()));
        let piece = What::Chunk { port: "text".into(), text: "a warmer\nfirst \x1b[2Jsentence".into() };
        tree.take(&notice(95, "polish[1].draft", piece));
        insta::assert_snapshot!(picture(&tree, 24, 1291));
        tree.take(&notice(2000, "polish[1].draft", played(0.002)));
        tree.take(&notice(2001, "polish", played(0.0)));
        tree.take(&notice(2001, "write", What::NodeSkipped { reason: "its condition is false".into() }));
        insta::assert_snapshot!(picture(&tree, 24, 2001));
    }

    #[test]
    fn a_small_terminal_shows_what_plays_and_counts_the_rest() {
        let names: Vec<String> = (0..40).map(|place| format!("n{place:02}")).collect();
        let mut tree = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        tree.take(&notice(0, "n33", started()));
        let text = picture(&tree, 10, 5);
        assert!(text.lines().count() <= 10, "{text}");
        assert!(text.contains("n33"), "{text}");
        assert!(text.contains("and 33 more nodes"), "{text}");
    }

    #[test]
    fn a_large_melody_costs_no_more_than_what_plays() {
        let names: Vec<String> = (0..LARGE + 1).map(|place| format!("n{place}")).collect();
        let mut tree = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for name in &names {
            tree.take(&notice(0, name, started()));
            tree.take(&notice(1, name, played(0.0)));
        }
        tree.take(&notice(2, "n7", started()));
        assert_eq!(tree.lines.len(), 1);
        assert!(picture(&tree, 10, 5).contains("n7"));
    }

    #[test]
    fn pictures_replace_each_other() {
        let mut tree = tree(&["a", "b"]);
        let mut out = Vec::new();
        tree.draw(&mut out).unwrap();
        let first = out.len();
        tree.draw(&mut out).unwrap();
        let second = String::from_utf8(out.split_off(first)).unwrap();
        assert!(second.starts_with("\x1b[4A\r"), "{second:?}");
    }
}
