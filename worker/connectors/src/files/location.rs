//! A file and the offsets of its rows.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::sleep,
    time::Duration,
};

use syncline_engine::{
    Item, Value,
    ports::{ConnectorError, ErrorKind},
};

use super::{
    header::Header,
    list::PageReader,
    read::{Identity, Index, Table, rows_at},
    scope::FileScope,
};

/// The state that listings and calls share.
pub(super) struct Location {
    pub(super) scope: FileScope,
    /// The offset of each row, as of the file's last complete read or write.
    known: Mutex<Option<Arc<Known>>>,
    /// The file after its header was read, for the following listing: a look at the columns and a short listing open
    /// the file only once.
    opened: Mutex<Option<Table>>,
    /// The columns at the first look.
    header: OnceLock<Header>,
}

pub(super) struct Known {
    identity: Identity,
    index: Index,
}

impl Location {
    pub(super) fn new(scope: FileScope) -> Self {
        Self { scope, known: Mutex::new(None), opened: Mutex::new(None), header: OnceLock::new() }
    }

    /// The columns, if the file is open and not read yet.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        self.opened().as_ref().map(|table| table.header.names.clone())
    }

    /// Opens the file, keeps it open, and returns its columns.
    pub(super) fn look(&self) -> Result<Vec<String>, ConnectorError> {
        let table = patiently(|| Table::open(&self.scope))?;
        let columns = table.header.names.clone();
        let _ = self.header.set(table.header.clone());
        *self.opened() = Some(table);
        Ok(columns)
    }

    /// Ok if the field can be written with this value, judging by the first look at the columns.
    pub(super) fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        let column = self.header.get().and_then(|header| header.column(field));
        column.map_or(Ok(()), |column| column.accepts(value))
    }

    /// The present file, positioned at its first row.
    pub(super) fn table(&self) -> Result<Table, ConnectorError> {
        let opened = self.opened().take();
        match opened {
            Some(table) if Identity::at(&self.scope.path)? == table.identity => Ok(table),
            _ => Table::open(&self.scope),
        }
    }

    fn opened(&self) -> MutexGuard<'_, Option<Table>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds rows through the index, which is rebuilt if the file has changed.
    pub(super) fn fetch(&self, ids: &[String]) -> Result<Vec<Item>, ConnectorError> {
        patiently(|| self.fetch_once(ids)).map_err(|error| self.passing(error))
    }

    fn fetch_once(&self, ids: &[String]) -> Result<Vec<Item>, ConnectorError> {
        let table = Table::open(&self.scope)?;
        let (header, identity) = (table.header.clone(), table.identity);
        let known = match self.known() {
            Some(known) if known.identity == identity => known,
            _ => self.scan(table)?,
        };
        let mut offsets: Vec<u64> = ids.iter().filter_map(|id| known.index.offset(id)).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let items = rows_at(&self.scope, &header, &offsets);
        if Identity::at(&self.scope.path)? == known.identity {
            return items;
        }
        let path = self.scope.path.display();
        Err(ConnectorError::transient(format!("{path}: the file keeps changing while it is read")))
    }

    /// Makes the error transient for a file that existed and is gone: another program may be replacing it.
    pub(super) fn passing(&self, error: ConnectorError) -> ConnectorError {
        match error.kind {
            ErrorKind::Permanent if !self.scope.path.exists() => ConnectorError::transient(error.message),
            _ => error,
        }
    }

    fn scan(&self, table: Table) -> Result<Arc<Known>, ConnectorError> {
        let mut reader = PageReader::new(table);
        while !reader.ended {
            reader.rows(super::PAGE, |_| ())?;
        }
        Ok(self.remember(reader.table.identity, reader.index))
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stores an index for this state of the file.
    pub(super) fn remember(&self, identity: Identity, index: Index) -> Arc<Known> {
        let known = Arc::new(Known { identity, index });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        known
    }
}

/// How long to wait for another program to finish writing the file.
const WAITS: [Duration; 3] =
    [Duration::from_millis(30), Duration::from_millis(150), Duration::from_millis(400)];

/// Retries a read, because the file may be half written.
pub(super) fn patiently<T>(mut read: impl FnMut() -> Result<T, ConnectorError>) -> Result<T, ConnectorError> {
    for wait in WAITS {
        match read() {
            Err(error) if error.kind == ErrorKind::Transient => sleep(wait),
            done => return done,
        }
    }
    read()
}
