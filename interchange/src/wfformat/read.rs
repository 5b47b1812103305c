//! From WfFormat's JSON to the recording.
//!
//! Since 1.5 a file says what was to be done (`workflow.specification`) and what came of it (`workflow.execution`);
//! before, `workflow.tasks` (or `jobs`) said both. Both forms are read into one.

use super::order::circle;
use super::recorded::{DataFile, Machine, Recorded, Task, category_of};
use crate::json::{self, Json, Value};
use crate::report::{Findings, Refusal, Unsupported};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Reads a recorded execution.
///
/// # Errors
/// The text is no JSON, no WfFormat, or its tasks do not fit together: the first fault with its line and cure.
pub fn read(text: &str) -> Result<Recorded, Refusal> {
    of_json(text, &json::read(text)?).map(|(recorded, _)| recorded)
}

/// Whether a JSON value looks like WfFormat.
pub(crate) fn is_wfformat(json: &Json<'_>) -> bool {
    let workflow = json.get("workflow");
    let listed = |of: &Json<'_>, key: &str| of.get(key).is_list();
    listed(workflow.get("specification"), "tasks")
        || (listed(workflow, "tasks") || listed(workflow, "jobs")) && json.find("schemaVersion").is_some()
}

/// Reads a recorded execution from its JSON, and what of it is not kept; `text` is for places.
pub(crate) fn of_json(text: &str, json: &Json<'_>) -> Result<(Recorded, Vec<Unsupported>), Refusal> {
    let reader = Reader { text, unread: RefCell::default() };
    let workflow = json.get("workflow");
    if !workflow.is_object() {
        let help = "WfFormat has a `workflow` with a `specification` and an `execution`; is it the right file?";
        return Err(Refusal::new("there is no `workflow`", help).at(text, json.at));
    }
    let (specification, execution) = (workflow.get("specification"), workflow.get("execution"));
    let old = !specification.is_object();
    let (specified, ran) = if old { (workflow, workflow) } else { (specification, execution) };
    let listed = specified.find("tasks").or_else(|| specified.find("jobs"));
    let Some(listed) = listed.filter(|tasks| tasks.is_list()) else {
        let help = "WfFormat lists its tasks in `workflow.specification.tasks`";
        return Err(Refusal::new("the workflow has no list of tasks", help).at(text, specified.at.max(workflow.at)));
    };
    let words = |json: &Json<'_>, key: &str| json.find(key).and_then(Json::text).map(str::to_owned);
    let mut recorded = Recorded {
        name: words(json, "name").unwrap_or_default(),
        description: words(json, "description"),
        schema: json.get("schemaVersion").word().unwrap_or_default().into_owned(),
        system: system(json.find("runtimeSystem").or_else(|| json.find("wms")).unwrap_or(json.get("runtimeSystem"))),
        makespan_s: ran.find("makespanInSeconds").or_else(|| ran.find("makespan")).and_then(Json::number),
        executed_at: words(ran, "executedAt"),
        machines: ran.get("machines").items().iter().map(machine).collect(),
        ..Recorded::default()
    };
    let mut files = Files::default();
    for file in specified.get("files").items() {
        if let Some(id) = file.find("id").or_else(|| file.find("name")).and_then(Json::text) {
            files.of(id, size(file));
        }
    }
    reader.tasks(listed.items(), &mut recorded, &mut files)?;
    if !old {
        reader.execution(execution, &mut recorded)?;
    }
    recorded.files = files.list;
    if let Some(circle) = circle(&recorded.tasks) {
        let names: Vec<&str> =
            circle.iter().filter_map(|at| recorded.tasks.get(*at)).map(|task| task.id.as_str()).take(8).collect();
        let message = format!("the tasks wait for each other in a circle: {}", names.join(" → "));
        let at = circle.first().and_then(|at| listed.items().get(*at)).map_or(0, |task| task.at);
        let help = "a recorded execution has an order; mend `parents` and `children` of these tasks";
        return Err(Refusal::new(message, help).at(text, at));
    }
    let mut findings = Findings::new(text);
    for (key, (place, times)) in reader.unread.into_inner() {
        findings.note(format!("measure `{key}` of {times} tasks"), "workflow", place);
    }
    if let Some(machines) = ran.find("machines").filter(|machines| !machines.items().is_empty()) {
        let what = format!("description of {} machines", recorded.machines.len());
        findings.note(what, "workflow.execution.machines", machines.at);
    }
    Ok((recorded, findings.into_list()))
}

