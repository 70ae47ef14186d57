//! When syncs run by themselves.

mod daylight;
mod laws;
mod missed;
mod stage;
mod windows;
mod words;
