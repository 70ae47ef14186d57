//! Helpers for migrations. Released migrations depend on them, so they must not change.

use sea_orm::Statement;
use sea_orm_migration::prelude::*;

/// Returns a constraint that limits a column to a set of values. Allows null if the column does.
pub(crate) fn one_of(column: &'static str, values: &[&'static str]) -> Expr {
    Expr::col(column).is_in(values.iter().copied())
}

/// Returns a foreign key that refuses to delete a referenced row.
pub(crate) fn reference(
    table: &'static str,
    column: &'static str,
    to_table: &'static str,
    to_column: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_{column}"))
        .from(table, column)
        .to(to_table, to_column)
        .on_delete(ForeignKeyAction::Restrict)
        .to_owned()
}

/// Creates indexes with a condition or an expression, in SQL for both databases. A query uses a partial index only if
/// it repeats the condition literally: a bound parameter in its place prevents that.
pub(crate) async fn indexes(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        run(manager, statement).await?;
    }
    Ok(())
}

/// Runs a statement that no builder supports. Does not use `execute_unprepared`, which a rehearsal would not show.
pub(crate) async fn run(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    let statement = Statement::from_string(manager.get_database_backend(), statement);
    manager.get_connection().execute_raw(statement).await.map(|_| ())
}

/// Drops a table with its indexes.
pub(crate) async fn drop(manager: &SchemaManager<'_>, table: &'static str) -> Result<(), DbErr> {
    manager.drop_table(Table::drop().table(table).to_owned()).await
}

pub(crate) async fn drop_index(manager: &SchemaManager<'_>, index: &str) -> Result<(), DbErr> {
    run(manager, &format!("DROP INDEX {index}")).await
}
