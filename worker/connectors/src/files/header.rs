//! Reads the start of a file: byte order mark, Excel's `sep=` line, and the names of the columns.

use std::io::BufRead;

use syncline_engine::{
    Item, Value,
    nearest::{listed, nearest},
    ports::ConnectorError,
    value::Fields,
};

use super::{
    error::{io_error, refusal},
    record::{Record, unquoted},
    scope::FileScope,
};
use crate::stamp;

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Common delimiters, for the hint at a wrong one.
const DELIMITERS: [char; 4] = [';', '\t', ',', '|'];

/// The bytes before the header.
pub(super) struct Start {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) delimiter: u8,
}

impl Start {
    /// Skips the byte order mark and a `sep=` line.
    pub(super) fn read(scope: &FileScope, input: &mut impl BufRead) -> Result<Start, ConnectorError> {
        let head = input.fill_buf().map_err(|error| io_error(&scope.path, "read it", &error))?;
        if let Some(encoding) = wide_encoding(head) {
            return Err(refusal(
                &scope.path,
                1,
                &format!(
                    "this is {encoding} text; save the file as UTF-8, for example with `iconv -f {encoding} -t UTF-8`"
                ),
            ));
        }
        let bom = if head.starts_with(BOM) { BOM.len() } else { 0 };
        let (used, lines, delimiter) = match separator(&head[bom..]) {
            None => (bom, 0, scope.delimiter.unwrap_or(b',')),
            Some((found, length)) => match scope.delimiter {
                Some(set) if set != found => {
                    let found = char::from(found).to_string();
                    let what = format!(
                        "the line `sep={found}` says that the delimiter is {found:?}; set delimiter: {found:?}, or remove the line"
                    );
                    return Err(refusal(&scope.path, 1, &what));
                }
                _ => (bom + length, 1, found),
            },
        };
        input.consume(used);
        Ok(Start { bytes: used as u64, lines, delimiter })
    }
}

/// UTF-16 and UTF-32, detected by their byte order mark or by the zero bytes of ASCII letters.
fn wide_encoding(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [1..=255, 0, 1..=255, 0, ..] => Some("UTF-16LE"),
        [0, 1..=255, 0, 1..=255, ..] => Some("UTF-16BE"),
        _ => None,
    }
}

/// The delimiter of a `sep=` line, and the line's length.
fn separator(head: &[u8]) -> Option<(u8, usize)> {
    let rest = head.get(..4).filter(|start| start.eq_ignore_ascii_case(b"sep=")).and(head.get(4..))?;
    match *rest {
        [b'\r' | b'\n' | b'"', ..] => None,
        [delimiter, b'\r', b'\n', ..] => Some((delimiter, 7)),
        [delimiter, b'\r' | b'\n', ..] => Some((delimiter, 6)),
        _ => None,
    }
}

/// The mapped columns of one name; several if the name is repeated.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) positions: Vec<usize>,
}

/// The first row: the names of the columns.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// The number of cells in a row.
    pub(super) width: usize,
    /// Every distinct name, in order.
    pub(super) names: Vec<String>,
    /// The columns that become fields of items.
    columns: Vec<Column>,
    /// The name and position of the key column.
    pub(super) key: (String, usize),
    /// The name and position of the column that records when a row was changed.
    pub(super) modified: Option<(String, usize)>,
    /// The line ending of this file.
    pub(super) newline: String,
    pub(super) delimiter: u8,
}

