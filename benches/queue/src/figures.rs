//! Figures of several rounds, and their tables.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};

/// The figures of one contender's rounds, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().push(value);
    }

    /// The median of the rounds.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        quantile(self.0.get(name)?, 0.5)
    }
}

/// The value below which this share of the values lies.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).round() as usize).copied()
}

/// A number for display: 12,300 or 0.42.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for at in 1..header.len() {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Prints a figure and its target on a line of its own.
pub(crate) fn judge(what: &str, value: Option<f64>, unit: &str, at_least: bool, bound: f64) {
    let Some(value) = value else {
        println!("  -    {what}: not measured");
        return;
    };
    let reached = if at_least { value >= bound } else { value <= bound };
    let (word, sign) = (if reached { "ok  " } else { "MISS" }, if at_least { ">=" } else { "<=" });
    println!("  {word} {what}: {}{unit} (to reach: {sign} {}{unit})", number(value), number(bound));
}
