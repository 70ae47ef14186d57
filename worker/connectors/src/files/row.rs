//! Applies writes to one row. No I/O.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use syncline_engine::{
    Item, Value,
    ports::{ConnectorError, ErrorKind, Write, WriteOp, changed_since_read},
    value::Fields,
};

use super::{
    dialect::Quoting,
    form::{cell_like, cell_text},
    header::{Column, Header},
    record::{LARGEST_RECORD, Record, unquoted},
};
use crate::stamp::{self, Stamp, Written};

/// A row as written: cells with their quotes, and the line ending.
#[derive(Debug, Clone)]
pub(super) struct Row {
    cells: Vec<String>,
    terminator: String,
}

/// What all rows of one file have in common.
pub(super) struct Style<'a> {
    pub(super) file: &'a str,
    pub(super) header: &'a Header,
    pub(super) quoting: &'a Quoting,
    pub(super) stamp: Option<Stamp>,
    pub(super) now: DateTime<Utc>,
}

/// The id of a write's row.
pub(super) fn target<'a>(write: &'a Write, key: &str) -> std::borrow::Cow<'a, str> {
    use std::borrow::Cow;
    match &write.op {
        WriteOp::Update { id, .. } | WriteOp::Remove { id, .. } => Cow::Borrowed(id),
        WriteOp::Create { marker, fields } => match (&marker.id, asked(fields, key)) {
            (Some(id), _) => Cow::Borrowed(id),
            (None, Some(id)) => Cow::Owned(id),
            (None, None) => Cow::Borrowed(&marker.text),
        },
    }
}

/// The id in a create's own fields.
fn asked(fields: &Fields, key: &str) -> Option<String> {
    fields.get(key).map(cell_text).filter(|text| !text.is_empty())
}

impl Row {
    pub(super) fn of(record: &Record) -> Row {
        let cells = (0..record.len()).map(|cell| record.raw_cell(cell).to_owned()).collect();
        Row { cells, terminator: record.terminator().to_owned() }
    }

    /// The row as written to the file.
    pub(super) fn to_text(&self, delimiter: u8) -> String {
        let mut text = self.cells.join(char::from(delimiter).encode_utf8(&mut [0; 4]));
        text.push_str(&self.terminator);
        text
    }

    fn item(&self, header: &Header) -> Item {
        header.item(|position| unquoted(&self.cells[position]).into_owned())
    }

    /// Sets a cell; false if it already had this content, in whatever notation.
    fn set(&mut self, position: usize, content: &str, quoting: &Quoting) -> bool {
        let old = &self.cells[position];
        let changed = unquoted(old) != content;
        if changed {
            self.cells[position] = quoting.cell(position, Some(old), content);
        }
        changed
    }

    /// Refuses to write what a later read would refuse.
    fn check(&self, style: &Style<'_>, id: &str) -> Result<(), ConnectorError> {
        let length: usize = self.cells.iter().map(|cell| cell.len() + 1).sum();
        if length > LARGEST_RECORD {
            return Err(ConnectorError::permanent(format!(
                "{}: the row {id:?} would have {length} bytes; a row can have 16 MiB",
                style.file
            )));
        }
        Ok(())
    }
}

/// What one write became: the row as it is now, or why it was refused.
pub(super) type Outcome = Result<Item, ConnectorError>;

