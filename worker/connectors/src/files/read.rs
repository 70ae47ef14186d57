//! Reads a CSV file row by row, checks what a sync relies on, and records where each row starts.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufReader, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use syncline_engine::{Item, hash::Hash, ports::ConnectorError};

use super::{
    dialect::Quoting,
    error::{flaw, io_error, refusal},
    header::{Header, Start},
    record::{Record, Records},
    scope::FileScope,
};
use crate::stamp::{self, Stamp};

const BUFFER: usize = 64 << 10;
/// Rows sampled to learn how a file quotes its cells.
const SAMPLE: usize = 500;

/// Distinguishes two states of a file without reading it. Two edits of the same length within one tick of the file
/// system's clock (milliseconds) look the same.
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

    fn modified_at(&self) -> SystemTime {
        let (seconds, nanos) = self.modified;
        let since = Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0));
        SystemTime::UNIX_EPOCH + since
    }

    /// The identity of the file now at `path`.
    pub(super) fn at(path: &Path) -> Result<Self, ConnectorError> {
        let metadata = fs::metadata(path).map_err(|error| io_error(path, "read it", &error))?;
        Ok(Self::of(&metadata))
    }
}

/// The offset of each row: 16 bytes of the id's hash and 8 of offset per row.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Hash, u64>);

impl Index {
    pub(super) fn offset(&self, id: &str) -> Option<u64> {
        self.0.get(&Hash::of_bytes(id.as_bytes())).copied()
    }

    /// Makes room for `rows` more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.0.reserve(rows);
    }

    /// Adds a row; false if its id already exists.
    pub(super) fn insert(&mut self, id: &str, offset: u64) -> bool {
        self.0.insert(Hash::of_bytes(id.as_bytes()), offset).is_none()
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(&Hash::of_bytes(id.as_bytes()));
    }
}

/// A file changed less than this ago may still be written to.
const RECENT: Duration = Duration::from_secs(2);
/// How often to look again for a missing file.
const MOMENTS: usize = 2;
/// How long to wait before looking again.
const LOOK: Duration = Duration::from_millis(200);

/// The next thing in a file.
pub(super) enum Step {
    /// A row with this id.
    Row(String),
    /// A blank line.
    Blank,
    End,
}

