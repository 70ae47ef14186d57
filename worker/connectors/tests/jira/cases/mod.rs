//! What users of sync tools report, by its number.

mod creates;
mod limits;
mod moves;
mod people;
mod reads;
mod sizes;
mod statuses;
