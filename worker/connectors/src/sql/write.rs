//! Carries out a batch of writes in one transaction.
//!
//! The rows concerned are read first and stay locked (SQLite: the transaction has the only right to write; PostgreSQL:
//! `FOR UPDATE`), so comparing what is expected with what is there and writing are one step. Comparing here rather than
//! in the `WHERE` of the update keeps the meaning of "same" that all connectors share, whatever the column's type.

use syncline_engine::{
    Item, Value,
    ports::{ConnectorError, ErrorKind, Marker, Write, WriteContext, WriteOp, WriteResult},
    value::Fields,
};

use super::{
    batch::{Batch, Outcome},
    column::Kind,
    db::{Db, Raw},
    error::Fault,
    table::{Table, quoted},
    values::has,
};

/// Writes all; one refused row leaves the others.
pub(super) async fn write(
    db: &Db,
    table: &Table,
    writes: &[Write],
    context: &WriteContext<'_>,
) -> Result<Vec<WriteResult>, ConnectorError> {
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    let mut batch = Batch::new(table, db.begin().await?, context.now);
    // A savepoint per row triples the statements, so a batch is first tried with one for all, and row by row only if
    // the database refuses one.
    batch.execute("SAVEPOINT batch").await?;
    let outcomes = match batch.run(writes, false).await {
        Ok(outcomes) => outcomes,
        Err(Fault::Row(refused)) => {
            // A trigger may have ended the whole transaction (SQLite's RAISE(ROLLBACK)); then its reason is the error.
            batch.execute("ROLLBACK TO SAVEPOINT batch").await.map_err(|_| refused)?;
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

impl Batch<'_> {
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

    async fn one(&mut self, write: &Write) -> Result<Outcome, Fault> {
        let target = self.table.target(write);
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
            if self.table.asked(marker, fields).is_none() {
                return Ok(Outcome::Row(id.clone()));
            }
            return Err(self.table.taken(id).into());
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
            _ => return Err(self.table.refusal("the database did not store the new row").into()),
        };
        self.touched.insert(id.clone());
        Ok(id)
    }

    async fn update(&mut self, id: &str, fields: &Fields, write: &Write) -> Result<Outcome, Failure> {
        let Some(row) = self.rows.get(id).cloned() else {
            let message = format!("{}: there is no row with the id {id:?}", self.table.label);
            return Err(ConnectorError::new(ErrorKind::NotFound, message).into());
        };
        self.table.unchanged(&row, write)?;
        let key = &self.table.key().name;
        if let Some(value) = fields.get(key)
            && self.table.asked(&Marker { text: String::new(), id: None }, fields).as_deref() != Some(id)
        {
            let what = format!("the row {id:?} cannot be given the id {value}; an id stays as it is");
            return Err(self.table.refusal(what).into());
        }
        let mut values = self.table.values(fields, false)?;
        values.retain(|(position, raw)| {
            let column = &self.table.columns[*position];
            let found = row.item.fields.get(&column.name).unwrap_or(&Value::Null);
            let same = fields.get(&column.name).is_some_and(|value| value.same(found));
            *position != self.table.key && !same && !row.raw[*position].same(raw)
        });
        if values.is_empty() {
            return Ok(Outcome::Row(id.to_owned()));
        }
        self.table.touch(&mut values, self.now, Some(&row));
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
            return Err(self.table.refusal(format!("the database did not change the row {id:?}")).into());
        }
        self.touched.insert(id.to_owned());
        Ok(Outcome::Row(id.to_owned()))
    }

    async fn delete(&mut self, id: &str, write: &Write) -> Result<Outcome, Failure> {
        let Some(row) = self.rows.get(id).cloned() else {
            return Ok(Outcome::Deleted(Item { deleted: true, ..Item::new(id, Fields::new()) }));
        };
        self.table.unchanged(&row, write)?;
        let key = quoted(&self.table.key().name);
        let mut statement = self.table.statement(format!("DELETE FROM {} WHERE {key} = ", self.table.name));
        statement.argument(self.table.key, row.raw[self.table.key].clone());
        self.tx.execute(statement.sql, &statement.arguments).await?;
        self.written = true;
        self.rows.remove(id);
        Ok(Outcome::Deleted(Item { deleted: true, ..row.item }))
    }
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
