//! Rows as a table, or as one record after another if the table is wider than the screen.

use std::collections::BTreeSet;

use unicode_width::UnicodeWidthStr;
use uuid::Uuid;

/// The gap between two columns, and between two fields of a record.
const GAP: &str = "  ";
/// The indentation of a record's lines after the first.
const INDENT: &str = "    ";
/// The length of the time in a UUID of version 7; a shorter prefix is seldom unique.
const SHORTEST_ID: usize = 13;

/// Lines to print.
pub(super) struct Drawn {
    /// The names of the columns; none for records, which contain them.
    pub(super) head: Option<String>,
    /// One line per row, or several per record.
    pub(super) rows: Vec<String>,
}

/// Draws a table. Without a width each row is one line. If lines would exceed the width, first ids are shortened, then
/// rows become records.
pub(super) fn draw(head: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> Drawn {
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let table = columns(head, &rows);
    let Some(width) = width.filter(|width| !fits(&table, *width)) else { return of_columns(table) };
    for column in 0..head.len() {
        shorten_ids(&mut rows, column);
    }
    let table = columns(head, &rows);
    if fits(&table, width) {
        return of_columns(table);
    }
    Drawn { head: None, rows: records(head, &rows, width) }
}

fn of_columns(mut lines: Vec<String>) -> Drawn {
    Drawn { head: Some(lines.remove(0)), rows: lines }
}

/// Wraps a text at this width, at spaces only.
pub(super) fn wrap(text: &str, width: Option<usize>, indent: &str) -> String {
    let Some(width) = width else { return text.to_owned() };
    let mut wrapped = String::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            wrapped.push('\n');
        }
        if visible(line) <= width {
            wrapped.push_str(line);
            continue;
        }
        let own = &line[..line.len() - line.trim_start().len()];
        let mut lines =
            Lines { done: Vec::new(), line: own.to_owned(), indent: format!("{own}{indent}"), width };
        for word in line.split_whitespace() {
            lines.add(" ", word);
        }
        wrapped.push_str(&lines.end().join("\n"));
    }
    wrapped
}

/// The width of a text without its colour codes.
pub(super) fn visible(text: &str) -> usize {
    let mut parts = text.split("\u{1b}[");
    let plain = parts.next().map_or(0, UnicodeWidthStr::width);
    plain + parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest).width()).sum::<usize>()
}

fn fits(lines: &[String], width: usize) -> bool {
    lines.iter().all(|line| line.width() <= width)
}

fn columns(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.chain([head[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))))
            .collect();
        padded.join(GAP).trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

/// One record per row: the columns' names and values, without empty ones.
fn records(head: &[&str], rows: &[Vec<String>], width: usize) -> Vec<String> {
    rows.iter()
        .flat_map(|row| {
            let mut lines = Lines { done: Vec::new(), line: String::new(), indent: INDENT.to_owned(), width };
            for (name, value) in head.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
                let field = format!("{name}: {value}");
                if INDENT.len() + field.width() <= width {
                    lines.add(GAP, &field);
                    continue;
                }
                // Longer than a line: it begins on a line of its own and is wrapped at spaces.
                lines.next();
                for word in field.split_whitespace() {
                    lines.add(" ", word);
                }
            }
            lines.end()
        })
        .collect()
}

/// Lines filled with parts that are never broken.
struct Lines {
    done: Vec<String>,
    line: String,
    indent: String,
    width: usize,
}

impl Lines {
    fn add(&mut self, gap: &str, part: &str) {
        if self.is_empty() {
            self.line.push_str(part);
            return;
        }
        if visible(&self.line) + gap.len() + visible(part) > self.width {
            self.next();
            self.line.push_str(part);
        } else {
            self.line.push_str(gap);
            self.line.push_str(part);
        }
    }

    fn next(&mut self) {
        if !self.is_empty() {
            let next = self.indent.clone();
            self.done.push(std::mem::replace(&mut self.line, next));
        }
    }

