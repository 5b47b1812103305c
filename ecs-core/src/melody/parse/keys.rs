//! The keys of the format, and which one was probably meant.

/// A table of the format: its name for people and the keys it may hold.
pub(super) struct Keys {
    /// As in “unknown key `x` in …”.
    pub place: &'static str,
    /// What it may hold, in the order of the documentation.
    pub known: &'static [&'static str],
    /// Keys of other formats, and what they are called here.
    pub elsewhere: &'static [(&'static str, &'static str)],
}

impl Keys {
    /// The known key that was probably meant by an unknown one, or that is its name here.
    pub fn meant(&self, written: &str) -> Option<&'static str> {
        if let Some((_, cure)) = self.elsewhere.iter().find(|(word, _)| *word == written) {
            let word = cure.strip_prefix("write `")?.split(|c: char| !c.is_ascii_lowercase() && c != '_').next()?;
            return self.known.iter().copied().find(|known| *known == word);
        }
        nearest(written, self.known.iter().copied())
    }
}

pub(super) const MELODY: Keys = Keys {
    place: "a melody",
    known: &["format", "name", "title", "description", "on", "limits", "types", "inputs", "outputs", "node"],
    elsewhere: &[
        ("version", "write `format = 1`"),
        ("nodes", "write one table `[node.ID]` for each node"),
        ("steps", "write one table `[node.ID]` for each step"),
        ("step", "write `[node.ID]`"),
        ("jobs", "write one table `[node.ID]` for each job"),
        ("tasks", "write one table `[node.ID]` for each task"),
        ("edges", "edges are written at the consumer: `in = { port = \"node.port\" }`"),
        ("triggers", "write `on = { … }`"),
        ("schema", "write named schemas in `[types]`"),
        ("schemas", "write named schemas in `[types]`"),
        ("note", "write `description`"),
    ],
};

pub(super) const NODE: Keys = Keys {
    place: "a node",
    known: &[
        "title",
        "description",
        "note",
        "uses",
        "in",
        "with",
        "out",
        "needs",
        "if",
        "gate",
        "map",
        "loop",
        "retry",
        "on_error",
        "reconstruct",
        "undo",
        "approve",
        "limits",
        "estimate",
        "reuse",
    ],
    elsewhere: &[
        ("id", "the id is the word in the header: `[node.ID]`"),
        ("name", "the id is the word in the header `[node.ID]`; a name for people is `title`"),
        ("input", "write `in = { port = \"node.port\" }`"),
        ("inputs", "write `in = { port = \"node.port\" }`"),
        ("output", "write `out = { port = \"type\" }`"),
        ("outputs", "write `out = { port = \"type\" }`"),
        ("depends_on", "write `needs = [\"node\"]`, or take a value with `in`"),
        ("after", "write `needs = [\"node\"]`, or take a value with `in`"),
        ("when", "write `if = \"EXPRESSION\"`"),
        ("condition", "write `if = \"EXPRESSION\"`"),
        ("foreach", "write `map = { over = \"node.port\" }`"),
        ("for_each", "write `map = { over = \"node.port\" }`"),
        ("while", "write `loop = { body = \"FILE\", until = \"EXPRESSION\", max = 5 }`"),
        ("repeat", "write `loop = { body = \"FILE\", until = \"EXPRESSION\", max = 5 }`"),
        ("params", "write `with = { … }`"),
        ("args", "write `with = { … }`"),
        ("config", "write `with = { … }`"),
        ("settings", "write `with = { … }`"),
        ("env", "write `with = { … }`"),
        ("player", "write `uses = \"KIND:NAME/OPERATION\"`"),
        ("run", "write `uses = \"operator:shell/run\"` and the command in `with`"),
        ("timeout", "write `limits = { timeout = \"30s\" }`"),
        ("budget", "write `limits = { cost_usd = 1.0 }`"),
        ("duration", "write `estimate = { seconds = 12.5 }`"),
        ("runtime", "write `estimate = { seconds = 12.5 }`"),
        ("fallback", "write a list: `uses = [\"first choice\", \"fallback\"]`"),
        ("catch", "write `on_error = \"skip\"`"),
        ("compensate", "write `undo = { uses = \"…\" }` and `on_error = \"compensate\"`"),
        ("approval", "write `approve = { by = \"human\" }`"),
        ("cache", "write `reuse = false` to play it every time"),
        ("always", "write `reuse = false` to play it every time"),
    ],
};

