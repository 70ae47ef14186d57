//! What a platform has to offer an account: containers, fields, statuses, people.

use serde::Serialize;

/// What was discovered. Parts that were not asked for are empty. Of one container, `containers` has that one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Catalogue {
    pub containers: Vec<Container>,
    pub fields: Vec<Field>,
    pub statuses: Vec<Status>,
    pub people: Vec<Person>,
}

/// A container of items: a repository, a project, a board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Container {
    /// The name in `ACCOUNT/PLACE`, and in documents.
    pub name: String,
    pub title: Option<String>,
    /// The account may write to it.
    pub writable: bool,
    /// Everyone may read it.
    pub public: bool,
}

/// A field of the items of a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// The name in mappings.
    pub name: String,
    /// The type in mappings.
    pub field_type: syncline_engine::spec::FieldType,
    pub writable: bool,
    /// An item cannot be created without it.
    pub required: bool,
    /// The values that it may have; empty if any.
    pub options: Vec<String>,
    /// The most characters; none if nothing is known.
    pub longest: Option<u32>,
}

/// A status of the items of a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    pub name: String,
    /// Syncline's own word: todo, in_progress, in_review, done, cancelled.
    pub canonical: &'static str,
}

/// A person whom items may be assigned to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Person {
    /// The platform's id, which outlives a change of name.
    pub id: String,
    pub login: String,
    pub name: Option<String>,
    pub email: Option<String>,
}
