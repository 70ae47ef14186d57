//! The part of GraphQL that simulated platforms need: documents, schemas, and the validation of documents against a
//! schema. It is independent of any platform.

mod lex;
mod parse;
mod plan;
mod schema;
mod value;

pub(crate) use self::{
    lex::SyntaxError,
    parse::{Document, OperationKind, Selection, document},
    plan::{Plan, Problem, ProblemKind, Selected, plan},
    schema::{Definition, Schema, TypeRef},
    value::Scalars,
};
