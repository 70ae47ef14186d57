//! Executes a planned operation and writes the response.

use serde_json::{Value, json};

use super::{
    access::Viewer,
    behaviour::FailedMutation,
    error::{Failure, Kind},
    limits::Rules,
    read::{Node, Out, View},
    state::State,
    write,
};
use crate::{
    graphql::{OperationKind, Plan, Selected, TypeRef},
    settings::Limits,
};

/// A null in a position that does not allow it; it makes the enclosing object null.
struct Nulled;

/// The outcome of an operation.
pub(crate) struct Outcome {
    pub(crate) body: Vec<u8>,
    /// True if there is no data because of errors of the user.
    pub(crate) failed: bool,
}

pub(crate) struct Run<'a> {
    state: &'a mut State,
    viewer: &'a Viewer,
    limits: Limits,
    now: i64,
    errors: Vec<Value>,
    text: String,
}

/// Executes an operation.
pub(crate) fn run(state: &mut State, viewer: &Viewer, plan: &Plan, limits: Limits, now: i64) -> Outcome {
    let mut run = Run { state, viewer, limits, now, errors: Vec::new(), text: String::from("{\"data\":") };
    let start = run.text.len();
    let done = match plan.kind {
        OperationKind::Mutation => run.mutations(&plan.fields),
        _ => run.object(&Node::Root, &plan.fields, &mut Vec::new()),
    };
    let failed = done.is_err();
    if failed {
        run.text.truncate(start);
        run.text.push_str("null");
    }
    if !run.errors.is_empty() {
        run.text.push_str(",\"errors\":");
        run.text.push_str(&Value::Array(run.errors).to_string());
    }
    run.text.push('}');
    Outcome { body: run.text.into_bytes(), failed }
}

impl Run<'_> {
    fn view(&self) -> View<'_> {
        let limits = Rules { limits: self.limits, behaviour: &self.state.behaviour, now: self.now };
        View { state: self.state, viewer: self.viewer, limits }
    }

    /// Executes mutations one after the other.
    fn mutations(&mut self, fields: &[Selected]) -> Result<(), Nulled> {
        let failed_mutation = self.state.behaviour.failed_mutation;
        let mut nulled = false;
        self.text.push('{');
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.key(&field.key);
            let start = self.text.len();
            let mut path = vec![json!(field.key)];
            let result = write::mutate(self.state, self.viewer, field, self.now);
            let written = match result {
                Ok(out) => self.value(&out, &field.of, field, &mut path),
                Err(failure) => {
                    self.fail(&failure, field, &path);
                    Err(Nulled)
                }
            };
            if written.is_err() {
                nulled = true;
                self.text.truncate(start);
                self.text.push_str("null");
                if failed_mutation == FailedMutation::Stop {
                    break;
                }
            }
        }
        self.text.push('}');
        let whole_failed = fields.len() == 1 || failed_mutation != FailedMutation::Partial;
        if nulled && whole_failed { Err(Nulled) } else { Ok(()) }
    }

    fn key(&mut self, key: &str) {
        // Keys are GraphQL names, which need no escapes.
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
    }

    fn object(&mut self, node: &Node, fields: &[Selected], path: &mut Vec<Value>) -> Result<(), Nulled> {
        self.text.push('{');
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.key(&field.key);
            let start = self.text.len();
            path.push(json!(field.key));
            let resolved = self.view().resolve(node, field);
            let written = match resolved {
                Ok(out) => self.value(&out, &field.of, field, path),
                Err(failure) => {
                    self.fail(&failure, field, path);
                    self.nothing(&field.of)
                }
            };
            path.pop();
            if written.is_err() {
                if field.of.is_required() {
                    return Err(Nulled);
                }
                self.text.truncate(start);
                self.text.push_str("null");
            }
        }
        self.text.push('}');
        Ok(())
    }

    fn fail(&mut self, failure: &Failure, field: &Selected, path: &[Value]) {
        let mut error = failure.json();
        error["path"] = Value::Array(path.to_vec());
        error["locations"] = json!([{ "line": field.at.line, "column": field.at.column }]);
        self.errors.push(error);
    }

    fn nothing(&mut self, of: &TypeRef) -> Result<(), Nulled> {
        if of.is_required() {
            return Err(Nulled);
        }
        self.text.push_str("null");
        Ok(())
    }

    fn value(
        &mut self,
        out: &Out,
        of: &TypeRef,
        field: &Selected,
        path: &mut Vec<Value>,
    ) -> Result<(), Nulled> {
        match out {
            Out::Null => {
                if of.is_required() {
                    let message = format!("Cannot return null for non-nullable field {}.", field.name);
                    self.fail(&Failure::new(Kind::Internal, message), field, path);
                }
                return self.nothing(of);
            }
            Out::Flag(flag) => self.text.push_str(if *flag { "true" } else { "false" }),
            // Whole numbers are written without a fraction, as JavaScript does.
            Out::Number(number) => self.text.push_str(&number.to_string()),
            Out::Text(text) => self.string(text),
            Out::Texts(texts) => self.list(texts, |run, text| {
                run.string(text);
                Ok(())
            })?,
            Out::Json(value) => self.text.push_str(&value.to_string()),
            Out::One(node) => self.object(node, &field.fields, path)?,
            Out::Many(nodes) => {
                let mut at = 0_usize;
                self.list(nodes, |run, node| {
                    path.push(json!(at));
                    at += 1;
                    let written = run.object(node, &field.fields, path);
                    path.pop();
                    written
                })?;
            }
        }
        Ok(())
    }

    fn list<T>(
        &mut self,
        all: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Result<(), Nulled>,
    ) -> Result<(), Nulled> {
        self.text.push('[');
        for (at, one) in all.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            write(self, one)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn string(&mut self, text: &str) {
        // Serializing a text as JSON does not fail.
        self.text.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}
