//! Connectors against real files and databases.

mod behaviour;
mod files;
mod files_model;
mod place;
mod postgres;
mod sql;
mod sql_times;
