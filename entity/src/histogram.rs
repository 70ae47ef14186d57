//! Counts values by class, so that percentiles over many runs can be computed: percentiles themselves cannot be added
//! up.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;

use crate::types::UnknownValue;

/// Values below this have a class of their own.
const EXACT: u64 = 128;
/// Above, each doubling is divided into this many classes, so that the middle of a class is within 1/128 of its values.
const CLASSES: u64 = EXACT / 2;

/// The number of values in each class. The sum of two histograms is the histogram of both sets of values.
///
/// As stored text, each class is its middle value and its count, `12:3 1096:1`. Parsing accepts any order and repeated
/// classes, so that concatenated texts are the sum of their histograms.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Histogram {
    /// By class; no zeros at the end.
    counts: Vec<u64>,
}

impl Histogram {
    /// Adds a value `times` times. Values below zero count as zero.
    pub fn record(&mut self, value: i64, times: u64) {
        if times == 0 {
            return;
        }
        let class = class(value);
        if class >= self.counts.len() {
            self.counts.resize(class + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(class) {
            *count += times;
        }
    }

    /// Adds the counts of another histogram.
    pub fn add(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Adds the counts of a stored text.
    pub fn add_text(&mut self, text: &str) -> Result<(), UnknownValue> {
        let unknown = |part: &str| UnknownValue { expected: "Histogram", given: part.to_owned() };
        for part in text.split_ascii_whitespace() {
            let (value, times) = part.split_once(':').ok_or_else(|| unknown(part))?;
            let value = value.parse().map_err(|_| unknown(part))?;
            self.record(value, times.parse().map_err(|_| unknown(part))?);
        }
        Ok(())
    }

    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the given percentile by nearest rank, within 1 %; `None` without values.
    pub fn percentile(&self, percent: u64) -> Option<i64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let class = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle(class))
    }
}

/// Returns the class of a value: the value itself, or its highest seven bits and the number of bits after them.
fn class(value: i64) -> usize {
    let value = u64::try_from(value).unwrap_or(0);
    let shift = u64::from((u64::BITS - value.leading_zeros()).saturating_sub(EXACT.ilog2()));
    usize::try_from(shift * CLASSES + (value >> shift)).unwrap_or(usize::MAX)
}

/// Returns the middle of a class's values.
fn middle(class: usize) -> i64 {
    let class = class as u64;
    if class < EXACT {
        return class as i64;
    }
    let shift = class / CLASSES - 1;
    let lowest = (class - shift * CLASSES) << shift;
    i64::try_from(lowest + (1 << shift) / 2).unwrap_or(i64::MAX)
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        for (place, (class, count)) in seen.enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{}:{count}", middle(class))?;
        }
        Ok(())
    }
}

impl FromStr for Histogram {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        let mut histogram = Histogram::default();
        histogram.add_text(text)?;
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = i64>) -> Histogram {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|value| histogram.record(value, 1));
        histogram
    }

    #[test]
    fn percentiles_are_within_one_in_a_hundred() {
        for exponent in 0..62 {
            for step in 0..200 {
                let value = (1_i64 << exponent) + ((1_i64 << exponent) / 200) * step;
                let shown = of([value]).percentile(50).unwrap();
                assert!((shown - value).abs() * 100 <= value, "{value} is shown as {shown}");
                assert_eq!(class(shown), class(value), "what is stored is read as the same class");
            }
        }
        assert_eq!(of(1..=100).percentile(95), Some(95));
        assert_eq!(of(1..=3).percentile(50), Some(2));
        assert_eq!(of([7]).percentile(0), Some(7));
        assert_eq!(Histogram::default().percentile(50), None);
        for odd in [i64::MIN, -1, 0, i64::MAX] {
            assert!(of([odd]).percentile(50).is_some(), "{odd}");
        }
    }

    #[test]
    fn the_sum_is_the_histogram_of_both() {
        let (short, long) = (of([1, 1, 130, 5_000]), of([3, 131, 90_000_000]));
        let both = of([1, 1, 130, 5_000, 3, 131, 90_000_000]);
        let mut sum = short.clone();
        sum.add(&long);
        assert_eq!(sum, both);
        assert_eq!(format!("{short} {long}").parse(), Ok(both));
    }

    #[test]
    fn text_is_read_as_it_is_written() {
        let histogram = of([0, 12, 12, 12, 1_100]);
        assert_eq!(histogram.to_string(), "0:1 12:3 1096:1");
        assert_eq!(histogram.to_string().parse(), Ok(histogram));
        assert_eq!("".parse(), Ok(Histogram::default()));
        for wrong in ["12", "12:", ":3", "a:1", "1:-1", "1:1,2:1"] {
            assert_eq!(wrong.parse::<Histogram>().unwrap_err().given, wrong);
        }
    }
}
