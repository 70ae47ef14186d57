//! `POST /graphql`, as far as clients of issues need it: the operations that REST lacks (delete and transfer an issue),
//! and the related reads.

mod read;
mod write;

use serde_json::{Map, Value, json};

use self::read::{Node, Out};
use super::{
    error::{Answer, Refusal},
    state::State,
    visit::Visit,
};
use crate::{
    graphql::{Document, OperationKind, Selection, document},
    http::Reply,
};

/// An error of one field. The other fields of the request are still executed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    kind: &'static str,
    message: String,
}

impl Failure {
    fn new(kind: &'static str, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }

    fn no_node(id: &str) -> Failure {
        Failure::new("NOT_FOUND", format!("Could not resolve to a node with the global id of '{id}'"))
    }
}

/// Returns the response to a request beyond the primary limit: the status is 200.
pub(crate) fn limited(message: &str) -> Reply {
    Reply::json(200, &json!({ "errors": [{ "type": "RATE_LIMITED", "message": message }] }))
}

/// `POST /graphql`.
pub(crate) fn run(state: &mut State, visit: &Visit<'_>) -> Answer {
    if visit.viewer.account.is_none() {
        return Err(Refusal::new(401, "This endpoint requires you to be authenticated."));
    }
    let body = visit.call.json().map_err(|_| Refusal::new(400, "Problems parsing JSON"))?;
    let failed = |message: &str| Ok(Reply::json(200, &json!({ "errors": [{ "message": message }] })));
    let document = match document(body["query"].as_str().unwrap_or_default()) {
        Ok(document) => document,
        Err(error) => return failed(&error.message),
    };
    // Of several operations the first one is executed.
    let Some(operation) = document.operations.first() else {
        return failed("A query attribute must be specified and must be a string.");
    };
    let mut variables = body["variables"].as_object().cloned().unwrap_or_default();
    for variable in &operation.variables {
        if let Some(default) = &variable.default {
            let default = default.json(&Map::new());
            variables.entry(variable.name.clone()).or_insert(default);
        }
    }
    let root = if operation.kind == OperationKind::Mutation { Node::Mutation } else { Node::Query };
    let mut run = Run { state, visit, document: &document, variables, errors: Vec::new() };
    let data = run.object(&root, &operation.selection, &mut Vec::new());
    let mut reply = json!({ "data": data });
    if !run.errors.is_empty() {
        reply["errors"] = Value::Array(run.errors);
    }
    Ok(Reply::json(200, &reply))
}

/// A field to be resolved, with the values of its arguments.
struct Field {
    /// The key in the response: the alias, or the name.
    key: String,
    name: String,
    args: Map<String, Value>,
    fields: Vec<Selection>,
}

struct Run<'a> {
    state: &'a mut State,
    visit: &'a Visit<'a>,
    document: &'a Document,
    variables: Map<String, Value>,
    errors: Vec<Value>,
}

impl Run<'_> {
    /// Resolves the selected fields of a node, in their order.
    fn object(&mut self, node: &Node, selected: &[Selection], path: &mut Vec<Value>) -> Value {
        let mut object = Map::new();
        for field in self.fields(node, selected) {
            path.push(json!(field.key));
            let resolved = if matches!(node, Node::Mutation) {
                write::mutate(self.state, self.visit, &field).map(Out::One)
            } else {
                read::resolve(self.state, self.visit, node, &field)
            };
            let value = match resolved {
                Ok(Out::Leaf(value)) => value,
                Ok(Out::One(node)) => self.object(&node, &field.fields, path),
                Ok(Out::Many(nodes)) => {
                    let all = nodes.into_iter().map(|node| match node {
                        Some(node) => self.object(&node, &field.fields, path),
                        None => Value::Null,
                    });
                    all.collect()
                }
                Err(failure) => {
                    let error = json!({ "type": failure.kind, "path": path, "message": failure.message });
                    self.errors.push(error);
                    Value::Null
                }
            };
            path.pop();
            object.insert(field.key, value);
        }
        Value::Object(object)
    }

    /// Returns the fields of a selection that apply to a node, with fragments expanded.
    fn fields(&self, node: &Node, selected: &[Selection]) -> Vec<Field> {
        let mut fields = Vec::new();
        for selected in selected {
            match selected {
                Selection::Field(field) => {
                    let args =
                        field.args.iter().map(|arg| (arg.name.clone(), arg.value.json(&self.variables)));
                    fields.push(Field {
                        key: field.key.clone(),
                        name: field.name.clone(),
                        args: args.collect(),
                        fields: field.selection.clone(),
                    });
                }
                Selection::On { on, selection, .. } if on.as_deref().is_none_or(|name| node.is(name)) => {
                    fields.extend(self.fields(node, selection));
                }
                Selection::On { .. } => {}
                Selection::Spread { name, .. } => {
                    let fragment = self.document.fragments.get(name);
                    let inner = fragment.map(|fragment| fragment.selection.as_slice()).unwrap_or_default();
                    fields.extend(self.fields(node, inner));
                }
            }
        }
        fields
    }
}
