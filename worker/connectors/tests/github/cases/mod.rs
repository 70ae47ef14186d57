//! Situations that people met with other tools, by their numbers. What needs a worker and a store is in `tests/github` of the
//! binary; what no platform of today has is tested where its kind can be, in the engine and in the HTTP layer.

mod creates;
mod limits;
mod mentions;
mod moves;
mod reads;
mod sets;
mod sizes;
