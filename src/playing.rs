//! Playing a run: the loop between the orchestra, the people who speak to it and the view that shows it.
//!
//! ```text
//! Ctrl-C ─┐                    ┌─► frame ─► notices ─► view
//! socket ─┴─► words ─► loop ───┤
//!                 ▲            └─► rest until something arrives
//!                 └────────────────────┘
//! ```

use crate::control::{Answer, Command, Request, Verdict};
use crate::exit::Exit;
use crate::rewriting::Change;
use crate::view::{Closing, View, in_short};
use crossbeam_channel::Receiver;
use std::collections::BTreeMap;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::notice::Summary;
use symphony_ecs_core::events::{RunStatus, What};
use symphony_ecs_core::ids::RunSlot;
use symphony_ecs_core::ports::JournalError;
use symphony_ecs_core::value::Value;
use symphony_systems::run::{Rerouted, Run};
use symphony_systems::{Orchestra, Pulse, orchestra};

/// What reaches the loop from outside.
#[derive(Debug)]
pub enum Word {
    /// Stop so that the run can be resumed.
    Stop,
    /// A command over the control socket.
    Asked(Request),
}

/// How the loop ended.
#[derive(Debug)]
pub enum Ending {
    /// The run is over.
    Over,
    /// Somebody pressed Ctrl-C; the run can be resumed.
    Interrupted,
    /// The journal stopped; what was committed is safe.
    Broken(JournalError),
}

/// Plays a seated run until it is over, interrupted or its journal breaks.
pub fn play(orchestra: &mut Orchestra, slot: RunSlot, words: &Receiver<Word>, view: &View) -> Ending {
    let sink = view.sink();
    let mut over = false;
    loop {
        orchestra.frame();
        for notice in orchestra.notices() {
            // It is published once its frame is committed: only then is the run over for good.
            over |= matches!(notice.what, What::RunEnded { .. });
            sink.notice(notice);
        }
        if let Some(failure) = orchestra.failure(slot) {
            return Ending::Broken(failure.clone());
        }
        if over {
            return Ending::Over;
        }
        while let Ok(word) = words.try_recv() {
            match word {
                Word::Stop => return Ending::Interrupted,
                Word::Asked(request) => obey(orchestra, slot, request),
            }
        }
        match orchestra.pulse() {
            Pulse::Beat => {}
            Pulse::Rest(most) => orchestra.rest(most, &[words]),
        }
    }
}

/// Does what a person asks over the socket, and answers.
pub fn obey(orchestra: &mut Orchestra, slot: RunSlot, request: Request) {
    let answer = match command_of(&request.command) {
        None => answer(orchestra, slot, &request.command),
        Some(command) => match objection(orchestra, slot, &command) {
            Some(objection) => Answer::refused(objection),
            None => {
                let said = match &command {
                    orchestra::Command::Approve { node, approved: true, .. } => format!("{node} approved"),
                    orchestra::Command::Approve { node, approved: false, .. } => format!("{node} refused"),
                    orchestra::Command::Cancel { .. } => "cancelling".to_owned(),
                };
                orchestra.command(slot, command);
                Answer::done(said)
            }
        },
    };
    request.answer(answer);
}

/// Answers a question, or does what concerns the players and not the run.
fn answer(orchestra: &mut Orchestra, slot: RunSlot, command: &Command) -> Answer {
    match command {
        Command::Pools => match serde_json::to_value(orchestra.pools()) {
            Ok(pools) => Answer::status(pools),
            Err(error) => Answer::refused(error.to_string()),
        },
        Command::Warm { player, seats } => match orchestra.warm(player, *seats) {
            Some(started) => Answer::status(started.into()),
            None => Answer::refused(format!("its melody does not name {player}, or names it only within the process")),
        },
        Command::Reroute { change, by } => rewire(orchestra, slot, change, by.as_deref()),
        Command::Status | Command::Approve { .. } | Command::Cancel => Answer::status(standing(orchestra, slot)),
    }
}

/// The orchestra's command for what arrives over the socket or was left in the journal; `None` for a question.
pub fn command_of(command: &Command) -> Option<orchestra::Command> {
    match command {
        Command::Approve { node, verdict, by } => Some(orchestra::Command::Approve {
            node: node.clone(),
            approved: *verdict == Verdict::Approve,
            by: by.clone().unwrap_or_else(|| "somebody".to_owned()),
        }),
        Command::Cancel => Some(orchestra::Command::Cancel { by: "symphony cancel".to_owned() }),
        Command::Reroute { .. } | Command::Status | Command::Pools | Command::Warm { .. } => None,
    }
}

