//! Reads a CSV file row by row, checking what a sync relies on, and remembers where each row starts.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
};

use syncline_engine::{Item, Value, hash::Hash, ports::ConnectorError, value::Fields};

use super::{
    error::{flaw, io_error},
    record::{Record, Records},
    scope::FileScope,
};
use crate::stamp::{self, Stamp};

const BOM: &[u8] = b"\xef\xbb\xbf";
const BUFFER: usize = 64 << 10;

/// What tells one state of a file from the next, short of reading it. Two edits of the same length within one tick of
/// the file system's clock (milliseconds) look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    modified: (i64, i64),
}

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// The identity of what is at `path` now.
    pub(super) fn at(path: &Path) -> Result<Self, ConnectorError> {
        let metadata = fs::metadata(path).map_err(|error| io_error(path, "read it", &error))?;
        Ok(Self::of(&metadata))
    }
}

/// Where each row starts: 16 bytes of the id's hash and 8 of offset per row.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Hash, u64>);

impl Index {
    pub(super) fn offset(&self, id: &str) -> Option<u64> {
        self.0.get(&Hash::of_bytes(id.as_bytes())).copied()
    }

    /// Makes room for so many more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.0.reserve(rows);
    }

    /// Remembers a row; false if there was one with this id already.
    pub(super) fn insert(&mut self, id: &str, offset: u64) -> bool {
        self.0.insert(Hash::of_bytes(id.as_bytes()), offset).is_none()
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(&Hash::of_bytes(id.as_bytes()));
    }
}

/// The first row: what the columns are called.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) columns: Vec<String>,
    /// Which column is the key.
    pub(super) key: usize,
    /// Which column says when a row was changed.
    pub(super) modified: Option<usize>,
    /// What ends a line in this file.
    pub(super) newline: String,
}

impl Header {
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// A row as an item.
    pub(super) fn item(&self, cell: impl Fn(usize) -> String) -> Item {
        let value = |position| Some(cell(position)).filter(|text| !text.is_empty());
        let fields: Fields = self
            .columns
            .iter()
            .enumerate()
            .map(|(position, name)| (name.clone(), value(position).map_or(Value::Null, Value::Text)))
            .collect();
        let content = self.modified.map(|position| (&self.columns[position], cell(position)));
        let modified = content.as_ref().and_then(|(_, text)| stamp::read(text)).map(|(instant, _)| instant);
        let unread = content
            .filter(|(_, text)| modified.is_none() && !text.trim().is_empty())
            .map(|(column, text)| stamp::unread(column, &text));
        Item { modified, unread, ..Item::new(cell(self.key), fields) }
    }
}

/// What comes next in a file.
pub(super) enum Step {
    /// A row with this id.
    Row(String),
    /// A blank line.
    Blank,
    /// The end.
    End,
}

/// A CSV file being read.
pub(super) struct Table {
    scope: FileScope,
    records: Records<BufReader<File>>,
    pub(super) header: Header,
    /// The record last read.
    pub(super) record: Record,
    /// The file as it was when reading began.
    pub(super) identity: Identity,
    /// The form of times in the column that says when a row was changed, once one was seen.
    pub(super) stamp: Option<Stamp>,
}

impl Table {
    /// Opens the file and reads its header.
    pub(super) fn open(scope: &FileScope) -> Result<Table, ConnectorError> {
        Self::read(scope, open(&scope.path)?)
    }

    /// Reads an open file from its start.
    pub(super) fn read(scope: &FileScope, mut file: File) -> Result<Table, ConnectorError> {
        let failed = |error| io_error(&scope.path, "read it", &error);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let identity = Identity::of(&file.metadata().map_err(failed)?);
        let mut input = BufReader::with_capacity(BUFFER, file);
        let bom = if input.fill_buf().map_err(failed)?.starts_with(BOM) { BOM.len() } else { 0 };
        input.consume(bom);
        let mut records = Records::new(input, scope.delimiter, bom as u64, 1);
        let mut record = Record::default();
        loop {
            let more = records.read(&mut record).map_err(|found| flaw(&scope.path, &found))?;
            if !more {
                return Err(ConnectorError::permanent(format!(
                    "{}: the file is empty; its first line must name the columns",
                    scope.path.display()
                )));
            }
            if !record.is_blank() {
                break;
            }
        }
        let header = header(scope, &record)?;
        Ok(Table { scope: scope.clone(), records, header, record, identity, stamp: None })
    }

