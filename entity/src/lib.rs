//! The tables of Syncline's database as SeaORM entities.