fn system(json: &Json<'_>) -> Option<String> {
    let name = json.find("name")?.text()?;
    Some(match json.find("version").and_then(Json::word) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

fn machine(json: &Json<'_>) -> Machine {
    let cpu = json.get("cpu");
    Machine {
        name: json.get("nodeName").word().unwrap_or_default().into_owned(),
        cores: cpu.find("coreCount").or_else(|| cpu.find("count")).and_then(Json::count),
        mhz: cpu.find("speedInMHz").or_else(|| cpu.find("speed")).and_then(Json::number),
        memory_bytes: json.find("memoryInBytes").or_else(|| json.find("memory")).and_then(Json::count),
    }
}

fn size(file: &Json<'_>) -> Option<u64> {
    file.find("sizeInBytes").or_else(|| file.find("size")).and_then(Json::count)
}

/// Files by name.
#[derive(Default)]
struct Files {
    list: Vec<DataFile>,
    places: HashMap<String, u32>,
}

impl Files {
    fn of(&mut self, id: &str, bytes: Option<u64>) -> u32 {
        if let Some(place) = self.places.get(id) {
            if let (Some(file), Some(_)) = (self.list.get_mut(*place as usize), bytes) {
                file.bytes = file.bytes.or(bytes);
            }
            return *place;
        }
        let place = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.places.insert(id.to_owned(), place);
        self.list.push(DataFile { id: id.to_owned(), bytes });
        place
    }
}

struct Reader<'t> {
    text: &'t str,
    /// Measures that are not known: the first place and how often.
    unread: RefCell<BTreeMap<String, (usize, usize)>>,
}

impl Reader<'_> {
    fn refuse<T>(&self, at: usize, message: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
        Err(Refusal::new(message, help).at(self.text, at))
    }

    fn tasks(&self, listed: &[Json<'_>], recorded: &mut Recorded, files: &mut Files) -> Result<(), Refusal> {
        let (mut by_id, mut by_name) = (HashMap::new(), HashMap::new());
        for (place, json) in listed.iter().enumerate() {
            if !json.is_object() {
                return self.refuse(json.at, format!("a task is {}", json.kind()), "a task is an object with an `id`");
            }
            let name = json.find("name").and_then(Json::word);
            let Some(id) = json.find("id").and_then(Json::word).or_else(|| name.clone()) else {
                return self.refuse(json.at, "a task has no `id`", "give every task an `id` of its own");
            };
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            if by_id.insert(id.to_string(), place).is_some() {
                let help = "ids tell tasks apart: give one of them another";
                return self.refuse(json.at, format!("there are two tasks with the id `{id}`"), help);
            }
            let name = name.unwrap_or_else(|| id.clone()).into_owned();
            by_name.entry(name.clone()).or_insert(place);
            let category = json.find("category").or_else(|| json.find("type")).and_then(Json::text);
            // `type` was `compute` or `transfer` in early schemas, which tells no work from another.
            let category = category.filter(|category| !matches!(*category, "compute" | "transfer" | "auxiliary"));
            let mut task = Task {
                id: id.into_owned(),
                category: category.unwrap_or_else(|| category_of(&name)).to_owned(),
                name,
                ..Task::default()
            };
            for (key, list) in [("inputFiles", &mut task.inputs), ("outputFiles", &mut task.outputs)] {
                list.extend(json.get(key).items().iter().filter_map(Json::text).map(|id| files.of(id, None)));
            }
            for file in json.get("files").items() {
                let id = file.find("id").or_else(|| file.find("name")).and_then(Json::text);
                let Some(place) = id.map(|id| files.of(id, size(file))) else { continue };
                match file.get("link").text() {
                    Some("output") => task.outputs.push(place),
                    _ => task.inputs.push(place),
                }
            }
            self.measures(json, &mut task)?;
            recorded.tasks.push(task);
        }
        let place_of = |json: &Json<'_>, of: &str, role: &str| {
            let name = json.word().unwrap_or_default();
            match by_id.get(name.as_ref()).or_else(|| by_name.get(name.as_ref())) {
                Some(place) => Ok(*place),
                None => {
                    let message = format!("task `{of}` names the {role} `{name}`, which is no task");
                    self.refuse(json.at, message, "name the `id` of a task of this file")
                }
            }
        };
        for (place, json) in listed.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let id = recorded.tasks.get(place as usize).map(|task| task.id.clone()).unwrap_or_default();
            for parent in json.get("parents").items() {
                let parent = place_of(parent, &id, "parent")?;
                if let Some(task) = recorded.tasks.get_mut(place as usize) {
                    task.parents.push(parent);
                }
            }
            for child in json.get("children").items() {
                let child = place_of(child, &id, "child")?;
                if let Some(task) = recorded.tasks.get_mut(child as usize) {
                    task.parents.push(place);
                }
            }
        }
        for task in &mut recorded.tasks {
            task.parents.sort_unstable();
            task.parents.dedup();
        }
        Ok(())
    }

    /// What `workflow.execution` says of the tasks.
    fn execution(&self, execution: &Json<'_>, recorded: &mut Recorded) -> Result<(), Refusal> {
        let places: HashMap<String, usize> =
            recorded.tasks.iter().enumerate().map(|(place, task)| (task.id.clone(), place)).collect();
        for json in execution.get("tasks").items() {
            let Some(id) = json.find("id").and_then(Json::word) else {
                return self.refuse(
                    json.at,
                    "an executed task has no `id`",
                    "name the `id` of a task of the specification",
                );
            };
            match places.get(id.as_ref()).and_then(|place| recorded.tasks.get_mut(*place)) {
                Some(task) => self.measures(json, task)?,
                None => {
                    let message = format!("`{id}` was executed but is no task of the specification");
                    return self.refuse(
                        json.at,
                        message,
                        "add it to `workflow.specification.tasks`, or take it away here",
                    );
                }
            }
        }
        Ok(())
    }

    /// What was measured of a task.
    fn measures(&self, json: &Json<'_>, task: &mut Task) -> Result<(), Refusal> {
        for (key, value) in json.entries() {
            match key.as_ref() {
                "runtimeInSeconds" | "runtime" => match value.number() {
                    Some(seconds) if seconds >= 0.0 => task.runtime_s = seconds,
                    _ if value.value == Value::Null => {}
                    _ => {
                        let message = format!("the run time of task `{}` is not a number from 0 on", task.id);
                        return self.refuse(value.at, message, "write seconds, such as 12.5");
                    }
                },
                "coreCount" | "cores" => task.cores = value.number(),
                "avgCPU" => task.avg_cpu = value.number(),
                "memoryInBytes" | "memory" => task.memory_bytes = value.count(),
                "readBytes" | "bytesRead" => task.read_bytes = value.count(),
                "writtenBytes" | "bytesWritten" => task.written_bytes = value.count(),
                "priority" => task.priority = value.number(),
                "machine" => task.machines = value.word().map(|name| name.into_owned()).into_iter().collect(),
                "machines" => {
                    task.machines = value.items().iter().filter_map(Json::text).map(str::to_owned).collect();
                }
                "program" => task.program = value.text().map(str::to_owned),
                "arguments" => task.arguments = arguments(value),
                "command" => {
                    task.program = value.find("program").and_then(Json::text).map(str::to_owned);
                    task.arguments = arguments(value.get("arguments"));
                }
                "id" | "name" | "parents" | "children" | "inputFiles" | "outputFiles" | "files" | "category"
                | "type" => {}
                key => {
                    let mut unread = self.unread.borrow_mut();
                    unread.entry(key.to_owned()).or_insert((value.at, 0)).1 += 1;
                }
            }
        }
        Ok(())
    }
}

