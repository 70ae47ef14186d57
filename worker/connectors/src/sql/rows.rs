//! The second attempt at a batch, with a savepoint per row. Retries rows that the database refused only because of
//! their order, and handles rows that exchange unique values.

use std::collections::HashMap;

use syncline_engine::ports::{Write, WriteOp};

use super::{
    batch::{Batch, RowResult},
    column::Kind,
    db::{Dialect, Raw},
    error::Fault,
    table::quoted,
    uuid_of,
    write::{Failure, Outcome},
};

/// Passes over refused rows, alternating forwards and backwards.
const PASSES: usize = 6;

/// Rows that each need a unique value of another one, with the columns to free first.
type Ring = Vec<(usize, Vec<usize>)>;

impl Batch<'_> {
    pub(super) async fn row_by_row(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, Fault> {
        self.load(writes).await?;
        let mut outcomes: HashMap<usize, RowResult> = HashMap::with_capacity(writes.len());
        let mut waiting: Vec<usize> = (0..writes.len()).collect();
        for _ in 0..PASSES {
            let mut refused = Vec::new();
            for position in &waiting {
                let (outcome, by_database) = self.in_savepoint(&writes[*position]).await?;
                outcomes.insert(*position, outcome);
                if by_database {
                    refused.push(*position);
                }
            }
            let stuck = refused.len() == waiting.len();
            waiting = refused;
            if stuck || waiting.is_empty() {
                break;
            }
            waiting.reverse();
        }
        self.break_ring(writes, &waiting, &mut outcomes).await?;
        let outcomes = (0..writes.len()).filter_map(|position| outcomes.remove(&position)).collect();
        self.results(outcomes).await
    }

    /// Carries out one write and undoes it if it is refused. The flag is true if the database refused it.
    async fn in_savepoint(&mut self, write: &Write) -> Result<(RowResult, bool), Fault> {
        self.execute("SAVEPOINT row").await?;
        let (outcome, by_database) = match self.verified(write).await {
            Ok(outcome) => (outcome, false),
            Err(Failure::Refused(error)) => (RowResult::Refused(error), false),
            Err(Failure::Fault(Fault::Row(error))) => {
                // A trigger may have ended the whole transaction; then report the trigger's reason.
                let lost = Fault::Row(error.clone());
                self.execute("ROLLBACK TO SAVEPOINT row").await.map_err(|_| lost)?;
                self.forget(write).await?;
                (self.explain(write, error).await?, true)
            }
            Err(Failure::Fault(fault)) => return Err(fault),
        };
        self.execute("RELEASE SAVEPOINT row").await?;
        Ok((outcome, by_database))
    }

    /// Carries out one write and checks that the table shows it: triggers may act after the statement.
    async fn verified(&mut self, write: &Write) -> Result<RowResult, Failure> {
        let outcome = self.one(write).await?;
        if let Some(id) = outcome.id().filter(|id| self.touched.contains(*id)).map(ToOwned::to_owned) {
            self.reload(&id).await?;
        }
        self.check(&outcome)?;
        Ok(outcome)
    }

    /// Discards the known state of a write that was undone.
    async fn forget(&mut self, write: &Write) -> Result<(), Fault> {
        if let WriteOp::Create { marker, .. } = &write.op {
            self.markers.remove(&marker.text);
        }
        match self.table.target(write) {
            Some(id) => self.reload(&id).await,
            None => Ok(()),
        }
    }

    /// Writes rows that exchange unique values: with deferred checks, else by freeing the values first.
    async fn break_ring(
        &mut self,
        writes: &[Write],
        waiting: &[usize],
        outcomes: &mut HashMap<usize, RowResult>,
    ) -> Result<(), Fault> {
        let ring = self.ring(writes, waiting);
        if ring.len() < 2 {
            return Ok(());
        }
        let deferrable = self.table.dialect == Dialect::Postgres;
        for free in [false, true] {
            if !free && !deferrable {
                continue;
            }
            self.execute("SAVEPOINT ring").await?;
            let done = self.write_ring(writes, &ring, free).await;
            match done {
                Ok(done) => {
                    outcomes.extend(done);
                    self.execute("RELEASE SAVEPOINT ring").await?;
                    return Ok(());
                }
                Err(Failure::Refused(error) | Failure::Fault(Fault::Row(error))) => {
                    self.execute("ROLLBACK TO SAVEPOINT ring").await.map_err(|_| Fault::Row(error))?;
                    self.execute("RELEASE SAVEPOINT ring").await?;
                    for (position, _) in &ring {
                        self.forget(&writes[*position]).await?;
                    }
                }
                Err(Failure::Fault(fault)) => return Err(fault),
            }
        }
        for (position, columns) in &ring {
            if let Some(RowResult::Refused(error)) = outcomes.get_mut(position) {
                let names: Vec<&str> =
                    columns.iter().map(|column| self.table.columns[*column].name.as_str()).collect();
                error.message.push_str(&format!(
                    "; {} rows exchange their {}: clear it in one of them, run the sync, then set it, or make the \
                     constraint DEFERRABLE",
                    ring.len(),
                    names.join(", ")
                ));
            }
        }
        Ok(())
    }

    async fn write_ring(
        &mut self,
        writes: &[Write],
        ring: &Ring,
        free: bool,
    ) -> Result<HashMap<usize, RowResult>, Failure> {
        if free {
            for (position, columns) in ring {
                self.free(&writes[*position], columns).await?;
            }
        } else {
            self.execute("SET CONSTRAINTS ALL DEFERRED").await?;
        }
        let mut outcomes = HashMap::with_capacity(ring.len());
        for (position, _) in ring {
            outcomes.insert(*position, self.one(&writes[*position]).await?);
        }
        if !free {
            self.tx.execute("SET CONSTRAINTS ALL IMMEDIATE".to_owned(), &[]).await?;
        }
        for outcome in outcomes.values() {
            if let Some(id) = outcome.id() {
                let id = id.to_owned();
                self.reload(&id).await?;
            }
            self.check(outcome)?;
        }
        Ok(outcomes)
    }

    /// Gives the columns of a row a value that no row needs. The row counts as unchanged, because it is written next.
    async fn free(&mut self, write: &Write, columns: &[usize]) -> Result<(), Failure> {
        let WriteOp::Update { id, .. } = &write.op else { return Ok(()) };
        let table = self.table;
        let Some(key) = self.rows.get(id).map(|row| row.raw[table.key].clone()) else { return Ok(()) };
        for position in columns {
            let column = &table.columns[*position];
            let name = quoted(&column.name);
            let mut statement =
                table.statement(format!("UPDATE {}{} SET {name} = ", table.or_abort(), table.name));
            match column.kind {
                _ if !column.not_null => statement.argument(*position, Raw::Null),
                Kind::Int => statement.push(&format!("(SELECT max({name}) FROM {}) + 1", table.name)),
                Kind::Uuid => statement.argument(*position, Raw::Text(uuid_of(id))),
                _ => statement.argument(*position, Raw::Text(format!("~{}", &uuid_of(id)[..8]))),
            };
            statement.push(&format!(" WHERE {} = ", quoted(&table.key().name)));
            statement.argument(table.key, key.clone());
            self.tx.execute(statement.sql, &statement.arguments).await?;
        }
        Ok(())
    }

    /// The refused updates that wait for each other.
    fn ring(&self, writes: &[Write], waiting: &[usize]) -> Ring {
        let mut moves: Vec<Move> =
            waiting.iter().flat_map(|position| self.moves(*position, &writes[*position])).collect();
        loop {
            let holders: HashMap<(usize, &str), usize> =
                moves.iter().map(|step| ((step.index, step.has.as_str()), step.position)).collect();
            let held = |step: &Move| holders.contains_key(&(step.index, step.wants.as_str()));
            let stays: Vec<bool> = moves.iter().map(held).collect();
            let before = moves.len();
            let mut stays = stays.into_iter();
            moves.retain(|_| stays.next().unwrap_or(false));
            if moves.len() == before {
                break;
            }
        }
        let mut ring: Ring = Vec::new();
        for step in moves {
            match ring.iter_mut().find(|(position, _)| *position == step.position) {
                Some((_, columns)) if columns.contains(&step.column) => {}
                Some((_, columns)) => columns.push(step.column),
                None => ring.push((step.position, vec![step.column])),
            }
        }
        ring
    }

    /// The unique values that an update gives up for others.
    fn moves(&self, position: usize, write: &Write) -> Vec<Move> {
        let WriteOp::Update { id, fields } = &write.op else { return Vec::new() };
        let (Some(row), Ok(values)) = (self.rows.get(id), self.table.values(fields, false)) else {
            return Vec::new();
        };
        let new = |column: usize| {
            let written = values.iter().find(|(position, _)| *position == column).map(|(_, raw)| raw);
            written.filter(|raw| !raw.same(&row.raw[column]))
        };
        let mut moves = Vec::new();
        for (index, columns) in self.table.unique.iter().enumerate() {
            let Some(column) = columns.iter().copied().find(|column| new(*column).is_some()) else {
                continue;
            };
            let text = |raws: Vec<&Raw>| raws.iter().map(|raw| raw.text()).collect::<Vec<_>>().join("\u{1f}");
            let has = text(columns.iter().map(|column| &row.raw[*column]).collect());
            let wants =
                text(columns.iter().map(|column| new(*column).unwrap_or(&row.raw[*column])).collect());
            moves.push(Move { position, index, column, has, wants });
        }
        moves
    }
}

/// A row exchanges one value of a unique index for another.
struct Move {
    position: usize,
    index: usize,
    column: usize,
    has: String,
    wants: String,
}
