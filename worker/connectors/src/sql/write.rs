//! Carries out a batch of writes in one transaction.
//!
//! The rows concerned are read first and stay locked (SQLite: the transaction has the only right to write; PostgreSQL:
//! `FOR UPDATE`), so comparing what is expected with what is there and writing are one step. Comparing here rather than
//! in the `WHERE` of the update keeps the meaning of "same" that all connectors share, whatever the column's type.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use syncline_engine::{
    Item, Value,
    ports::{
        ConnectorError, ErrorKind, Marker, Write, WriteContext, WriteOp, WriteResult, changed_since_read,
    },
    value::{Fields, Instant, Precision},
};

use super::{
    PAGE,
    column::Kind,
    db::{Db, Dialect, Raw, Tx},
    error::Fault,
    table::{Row, Table, quoted},
};

/// Writes all; one refused row leaves the others.
pub(super) async fn write(
    db: &Db,
    table: &Table,
    writes: &[Write],
    context: &WriteContext<'_>,
) -> Result<Vec<WriteResult>, ConnectorError> {
    let mut batch = Batch::new(table, db.begin().await?, context.now);
    // A savepoint per row doubles the statements, so a batch is first tried with one for all, and row by row only if the
    // database refuses one.
    batch.execute("SAVEPOINT batch").await?;
    let outcomes = match batch.run(writes, false).await {
        Ok(outcomes) => outcomes,
        Err(Fault::Row(_)) => {
            batch.execute("ROLLBACK TO SAVEPOINT batch").await?;
            batch.run(writes, true).await.map_err(Fault::into_error)?
        }
        Err(Fault::Call(error)) => return Err(error),
    };
    let results = batch.results(outcomes).await?;
    if !batch.written {
        return Ok(results);
    }
    context.leave.check()?;
    batch.tx.commit().await?;
    Ok(results)
}

/// What became of one write.
enum Outcome {
    /// The row with this id is to be returned as it stands in the end.
    Row(String),
    Deleted(Item),
    Refused(ConnectorError),
}

struct Batch<'a> {
    table: &'a Table,
    tx: Tx<'a>,
    now: DateTime<Utc>,
    /// The locked rows by id, as they stand; absent where there is none.
    rows: HashMap<String, Row>,
    /// Ids by marker.
    markers: HashMap<String, String>,
    /// Ids whose row in `rows` is out of date.
    touched: HashSet<String>,
    written: bool,
}

impl<'a> Batch<'a> {
    fn new(table: &'a Table, tx: Tx<'a>, now: DateTime<Utc>) -> Self {
        let (rows, markers, touched) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { table, tx, now, rows, markers, touched, written: false }
    }

    async fn execute(&mut self, sql: &str) -> Result<u64, ConnectorError> {
        self.tx.execute(sql.to_owned(), &[]).await.map_err(Fault::into_error)
    }