impl Header {
    pub(super) fn read(scope: &FileScope, record: &Record, delimiter: u8) -> Result<Header, ConnectorError> {
        let cells: Vec<String> =
            (0..record.len()).map(|position| record.cell(position).into_owned()).collect();
        let mut all: Vec<Column> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (position, name) in cells.iter().enumerate().filter(|(_, name)| !name.trim().is_empty()) {
            let place = *places.entry(name.as_str()).or_insert(all.len());
            match all.get_mut(place) {
                Some(column) => column.positions.push(position),
                None => all.push(Column { name: name.clone(), positions: vec![position] }),
            }
        }
        let one = |name: &str, setting: &str| {
            let what = match places.get(name).map(|place| all[*place].positions.as_slice()) {
                Some([position]) => return Ok((name.to_owned(), *position)),
                Some(several) => {
                    let numbers: Vec<String> =
                        several.iter().map(|position| (position + 1).to_string()).collect();
                    format!(
                        "the column {name:?}, which `{setting}` names, appears twice (columns {}); give each a name of its own",
                        numbers.join(", ")
                    )
                }
                None => absent(name, setting, &cells, record.raw(), delimiter),
            };
            Err(refusal(&scope.path, record.line, &what))
        };
        let key = one(&scope.key, "key")?;
        let modified = scope.modified.as_deref().map(|name| one(name, "modified")).transpose()?;
        let newline = Some(record.terminator()).filter(|end| !end.is_empty()).unwrap_or("\n").to_owned();
        let names = all.iter().map(|column| column.name.clone()).collect();
        let wanted = |name: &String| scope.mapped.is_empty() || scope.mapped.contains(name) || *name == key.0;
        let columns = all.into_iter().filter(|column| wanted(&column.name)).collect();
        Ok(Header { width: cells.len(), names, columns, key, modified, newline, delimiter })
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The number of fields of an item.
    pub(super) fn fields(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn item(&self, cell: impl Fn(usize) -> String) -> Item {
        let fields: Fields =
            self.columns.iter().map(|column| (column.name.clone(), value(column, &cell))).collect();
        let content = self.modified.as_ref().map(|(column, position)| (column, cell(*position)));
        let modified = content.as_ref().and_then(|(_, text)| stamp::read(text)).map(|(instant, _)| instant);
        let unread = content
            .filter(|(_, text)| modified.is_none() && !text.trim().is_empty())
            .map(|(column, text)| stamp::unread(column, &text));
        Item { modified, unread, ..Item::new(cell(self.key.1), fields) }
    }
}

/// A single cell is text or null; cells of a repeated name become the list of those that are not empty.
fn value(column: &Column, cell: impl Fn(usize) -> String) -> Value {
    let text = |position: &usize| Some(cell(*position)).filter(|text| !text.is_empty()).map(Value::Text);
    match column.positions.as_slice() {
        [position] => text(position).unwrap_or(Value::Null),
        several => {
            let list: Vec<Value> = several.iter().filter_map(text).collect();
            if list.is_empty() { Value::Null } else { Value::List(list) }
        }
    }
}

/// The error for a column missing from the header: shows invisible characters and names a wrong delimiter.
fn absent(name: &str, setting: &str, cells: &[String], raw: &str, delimiter: u8) -> String {
    let shown: Vec<String> = cells.iter().map(|cell| format!("{cell:?}")).collect();
    let near = nearest(name, cells.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    let mut what = format!(
        "there is no column {name:?}, which `{setting}` names; {near}the columns are {}",
        listed(&shown, 6)
    );
    let bare = |text: &str| {
        let seen = |letter: &char| !letter.is_whitespace() && !format!("{letter:?}").contains("\\u{");
        text.chars().filter(seen).collect::<String>().to_lowercase()
    };
    let split = |other: &char| {
        *other != char::from(delimiter)
            && raw
                .trim_end_matches(['\r', '\n'])
                .split(*other)
                .any(|cell| bare(&unquoted(cell)) == bare(name))
    };
    let most = || DELIMITERS.into_iter().max_by_key(|other| raw.matches(*other).count());
    let likely = DELIMITERS.into_iter().find(split).or_else(|| most().filter(|_| cells.len() == 1));
    if cells.first().is_some_and(|first| first.starts_with('\u{feff}')) {
        what.push_str("; the file begins with more than one byte order mark (\\u{feff}), remove all but one");
    } else if let Some(like) = cells.iter().find(|cell| bare(cell) == bare(name)) {
        what.push_str(&format!(
            "; did you mean {like:?}? Capitals, blanks and invisible characters count: mend the header, or write the name as it stands there"
        ));
    } else if let Some(other) = likely.filter(|other| raw.contains(*other) && *other != char::from(delimiter))
    {
        let other = other.to_string();
        what.push_str(&format!("; the file seems to be separated by {other:?}: set delimiter: {other:?}"));
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_names_the_delimiter_is_known() {
        assert_eq!(separator(b"sep=;\r\nid;v"), Some((b';', 7)));
        assert_eq!(separator(b"SEP=\t\nid"), Some((b'\t', 6)));
        assert_eq!(separator(b"sep=\nid"), None);
        assert_eq!(separator(b"sep=id,v\n"), None);
        assert_eq!(separator(b"se"), None);
    }

    #[test]
    fn wide_encodings_are_told_without_a_mark() {
        assert_eq!(wide_encoding(b"i\0d\0,\0"), Some("UTF-16LE"));
        assert_eq!(wide_encoding(b"\0i\0d\0,"), Some("UTF-16BE"));
        assert_eq!(wide_encoding(b"\xff\xfei\0"), Some("UTF-16"));
        assert_eq!(wide_encoding(b"id,v"), None);
    }
}