    fn is_empty(&self) -> bool {
        self.line.trim().is_empty()
    }

    fn end(mut self) -> Vec<String> {
        self.next();
        self.done
    }
}

/// Cuts the ids of a column to the shortest unique prefix.
fn shorten_ids(rows: &mut [Vec<String>], column: usize) {
    let ids: Option<BTreeSet<Uuid>> = rows
        .iter()
        .map(|row| row[column].as_str())
        .filter(|cell| !cell.is_empty())
        .map(|cell| Uuid::try_parse(cell).ok())
        .collect();
    let Some(ids) = ids else { return };
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let common = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let longest = ids.windows(2).map(common).max().unwrap_or(0);
    let length = (longest + 1).max(SHORTEST_ID);
    for row in rows {
        row[column].truncate(length);
    }
}

/// A cell on one line, without control characters.
fn one_line(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 2] = ["01a224a1-7c3f-7abc-8000-000000000001", "01a224a1-7c3f-7def-8000-000000000002"];

    fn lines(head: &[&str], rows: Vec<Vec<String>>, width: Option<usize>) -> Vec<String> {
        let drawn = draw(head, rows, width);
        drawn.head.into_iter().chain(drawn.rows).collect()
    }

    fn rows(long: &str) -> Vec<Vec<String>> {
        IDS.iter().map(|id| vec![(*id).to_owned(), "tasks".to_owned(), long.to_owned()]).collect()
    }

    #[test]
    fn a_table_that_fits_is_left_as_it_is() {
        let told = lines(&["run", "sync", "result"], rows("done"), Some(80));
        assert_eq!(told[1], format!("{}  tasks  done", IDS[0]));
    }

    #[test]
    fn ids_are_shortened_to_what_tells_them_apart() {
        let told = lines(&["run", "sync", "result"], rows("done"), Some(40));
        let rows = ["01a224a1-7c3f-7a  tasks  done", "01a224a1-7c3f-7d  tasks  done"];
        assert_eq!(told, ["run               sync   result", rows[0], rows[1]]);
    }

    #[test]
    fn rows_too_wide_become_records_and_no_word_is_broken() {
        let text = "the table has no column points and so nothing of it was written";
        let told = lines(&["run", "sync", "error"], rows(text), Some(40));
        assert_eq!(told[0], "run: 01a224a1-7c3f-7a  sync: tasks");
        assert!(told.iter().all(|line| line.len() <= 40), "{told:#?}");
        assert_eq!(told[1], "    error: the table has no column");
        let words: Vec<&str> = told.iter().flat_map(|line| line.split_whitespace()).collect();
        assert!(text.split(' ').all(|word| words.contains(&word)), "{told:#?}");
    }

    #[test]
    fn without_a_width_every_row_is_one_line() {
        let told = lines(&["run", "sync", "error"], rows(&"long\n".repeat(50)), None);
        assert_eq!(told.len(), 3);
        assert!(told[1].starts_with(IDS[0]), "{told:?}");
    }

    #[test]
    fn wide_letters_count_as_two() {
        let cells = vec![vec!["東京".to_owned(), "x".to_owned()], vec!["ab".to_owned(), "y".to_owned()]];
        assert_eq!(lines(&["a", "b"], cells, Some(80)), ["a     b", "東京  x", "ab    y"]);
    }

    #[test]
    fn colours_have_no_width() {
        assert_eq!(wrap("\u{1b}[31mone two\u{1b}[0m", Some(7), ""), "\u{1b}[31mone two\u{1b}[0m");
    }

    #[test]
    fn sentences_break_at_spaces() {
        assert_eq!(wrap("one two three", Some(8), "  "), "one two\n  three");
        assert_eq!(wrap("averyveryverylongword", Some(8), ""), "averyveryverylongword");
        assert_eq!(wrap("one two three", None, ""), "one two three");
    }
}