    /// Carries out all writes. Without savepoints, the first row that the database refuses ends it.
    async fn run(&mut self, writes: &[Write], savepoints: bool) -> Result<Vec<Outcome>, Fault> {
        self.written = false;
        self.touched.clear();
        self.load(writes).await?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            if savepoints {
                self.execute("SAVEPOINT row").await?;
            }
            let outcome = match self.one(write).await {
                Err(Fault::Row(error)) if savepoints => {
                    self.execute("ROLLBACK TO SAVEPOINT row").await?;
                    self.explain(write, error).await?
                }
                other => other?,
            };
            if savepoints {
                self.execute("RELEASE SAVEPOINT row").await?;
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Reads and locks the rows that the writes are about.
    async fn load(&mut self, writes: &[Write]) -> Result<(), Fault> {
        self.rows.clear();
        self.markers.clear();
        let ids: Vec<String> = writes.iter().filter_map(|write| self.target(write)).collect();
        self.load_ids(&ids).await?;
        let Some(position) = self.table.marker else { return Ok(()) };
        let markers: Vec<Marker> = writes
            .iter()
            .filter_map(|write| match &write.op {
                WriteOp::Create { marker, .. } => Some(marker.clone()),
                WriteOp::Update { .. } | WriteOp::Delete { .. } => None,
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

    async fn load_ids(&mut self, ids: &[String]) -> Result<(), Fault> {
        let wanted: HashSet<&String> = ids.iter().collect();
        for page in ids.chunks(PAGE) {
            let Some((sql, arguments)) = self.table.select_ids(page, &self.lock()) else { continue };
            for raw in self.tx.rows(sql, &arguments).await? {
                let row = self.table.row(raw)?;
                if wanted.contains(&row.item.id) {
                    self.rows.insert(row.item.id.clone(), row);
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> String {
        match self.table.dialect {
            Dialect::Sqlite => String::new(),
            // In order, so that two transactions that want the same rows do not block each other for ever.
            Dialect::Postgres => format!(" ORDER BY t.{} FOR UPDATE OF t", quoted(&self.table.key().name)),
        }
    }

    /// The id of the row that a write is about; none for a create whose id the database gives.
    fn target(&self, write: &Write) -> Option<String> {
        match &write.op {
            WriteOp::Update { id, .. } | WriteOp::Delete { id } => Some(id.clone()),
            WriteOp::Create { marker, fields } => {
                self.asked(marker, fields).or_else(|| match self.table.marker {
                    Some(_) if self.table.key_assigned => None,
                    _ => self.table.derived_key(&marker.text),
                })
            }
        }
    }

    /// The id that a create asks for.
    fn asked(&self, marker: &Marker, fields: &Fields) -> Option<String> {
        let field = || match fields.get(&self.table.key().name) {
            Some(Value::Text(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
            Some(value) if !value.is_blank() => Some(value.to_json().to_string()),
            _ => None,
        };
        marker.id.clone().or_else(field)
    }

    async fn one(&mut self, write: &Write) -> Result<Outcome, Fault> {
        let target = self.target(write);
        if let Some(id) = target.as_ref().filter(|id| self.touched.contains(*id)) {
            let id = id.clone();
            self.rows.remove(&id);
            self.load_ids(std::slice::from_ref(&id)).await?;
            self.touched.remove(&id);
        }
        let done = match &write.op {
            WriteOp::Create { marker, fields } => self.create(marker, fields, target).await,
            WriteOp::Update { id, fields } => self.update(id, fields, write).await,
            WriteOp::Delete { id } => self.delete(id, write).await,
        };
        match done {
            Err(Failure::Refused(error)) => Ok(Outcome::Refused(error)),
            Err(Failure::Fault(fault)) => Err(fault),
            Ok(outcome) => Ok(outcome),
        }
    }

    async fn create(
        &mut self,
        marker: &Marker,
        fields: &Fields,
        target: Option<String>,
    ) -> Result<Outcome, Failure> {
        if let Some(id) = self.markers.get(&marker.text) {
            return Ok(Outcome::Row(id.clone()));
        }
        if let Some(id) = target.as_ref().filter(|id| self.rows.contains_key(*id)) {
            if self.asked(marker, fields).is_none() {
                return Ok(Outcome::Row(id.clone()));
            }
            return Err(self.taken(id).into());
        }
        let mut values = self.values(fields, true)?;
        if let Some(id) = &target {
            values.retain(|(position, _)| *position != self.table.key);
            let key = self.table.key().raw(&Value::Text(id.clone()), self.table.dialect);
            values.push((self.table.key, key.map_err(|what| self.refusal(what))?));
        } else if !self.table.key_assigned {
            let what = format!("a new row needs a value for {:?}; map a field to it", self.table.key().name);
            return Err(self.refusal(what).into());
        }
        if let Some(position) = self.table.marker {
            values.push((position, Raw::Text(marker.text.clone())));
        }
        if let Some(position) = self.table.version.filter(|position| !has(&values, *position)) {
            let version = &self.table.columns[position];
            if version.kind == Kind::Int && !version.has_default && version.writable {
                values.push((position, Raw::Int(1)));
            }
        }
        self.touch(&mut values);
        let id = self.insert(values).await?;
        if self.table.marker.is_some() {
            self.markers.insert(marker.text.clone(), id.clone());
        }
        Ok(Outcome::Row(id))
    }

    async fn insert(&mut self, values: Vec<(usize, Raw)>) -> Result<String, Failure> {
        let table = self.table;
        let mut statement = table.statement(format!("INSERT INTO {}", table.name));
        if values.is_empty() {
            statement.push(" DEFAULT VALUES");
        } else {
            let name = |(position, _): &(usize, Raw)| quoted(&table.columns[*position].name);
            let names: Vec<String> = values.iter().map(name).collect();
            statement.push(&format!(" ({}) VALUES (", names.join(", ")));
            for (number, (position, raw)) in values.into_iter().enumerate() {
                statement.push(if number > 0 { ", " } else { "" }).argument(position, raw);
            }
            statement.push(")");
        }
        statement.push(" RETURNING ").push(&table.returning_key());
        let rows = self.tx.rows(statement.sql, &statement.arguments).await?;
        self.written = true;
        let id = match rows.first().and_then(|row| row.first()) {
            Some(Raw::Int(number)) => number.to_string(),
            Some(Raw::Text(text)) => text.clone(),
            Some(Raw::Real(number)) => number.to_string(),
            _ => return Err(self.refusal("the database did not store the new row").into()),
        };
        self.touched.insert(id.clone());
        Ok(id)
    }

    async fn update(&mut self, id: &str, fields: &Fields, write: &Write) -> Result<Outcome, Failure> {
        let row = self.unchanged(id, write)?.ok_or_else(|| {
            let message = format!("{}: there is no row with the id {id:?}", self.table.label);
            ConnectorError::new(ErrorKind::NotFound, message)
        })?;
        let key = &self.table.key().name;
        if let Some(value) = fields.get(key)
            && self.asked(&Marker { text: String::new(), id: None }, fields).as_deref() != Some(id)
        {
            let what = format!("the row {id:?} cannot be given the id {value}; an id stays as it is");
            return Err(self.refusal(what).into());
        }
        let mut values = self.values(fields, false)?;
        values.retain(|(position, raw)| {
            let column = &self.table.columns[*position];
            let found = row.item.fields.get(&column.name).unwrap_or(&Value::Null);
            let same = fields.get(&column.name).is_some_and(|value| value.same(found));
            *position != self.table.key && !same && !row.raw[*position].same(raw)
        });
        if values.is_empty() {
            return Ok(Outcome::Row(id.to_owned()));
        }
        self.touch(&mut values);
        if let Some(position) = self.table.version.filter(|position| !has(&values, *position))
            && let (Kind::Int, Some(Ok(version))) =
                (self.table.columns[position].kind, row.item.version.as_ref().map(|text| text.parse::<i64>()))
        {
            values.push((position, Raw::Int(version.wrapping_add(1))));
        }
        let mut statement = self.table.statement(format!("UPDATE {} SET ", self.table.name));
        for (number, (position, raw)) in values.into_iter().enumerate() {
            let name = quoted(&self.table.columns[position].name);
            statement
                .push(if number > 0 { ", " } else { "" })
                .push(&format!("{name} = "))
                .argument(position, raw);
        }
        statement.push(&format!(" WHERE {} = ", quoted(key)));
        statement.argument(self.table.key, row.raw[self.table.key].clone());
        let changed = self.tx.execute(statement.sql, &statement.arguments).await?;
        self.written = true;
        if changed == 0 {
            return Err(self.refusal(format!("the database did not change the row {id:?}")).into());
        }
        self.touched.insert(id.to_owned());
        Ok(Outcome::Row(id.to_owned()))
    }

    async fn delete(&mut self, id: &str, write: &Write) -> Result<Outcome, Failure> {
        let Some(row) = self.unchanged(id, write)? else {
            return Ok(Outcome::Deleted(Item { deleted: true, ..Item::new(id, Fields::new()) }));
        };
        let key = quoted(&self.table.key().name);
        let mut statement = self.table.statement(format!("DELETE FROM {} WHERE {key} = ", self.table.name));
        statement.argument(self.table.key, row.raw[self.table.key].clone());
        self.tx.execute(statement.sql, &statement.arguments).await?;
        self.written = true;
        self.rows.remove(id);
        Ok(Outcome::Deleted(Item { deleted: true, ..row.item }))
    }

    /// The row, if it still is as the write expects it.
    fn unchanged(&self, id: &str, write: &Write) -> Result<Option<Row>, ConnectorError> {
        let Some(row) = self.rows.get(id) else { return Ok(None) };
        let changed: Vec<String> = changed_since_read(&write.expected, &row.item.fields)
            .into_iter()
            .map(|(name, (before, now))| format!("; {name} was {before} and is {now}"))
            .collect();
        let label = &self.table.label;
        if !changed.is_empty() {
            let changed = changed.concat();
            return Err(ConnectorError::conflict(format!(
                "{label}: the row {id:?} changed since it was read{changed}"
            )));
        }
        match (&write.version, &row.item.version) {
            (Some(before), Some(now)) if before != now => Err(ConnectorError::conflict(format!(
                "{label}: the row {id:?} changed since it was read; its version was {before} and is {now}"
            ))),
            _ => Ok(Some(row.clone())),
        }
    }

    /// Field values as columns take them.
    fn values(&self, fields: &Fields, creating: bool) -> Result<Vec<(usize, Raw)>, ConnectorError> {
        let mut values = Vec::with_capacity(fields.len() + 3);
        for (name, value) in fields {
            let position = self.table.position(name).filter(|position| Some(*position) != self.table.marker);
            let Some(position) = position else {
                let names: Vec<&str> = self.table.columns.iter().map(|column| column.name.as_str()).collect();
                let what =
                    format!("there is no column {name:?} to write to; the columns are {}", names.join(", "));
                return Err(self.refusal(what));
            };
            let column = &self.table.columns[position];
            let raw = column.raw(value, self.table.dialect).map_err(|what| self.refusal(what))?;
            // Nothing to say about a column that must say something: its default speaks.
            if creating
                && raw == Raw::Null
                && (column.has_default || position == self.table.key)
                && column.not_null
            {
                continue;
            }
            if !column.writable {
                return Err(self.refusal(format!("the column {name:?} is computed by the database")));
            }
            values.push((position, raw));
        }
        Ok(values)
    }

    /// Records the time of the write, unless the write itself sets it.
    fn touch(&self, values: &mut Vec<(usize, Raw)>) {
        if let Some(position) = self.table.modified.filter(|position| !has(values, *position)) {
            let column = &self.table.columns[position];
            if column.writable {
                // The column's own form decides how fine it is.
                let precision = match column.kind {
                    Kind::DateTime(Some(precision)) => precision,
                    _ => Precision::Second,
                };
                values.push((position, column.time(Instant::new(self.now, precision), self.table.dialect)));
            }
        }
    }

    /// Why the database refused a write: another may have taken the id, or made the row, after the first look.
    async fn explain(&mut self, write: &Write, error: ConnectorError) -> Result<Outcome, Fault> {
        if let WriteOp::Create { marker, fields } = &write.op
            && let Some(id) = self.target(write)
        {
            self.load_ids(std::slice::from_ref(&id)).await?;
            if self.rows.contains_key(&id) {
                let ours = self.asked(marker, fields).is_none();
                return Ok(if ours { Outcome::Row(id) } else { Outcome::Refused(self.taken(&id)) });
            }
        }
        let what = match &write.op {
            WriteOp::Create { .. } => "a new row was refused".to_owned(),
            WriteOp::Update { id, .. } | WriteOp::Delete { id } => format!("the row {id:?} was refused"),
        };
        let message = error.message;
        Ok(Outcome::Refused(ConnectorError::permanent(format!("{}: {what}: {message}", self.table.label))))
    }

    /// The rows as they stand now, triggers and defaults included.
    async fn results(&mut self, outcomes: Vec<Outcome>) -> Result<Vec<WriteResult>, ConnectorError> {
        let stale: Vec<String> = self.touched.drain().collect();
        stale.iter().for_each(|id| {
            self.rows.remove(id);
        });
        self.load_ids(&stale).await.map_err(Fault::into_error)?;
        let result = |outcome| match outcome {
            Outcome::Refused(error) => Err(error),
            Outcome::Deleted(item) => Ok(item),
            Outcome::Row(id) => match self.rows.get(&id) {
                Some(row) => Ok(row.item.clone()),
                // Created and deleted again by the same batch, or by a trigger.
                None => Ok(Item { deleted: true, ..Item::new(id, Fields::new()) }),
            },
        };
        Ok(outcomes.into_iter().map(result).collect())
    }

    fn taken(&self, id: &str) -> ConnectorError {
        ConnectorError::conflict(format!("{} already has a row with the id {id:?}", self.table.label))
    }

    fn refusal(&self, what: impl AsRef<str>) -> ConnectorError {
        ConnectorError::permanent(format!("{}: {}", self.table.label, what.as_ref()))
    }
}

fn has(values: &[(usize, Raw)], wanted: usize) -> bool {
    values.iter().any(|(position, _)| *position == wanted)
}

/// Why one write was not carried out.
enum Failure {
    /// Before anything was sent.
    Refused(ConnectorError),
    /// By the database.
    Fault(Fault),
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Failure::Refused(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}
