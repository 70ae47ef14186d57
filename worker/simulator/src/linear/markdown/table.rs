//! Tables.

/// A table: the first row is the header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// The marks under the header, such as `:--`.
    pub(super) marks: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Splits a row into cells. A bar that is escaped, or within code, separates none.
fn cells(line: &str) -> Vec<String> {
    let text = line.trim();
    let text = text.strip_prefix('|').unwrap_or(text);
    let mut cells = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '|' {
            if letters.peek().is_some() {
                cells.push(String::new());
            }
            continue;
        }
        let Some(cell) = cells.last_mut() else { continue };
        cell.push(letter);
        if letter == '\\'
            && let Some(escaped) = letters.next()
        {
            cell.push(escaped);
        }
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

fn marks(line: &str) -> Option<Vec<&'static str>> {
    let mark = |cell: &String| {
        let dashes = cell.trim_matches(':');
        let (left, right) = (cell.starts_with(':'), cell.ends_with(':'));
        let fits = !dashes.is_empty() && dashes.chars().all(|letter| letter == '-');
        fits.then_some(match (left, right) {
            (false, false) => "--",
            (true, false) => ":--",
            (false, true) => "--:",
            (true, true) => ":-:",
        })
    };
    line.contains('|').then(|| cells(line).iter().map(mark).collect::<Option<_>>())?
}

/// Parses a table. Returns it with its number of lines.
pub(super) fn read(lines: &[String]) -> Option<(Table, usize)> {
    let header = lines.first().filter(|line| line.contains('|'))?;
    let marks = marks(lines.get(1)?)?;
    let header = cells(header);
    if header.len() != marks.len() || super::block::indent(&lines[1]) > 3 {
        return None;
    }
    let mut rows = vec![header];
    for line in &lines[2..] {
        if !line.contains('|') || line.trim_start().starts_with('>') {
            break;
        }
        let mut row = cells(line);
        row.resize(marks.len(), String::new());
        rows.push(row);
    }
    let taken = rows.len() + 1;
    Some((Table { marks, rows }, taken))
}
