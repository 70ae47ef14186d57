//! The versioned migrations of Syncline's database.
