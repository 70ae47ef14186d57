//! How a file writes its cells: what Syncline writes into a file looks like what is there.

use super::record::{Record, unquoted};

/// Which cells of a column stand in quotes without need; none where nothing tells.
#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    text: Option<bool>,
    empty: Option<bool>,
}

/// The quotes of a file, column by column.
#[derive(Debug, Clone)]
pub(super) struct Quoting {
    delimiter: u8,
    columns: Vec<Habit>,
    /// Every name in the header stands in quotes.
    header: bool,
    /// Columns about which something is not known yet.
    open: usize,
}

impl Quoting {
    pub(super) fn of_header(header: &Record, delimiter: u8) -> Quoting {
        let quoted = (0..header.len()).all(|position| header.raw_cell(position).starts_with('"'));
        let columns = vec![Habit::default(); header.len()];
        Quoting { delimiter, open: columns.len(), columns, header: quoted }
    }

    /// Notes what a row tells; the first cell that tells something decides.
    pub(super) fn learn(&mut self, record: &Record) {
        if self.open == 0 {
            return;
        }
        self.open = 0;
        for (position, habit) in self.columns.iter_mut().enumerate().take(record.len()) {
            match record.raw_cell(position) {
                "" => _ = habit.empty.get_or_insert(false),
                "\"\"" => _ = habit.empty.get_or_insert(true),
                raw if habit.text.is_none() => habit.text = habit_of(raw, self.delimiter),
                _ => {}
            }
            self.open += usize::from(habit.text.is_none() || habit.empty.is_none());
        }
    }

    /// A cell of this column with this content; `old` is the cell that it replaces.
    pub(super) fn cell(&self, position: usize, old: Option<&str>, content: &str) -> String {
        if needs_quotes(content, self.delimiter) || self.wants_quotes(position, old, content) {
            format!("\"{}\"", content.replace('"', "\"\""))
        } else {
            content.to_owned()
        }
    }

    fn wants_quotes(&self, position: usize, old: Option<&str>, content: &str) -> bool {
        let habit = self.columns.get(position).copied().unwrap_or_default();
        let old = old.filter(|old| !old.is_empty() && *old != "\"\"");
        let before = old.and_then(|old| habit_of(old, self.delimiter));
        let wanted = match content {
            "" => habit.empty.or(before).or(habit.text),
            _ => before.or(habit.text),
        };
        wanted.unwrap_or_else(|| self.quotes_all())
    }

    /// Whether every cell that tells something stands in quotes.
    fn quotes_all(&self) -> bool {
        self.header
            && self.columns.iter().all(|habit| habit.text != Some(false) && habit.empty != Some(false))
    }
}

/// Whether a cell stands in quotes without need; none if it needs them.
fn habit_of(raw: &str, delimiter: u8) -> Option<bool> {
    match raw.starts_with('"') {
        false => Some(false),
        true => (!needs_quotes(&unquoted(raw), delimiter)).then_some(true),
    }
}

fn needs_quotes(content: &str, delimiter: u8) -> bool {
    content.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r'))
}

/// A cell as it must at least be written to be read back as `content`.
#[cfg(test)]
pub(super) fn quote(content: &str, delimiter: u8) -> String {
    let header = Quoting { delimiter, columns: vec![], header: false, open: 0 };
    header.cell(0, None, content)
}
