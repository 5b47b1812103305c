//! The functions of expressions: CEL's standard ones without time and regular expressions, and a few for texts.

use super::compare::order;
use super::eval::{Meter, Stop};
use crate::value::Value;
use std::cmp::Ordering;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Int,
    Double,
    String,
    Bool,
    Bytes,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Join,
    Replace,
    Min,
    Max,
}

/// Name, function, whether it is called as `x.name(…)`, as `name(x, …)`, and how many arguments it takes at least
/// and at most (a receiver counts).
const FUNCTIONS: [(&str, Function, bool, bool, usize, usize); 17] = [
    ("size", Function::Size, true, true, 1, 1),
    ("contains", Function::Contains, true, false, 2, 2),
    ("startsWith", Function::StartsWith, true, false, 2, 2),
    ("endsWith", Function::EndsWith, true, false, 2, 2),
    ("int", Function::Int, false, true, 1, 1),
    ("double", Function::Double, false, true, 1, 1),
    ("string", Function::String, false, true, 1, 1),
    ("bool", Function::Bool, false, true, 1, 1),
    ("bytes", Function::Bytes, false, true, 1, 1),
    ("lowerAscii", Function::LowerAscii, true, false, 1, 1),
    ("upperAscii", Function::UpperAscii, true, false, 1, 1),
    ("trim", Function::Trim, true, false, 1, 1),
    ("split", Function::Split, true, false, 2, 2),
    ("join", Function::Join, true, false, 1, 2),
    ("replace", Function::Replace, true, false, 3, 3),
    ("min", Function::Min, false, true, 1, usize::MAX),
    ("max", Function::Max, false, true, 1, usize::MAX),
];

/// Functions of other languages (and of CEL) that people reach for, and what to do instead.
const ELSEWHERE: [(&str, &str); 14] = [
    ("matches", "there are no regular expressions; use `contains`, `startsWith` or `endsWith`"),
    ("timestamp", "expressions know no time; let a player compute it"),
    ("duration", "expressions know no time; let a player compute it"),
    ("now", "expressions know no time, so that a run replays; pass the time as an input"),
    ("len", "write `size(x)`"),
    ("length", "write `size(x)`"),
    ("count", "write `size(x)`"),
    ("float", "write `double(x)`"),
    ("str", "write `string(x)`"),
    ("uint", "write `int(x)`"),
    ("any", "write `list.exists(x, …)`"),
    ("lower", "write `x.lowerAscii()`"),
    ("upper", "write `x.upperAscii()`"),
    ("includes", "write `x in list` or `text.contains(x)`"),
];

impl Function {
    /// Finds a function by its name and shape, or says what is wrong and the cure.
    pub(super) fn find(name: &str, method: bool, count: usize) -> Result<Self, (String, Option<String>)> {
        let Some((_, function, as_method, as_global, least, most)) = FUNCTIONS.iter().find(|known| known.0 == name)
        else {
            let cure = if let Some((_, instead)) = ELSEWHERE.iter().find(|(foreign, _)| *foreign == name) {
                (*instead).to_owned()
            } else if let Some(macro_) =
                ["map", "filter", "all", "exists", "exists_one", "has"].iter().find(|m| **m == name)
            {
                match *macro_ {
                    "has" => "write `has(node.port)`".to_owned(),
                    "map" | "filter" => format!("write `list.{macro_}(x, x.port)`"),
                    _ => format!("write `list.{macro_}(x, x > 0)`"),
                }
            } else if let Some(known) = nearest(name) {
                format!("did you mean `{known}`?")
            } else {
                format!("the functions are {}", FUNCTIONS.map(|known| known.0).join(", "))
            };
            return Err((format!("there is no function `{name}`"), Some(cure)));
        };
        if (method && !as_method) || (!method && !as_global) {
            let cure = if *as_method { format!("write `x.{name}(…)`") } else { format!("write `{name}(x)`") };
            return Err((format!("`{name}` is not called like this"), Some(cure)));
        }
        if count < *least || count > *most {
            let receiver = usize::from(method);
            let message =
                format!("`{name}` does not take {} arguments; it takes {}", count - receiver, least - receiver);
            return Err((message, None));
        }
        Ok(*function)
    }

