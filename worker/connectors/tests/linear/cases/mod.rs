//! The cases that people met with other tools, by their numbers.

mod absences;
mod creates;
mod limits;
mod reads;
mod texts;
mod values;
