//! Small cases, one promise each.

mod batches;
mod calls;
mod choices;
mod conflicts;
mod conversions;
mod cost;
mod creation;
mod deletes;
mod evidence;
mod failures;
mod incremental;
mod items;
mod listings;
mod manual;
mod mapping;
mod matching;
mod names;
mod numbers;
mod recovery;
mod refusals;
mod restores;
mod search;
mod tombstones;
mod values;
