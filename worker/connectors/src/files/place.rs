//! One file, and where its rows start.

use std::sync::{Arc, Mutex, PoisonError};

use syncline_engine::{Item, ports::ConnectorError};

use super::{
    list::PageReader,
    read::{Identity, Index, Table, rows_at},
    scope::FileScope,
};

/// What listings and calls share.
pub(super) struct Place {
    pub(super) scope: FileScope,
    /// Where each row starts, as of the file's last complete reading or writing.
    known: Mutex<Option<Arc<Known>>>,
}

pub(super) struct Known {
    identity: Identity,
    index: Index,
}

impl Place {
    pub(super) fn new(scope: FileScope) -> Self {
        Self { scope, known: Mutex::new(None) }
    }

    /// Finds rows through the index, which is made anew when the file is not as it was.
    pub(super) fn fetch(&self, ids: &[String]) -> Result<Vec<Item>, ConnectorError> {
        for _ in 0..super::ATTEMPTS {
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
        }
        let path = self.scope.path.display();
        Err(ConnectorError::transient(format!("{path}: the file keeps changing while it is read")))
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

    /// Keeps an index for the file as it was then.
    pub(super) fn remember(&self, identity: Identity, index: Index) -> Arc<Known> {
        let known = Arc::new(Known { identity, index });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        known
    }
}