impl Style<'_> {
    /// Applies one write to the row with `id` (none: there is no such row). Sets `changed` if anything changed; never
    /// resets it.
    pub(super) fn apply(
        &self,
        row: &mut Option<Row>,
        id: &str,
        write: &Write,
        changed: &mut bool,
    ) -> Outcome {
        match &write.op {
            WriteOp::Create { marker, fields } => match row {
                Some(row) if marker.id.is_none() && asked(fields, self.key()).is_none() => {
                    Ok(row.item(self.header))
                }
                Some(_) => {
                    let file = self.file;
                    Err(ConnectorError::conflict(format!(
                        "{file}: there is already a row with the id {id:?}"
                    )))
                }
                None => {
                    let new = self.create(id, fields)?;
                    *changed = true;
                    Ok(row.insert(new).item(self.header))
                }
            },
            WriteOp::Update { fields, .. } => {
                let Some(row) = row else { return Err(self.not_found(id)) };
                self.unchanged(row, id, &write.expected)?;
                *changed |= self.update(row, id, fields)?;
                Ok(row.item(self.header))
            }
            WriteOp::Remove { .. } => {
                let Some(found) = row else {
                    return Ok(Item { deleted: true, ..Item::new(id, Fields::new()) });
                };
                self.unchanged(found, id, &write.expected)?;
                let item = Item { deleted: true, ..found.item(self.header) };
                (*row, *changed) = (None, true);
                Ok(item)
            }
        }
    }

    fn create(&self, id: &str, fields: &Fields) -> Result<Row, ConnectorError> {
        if id.trim().is_empty() || id.contains('\0') {
            let message = format!("{}: the new row has no usable {:?}", self.file, self.key());
            return Err(ConnectorError::permanent(message));
        }
        let cells = (0..self.header.width).map(|position| self.quoting.cell(position, None, ""));
        let mut row = Row { cells: cells.collect(), terminator: self.header.newline.clone() };
        self.fill(&mut row, fields)?;
        row.set(self.header.key.1, id, self.quoting);
        self.touch(&mut row, fields);
        row.check(self, id)?;
        Ok(row)
    }

    fn update(&self, row: &mut Row, id: &str, fields: &Fields) -> Result<bool, ConnectorError> {
        if let Some(other) = fields.get(self.key()).filter(|value| cell_text(value) != id) {
            return Err(ConnectorError::permanent(format!(
                "{}: the row {id:?} cannot be given the id {other}; an id stays as it is",
                self.file
            )));
        }
        let mut new = row.clone();
        let changed = self.fill(&mut new, fields)?;
        if changed {
            self.touch(&mut new, fields);
            new.check(self, id)?;
            *row = new;
        }
        Ok(changed)
    }

    fn fill(&self, row: &mut Row, fields: &Fields) -> Result<bool, ConnectorError> {
        let mut changed = false;
        for (name, value) in fields {
            let Some(column) = self.header.column(name) else {
                return Err(ConnectorError::permanent(format!(
                    "{}: there is no column {name:?}; the columns are {}",
                    self.file,
                    self.header.names.join(", ")
                )));
            };
            let refused = |what| ConnectorError::permanent(format!("{}: {what}", self.file));
            column.accepts(value).map_err(refused)?;
            for (position, content) in cells(row, column, value) {
                changed |= row.set(position, &content, self.quoting);
            }
        }
        Ok(changed)
    }

    /// Records the time of the change, unless the write sets it.
    fn touch(&self, row: &mut Row, written: &Fields) {
        let Some((name, position)) = &self.header.modified else { return };
        let position = *position;
        if !written.contains_key(name) {
            let cell = unquoted(&row.cells[position]).into_owned();
            let own = stamp::read(&cell).map(|(_, stamp)| stamp);
            if own.is_none() && !cell.trim().is_empty() {
                // Keep content that is no time; the run reports it.
                return;
            }
            let text = match own.or(self.stamp).unwrap_or(Stamp::RFC3339).write(self.now) {
                Written::Text(text) => text,
                Written::Int(number) => number.to_string(),
            };
            row.set(position, &text, self.quoting);
        }
    }

    fn unchanged(&self, row: &Row, id: &str, expected: &Fields) -> Result<(), ConnectorError> {
        let found = row.item(self.header).fields;
        let mut message = String::new();
        for (name, (before, now)) in changed_since_read(expected, &found) {
            // A number or a date is expected in the form in which it would be written.
            if cell_text(before) != cell_text(now) {
                let _ = write!(message, "; {name} was {before} and is {now}");
            }
        }
        if message.is_empty() {
            return Ok(());
        }
        Err(ConnectorError::conflict(format!(
            "{}: the row {id:?} changed since it was read{message}",
            self.file
        )))
    }

    fn not_found(&self, id: &str) -> ConnectorError {
        let message = format!("{}: there is no row with the id {id:?}", self.file);
        ConnectorError::new(ErrorKind::NotFound, message)
    }

    fn key(&self) -> &str {
        &self.header.key.0
    }
}

impl Column {
    /// Ok if the column can store the value.
    pub(super) fn accepts(&self, value: &Value) -> Result<(), String> {
        let (name, places) = (&self.name, self.positions.len());
        let texts = if places == 1 { vec![cell_text(value)] } else { list_of(value) };
        if places > 1 && (texts.iter().any(String::is_empty) || texts.len() > places) {
            return Err(format!(
                "the columns {name:?} cannot take {value}: they hold at most {places} values, none of them empty"
            ));
        }
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(format!("the column {name:?} cannot take a zero byte (\\0)"));
        }
        Ok(())
    }
}

/// The cells that a value fills, with their content.
fn cells(row: &Row, column: &Column, value: &Value) -> Vec<(usize, String)> {
    if let [position] = column.positions.as_slice() {
        return vec![(*position, cell_like(&unquoted(&row.cells[*position]), value))];
    }
    let texts = list_of(value);
    // Values replace values; only a list of another length fills the cells from the first on.
    let filled = |position: &&usize| !unquoted(&row.cells[**position]).is_empty();
    let used: Vec<usize> = column.positions.iter().filter(filled).copied().collect();
    let places = if used.len() == texts.len() { &used } else { &column.positions };
    let texts = texts.into_iter().chain(std::iter::repeat_with(String::new));
    places.iter().copied().zip(texts).collect()
}

/// The values of columns that share a name; accepts a list as the JSON text into which it may have been converted.
fn list_of(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::List(values) => values.iter().map(cell_text).collect(),
        Value::Text(text) => match serde_json::from_str::<Vec<String>>(text) {
            Ok(texts) => texts,
            Err(_) => vec![text.clone()],
        },
        other => vec![cell_text(other)],
    }
}