pub(super) const INPUT: Keys = Keys {
    place: "an input",
    known: &["type", "required", "default", "description"],
    elsewhere: &[("optional", "inputs are optional unless `required = true`"), ("value", "write `default = …`")],
};

pub(super) const SOURCE: Keys = Keys {
    place: "the source of a value",
    known: &["from", "kind", "default", "value", "expr", "all", "any_of", "first_of", "n_of"],
    elsewhere: &[
        ("secret", "secrets are settings: write them in `with`"),
        ("ref", "write `from = \"node.port\"`"),
        ("any", "write `any_of = […]`"),
        ("first", "write `first_of = […]`"),
        ("literal", "write `value = …`"),
        ("type", "types of ports are written in `out` and `[inputs]`"),
    ],
};

pub(super) const CANDIDATE: Keys =
    Keys { place: "a candidate of a join", known: &["from", "kind", "default"], elsewhere: &[] };

pub(super) const NEED: Keys =
    Keys { place: "an entry of `needs`", known: &["node", "kind"], elsewhere: &[("from", "write `node = \"ID\"`")] };

pub(super) const MAP: Keys = Keys {
    place: "`map`",
    known: &["over", "as", "max_parallel"],
    elsewhere: &[
        ("in", "write `over = \"node.port\"`"),
        ("items", "write `over = \"node.port\"`"),
        ("parallel", "write `max_parallel = …`"),
    ],
};

pub(super) const LOOP: Keys = Keys {
    place: "`loop`",
    known: &["body", "carry", "until", "max"],
    elsewhere: &[("while", "write `until` with the opposite condition"), ("times", "write `max = …`")],
};

pub(super) const RETRY: Keys = Keys {
    place: "`retry`",
    known: &["max", "backoff", "base", "on", "vary"],
    elsewhere: &[
        ("attempts", "write `max`: attempts in all, the first one included"),
        ("times", "write `max`: attempts in all, the first one included"),
        ("delay", "write `base`: the first delay"),
        ("with", "write `vary = { setting = [value of the 2nd attempt, …] }`"),
    ],
};

pub(super) const SIDE_CALL: Keys = Keys {
    place: "a side call",
    known: &["uses", "in", "with"],
    elsewhere: &[("out", "its outputs are those of the node")],
};

pub(super) const APPROVE: Keys =
    Keys { place: "`approve`", known: &["by", "timeout", "else"], elsewhere: &[("otherwise", "write `else`")] };

pub(super) const LIMITS: Keys = Keys {
    place: "`limits`",
    known: &["wall", "timeout", "parallel", "cost_usd", "tokens", "mem", "cpu"],
    elsewhere: &[
        ("cost", "write `cost_usd = 2.0`"),
        ("budget", "write `cost_usd = 2.0`"),
        ("memory", "write `mem = \"512MiB\"`"),
        ("max_parallel", "write `parallel = 8`"),
        ("concurrency", "write `parallel = 8`"),
        ("time", "write `wall` for a run or `timeout` for an attempt"),
    ],
};

pub(super) const ESTIMATE: Keys = Keys {
    place: "`estimate`",
    known: &["seconds", "cost_usd", "tokens", "failure"],
    elsewhere: &[
        ("cost", "write `cost_usd = 0.01`"),
        ("time", "write `seconds = 12.5`"),
        ("duration", "write `seconds = 12.5`"),
        ("runtime", "write `seconds = 12.5`"),
        ("failures", "write `failure = 0.05`: the share of calls that fail"),
    ],
};

