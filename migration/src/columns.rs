//! Small things that every migration says. Released migrations rest on them, so they stay as they are.

use sea_orm::Statement;
use sea_orm_migration::prelude::*;

/// A constraint that holds a column to a closed set. Null passes, where the column allows it.
pub(crate) fn one_of(column: &'static str, values: &[&'static str]) -> Expr {
    Expr::col(column).is_in(values.iter().copied())
}

/// A foreign key that refuses to leave rows behind.
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

/// Indexes with a condition or an expression, in the SQL that both databases read alike. A query finds a partial index
/// only when it repeats the condition literally: a bound parameter in its place hides the index.
pub(crate) async fn indexes(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        run(manager, statement).await?;
    }
    Ok(())
}

/// A statement that no builder has. Not `execute_unprepared`, which a rehearsal would not show.
pub(crate) async fn run(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    let statement = Statement::from_string(manager.get_database_backend(), statement);
    manager.get_connection().execute_raw(statement).await.map(|_| ())
}

/// Drops a table, and its indexes with it.
pub(crate) async fn drop(manager: &SchemaManager<'_>, table: &'static str) -> Result<(), DbErr> {
    manager.drop_table(Table::drop().table(table).to_owned()).await
}

/// Drops an index.
pub(crate) async fn drop_index(manager: &SchemaManager<'_>, index: &str) -> Result<(), DbErr> {
    run(manager, &format!("DROP INDEX {index}")).await
}
