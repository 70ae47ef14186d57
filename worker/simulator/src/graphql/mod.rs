//! GraphQL as far as simulated platforms need it: documents, the schema of what is served, and the check of one against
//! the other. It knows no platform.

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