    /// Reads the next record and checks that it has as many cells as there are columns, and an id.
    pub(super) fn step(&mut self) -> Result<Step, ConnectorError> {
        let more = match self.records.read(&mut self.record) {
            Ok(more) => more,
            Err(found) => return Err(self.blame(flaw(&self.scope.path, &found))),
        };
        match () {
            () if !more => Ok(Step::End),
            () if self.record.is_blank() => Ok(Step::Blank),
            () if self.record.len() != self.header.columns.len() => {
                let (cells, columns) = (self.record.len(), self.header.columns.len());
                Err(self.broken(&format!(
                    "the row has {cells} cells, the header has {columns}; mend the row, or wait until the file is \
                     completely written"
                )))
            }
            () => {
                let id = self.record.cell(self.header.key).into_owned();
                if id.is_empty() {
                    let key = &self.header.columns[self.header.key];
                    return Err(
                        self.broken(&format!("the row has no {key:?}; every row needs an id of its own"))
                    );
                }
                if let (None, Some(position)) = (self.stamp, self.header.modified) {
                    self.stamp = stamp::read(&self.record.cell(position)).map(|(_, stamp)| stamp);
                }
                Ok(Step::Row(id))
            }
        }
    }

    /// Where the record last read ends.
    pub(super) fn position(&self) -> u64 {
        self.records.offset()
    }

    /// The row last read, as an item.
    pub(super) fn item(&self) -> Item {
        self.header.item(|position| self.record.cell(position).into_owned())
    }

    /// The error for an id that was seen before.
    pub(super) fn duplicate(&self, id: &str) -> ConnectorError {
        let line = self.record.line;
        // The index holds offsets, not lines, to be small; the first line is looked up only now.
        let first = line_of(&self.scope, id).filter(|first| *first < line);
        let first = first.map_or_else(|| "an earlier line".to_owned(), |first| format!("line {first}"));
        self.broken(&format!("the id {id:?} is already used on {first}; every row needs an id of its own"))
    }

    fn broken(&self, what: &str) -> ConnectorError {
        let message = format!("{}, line {}: {what}", self.scope.path.display(), self.record.line);
        self.blame(ConnectorError::permanent(message))
    }

    /// A flaw in a file that somebody is writing just now may be gone on the next read.
    fn blame(&self, error: ConnectorError) -> ConnectorError {
        match Identity::at(&self.scope.path) {
            Ok(now) if now == self.identity => error,
            _ => ConnectorError::transient(format!("{} (the file is being written just now)", error.message)),
        }
    }
}

/// Opens a regular file. A pipe or a device would block or never end.
pub(super) fn open(path: &Path) -> Result<File, ConnectorError> {
    let failed = |error| io_error(path, "read it", &error);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        let message = format!("{}: this is not a file; the path must name a CSV file", path.display());
        return Err(ConnectorError::permanent(message));
    }
    File::open(path).map_err(failed)
}

/// Reads the rows that start at `offsets`.
pub(super) fn rows_at(
    scope: &FileScope,
    header: &Header,
    offsets: &[u64],
) -> Result<Vec<Item>, ConnectorError> {
    let mut input = BufReader::new(open(&scope.path)?);
    let mut record = Record::default();
    let mut items = Vec::with_capacity(offsets.len());
    for offset in offsets {
        input.seek(SeekFrom::Start(*offset)).map_err(|error| io_error(&scope.path, "read it", &error))?;
        let mut records = Records::new(&mut input, scope.delimiter, *offset, 0);
        let more = records.read(&mut record).map_err(|found| flaw(&scope.path, &found))?;
        // Anything else means that the file changed meanwhile, which the caller finds out.
        if more && record.len() == header.columns.len() {
            items.push(header.item(|position| record.cell(position).into_owned()));
        }
    }
    Ok(items)
}

fn header(scope: &FileScope, record: &Record) -> Result<Header, ConnectorError> {
    let columns: Vec<String> = (0..record.len()).map(|cell| record.cell(cell).into_owned()).collect();
    let refuse = |what: String| {
        ConnectorError::permanent(format!("{}, line {}: {what}", scope.path.display(), record.line))
    };
    if let Some((_, twice)) =
        columns.iter().enumerate().find(|(position, name)| columns[..*position].contains(name))
    {
        return Err(refuse(format!(
            "the column {twice:?} appears twice; give each column a name of its own"
        )));
    }
    let find = |name: &str, field: &str| {
        columns.iter().position(|column| column == name).ok_or_else(|| {
            let columns = columns.join(", ");
            refuse(format!("there is no column {name:?}, which `{field}` names; the columns are {columns}"))
        })
    };
    let key = find(&scope.key, "key")?;
    let modified = scope.modified.as_deref().map(|name| find(name, "modified")).transpose()?;
    let newline = Some(record.terminator()).filter(|end| !end.is_empty()).unwrap_or("\n").to_owned();
    Ok(Header { columns, key, modified, newline })
}

/// The line of the first row with this id.
fn line_of(scope: &FileScope, id: &str) -> Option<u64> {
    let mut table = Table::open(scope).ok()?;
    loop {
        match table.step().ok()? {
            Step::Row(found) if found == id => return Some(table.record.line),
            Step::Row(_) | Step::Blank => {}
            Step::End => return None,
        }
    }
}
