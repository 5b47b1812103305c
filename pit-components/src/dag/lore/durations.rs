//! How long something takes: mean, variance and quantiles of many durations in a fixed size.
//!
//! Mean and variance are Welford's (1962), in the form that takes many at once (Chan, Golub and LeVeque, 1979).
//! Quantiles come from a histogram whose buckets are eight to a power of two (after HdrHistogram, Tene 2012), so they are
//! right to 6 %. When it has counted [`FULL`] durations all counts are halved: what was seen lately counts more, and
//! nothing overflows.

use serde::{Deserialize, Serialize};

/// Buckets to a power of two.
const FINE: u32 = 8;
/// Durations from a microsecond to twelve days are told apart.
const OCTAVES: u32 = 40;
/// Weight at which counts are halved.
const FULL: u64 = 1 << 16;

/// Durations, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Durations {
    weight: f64,
    mean: f64,
    squares: f64,
    buckets: Box<[u32; (FINE * OCTAVES) as usize]>,
    counted: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { weight: 0.0, mean: 0.0, squares: 0.0, buckets: Box::new([0; (FINE * OCTAVES) as usize]), counted: 0 }
    }
}

impl Durations {
    /// Learns of `times` equal durations.
    #[inline]
    pub fn learn(&mut self, nanos: u64, times: u64) {
        // More than fill the histogram at once would only be halved again.
        let times = times.min(FULL / 2);
        let (value, more) = (nanos as f64, times as f64);
        let weight = self.weight + more;
        let off = value - self.mean;
        self.mean += off * more / weight.max(1.0);
        self.squares += off * off * self.weight * more / weight.max(1.0);
        self.weight = weight;
        let bucket = &mut self.buckets[bucket_of(nanos)];
        *bucket = bucket.saturating_add(times as u32);
        self.counted += times;
        if self.counted >= FULL {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.weight /= 2.0;
        self.squares /= 2.0;
        self.buckets.iter_mut().for_each(|bucket| *bucket /= 2);
        self.counted = self.buckets.iter().map(|bucket| u64::from(*bucket)).sum();
    }

    /// Takes over what another one knows.
    pub fn merge(&mut self, other: &Self) {
        let weight = self.weight + other.weight;
        if other.weight <= 0.0 {
            return;
        }
        let off = other.mean - self.mean;
        self.mean += off * other.weight / weight;
        self.squares += other.squares + off * off * self.weight * other.weight / weight;
        self.weight = weight;
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *bucket = bucket.saturating_add(*more);
        }
        self.counted += other.counted;
        while self.counted >= FULL {
            self.halve();
        }
    }

    /// Whether anything was learned.
    pub fn is_empty(&self) -> bool {
        self.weight <= 0.0
    }

    /// The mean, in nanoseconds.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation, in nanoseconds.
    pub fn deviation(&self) -> f64 {
        if self.weight > 1.0 { (self.squares / self.weight).max(0.0).sqrt() } else { 0.0 }
    }

    /// The duration, in nanoseconds, below which this share (0 to 1) of them lies.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = (share.clamp(0.0, 1.0) * self.counted as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return middle_of(place);
            }
        }
        self.mean.max(0.0) as u64
    }
}

/// Which bucket a duration falls into: the power of two of its microseconds, and the next three bits.
fn bucket_of(nanos: u64) -> usize {
    // In units of an eighth of a microsecond a whole octave has all of its eight buckets.
    let units = (nanos / 125).max(u64::from(FINE));
    let octave = units.ilog2() - FINE.ilog2();
    let fine = (units >> octave) as u32 - FINE;
    ((octave * FINE + fine).min(FINE * OCTAVES - 1)) as usize
}

fn middle_of(bucket: usize) -> u64 {
    let (octave, fine) = (bucket as u32 / FINE, bucket as u32 % FINE);
    ((u64::from(FINE + fine) * 2 + 1) * 125 / 2) << octave
}

/// As it is written: buckets that hold something, by their number.
#[derive(Serialize, Deserialize)]
struct Written {
    weight: f64,
    mean_ns: f64,
    squares: f64,
    buckets: Vec<(u32, u32)>,
}

