//! The one binary: settings in, parts built, parts joined; no sync logic.
fn main() {}
