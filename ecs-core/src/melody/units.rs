//! Quantities as people write them: durations (`1h30m`) and sizes (`512MiB`).

use std::time::Duration;

/// Why a quantity cannot be read, in words, and the spelling that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadQuantity {
    pub message: String,
    pub help: String,
}

/// Units of time, the largest first, in milliseconds.
const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const TIME_HELP: &str = "write numbers with their units, largest first: `200ms`, `2s`, `30m`, `1h30m`, `1d`";

/// Reads `200ms`, `2s`, `1h30m`, `1d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, BadQuantity> {
    let bad = |message: &str, help: String| BadQuantity { message: message.to_owned(), help };
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    if rest.is_empty() {
        return Err(bad("it is empty", TIME_HELP.to_owned()));
    }
    let joined: String = text.split_whitespace().collect();
    if joined.len() < text.len() && parse_duration(&joined).is_ok() {
        return Err(bad("it holds spaces", format!("write `{joined}`")));
    }
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let (unit, next) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        if digits.is_empty() {
            return Err(bad("a number must stand before each unit", guess_duration(text)));
        }
        if unit.is_empty() {
            return Err(bad(
                &format!("`{digits}` has no unit"),
                format!("write `{text}s` for seconds or `{text}m` for minutes"),
            ));
        }
        let Some((_, millis)) = TIMES.iter().find(|(name, _)| *name == unit) else {
            return Err(bad(&format!("`{}` is not a unit of time", unit.trim()), guess_duration(text)));
        };
        if *millis >= smallest {
            return Err(bad("each unit may stand once, the largest first", TIME_HELP.to_owned()));
        }
        smallest = *millis;
        let part = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*millis));
        // Nanoseconds of it must fit 64 bits, because that is how the clock counts.
        let sum = part.and_then(|part| total.checked_add(part)).filter(|sum| sum.checked_mul(1_000_000).is_some());
        total =
            sum.ok_or_else(|| bad("it is too long", "the longest duration is 213503d, about 584 years".to_owned()))?;
        rest = next;
    }
    Ok(Duration::from_millis(total))
}

/// The cure for common other spellings of durations (`5 min`, `1.5h`, `2 hours`).
fn guess_duration(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let split = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let (number, unit) = plain.split_at(split);
    let known = match unit {
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 7 * 86_400_000,
        _ => return TIME_HELP.to_owned(),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number * (known as f64) < 1e15 => {
            let meant = Duration::from_millis((number * known as f64).round() as u64);
            format!("write `{}`", duration_text(meant))
        }
        _ => TIME_HELP.to_owned(),
    }
}

/// The canonical spelling: whole units, the largest first, rounded up to milliseconds; `0s` for nothing.
pub(super) fn duration_text(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in TIMES {
        if rest >= millis {
            text.push_str(&format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Units of size, the largest binary one first.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

const SIZE_HELP: &str = "write a whole number with its unit: `512MiB`, `2GiB`, `64KiB`, `100MB`";

/// Reads `512MiB`, `100MB`, `64KiB`, `4096B`.
pub(super) fn parse_size(text: &str) -> Result<u64, BadQuantity> {
    let bad = |message: String, help: &str| BadQuantity { message, help: help.to_owned() };
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if digits.is_empty() {
        return Err(bad("it does not begin with a number".to_owned(), SIZE_HELP));
    }
    if unit.is_empty() {
        let help = format!("write `{digits}MiB` for mebibytes or `{digits}B` for bytes");
        return Err(bad(format!("`{digits}` has no unit"), &help));
    }
    let Some((_, bytes)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        let plain = unit.trim().to_ascii_lowercase();
        let meant = SIZES.iter().map(|(name, _)| *name).find(|name| {
            let name = name.to_ascii_lowercase();
            name == plain || name.trim_end_matches('b') == plain || name.trim_end_matches("ib") == plain
        });
        let help = meant.map_or(SIZE_HELP.to_owned(), |unit| format!("write `{digits}{unit}`"));
        return Err(bad(format!("`{}` is not a unit of size", unit.trim()), &help));
    };
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*bytes));
    size.filter(|size| i64::try_from(*size).is_ok())
        .ok_or_else(|| bad("it is too large".to_owned(), "the largest size is 8388607TiB"))
}

/// The canonical spelling: the largest unit of which it is a whole number.
pub(super) fn size_text(size: u64) -> String {
    let fits = SIZES.iter().find(|(_, bytes)| size >= *bytes && size.is_multiple_of(*bytes));
    match fits {
        Some((unit, bytes)) => format!("{}{unit}", size / bytes),
        None => format!("{size}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis()).ok();
        assert_eq!(millis("200ms"), Some(200));
        assert_eq!(millis("2s"), Some(2_000));
        assert_eq!(millis("30m"), Some(1_800_000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1d2h3m4s5ms"), Some(93_784_005));
        for wrong in
            ["", "5", "h", "1.5h", "-2s", "2 s", "30m1h", "1h1h", "1y", "99999999999999999999s", "300000d", "1h30"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn the_cure_names_what_was_meant() {
        let help = |text| parse_duration(text).unwrap_err().help;
        assert_eq!(help("5 min"), "write `5m`");
        assert_eq!(help("1.5h"), "write `1h30m`");
        assert_eq!(help("2 weeks"), "write `14d`");
        assert_eq!(help("90"), "write `90s` for seconds or `90m` for minutes");
        assert_eq!(parse_size("512mb").unwrap_err().help, "write `512MB`");
        assert_eq!(parse_size("512M").unwrap_err().help, "write `512MiB`");
        assert_eq!(parse_size("2 GiB").unwrap_err().help, "write `2GiB`");
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("512MiB").ok(), Some(512 << 20));
        assert_eq!(parse_size("100MB").ok(), Some(100_000_000));
        assert_eq!(parse_size("0B").ok(), Some(0));
        for wrong in ["", "MiB", "1.5GiB", "99999999TiB", "-1B", "1"] {
            assert!(parse_size(wrong).is_err(), "{wrong} was taken");
        }
    }

    proptest! {
        #[test]
        fn quantities_survive_their_text(millis in 0..18_000_000_000_000u64, size in 0..=i64::MAX as u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
            prop_assert_eq!(parse_size(&size_text(size)), Ok(size));
        }

        #[test]
        fn no_text_makes_quantities_panic(text in ".{0,24}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