/// Rewires a run, and says what is different from the next frame on or why nothing is.
pub fn rewire(orchestra: &mut Orchestra, slot: RunSlot, change: &Change, by: Option<&str>) -> Answer {
    let change = match serde_json::to_string(change) {
        Ok(change) => change,
        Err(error) => return Answer::refused(error.to_string()),
    };
    match orchestra.reroute(slot, &change, by.unwrap_or("somebody")) {
        Err(why) => Answer::refused(why),
        Ok(Rerouted { added, removed, replaced }) => {
            let part = |ids: &[String], word: &str| (!ids.is_empty()).then(|| format!("{} {word}", ids.join(", ")));
            let parts = [part(&added, "came"), part(&removed, "went"), part(&replaced, "replaced")];
            let message = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
            let status = serde_json::json!({"added": added, "removed": removed, "replaced": replaced});
            Answer { ok: true, message: Some(message), status: Some(status) }
        }
    }
}

/// Why a command makes no sense now.
fn objection(orchestra: &mut Orchestra, slot: RunSlot, command: &orchestra::Command) -> Option<String> {
    let orchestra::Command::Approve { node, .. } = command else { return None };
    let nodes = orchestra.nodes(slot);
    let waiting: Vec<&str> =
        nodes.iter().filter(|view| view.status == Status::AwaitingApproval).map(|view| view.path.as_str()).collect();
    if waiting.contains(&node.as_str()) {
        return None;
    }
    let others = match waiting.as_slice() {
        [] => "no node waits for an answer".to_owned(),
        waiting => format!("these wait: {}", waiting.join(", ")),
    };
    Some(match nodes.iter().find(|view| view.path == *node) {
        Some(view) => format!("{node} does not wait for an answer, it is {}; {others}", view.status.as_str()),
        None => format!("there is no node {node} now; {others}"),
    })
}

/// How a run stands, for `status` over the socket.
fn standing(orchestra: &mut Orchestra, slot: RunSlot) -> serde_json::Value {
    let mut nodes: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut awaiting = Vec::new();
    for view in orchestra.nodes(slot) {
        *nodes.entry(view.status.as_str()).or_default() += 1;
        if view.status == Status::AwaitingApproval {
            awaiting.push(view.path);
        }
    }
    let run = orchestra.run(slot).map(|run| {
        serde_json::json!({
            "run": run.id,
            "status": run.status.as_str(),
            "cost_usd": dollars(run.budget.spent.cost_micros),
            "tokens": run.budget.spent.tokens,
            "wall_s": run.now.0 as f64 / 1e9,
        })
    });
    serde_json::json!({ "run": run, "nodes": nodes, "awaiting_approval": awaiting })
}

/// Micro-dollars as dollars.
pub fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// The melody's outputs that were obtained, by name.
pub fn outputs(run: &Run) -> Vec<(String, Value)> {
    let names = run.scores.first().map(|score| score.outputs.as_slice()).unwrap_or_default();
    let given = names.iter().zip(&run.outputs).filter(|(_, value)| value.is_present());
    given.map(|(output, value)| (output.name.to_string(), value.clone())).collect()
}

/// How a run that is over, was interrupted, or is looked at stands, for people and programs.
pub fn closing(run: &Run, interrupted: bool) -> Closing {
    let outputs = outputs(run);
    let summary = Summary {
        run: run.id.clone(),
        status: if interrupted { RunStatus::Cancelled } else { run.status },
        nodes: run.tally.nodes,
        played: run.tally.played,
        reused: run.tally.reused,
        skipped: run.tally.skipped,
        failed: run.tally.failed,
        artifacts: outputs.iter().map(|(name, value)| (name.clone(), value.digest())).collect(),
        cost_usd: dollars(run.budget.spent.cost_micros),
        tokens: run.budget.spent.tokens,
        wall_s: run.now.0 as f64 / 1e9,
        reason: match interrupted {
            true => Some("interrupted".to_owned()),
            false => run.halting.as_ref().map(|halting| halting.reason.clone()),
        },
        resumable: interrupted,
    };
    let outputs = outputs.iter().map(|(name, value)| (name.clone(), in_short(value))).collect();
    Closing { summary, outputs }
}

/// The exit code that tells how a run ended.
pub fn exit_of(status: RunStatus) -> Exit {
    match status {
        RunStatus::Completed => Exit::Completed,
        RunStatus::Failed | RunStatus::Halted => Exit::RunFailed,
        RunStatus::Cancelled | RunStatus::Playing => Exit::Interrupted,
    }
}
