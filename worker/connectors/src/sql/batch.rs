//! The rows of a batch of writes: read, locked, and read again at the end.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use syncline_engine::{
    Item,
    ports::{ConnectorError, Marker, Write, WriteOp},
    value::Fields,
};

use super::{
    PAGE,
    db::{Dialect, Raw, Tx},
    error::Fault,
    table::{Row, Table, quoted},
    write::Outcome,
};

/// The result of one write, before the final read.
pub(super) enum RowResult {
    /// The final state of the row with this id is returned.
    Row(String),
    Deleted(Item),
    Refused(ConnectorError),
}

impl RowResult {
    /// The id of the row; none if the write was refused.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            RowResult::Row(id) => Some(id),
            RowResult::Deleted(item) => Some(&item.id),
            RowResult::Refused(_) => None,
        }
    }
}

/// A transaction and the known state of the table.
pub(super) struct Batch<'a> {
    pub(super) table: &'a Table,
    pub(super) tx: Tx<'a>,
    pub(super) now: DateTime<Utc>,
    /// The locked rows by id, in their present state; missing rows are absent.
    pub(super) rows: HashMap<String, Row>,
    pub(super) markers: HashMap<String, String>,
    /// Ids whose row in `rows` is outdated.
    pub(super) touched: HashSet<String>,
    pub(super) written: bool,
    /// The highest number among the keys that we gave to new rows.
    pub(super) highest_key: Option<i64>,
    /// Ids in `rows` by their canonical form.
    spelled: HashMap<String, String>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(table: &'a Table, tx: Tx<'a>, now: DateTime<Utc>) -> Self {
        Self {
            table,
            tx,
            now,
            rows: HashMap::new(),
            markers: HashMap::new(),
            touched: HashSet::new(),
            written: false,
            highest_key: None,
            spelled: HashMap::new(),
        }
    }

    pub(super) async fn execute(&mut self, sql: &str) -> Result<u64, ConnectorError> {
        self.tx.execute(sql.to_owned(), &[]).await.map_err(Fault::into_error)
    }

    /// Reads and locks the rows of the writes.
    pub(super) async fn load(&mut self, writes: &[Write]) -> Result<(), Fault> {
        self.rows.clear();
        self.spelled.clear();
        self.markers.clear();
        self.touched.clear();
        (self.written, self.highest_key) = (false, None);
        let ids: Vec<String> = writes.iter().filter_map(|write| self.table.target(write)).collect();
        self.load_ids(&ids).await?;
        let Some(position) = self.table.marker else { return Ok(()) };
        let markers: Vec<Marker> = writes
            .iter()
            .filter_map(|write| match &write.op {
                WriteOp::Create { marker, .. } => Some(marker.clone()),
                WriteOp::Update { .. } | WriteOp::Remove { .. } => None,
            })
            .collect();
        for page in markers.chunks(PAGE) {
            let Some((sql, arguments)) = self.table.select_markers(position, page, &self.lock()) else {
                continue;
            };
            for raw in self.tx.rows(sql, &arguments).await? {
                let row = self.table.row(raw)?;
                if let Raw::Text(marker) = &row.raw[position] {
                    self.markers.insert(marker.clone(), row.item.id.clone());
                }
                self.rows.insert(row.item.id.clone(), row);
            }
        }
        Ok(())
    }

    pub(super) async fn load_ids(&mut self, ids: &[String]) -> Result<(), Fault> {
        let wanted: HashSet<String> = ids.iter().map(|id| self.table.canonical(id)).collect();
        for page in ids.chunks(PAGE) {
            let Some((sql, arguments)) = self.table.select_ids(page, &self.lock()) else { continue };
            for raw in self.tx.rows(sql, &arguments).await? {
                let row = self.table.row(raw)?;
                let canonical = self.table.canonical(&row.item.id);
                if wanted.contains(&canonical) {
                    self.spelled.insert(canonical, row.item.id.clone());
                    self.rows.insert(row.item.id.clone(), row);
                }
            }
        }
        Ok(())
    }

    /// Reads a row again.
    pub(super) async fn reload(&mut self, id: &str) -> Result<(), Fault> {
        self.rows.remove(id);
        self.touched.remove(id);
        self.load_ids(&[id.to_owned()]).await
    }

    /// The id of the row that has this id, in any spelling.
    pub(super) fn held(&self, id: &str) -> Option<String> {
        let own = self.spelled.get(&self.table.canonical(id))?;
        self.rows.contains_key(own).then(|| own.clone())
    }

    /// An error if the table, read again, does not show what the write should have made of it.
    pub(super) fn check(&self, outcome: &RowResult) -> Result<(), Fault> {
        let what = match outcome {
            RowResult::Row(id) if !self.rows.contains_key(id) => {
                format!("the row {id:?} is not there after the write")
            }
            RowResult::Deleted(item) if self.rows.contains_key(&item.id) => {
                format!("the row {:?} is still there after the delete", item.id)
            }
            _ => return Ok(()),
        };
        Err(Fault::Row(self.table.refusal(format!("{what}{}", self.table.by_triggers()))))
    }

    fn lock(&self) -> String {
        match self.table.dialect {
            Dialect::Sqlite => String::new(),
            // In order, so that two transactions that lock the same rows do not deadlock.
            Dialect::Postgres => format!(" ORDER BY t.{} FOR UPDATE OF t", quoted(&self.table.key().name)),
        }
    }

    /// Why the database refused a write: since the first look, another writer may have taken the id or created the row.
    pub(super) async fn explain(&mut self, write: &Write, error: ConnectorError) -> Result<RowResult, Fault> {
        if let WriteOp::Create { marker, fields } = &write.op
            && let Some(id) = self.table.target(write)
        {
            self.load_ids(std::slice::from_ref(&id)).await?;
            if let Some(id) = self.held(&id) {
                let ours = self.table.asked(marker, fields).is_none();
                return Ok(if ours { RowResult::Row(id) } else { RowResult::Refused(self.table.taken(&id)) });
            }
        }
        Ok(RowResult::Refused(refused(self.table, self.tx.label(), write, &error)))
    }

    /// The present rows, with the effects of triggers and defaults.
    pub(super) async fn results(&mut self, outcomes: Vec<RowResult>) -> Result<Vec<Outcome>, Fault> {
        let stale: Vec<String> = self.touched.drain().collect();
        stale.iter().for_each(|id| {
            self.rows.remove(id);
        });
        self.load_ids(&stale).await?;
        // Of two writes to one row, the later one determines the final state.
        let last: HashMap<&str, usize> =
            outcomes.iter().enumerate().filter_map(|(place, outcome)| Some((outcome.id()?, place))).collect();
        for (place, outcome) in outcomes.iter().enumerate() {
            if outcome.id().is_some_and(|id| last.get(id) == Some(&place)) {
                self.check(outcome)?;
            }
        }
        let result = |outcome| match outcome {
            RowResult::Refused(error) => Err(error),
            RowResult::Deleted(item) => Ok(item),
            RowResult::Row(id) => match self.rows.get(&id) {
                Some(row) => Ok(row.item.clone()),
                None => Ok(Item { deleted: true, ..Item::new(id, Fields::new()) }),
            },
        };
        Ok(outcomes.into_iter().map(result).collect())
    }

    /// Moves the sequence that numbers new rows past the numbers that rows were given: otherwise the next insert of the
    /// user's own program would fail.
    pub(super) async fn advance_sequence(&mut self) -> Result<(), Fault> {
        let (Some(sequence), Some(highest)) = (&self.table.sequence, self.highest_key) else { return Ok(()) };
        let sql = format!(
            "SELECT setval($1::text::regclass, $2::text::bigint)::text FROM {sequence} WHERE last_value < \
             $2::text::bigint OR (last_value = $2::text::bigint AND NOT is_called)"
        );
        let arguments = [Raw::Text(sequence.clone()), Raw::Int(highest)];
        self.tx.rows(sql, &arguments).await.map(|_| ())
    }
}