fn arguments(json: &Json<'_>) -> Vec<String> {
    json.items().iter().filter_map(Json::word).map(|word| word.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = r#"{ "name": "tiny", "schemaVersion": "1.5", "runtimeSystem": {"name": "Make", "version": "4"},
      "workflow": {
        "specification": {
          "files": [{"id": "raw", "sizeInBytes": 10}, {"id": "cooked", "sizeInBytes": 20}],
          "tasks": [
            {"id": "eat_2", "name": "eat", "parents": ["cook_1"], "children": [], "inputFiles": ["cooked"], "outputFiles": []},
            {"id": "cook_1", "name": "cook_1", "parents": [], "children": ["eat_2"], "inputFiles": ["raw"], "outputFiles": ["cooked"]}
          ] },
        "execution": { "makespanInSeconds": 5, "executedAt": "now",
          "machines": [{"nodeName": "stove", "cpu": {"coreCount": 4}}],
          "tasks": [
            {"id": "cook_1", "runtimeInSeconds": 3.5, "coreCount": 2, "machines": ["stove"],
             "command": {"program": "cook", "arguments": ["-x", 1]}, "memoryInBytes": 7, "avgCPU": 99.5},
            {"id": "eat_2", "runtimeInSeconds": 1}
          ] } } }"#;

    #[test]
    fn both_halves_come_together() {
        let recorded = read(NEW).unwrap();
        assert_eq!((recorded.tasks.len(), recorded.edges(), recorded.files.len()), (2, 1, 2));
        assert_eq!(recorded.system.as_deref(), Some("Make 4"));
        assert_eq!(recorded.machines[0].cores, Some(4));
        let (eat, cook) = (&recorded.tasks[0], &recorded.tasks[1]);
        assert_eq!(
            (eat.parents.as_slice(), eat.runtime_s, eat.inputs.as_slice()),
            ([1].as_slice(), 1.0, [1].as_slice())
        );
        assert_eq!((cook.runtime_s, cook.cores, cook.category.as_str()), (3.5, Some(2.0), "cook"));
        assert_eq!(cook.arguments, ["-x", "1"]);
        assert_eq!(recorded.files[1].bytes, Some(20));
    }

    #[test]
    fn older_schemas_are_read() {
        let recorded = read(
            r#"{ "name": "old", "schemaVersion": "1.4", "workflow": { "makespanInSeconds": 3, "tasks": [
              {"name": "a_1", "id": "1", "type": "compute", "runtimeInSeconds": 2, "parents": [], "children": ["b_1"],
               "cores": 1, "files": [{"link": "output", "name": "f", "sizeInBytes": 3}], "machine": "m"},
              {"name": "b_1", "id": "2", "type": "compute", "runtime": 1, "parents": ["a_1"], "children": [],
               "files": [{"link": "input", "name": "f", "size": 3}], "program": "b"} ] } }"#,
        )
        .unwrap();
        assert_eq!(recorded.edges(), 1);
        assert_eq!(
            (recorded.tasks[0].outputs.as_slice(), recorded.tasks[1].inputs.as_slice()),
            ([0].as_slice(), [0].as_slice())
        );
        assert_eq!((recorded.tasks[0].machines[0].as_str(), recorded.tasks[1].program.as_deref()), ("m", Some("b")));
        assert_eq!((recorded.tasks[1].category.as_str(), recorded.tasks[1].runtime_s), ("b", 1.0));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_line() {
        let fault = |from: &str, to: &str| read(&NEW.replace(from, to)).unwrap_err().to_string();
        assert_eq!(
            fault("\"parents\": [\"cook_1\"]", "\"parents\": [\"bake\"]"),
            "line 6, column 56: task `eat_2` names the parent `bake`, which is no task"
        );
        assert!(
            fault("\"id\": \"eat_2\", \"name\"", "\"id\": \"cook_1\", \"name\"")
                .starts_with("line 7, column 13: there are two")
        );
        assert!(fault("3.5", "-3.5").starts_with("line 12, column 50: the run time of task `cook_1`"));
        assert!(
            fault("\"parents\": [], ", "\"parents\": [\"eat_2\"], ")
                .contains("the tasks wait for each other in a circle: cook_1 → eat_2")
        );
        assert_eq!(read("[]").unwrap_err().to_string(), "line 1, column 1: there is no `workflow`");
    }
}
