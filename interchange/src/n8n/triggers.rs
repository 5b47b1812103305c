//! What starts a workflow of n8n, as a melody's `on`.

use super::read::Node;
use crate::json::Json;
use crate::report::Findings;
use crate::toml::quoted;

/// The value of `on`, if it is more than starting by hand. What cannot be said is noted.
pub(super) fn on(nodes: &[Node<'_, '_>], settings: &Json<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let tz = settings.get("timezone").text().filter(|zone| !zone.is_empty() && *zone != "DEFAULT");
    let (mut schedules, mut api) = (Vec::new(), false);
    for node in nodes.iter().filter(|node| !node.is("disabled")) {
        let rules = match node.short() {
            "scheduleTrigger" => node.parameters.get("rule").get("interval").items(),
            "cron" => node.parameters.get("triggerTimes").get("item").items(),
            "webhook" => {
                api = true;
                continue;
            }
            "manualTrigger" | "manualChatTrigger" | "executeWorkflowTrigger" | "start" => continue,
            kind if kind.ends_with("Trigger") || kind == "interval" || kind == "emailReadImap" => {
                findings.note(
                    format!("trigger `{kind}`: start the melody by hand or by its API"),
                    node.name,
                    node.json.at,
                );
                continue;
            }
            _ => continue,
        };
        for rule in rules {
            match cron(node.short() == "cron", rule) {
                Some(cron) => schedules.push(cron),
                None => findings.note("schedule that no time table of five fields says", node.name, node.json.at),
            }
        }
    }
    if schedules.is_empty() && !api {
        return None;
    }
    let mut parts = vec!["manual = true".to_owned()];
    let zone = tz.map(|zone| format!(", tz = {}", quoted(zone))).unwrap_or_default();
    let schedules: Vec<String> = schedules.iter().map(|cron| format!("{{ cron = {}{zone} }}", quoted(cron))).collect();
    match schedules.as_slice() {
        [] => {}
        [one] => parts.push(format!("schedule = {one}")),
        many => parts.push(format!("schedule = [{}]", many.join(", "))),
    }
    if api {
        parts.push("api = true".to_owned());
    }
    Some(format!("{{ {} }}", parts.join(", ")))
}

/// A rule as minute, hour, day, month and day of the week.
fn cron(old: bool, rule: &Json<'_>) -> Option<String> {
    // What is not said has a default; what is said by an expression has no time.
    let number = |key: &str, default: u64| match rule.find(key) {
        None => Some(default),
        Some(value) => value.count(),
    };
    let (hour_key, minute_key) = if old { ("hour", "minute") } else { ("triggerAtHour", "triggerAtMinute") };
    let (hour, minute) = (number(hour_key, if old { 14 } else { 0 })?, number(minute_key, 0)?);
    if hour > 23 || minute > 59 {
        return None;
    }
    let every = |count: u64, most: u64| (count > 0 && most.is_multiple_of(count)).then_some(count);
    let field = rule.find(if old { "mode" } else { "field" }).map_or(Some("days"), Json::text)?;
    match field {
        "minutes" => match every(number("minutesInterval", 5)?, 60)? {
            1 => Some("* * * * *".to_owned()),
            count => Some(format!("*/{count} * * * *")),
        },
        "hours" => match every(number("hoursInterval", 1)?, 24)? {
            1 => Some(format!("{minute} * * * *")),
            count => Some(format!("{minute} */{count} * * *")),
        },
        "days" if number("daysInterval", 1)? == 1 => Some(format!("{minute} {hour} * * *")),
        "weeks" if number("weeksInterval", 1)? == 1 => {
            let days: Option<Vec<String>> = match rule.find("triggerAtDay") {
                None => Some(vec!["0".to_owned()]),
                Some(days) => days
                    .items()
                    .iter()
                    .map(|day| day.count().filter(|day| *day < 7).map(|day| day.to_string()))
                    .collect(),
            };
            let days = days.filter(|days| !days.is_empty())?;
            Some(format!("{minute} {hour} * * {}", days.join(",")))
        }
        "months" => {
            let day = number("triggerAtDayOfMonth", 1)?;
            let months = match every(number("monthsInterval", 1)?, 12)? {
                1 => "*".to_owned(),
                count => format!("*/{count}"),
            };
            (1..=31).contains(&day).then(|| format!("{minute} {hour} {day} {months} *"))
        }
        "everyMinute" => Some("* * * * *".to_owned()),
        "everyHour" => Some(format!("{minute} * * * *")),
        "everyDay" => Some(format!("{minute} {hour} * * *")),
        "everyWeek" => Some(format!("{minute} {hour} * * {}", number("weekday", 1)?)),
        "everyMonth" => Some(format!("{minute} {hour} {} * *", number("dayOfMonth", 1)?)),
        "cronExpression" | "custom" => {
            let text = rule.find("expression").or_else(|| rule.find("cronExpression"))?.text()?;
            let fields: Vec<&str> = text.split_whitespace().collect();
            match fields.as_slice() {
                [_, _, _, _, _] if !text.starts_with('=') => Some(fields.join(" ")),
                // The first of six counts seconds.
                ["0", rest @ ..] if rest.len() == 5 => Some(rest.join(" ")),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    #[test]
    fn rules_become_time_tables() {
        for (rule, expected) in [
            ("{}", Some("0 0 * * *")),
            (r#"{"field": "minutes", "minutesInterval": 15}"#, Some("*/15 * * * *")),
            (r#"{"field": "minutes", "minutesInterval": 7}"#, None),
            (r#"{"field": "hours", "hoursInterval": 6, "triggerAtMinute": 5}"#, Some("5 */6 * * *")),
            (r#"{"triggerAtHour": 8, "triggerAtMinute": 30}"#, Some("30 8 * * *")),
            (r#"{"daysInterval": 7}"#, None),
            (r#"{"field": "weeks", "triggerAtDay": [1, 5], "triggerAtHour": 6}"#, Some("0 6 * * 1,5")),
            (r#"{"field": "months", "triggerAtDayOfMonth": 3}"#, Some("0 0 3 * *")),
            (r#"{"field": "cronExpression", "expression": "0 9 * * 1-5"}"#, Some("0 9 * * 1-5")),
            (r#"{"field": "cronExpression", "expression": "0 0 9 * * 1-5"}"#, Some("0 9 * * 1-5")),
            (r#"{"field": "cronExpression", "expression": "*/5 0 9 * * 1-5"}"#, None),
            (r#"{"field": "hours", "triggerAtMinute": "={{ 1 }}"}"#, None),
            (r#"{"field": "seconds"}"#, None),
        ] {
            assert_eq!(cron(false, &read(rule).unwrap()).as_deref(), expected, "{rule}");
        }
        assert_eq!(cron(true, &read(r#"{"hour": 6}"#).unwrap()).as_deref(), Some("0 6 * * *"));
    }
}