impl Serialize for Durations {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let buckets = (0u32..).zip(self.buckets.iter().copied()).filter(|(_, count)| *count > 0).collect();
        Written { weight: self.weight, mean_ns: self.mean, squares: self.squares, buckets }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let Written { weight, mean_ns, squares, buckets } = Written::deserialize(deserializer)?;
        if ![weight, mean_ns, squares].iter().all(|number| number.is_finite() && *number >= 0.0) {
            return Err(D::Error::custom("a weight, mean or square that is no number above zero"));
        }
        let mut durations = Self { weight, mean: mean_ns, squares, ..Self::default() };
        for (place, count) in buckets {
            let bucket = durations.buckets.get_mut(place as usize);
            *bucket.ok_or_else(|| D::Error::custom("a bucket that does not exist"))? = count;
            durations.counted += u64::from(count);
        }
        while durations.counted >= FULL {
            durations.halve();
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(durations: &[(u64, u64)]) -> Durations {
        let mut learned = Durations::default();
        durations.iter().for_each(|(nanos, times)| learned.learn(*nanos, *times));
        learned
    }

    proptest! {
        #[test]
        fn moments_and_quantiles_are_those_of_the_list(
            drawn in prop::collection::vec((2_000u64..4_000_000_000_000, 1u64..20), 1..60),
            cut in any::<prop::sample::Index>(),
            share in 0.0f64..=1.0,
        ) {
            let learned = of(&drawn);
            let mut all: Vec<u64> = drawn.iter().flat_map(|(nanos, times)| vec![*nanos; *times as usize]).collect();
            all.sort_unstable();
            let mean = all.iter().map(|nanos| *nanos as f64).sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|nanos| (*nanos as f64 - mean).powi(2)).sum::<f64>() / all.len() as f64;
            prop_assert!((learned.mean() - mean).abs() <= 1e-6 * mean);
            prop_assert!((learned.deviation() - variance.sqrt()).abs() <= 1e-3 * mean);
            let wanted = ((share * all.len() as f64).ceil() as usize).clamp(1, all.len());
            let (found, exact) = (learned.quantile(share) as f64, all[wanted - 1] as f64);
            prop_assert!((found - exact).abs() <= 0.063 * exact, "{found} for {exact}");
            // In two halves, put together, and through its file.
            let cut = cut.index(drawn.len());
            let mut merged = of(&drawn[..cut]);
            merged.merge(&of(&drawn[cut..]));
            prop_assert!((merged.mean() - mean).abs() <= 1e-6 * mean);
            prop_assert!((merged.deviation() - variance.sqrt()).abs() <= 1e-3 * mean);
            prop_assert_eq!(merged.quantile(share), learned.quantile(share));
            let text = serde_json::to_string(&learned).unwrap();
            let again: Durations = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(again.quantile(share), learned.quantile(share));
            prop_assert!((again.mean() - mean).abs() <= 1e-6 * mean);
        }

        #[test]
        fn any_duration_has_a_bucket(nanos in any::<u64>(), times in any::<u64>()) {
            let learned = of(&[(nanos, times), (nanos, times)]);
            prop_assert!(learned.deviation() <= 1e-3 * learned.mean().max(1.0));
        }
    }

    #[test]
    fn what_was_seen_lately_counts_more() {
        let mut learned = of(&[(1_000_000, 30_000); 20]);
        for _ in 0..200_000 {
            learned.learn(9_000_000, 1);
        }
        assert!(learned.mean() > 8_000_000.0, "{}", learned.mean());
        assert!(learned.quantile(0.5) > 8_000_000);
    }

    #[test]
    fn nonsense_in_a_file_is_refused() {
        for text in [
            r#"{"weight":-1,"mean_ns":1,"squares":0,"buckets":[]}"#,
            r#"{"weight":1,"mean_ns":1,"squares":0,"buckets":[[4000,1]]}"#,
            r#"{"weight":1,"mean_ns":null,"squares":0,"buckets":[]}"#,
        ] {
            assert!(serde_json::from_str::<Durations>(text).is_err(), "{text}");
        }
    }
}
