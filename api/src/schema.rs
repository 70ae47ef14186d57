//! Pieces of schemas for fields whose types come from other crates: `#[schema(schema_with = words::<RunStatus>)]`.

use std::fmt::Display;

use sea_orm::Iterable;
use utoipa::openapi::{
    Schema,
    schema::{ObjectBuilder, SchemaType, Type},
};

/// One word of a column's enum.
pub(crate) fn words<T: Iterable + Display>() -> Schema {
    one_of(T::iter().map(|word| word.to_string()))
}

/// One word of a column's enum, or null.
pub(crate) fn maybe_words<T: Iterable + Display>() -> Schema {
    maybe_one_of(T::iter().map(|word| word.to_string()))
}

/// A count for each word of a column's enum.
pub(crate) fn counts<T: Iterable + Display>() -> Schema {
    let count = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let all = T::iter().fold(ObjectBuilder::new().schema_type(Type::Object), |all, word| {
        all.property(word.to_string(), count()).required(word.to_string())
    });
    all.build().into()
}

/// One of these words.
pub(crate) fn one_of<W: Into<serde_json::Value>>(words: impl IntoIterator<Item = W>) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build().into()
}

/// One of these words, or null.
pub(crate) fn maybe_one_of<W: Into<serde_json::Value>>(words: impl IntoIterator<Item = W>) -> Schema {
    let words = words.into_iter().map(Into::into).chain([serde_json::Value::Null]);
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
        .enum_values(Some(words))
        .build()
        .into()
}

/// The priority of a job.
pub(crate) fn priority() -> Schema {
    one_of(syncline_queue::Priority::ALL.map(syncline_queue::Priority::as_str))
}
