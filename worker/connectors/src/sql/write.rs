//! Carries out a batch of writes in one transaction.
//!
//! The affected rows are read first and stay locked (SQLite: the transaction has the write lock; PostgreSQL: `FOR
//! UPDATE`), so comparing the expected values and writing are one step. Comparing here rather than in the `WHERE` of
//! the update keeps the meaning of "same" that all connectors share, whatever the column's type.
//!
//! A refused row leaves nothing behind: after a refusal the batch is undone and carried out again with a savepoint per
//! row (`rows.rs`).

use std::collections::HashMap;

use syncline_engine::{
    Item, Value,
    ports::{Call, ConnectorError, ErrorKind, ErrorScope, Marker, Write, WriteOp, Written},
    value::Fields,
};

use super::{
    batch::{Batch, RowResult, refused},
    column::Kind,
    db::{Db, Dialect, Raw},
    error::Fault,
    table::{Table, quoted},
    values::has,
};
use crate::answers::none_sent;

/// What one write became: the row as it is now, or why it was refused.
pub(super) type Outcome = Result<Item, ConnectorError>;

/// Why the writes of a transaction were not carried out.
enum Undone {
    /// Certainly none of them.
    None(Fault),
    /// The commit was sent, and its answer did not arrive.
    Unknown(ConnectorError),
}

impl<E: Into<Fault>> From<E> for Undone {
    fn from(error: E) -> Self {
        Undone::None(error.into())
    }
}

/// Carries out all writes; a refused row does not affect the others.
pub(super) async fn write(db: &Db, table: &Table, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
    match together(db, table, writes, call).await {
        Ok(outcomes) => outcomes.into_iter().map(Written::from).collect(),
        Err(Undone::None(Fault::Row(error))) => match writes {
            [write] => vec![Written::Refused(refused(table, &db.label, write, &error))],
            _ => each(db, table, writes, call).await,
        },
        Err(Undone::None(Fault::Call(error))) => none_sent(writes, error),
        Err(Undone::Unknown(error)) => {
            let error = error.about(ErrorScope::Endpoint);
            writes.iter().map(|_| Written::Unknown(error.clone())).collect()
        }
    }
}

/// Each write in its own transaction: a trigger ended the common one (SQLite's RAISE(ROLLBACK)), or a deferred
/// constraint refused its commit, which does not name the row.
async fn each(db: &Db, table: &Table, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
    let mut outcomes = Vec::with_capacity(writes.len());
    for (position, write) in writes.iter().enumerate() {
        match together(db, table, std::slice::from_ref(write), &call.for_write(position)).await {
            Ok(done) => outcomes.extend(done.into_iter().map(Written::from)),
            Err(Undone::None(Fault::Row(error))) => {
                outcomes.push(Written::Refused(refused(table, &db.label, write, &error)));
            }
            Err(Undone::None(Fault::Call(error))) => {
                outcomes.extend(none_sent(&writes[position..], error));
                break;
            }
            Err(Undone::Unknown(error)) => {
                outcomes.push(Written::Unknown(error.clone().about(ErrorScope::Endpoint)));
                outcomes.extend(none_sent(&writes[position + 1..], error));
                break;
            }
        }
    }
    outcomes
}

/// All writes in one transaction. A fault means that the transaction is rolled back entirely.
async fn together(db: &Db, table: &Table, writes: &[Write], call: &Call<'_>) -> Result<Vec<Outcome>, Undone> {
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    call.count();
    let mut batch = Batch::new(table, db.begin().await?, call.now);
    let results = match batch.carry_out(writes).await {
        Ok(results) => results,
        Err(fault) => {
            batch.tx.abandon().await;
            return Err(fault.into());
        }
    };
    if !batch.written {
        return Ok(results);
    }
    batch.advance_sequence().await?;
    call.leave.check().map_err(ConnectorError::from)?;
    batch.tx.commit().await.map_err(|fault| match fault {
        Fault::Row(error) => {
            Undone::None(Fault::Row(table.refusal(format!("refused on commit: {}", error.message))))
        }
        // SQLite is in this process: a commit that failed did not happen.
        Fault::Call(error) if error.kind == ErrorKind::Transient && table.dialect == Dialect::Postgres => {
            Undone::Unknown(error)
        }
        Fault::Call(error) => Undone::None(Fault::Call(error)),
    })?;
    Ok(results)
}

