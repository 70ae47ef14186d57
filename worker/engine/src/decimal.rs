//! Exact decimal numbers.

use std::{borrow::Cow, num::ParseIntError};

/// Most significant digits of a number.
const MOST_DIGITS: usize = 1_000;
/// Most digits before and after the point: the limits of PostgreSQL's `numeric`.
const MOST_BEFORE: i64 = 131_072;
const MOST_AFTER: i64 = 16_383;

/// A decimal number that keeps its digits as written: `1.50` stays `1.50` and equals `1.5`.
///
/// The text is a JSON number. Its size is bounded, and no operation expands an exponent.
#[derive(Debug, Clone)]
pub struct Decimal(Box<str>);

/// A number as `±digits × 10^exponent`; zero has no digits. Digits neither start nor end with a zero.
#[derive(Debug, PartialEq, Eq)]
struct Normal<'a> {
    negative: bool,
    digits: Cow<'a, str>,
    exponent: i64,
}

impl Decimal {
    /// Parses `-12.50`, `+5`, `.5`, `5.`, `007`, `1e5`; none for other text and for numbers that are too long or too
    /// large for PostgreSQL's `numeric`.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() + fraction.len() > MOST_DIGITS {
            return None;
        }
        let mut written = String::with_capacity(text.len() + 1);
        written.push_str(if negative { "-" } else { "" });
        written.push_str(if whole.is_empty() { "0" } else { whole });
        if !fraction.is_empty() {
            written.push('.');
            written.push_str(fraction);
        }
        if let Some(exponent) = exponent {
            exponent_of(exponent).ok()?;
            written.push_str(exponent);
        }
        Some(Decimal(written.into())).filter(Decimal::is_bounded)
    }

    /// The number as written, as a JSON number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value as a 64-bit integer, if it is one.
    pub fn to_i64(&self) -> Option<i64> {
        let normal = self.normal();
        let zeros = usize::try_from(normal.exponent).ok().filter(|zeros| *zeros < 20)?;
        let sign = if normal.negative { "-" } else { "" };
        format!("{sign}0{}{}", normal.digits, "0".repeat(zeros)).parse().ok()
    }

    /// The float whose shortest form has this value, if there is one.
    pub fn to_f64(&self) -> Option<f64> {
        let float: f64 = self.0.parse().ok().filter(|float: &f64| float.is_finite())?;
        (Decimal::of_f64(float)? == *self).then_some(float)
    }

    /// True if the shortest form of some 32-bit float has this value.
    pub fn is_f32(&self) -> bool {
        let float = self.0.parse::<f32>().ok().filter(|float| float.is_finite());
        float
            .and_then(|float| Decimal::parse(&format!("{float:e}")))
            .is_some_and(|shortest| shortest == *self)
    }

    /// The shortest number that parses to this float.
    pub fn of_f64(float: f64) -> Option<Decimal> {
        Decimal::parse(&format!("{float:e}"))
    }

    /// Returns the digits needed before the point and, without trailing zeros, after it. The former is negative for a
    /// fraction that begins with zeros, the latter for a number that ends with zeros.
    pub fn extent(&self) -> (i64, i64) {
        let normal = self.normal();
        (normal.digits.len() as i64 + normal.exponent, -normal.exponent)
    }

    /// Returns the same text for equal values: the digits of a 64-bit integer, the shortest form of a float, else the
    /// digits and an exponent.
    pub fn canonical(&self) -> String {
        if let Some(whole) = self.to_i64() {
            return whole.to_string();
        }
        if let Some(float) = self.to_f64() {
            return format!("{float:?}");
        }
        let normal = self.normal();
        let sign = if normal.negative { "-" } else { "" };
        format!("{sign}{}e{}", normal.digits, normal.exponent)
    }

    /// Returns the same text for equal values, without an exponent if it stays short: `12.5`, `18446744073709551615`.
    pub fn plain(&self) -> String {
        const MOST: i64 = 64;
        let normal = self.normal();
        let sign = if normal.negative { "-" } else { "" };
        match (self.extent(), normal.exponent) {
            _ if normal.digits.is_empty() => "0".to_owned(),
            ((before, _), exponent @ 0..) if before <= MOST => {
                format!("{sign}{}{}", normal.digits, "0".repeat(exponent as usize))
            }
            ((before, after), _) if after <= MOST && before <= MOST => {
                let digits = format!("{}{}", "0".repeat((1 - before).max(0) as usize), normal.digits);
                let (whole, fraction) = digits.split_at(digits.len() - after as usize);
                format!("{sign}{whole}.{fraction}")
            }
            _ => self.canonical(),
        }
    }

    fn is_bounded(&self) -> bool {
        let (before, after) = self.extent();
        // Written trailing zeros count as digits after the point.
        let fraction = self.0.split(['e', 'E']).next().and_then(|mantissa| mantissa.split_once('.'));
        let written = fraction.map_or(0, |(_, fraction)| fraction.len() as i64);
        let exponent = self.0.find(['e', 'E']).and_then(|at| exponent_of(&self.0[at..]).ok()).unwrap_or(0);
        before <= MOST_BEFORE && after.max(written - exponent) <= MOST_AFTER && exponent <= MOST_BEFORE
    }

    fn normal(&self) -> Normal<'_> {
        let (negative, unsigned) = self.0.strip_prefix('-').map_or((false, &*self.0), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], exponent_of(&unsigned[at..]).unwrap_or(0)),
            None => (unsigned, 0),
        };
        let (digits, exponent) = match mantissa.split_once('.') {
            Some((whole, fraction)) => {
                (format!("{whole}{fraction}").into(), exponent - fraction.len() as i64)
            }
            None => (Cow::Borrowed(mantissa), exponent),
        };
        let trimmed = digits.trim_end_matches('0');
        let exponent = exponent + (digits.len() - trimmed.len()) as i64;
        let trimmed = trimmed.trim_start_matches('0');
        if trimmed.is_empty() {
            return Normal { negative: false, digits: "".into(), exponent: 0 };
        }
        let digits = if trimmed.len() == digits.len() { digits } else { trimmed.to_owned().into() };
        Normal { negative, digits, exponent }
    }
}

/// The exponent in `e5`, `E+05`.
fn exponent_of(text: &str) -> Result<i64, ParseIntError> {
    // At most five significant digits: larger exponents are out of bounds, and no sum of these overflows.
    text.get(1..).unwrap_or_default().parse::<i32>().map(i64::from)
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.0 == other.0 || self.normal() == other.normal()
    }
}

impl Eq for Decimal {}
