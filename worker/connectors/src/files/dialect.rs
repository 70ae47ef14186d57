//! How a file quotes its cells: Syncline quotes the cells that it writes in the same way.

use super::record::{Record, unquoted};

/// Whether a column quotes cells that need no quotes; none while unknown.
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
    /// Every name in the header is quoted.
    header: bool,
    /// The number of columns whose habit is not fully known yet.
    open: usize,
}

impl Quoting {
    pub(super) fn of_header(header: &Record, delimiter: u8) -> Quoting {
        let quoted = (0..header.len()).all(|position| header.raw_cell(position).starts_with('"'));
        let columns = vec![Habit::default(); header.len()];
        Quoting { delimiter, open: columns.len(), columns, header: quoted }
    }

    /// Learns from a row; the first cell that shows a habit decides.
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

    /// Writes a cell of this column; `old` is the cell that it replaces.
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

    /// True if every cell that shows a habit is quoted.
    fn quotes_all(&self) -> bool {
        self.header
            && self.columns.iter().all(|habit| habit.text != Some(false) && habit.empty != Some(false))
    }
}

/// True if a cell is quoted without need; none if it needs quotes.
fn habit_of(raw: &str, delimiter: u8) -> Option<bool> {
    match raw.starts_with('"') {
        false => Some(false),
        true => (!needs_quotes(&unquoted(raw), delimiter)).then_some(true),
    }
}

fn needs_quotes(content: &str, delimiter: u8) -> bool {
    content.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r'))
}

/// A cell with quotes only if they are needed to read it back as `content`.
#[cfg(test)]
pub(super) fn quote(content: &str, delimiter: u8) -> String {
    let header = Quoting { delimiter, columns: vec![], header: false, open: 0 };
    header.cell(0, None, content)
}