/// How a file has changed since reading began.
enum State {
    Same,
    Edited,
    Replaced,
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
    /// The form of times in the column that records changes, once one was seen.
    pub(super) stamp: Option<Stamp>,
    quoting: Quoting,
    /// The record last read has no line ending.
    open_end: bool,
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
        let start = Start::read(scope, &mut input)?;
        let mut records = Records::new(input, start.delimiter, start.bytes, 1 + start.lines);
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
        let header = Header::read(scope, &record, start.delimiter)?;
        let quoting = Quoting::of_header(&record, start.delimiter);
        Ok(Table {
            scope: scope.clone(),
            records,
            header,
            record,
            identity,
            stamp: None,
            quoting,
            open_end: false,
        })
    }

    /// Reads the next record and checks that it has as many cells as there are columns, and an id.
    pub(super) fn step(&mut self) -> Result<Step, ConnectorError> {
        let more = match self.records.read(&mut self.record) {
            Ok(more) => more,
            Err(found) => return Err(self.blame(flaw(&self.scope.path, &found))),
        };
        if !more {
            return Ok(Step::End);
        }
        self.open_end = self.record.terminator().is_empty();
        let width = self.header.width;
        let (key, position) = &self.header.key;
        if self.record.len() == width {
            let id = self.record.cell(*position);
            if !id.trim().is_empty() {
                let id = id.into_owned();
                if let (None, Some((_, position))) = (self.stamp, &self.header.modified) {
                    self.stamp = stamp::read(&self.record.cell(*position)).map(|(_, stamp)| stamp);
                }
                return Ok(Step::Row(id));
            }
        }
        if self.record.is_blank() {
            return Ok(Step::Blank);
        }
        let cells = self.record.len();
        Err(self.broken(&if cells == width {
            format!("the row has no {key:?}; every row needs an id of its own")
        } else {
            format!(
                "the row has {cells} cells, the header has {width}; mend the row, or wait until the file is \
                 completely written"
            )
        }))
    }

    /// How the file quotes its cells, going by its first rows. Flaws are reported when the rows are read.
    pub(super) fn learn(mut self) -> Quoting {
        for _ in 0..SAMPLE {
            match self.step() {
                Ok(Step::Row(_)) => self.quoting.learn(&self.record),
                Ok(Step::Blank) => {}
                Ok(Step::End) | Err(_) => break,
            }
        }
        self.quoting
    }

    /// The offset at which the record last read ends.
    pub(super) fn position(&self) -> u64 {
        self.records.offset()
    }

    /// The row last read, as an item.
    pub(super) fn item(&self) -> Item {
        self.header.item(|position| self.record.cell(position).into_owned())
    }

    /// The error for a repeated id.
    pub(super) fn duplicate(&self, id: &str) -> ConnectorError {
        let line = self.record.line;
        // The index stores offsets, not lines, to stay small; the first line is looked up only for this message.
        let first = line_of(&self.scope, id).filter(|first| *first < line);
        let first = first.map_or_else(|| "an earlier line".to_owned(), |first| format!("line {first}"));
        self.broken(&format!("the id {id:?} is already used on {first}; every row needs an id of its own"))
    }

    fn broken(&self, what: &str) -> ConnectorError {
        self.blame(refusal(&self.scope.path, self.record.line, what))
    }

    /// Makes a flaw transient if the file was changed just now: the next read may not have it.
    fn blame(&self, error: ConnectorError) -> ConnectorError {
        match self.state(RECENT) {
            State::Same => error,
            _ => ConnectorError::transient(format!("{} (the file is being written just now)", error.message)),
        }
    }

    /// At the end of the file: true if every row was read.
    pub(super) fn is_whole(&self) -> Result<bool, ConnectorError> {
        let half_a_row = self.position() > 0 && self.open_end;
        let state = if half_a_row { self.state(LOOK) } else { self.state_now() };
        match state {
            State::Same => Ok(true),
            // What was read is complete, but outdated.
            State::Replaced => Ok(false),
            State::Edited => Err(ConnectorError::transient(format!(
                "{}: another program writes the file while it is read",
                self.scope.path.display()
            ))),
        }
    }

    /// How the file has changed. Waits a moment if it was changed just now, because its writer may continue.
    fn state(&self, patience: Duration) -> State {
        let age = || SystemTime::now().duration_since(self.identity.modified_at()).unwrap_or_default();
        let mut waited = Duration::ZERO;
        while age() < RECENT && waited < patience && matches!(self.state_now(), State::Same) {
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        self.state_now()
    }

    fn state_now(&self) -> State {
        match Identity::at(&self.scope.path) {
            Ok(now) if now == self.identity => State::Same,
            Ok(now) if (now.device, now.inode) == (self.identity.device, self.identity.inode) => {
                State::Edited
            }
            _ => State::Replaced,
        }
    }

    /// Approximate bytes of memory of the row last read, as an item.
    pub(super) fn weight(&self) -> usize {
        self.record.raw().len() + 128 * self.header.fields()
    }
}

/// Opens a regular file. A pipe or a device could block or never end.
pub(super) fn open(path: &Path) -> Result<File, ConnectorError> {
    let failed = |error| io_error(path, "read it", &error);
    // While a program replaces a file, it may be missing for a moment.
    let mut found = fs::metadata(path);
    for _ in 0..MOMENTS {
        if !found.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            break;
        }
        std::thread::sleep(LOOK);
        found = fs::metadata(path);
    }
    if !found.map_err(failed)?.is_file() {
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
        let mut records = Records::new(&mut input, header.delimiter, *offset, 0);
        let more = records.read(&mut record).map_err(|found| flaw(&scope.path, &found))?;
        // Anything else means that the file has changed meanwhile; the caller detects that.
        if more && record.len() == header.width {
            items.push(header.item(|position| record.cell(position).into_owned()));
        }
    }
    Ok(items)
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