/// The refusal of a write, naming the table, the row and the values. `label` names the database.
pub(super) fn refused(table: &Table, label: &str, write: &Write, error: &ConnectorError) -> ConnectorError {
    let what = match &write.op {
        WriteOp::Create { .. } => "a new row was refused".to_owned(),
        WriteOp::Update { id, .. } | WriteOp::Remove { id, .. } => format!("the row {id:?} was refused"),
    };
    // The table's label begins with the database's, which need not be repeated.
    let bare = |prefix: &str| error.message.strip_prefix(&format!("{prefix}: "));
    let message = bare(&table.label).or_else(|| bare(label)).unwrap_or(&error.message);
    table.refusal(format!("{what}: {message}{}", written(write)))
}

/// The values of a write, shortened: the database does not always say which value it refused.
fn written(write: &Write) -> String {
    let (WriteOp::Create { fields, .. } | WriteOp::Update { fields, .. }) = &write.op else {
        return String::new();
    };
    let values: Vec<String> = fields
        .iter()
        .take(8)
        .map(|(name, value)| {
            let value = value.to_string();
            let short: String = value.chars().take(40).collect();
            let dots = if short.len() < value.len() { "…" } else { "" };
            format!("{name} = {short}{dots}")
        })
        .collect();
    if values.is_empty() { String::new() } else { format!("; to be written: {}", values.join(", ")) }
}