impl Batch<'_> {
    /// A savepoint per row triples the statements, so a batch is first tried with one for all.
    async fn carry_out(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, Fault> {
        self.execute("SAVEPOINT batch").await?;
        match self.at_once(writes).await {
            Err(Fault::Row(refused)) => {
                self.execute("ROLLBACK TO SAVEPOINT batch").await.map_err(|_| Fault::Row(refused))?;
                self.row_by_row(writes).await
            }
            done => done,
        }
    }

    /// Carries out all writes without savepoints; stops at the first row that the database refuses.
    async fn at_once(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, Fault> {
        self.load(writes).await?;
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            outcomes.push(match self.one(write).await {
                Err(Failure::Refused(error)) => RowResult::Refused(error),
                Err(Failure::Fault(fault)) => return Err(fault),
                Ok(outcome) => outcome,
            });
        }
        self.tell_apart(writes, &outcomes)?;
        self.results(outcomes).await
    }

    /// If a trigger removes a new row, the database may give its number to the next one: two new rows with one id are
    /// at most one row.
    fn tell_apart(&self, writes: &[Write], outcomes: &[RowResult]) -> Result<(), Fault> {
        let mut new = HashMap::new();
        for (write, outcome) in writes.iter().zip(outcomes) {
            if let (WriteOp::Create { marker, .. }, Some(id)) = (&write.op, outcome.id())
                && new.insert(id, marker).is_some_and(|other| other != marker)
            {
                let what = format!("two new rows were given the id {id:?}{}", self.table.by_triggers());
                return Err(Fault::Row(self.table.refusal(what)));
            }
        }
        Ok(())
    }

    pub(super) async fn one(&mut self, write: &Write) -> Result<RowResult, Failure> {
        let target = self.table.target(write);
        if let Some(id) = target.as_ref().filter(|id| self.touched.contains(*id)) {
            self.reload(id).await?;
        }
        match &write.op {
            WriteOp::Create { marker, fields } => self.create(marker, fields, target).await,
            WriteOp::Update { id, fields } => self.update(id, fields, write).await,
            WriteOp::Remove { id, .. } => self.delete(id, write).await,
        }
    }

    async fn create(
        &mut self,
        marker: &Marker,
        fields: &Fields,
        target: Option<String>,
    ) -> Result<RowResult, Failure> {
        if let Some(id) = self.markers.get(&marker.text) {
            return Ok(RowResult::Row(id.clone()));
        }
        let asked = self.table.asked(marker, fields);
        if let Some(id) = target.as_ref().and_then(|id| self.held(id)) {
            return if asked.is_none() { Ok(RowResult::Row(id)) } else { Err(self.table.taken(&id).into()) };
        }
        let mut values = self.table.values(fields, true)?;
        if let Some(id) = &target {
            values.retain(|(position, _)| *position != self.table.key);
            let key = self.table.key().raw(&Value::Text(id.clone()), self.table.dialect);
            values.push((self.table.key, key.map_err(|what| self.table.refusal(what))?));
        } else if !self.table.key_assigned {
            let what = format!("a new row needs a value for {:?}; map a field to it", self.table.key().name);
            return Err(self.table.refusal(what).into());
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
        self.table.touch(&mut values, self.now, None);
        let id = self.insert(values, target).await?;
        if asked.as_ref().is_some_and(|asked| !self.table.same_id(asked, &id)) {
            let asked = asked.unwrap_or_default();
            let what = format!("the new row {asked:?} was given the id {id:?}{}", self.table.by_triggers());
            return Err(Fault::Row(self.table.refusal(what)).into());
        }
        if self.table.marker.is_some() {
            self.markers.insert(marker.text.clone(), id.clone());
        }
        Ok(RowResult::Row(id))
    }

    async fn insert(&mut self, values: Vec<(usize, Raw)>, target: Option<String>) -> Result<String, Failure> {
        let table = self.table;
        let own_key = values.iter().find(|(position, _)| *position == table.key).map(|(_, raw)| raw.clone());
        let mut statement = table.statement(format!("INSERT {}INTO {}", table.or_abort(), table.name));
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
            Some(Raw::Int(number)) => Some(number.to_string()),
            Some(Raw::Text(text)) => Some(text.clone()),
            Some(Raw::Real(number)) => Some(number.to_string()),
            // A trigger may have put the row elsewhere, where the table's own reads find it: a child table, a view's
            // table.
            _ => match target {
                Some(id) => {
                    self.load_ids(std::slice::from_ref(&id)).await?;
                    self.held(&id)
                }
                None => None,
            },
        };
        let Some(id) = id else {
            let what = format!("the database did not store the new row here{}", table.by_triggers());
            return Err(Fault::Row(table.refusal(what)).into());
        };
        if let Some(Raw::Int(number)) = own_key {
            self.highest_key = self.highest_key.max(Some(number));
        }
        self.touched.insert(id.clone());
        Ok(id)
    }

    async fn update(&mut self, id: &str, fields: &Fields, write: &Write) -> Result<RowResult, Failure> {
        let Some(row) = self.rows.get(id).cloned() else {
            let message = format!("{}: there is no row with the id {id:?}", self.table.label);
            return Err(ConnectorError::new(ErrorKind::NotFound, message).into());
        };
        self.table.unchanged(&row, write)?;
        let key = &self.table.key().name;
        if let Some(value) = fields.get(key)
            && !self
                .table
                .asked(&Marker { text: String::new(), id: None }, fields)
                .is_some_and(|asked| self.table.same_id(&asked, id))
        {
            let what = format!("the row {id:?} cannot be given the id {value}; an id stays as it is");
            return Err(self.table.refusal(what).into());
        }
        let mut values = self.table.values(fields, false)?;
        for (position, raw) in &mut values {
            let column = &self.table.columns[*position];
            let Some(value) = fields.get(&column.name) else { continue };
            if let Some(formed) = column.time_like(&row.raw[*position], value, self.table.dialect) {
                *raw = formed;
            }
        }
        values.retain(|(position, raw)| {
            let column = &self.table.columns[*position];
            let found = row.item.fields.get(&column.name).unwrap_or(&Value::Null);
            let same = fields.get(&column.name).is_some_and(|value| value.same(found));
            *position != self.table.key && !same && !row.raw[*position].same(raw)
        });
        if values.is_empty() {
            return Ok(RowResult::Row(id.to_owned()));
        }
        self.table.touch(&mut values, self.now, Some(&row));
        if let Some(position) = self.table.version.filter(|position| !has(&values, *position))
            && let (Kind::Int, Some(Ok(version))) =
                (self.table.columns[position].kind, row.item.version.as_ref().map(|text| text.parse::<i64>()))
        {
            values.push((position, Raw::Int(version.wrapping_add(1))));
        }
        let mut statement =
            self.table.statement(format!("UPDATE {}{} SET ", self.table.or_abort(), self.table.name));
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
        self.touched.insert(id.to_owned());
        if changed == 0 {
            // The number of rows is not reliable if a rule or an INSTEAD OF trigger carries out the update.
            self.reload(id).await?;
        }
        let what = match changed {
            1 => return Ok(RowResult::Row(id.to_owned())),
            0 if self.rows.get(id).is_some_and(|now| now.raw != row.raw) => {
                return Ok(RowResult::Row(id.to_owned()));
            }
            0 => format!("the database did not change the row {id:?}{}", self.table.by_triggers()),
            many => format!("{many} rows have the id {id:?}; make it unique"),
        };
        Err(Fault::Row(self.table.refusal(what)).into())
    }

    async fn delete(&mut self, id: &str, write: &Write) -> Result<RowResult, Failure> {
        let Some(row) = self.rows.get(id).cloned() else {
            return Ok(RowResult::Deleted(Item { deleted: true, ..Item::new(id, Fields::new()) }));
        };
        self.table.unchanged(&row, write)?;
        let key = quoted(&self.table.key().name);
        let mut statement = self.table.statement(format!("DELETE FROM {} WHERE {key} = ", self.table.name));
        statement.argument(self.table.key, row.raw[self.table.key].clone());
        self.tx.execute(statement.sql, &statement.arguments).await?;
        self.written = true;
        self.touched.insert(id.to_owned());
        Ok(RowResult::Deleted(Item { deleted: true, ..row.item }))
    }
}

/// Why one write was not carried out.
pub(super) enum Failure {
    /// Refused before anything was sent.
    Refused(ConnectorError),
    /// Refused by the database.
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
