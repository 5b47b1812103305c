//! A recorded execution as a melody: a node for each task, its run time as the estimate.

use super::recorded::{Machine, Recorded, Task};
use crate::names::{Ids, melody_name, player_name, slug};
use crate::toml::{Draft, DraftNode, float, quoted, table, texts};

/// The melody of a recording. Of the machines only names are kept, with the tasks that ran there.
pub(super) fn text(recorded: &Recorded, stem: &str) -> String {
    let mut ids = Ids::default();
    let named: Vec<String> = recorded.tasks.iter().map(|task| ids.of(&task.id, "task")).collect();
    let name = if recorded.name.trim().is_empty() { stem } else { &recorded.name };
    let draft = Draft {
        name: melody_name(name),
        title: (melody_name(name) != name).then(|| name.to_owned()),
        description: recorded.description.clone(),
        comments: recording(recorded).into_iter().collect(),
        nodes: recorded.tasks.iter().zip(&named).map(|(task, id)| node(recorded, task, id, &named)).collect(),
        ..Draft::default()
    };
    draft.text()
}

/// A line about the recording.
fn recording(recorded: &Recorded) -> Option<String> {
    let mut words = Vec::new();
    words.extend(recorded.system.as_ref().map(|system| format!("by {system}")));
    words.extend(recorded.executed_at.as_ref().map(|time| format!("at {time}")));
    words.extend(recorded.makespan_s.map(|seconds| format!("in {seconds} s")));
    let machine = |machine: &Machine| match machine.cores {
        Some(cores) => format!("{} ({cores} cores)", machine.name),
        None => machine.name.clone(),
    };
    if let [first, rest @ ..] = recorded.machines.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        words.push(format!("on {}{more}", machine(first)));
    }
    (!words.is_empty()).then(|| format!("Recorded {}.", words.join(" ")))
}

fn node(recorded: &Recorded, task: &Task, id: &str, named: &[String]) -> DraftNode {
    let title = match (task.name != task.id, id != task.id) {
        (true, _) => Some(task.name.clone()),
        (false, true) => Some(task.id.clone()),
        (false, false) => None,
    };
    let mut with: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, value: Option<String>| with.extend(value.map(|value| (name.to_owned(), value)));
    // The title says it where its slug is the id; see `export.rs`.
    let told = id == task.id || title.as_deref() == Some(&task.id) && slug(&task.id, "task") == id;
    put("task", (!told).then(|| quoted(&task.id)));
    put("program", task.program.as_deref().map(quoted));
    put("arguments", list(&task.arguments));
    put("cores", task.cores.map(number));
    put("avg_cpu", task.avg_cpu.map(number));
    put("memory_bytes", task.memory_bytes.map(whole));
    put("read_bytes", task.read_bytes.map(whole));
    put("written_bytes", task.written_bytes.map(whole));
    put("priority", task.priority.map(number));
    put("machines", list(&task.machines));
    put("reads", files(recorded, &task.inputs));
    put("writes", files(recorded, &task.outputs));
    DraftNode {
        id: id.to_owned(),
        title,
        uses: Some(format!("operator:{}/run", player_name(&task.category))),
        needs: task.parents.iter().filter_map(|parent| named.get(*parent as usize)).map(|id| quoted(id)).collect(),
        with,
        more: vec![("estimate", format!("{{ seconds = {} }}", number(task.runtime_s)))],
        ..DraftNode::default()
    }
}

fn list(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| texts(items.iter().map(String::as_str)))
}

/// A number without a needless fraction.
fn number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 9e15 { format!("{}", number as i64) } else { float(number) }
}

/// Sizes beyond 63 bits are no sizes; TOML has none.
fn whole(number: u64) -> String {
    i64::try_from(number).unwrap_or(i64::MAX).to_string()
}

/// Files with their sizes in bytes; a size that is not known is said so.
fn files(recorded: &Recorded, places: &[u32]) -> Option<String> {
    let mut entries: Vec<(String, String)> = Vec::with_capacity(places.len());
    let mut seen = std::collections::HashSet::new();
    for file in places.iter().filter_map(|place| recorded.files.get(*place as usize)) {
        // `secret` has a meaning of its own in settings.
        if file.id != "secret" && seen.insert(file.id.as_str()) {
            entries.push((file.id.clone(), file.bytes.map_or_else(|| quoted("unknown"), whole)));
        }
    }
    // Their order has no meaning, and a melody's settings keep none.
    entries.sort();
    (!entries.is_empty()).then(|| table(&entries))
}
