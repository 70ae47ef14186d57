//! What was measured, and whether it is within its limit.

use std::time::Duration;

use anyhow::{Result, ensure};

/// Collects what is over its limit.
#[derive(Debug, Default)]
pub(crate) struct Report {
    over: Vec<String>,
}

impl Report {
    /// Prints a figure and its limit.
    pub(crate) fn tell(&mut self, what: &str, is: &str, limit: &str, ok: bool) {
        let verdict = if ok { "ok" } else { "OVER" };
        println!("{what:<72} {is:>14}   {limit:<26} {verdict}");
        self.note(what, ok);
    }

    pub(crate) fn note(&mut self, what: &str, ok: bool) {
        if !ok {
            self.over.push(what.to_owned());
        }
    }

    pub(crate) fn at_least(&mut self, what: &str, is: f64, limit: f64, unit: &str) {
        self.tell(what, &format!("{is:.0} {unit}"), &format!("at least {limit:.0} {unit}"), is >= limit);
    }

    pub(crate) fn at_most(&mut self, what: &str, is: f64, limit: f64, unit: &str) {
        self.tell(what, &format!("{is:.1} {unit}"), &format!("at most {limit:.0} {unit}"), is <= limit);
    }

    /// Fails if anything was over its limit.
    pub(crate) fn end(self) -> Result<()> {
        ensure!(self.over.is_empty(), "{} over their limits:\n  {}", self.over.len(), self.over.join("\n  "));
        println!("all within their limits");
        Ok(())
    }
}

/// The share of the times, sorted, at or below which so many of them are.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