pub(super) const TRIGGERS: Keys = Keys {
    place: "`on`",
    known: &["manual", "schedule", "event", "api", "after", "debounce", "concurrency"],
    elsewhere: &[("cron", "write `schedule = { cron = \"…\" }`"), ("push", "write `event = { … }`")],
};

pub(super) const SCHEDULE: Keys =
    Keys { place: "`schedule`", known: &["cron", "tz", "missed"], elsewhere: &[("timezone", "write `tz`")] };

pub(super) const EVENT: Keys = Keys {
    place: "`event`",
    known: &["artifact", "file", "topic"],
    elsewhere: &[("path", "write `file`"), ("bus", "write `topic`")],
};

pub(super) const AFTER: Keys = Keys {
    place: "`after`",
    known: &["melody", "ended"],
    elsewhere: &[("name", "write `melody`"), ("status", "write `ended`"), ("on", "write `ended`")],
};

/// The known word that is nearest to what was written, if any is near enough to have been meant.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let written = written.to_ascii_lowercase().replace('-', "_");
    let limit = match written.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    let words: Vec<&'k str> = known.into_iter().collect();
    let distances = words.iter().map(|word| (distance(&written, word), *word));
    // A word that would have to be rewritten altogether is no typing mistake.
    let typed = distances.filter(|(far, word)| *far <= limit && *far < word.len()).min().map(|(_, word)| word);
    // A longer or shorter form of it may be meant: `exponential` for `exp`, `desc` for `description`.
    let form =
        |word: &&str| word.len() >= 3 && written.starts_with(word) || written.len() >= 3 && word.starts_with(&written);
    typed.or_else(|| words.into_iter().find(form))
}

/// Edit distance in which exchanging two neighbours counts once (optimal string alignment). Long words are far.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(65).collect(), b.chars().take(65).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    let at = |rows: &[Vec<usize>], i: usize, j: usize| {
        rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(usize::MAX / 2)
    };
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let least = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a.get(i - 1) != b.get(j - 1));
                let mut least =
                    (at(&rows, i - 1, j) + 1).min(at(&rows, i, j - 1) + 1).min(at(&rows, i - 1, j - 1) + change);
                if i > 1 && j > 1 && a.get(i - 1) == b.get(j - 2) && a.get(i - 2) == b.get(j - 1) {
                    least = least.min(at(&rows, i - 2, j - 2) + 1);
                }
                least
            };
            if let Some(cell) = rows.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = least;
            }
        }
    }
    at(&rows, a.len(), b.len())
}

/// Words in code quotes, separated by commas.
pub(super) fn listing<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_are_recognised() {
        let meant = |written| nearest(written, NODE.known.iter().copied());
        assert_eq!(meant("use"), Some("uses"));
        assert_eq!(meant("onerror"), Some("on_error"));
        assert_eq!(meant("on-error"), Some("on_error"));
        assert_eq!(meant("Uses"), Some("uses"));
        assert_eq!(meant("rerty"), Some("retry"));
        assert_eq!(meant("colour"), None);
        assert_eq!(meant("zz"), None);
        assert_eq!(meant("retry_policy"), Some("retry"));
        assert_eq!(meant("desc"), Some("description"));
    }

    #[test]
    fn exchanged_neighbours_count_once() {
        assert_eq!(distance("nmae", "name"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn cures_from_elsewhere_never_name_known_keys() {
        for keys in [
            &MELODY, &NODE, &INPUT, &SOURCE, &NEED, &MAP, &LOOP, &RETRY, &SIDE_CALL, &APPROVE, &LIMITS, &ESTIMATE,
            &TRIGGERS, &SCHEDULE, &EVENT, &AFTER,
        ] {
            for (word, _) in keys.elsewhere {
                assert!(!keys.known.contains(word), "{word} is a key of {}", keys.place);
            }
        }
    }
}