    /// Its name.
    fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|known| known.1 == self).map_or("", |known| known.0)
    }

    /// Calls it.
    pub(super) fn call(self, args: &[Value], meter: &mut Meter) -> Result<Value, Stop> {
        // Nearly all of them look at the whole of their arguments.
        for arg in args {
            meter.work(match arg {
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                _ => 1,
            })?;
        }
        let result = match (self, args) {
            (Self::Size, [Value::Text(text)]) => Value::Int(text.chars().count() as i64),
            (Self::Size, [Value::Bytes(bytes)]) => Value::Int(bytes.len() as i64),
            (Self::Size, [Value::List(items)]) => Value::Int(items.len() as i64),
            (Self::Size, [Value::Map(map)]) => Value::Int(map.len() as i64),
            (Self::Contains, [Value::Text(text), Value::Text(part)]) => Value::Bool(text.contains(&**part)),
            (Self::StartsWith, [Value::Text(text), Value::Text(part)]) => Value::Bool(text.starts_with(&**part)),
            (Self::EndsWith, [Value::Text(text), Value::Text(part)]) => Value::Bool(text.ends_with(&**part)),
            (Self::Int, [Value::Int(int)]) => Value::Int(*int),
            (Self::Int, [Value::Float(float)]) if float.abs() < 9.2e18 => Value::Int(float.trunc() as i64),
            (Self::Int, [Value::Text(text)]) if text.parse::<i64>().is_ok() => {
                text.parse().map_or(Value::Absent, Value::Int)
            }
            (Self::Double, [Value::Float(float)]) => Value::Float(*float),
            (Self::Double, [Value::Int(int)]) => Value::Float(*int as f64),
            (Self::Double, [Value::Text(text)]) if text.parse().is_ok_and(f64::is_finite) => {
                text.parse().map_or(Value::Absent, Value::Float)
            }
            (Self::String, [Value::Text(text)]) => Value::Text(text.clone()),
            (Self::String, [Value::Int(int)]) => Value::from(int.to_string()),
            (Self::String, [Value::Float(float)]) => Value::from(float.to_string()),
            (Self::String, [Value::Bool(truth)]) => Value::from(truth.to_string()),
            (Self::String, [Value::Bytes(bytes)]) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::text(text),
                Err(_) => return Err(Stop::Failed("the bytes are not UTF-8 text".to_owned())),
            },
            (Self::Bool, [Value::Bool(truth)]) => Value::Bool(*truth),
            (Self::Bool, [Value::Text(text)]) if matches!(&**text, "true" | "false") => Value::Bool(&**text == "true"),
            (Self::Bytes, [Value::Bytes(bytes)]) => Value::Bytes(bytes.clone()),
            (Self::Bytes, [Value::Text(text)]) => Value::Bytes(text.as_bytes().into()),
            (Self::LowerAscii, [Value::Text(text)]) => Value::from(text.to_ascii_lowercase()),
            (Self::UpperAscii, [Value::Text(text)]) => Value::from(text.to_ascii_uppercase()),
            (Self::Trim, [Value::Text(text)]) => Value::text(text.trim()),
            (Self::Split, [Value::Text(text), Value::Text(by)]) => {
                let pieces = if by.is_empty() { text.chars().count() } else { text.matches(&**by).count() };
                meter.work(pieces)?;
                Value::list(if by.is_empty() {
                    text.chars().map(|c| Value::from(c.to_string())).collect()
                } else {
                    text.split(&**by).map(Value::from).collect()
                })
            }
            (Self::Join, [Value::List(items)]) => join(items, "", meter)?,
            (Self::Join, [Value::List(items), Value::Text(by)]) => join(items, by, meter)?,
            (Self::Replace, [Value::Text(text), Value::Text(what), Value::Text(with)]) => {
                let places = text.matches(&**what).count();
                meter.work(places.saturating_mul(with.len()))?;
                Value::from(text.replace(&**what, with))
            }
            (Self::Min, [Value::List(items)]) => extreme(items, Ordering::Less, meter)?,
            (Self::Max, [Value::List(items)]) => extreme(items, Ordering::Greater, meter)?,
            (Self::Min, args) => extreme(args, Ordering::Less, meter)?,
            (Self::Max, args) => extreme(args, Ordering::Greater, meter)?,
            _ => {
                let given: Vec<String> = args.iter().map(Value::in_short).collect();
                return Err(Stop::Failed(format!("`{}` does not take {}", self.name(), given.join(", "))));
            }
        };
        Ok(result)
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    let best = FUNCTIONS.iter().map(|known| known.0).min_by_key(|known| distance(known))?;
    (name.len() < 32 && distance(best) <= 2).then_some(best)
}

fn join(items: &[Value], by: &str, meter: &mut Meter) -> Result<Value, Stop> {
    let mut joined = String::new();
    for (place, item) in items.iter().enumerate() {
        let Value::Text(text) = item else {
            return Err(Stop::Failed(format!("`join` takes texts; item {place} is {}", item.in_short())));
        };
        meter.work(text.len() + by.len())?;
        if place > 0 {
            joined.push_str(by);
        }
        joined.push_str(text);
    }
    Ok(Value::from(joined))
}

fn extreme(items: &[Value], wanted: Ordering, meter: &mut Meter) -> Result<Value, Stop> {
    let Some((first, rest)) = items.split_first() else {
        return Err(Stop::Failed("an empty list has no least and no greatest item".to_owned()));
    };
    let mut best = first;
    // A single item is compared with itself, so that it must have an order too.
    for item in std::iter::once(first).chain(rest) {
        meter.work(1)?;
        match order(item, best, meter)? {
            Some(found) if found == wanted => best = item,
            Some(_) => {}
            None => {
                let (left, right) = (item.in_short(), best.in_short());
                return Err(Stop::Failed(format!("{left} and {right} have no order")));
            }
        }
    }
    Ok(best.clone())
}
