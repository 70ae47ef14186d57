//! Validates an operation against a schema and converts it to the form that is executed: fields with their arguments,
//! fragments expanded, `@skip` and `@include` decided.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::{
    lex::At,
    parse::{Argument, Directive, Document, Field, Operation, OperationKind, Selection, Variable},
    schema::{Definition, InputField, OutputField, Schema, TypeRef},
    value::{Literal, Reader, Scalars},
};

/// An operation that can be executed.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) kind: OperationKind,
    pub(crate) fields: Vec<Selected>,
}

/// A field to be resolved.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// The key in the response.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) args: Map<String, Value>,
    pub(crate) of: TypeRef,
    pub(crate) fields: Vec<Selected>,
    pub(crate) at: At,
}

impl Selected {
    /// Returns the text of an argument; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.args.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The document does not fit the schema.
    Document,
    /// A variable has a value that does not fit.
    Variable,
    /// The request names no operation, or an unknown one.
    Operation,
}

/// Why an operation cannot be executed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) message: String,
    pub(crate) at: Option<At>,
}

/// Validates an operation of a document and plans it. The name may be left out if there is only one.
pub(crate) fn plan(
    document: &Document,
    name: Option<&str>,
    variables: &Map<String, Value>,
    schema: &Schema,
    scalars: &dyn Scalars,
) -> Result<Plan, Vec<Problem>> {
    let operation = operation(document, name)?;
    let root = match operation.kind {
        OperationKind::Query => "Query",
        OperationKind::Mutation => "Mutation",
        OperationKind::Subscription => "Subscription",
    };
    let mut planner = Planner {
        document,
        reader: Reader { schema, scalars },
        defined: HashMap::new(),
        values: Map::new(),
        used: BTreeSet::new(),
        spread: BTreeSet::new(),
        inside: Vec::new(),
        problems: Vec::new(),
    };
    if !schema.is_object(root) {
        let message = format!("Schema is not configured to execute {} operation.", root.to_lowercase());
        return Err(vec![Problem { kind: ProblemKind::Document, message, at: Some(operation.at) }]);
    }
    planner.variables(operation, variables);
    let mut fields = Vec::new();
    planner.select(root, &operation.selection, true, &mut fields);
    planner.unused(operation);
    // Problems of values are only reported for a valid document.
    let (wrong, values): (Vec<Problem>, Vec<Problem>) =
        planner.problems.into_iter().partition(|problem| problem.kind == ProblemKind::Document);
    match (wrong.is_empty(), values.is_empty()) {
        (false, _) => Err(wrong),
        (true, false) => Err(values),
        (true, true) => Ok(Plan { kind: operation.kind, fields }),
    }
}

fn operation<'a>(document: &'a Document, name: Option<&str>) -> Result<&'a Operation, Vec<Problem>> {
    let problem = |message: String| vec![Problem { kind: ProblemKind::Operation, message, at: None }];
    match (name, document.operations.as_slice()) {
        (_, []) => Err(problem("Must provide an operation.".to_owned())),
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(problem("Must provide operation name if query contains multiple operations.".to_owned()))
        }
        (Some(name), all) => all
            .iter()
            .find(|operation| operation.name.as_deref() == Some(name))
            .ok_or_else(|| problem(format!("Unknown operation named \"{name}\"."))),
    }
}

struct Planner<'a> {
    document: &'a Document,
    reader: Reader<'a>,
    defined: HashMap<&'a str, &'a Variable>,
    values: Map<String, Value>,
    used: BTreeSet<String>,
    spread: BTreeSet<String>,
    /// The names of the fragments around the current selection.
    inside: Vec<String>,
    problems: Vec<Problem>,
}

impl<'a> Planner<'a> {
    fn wrong(&mut self, at: At, message: String) {
        let problem = Problem { kind: ProblemKind::Document, message, at: Some(at) };
        // A fragment that is spread twice reports a problem once.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Reads the values of variables.
    fn variables(&mut self, operation: &'a Operation, given: &Map<String, Value>) {
        for variable in &operation.variables {
            let Variable { name, of, at, .. } = variable;
            if self.defined.insert(name, variable).is_some() {
                self.wrong(*at, format!("There can be only one variable named \"${name}\"."));
            }
            let named = of.named();
            match self.reader.schema.get(named) {
                None => self.wrong(*at, format!("Unknown type \"{named}\".")),
                Some(Definition::Object { .. }) => {
                    self.wrong(*at, format!("Variable \"${name}\" cannot be non-input type \"{of}\"."));
                }
                Some(_) => {}
            }
            let value = match (given.get(name), &variable.default) {
                (Some(value), _) => {
                    self.reader.value(of, value, name).map(Some).map_err(|(path, message)| {
                        let whole = if path == *name { String::new() } else { format!(" at \"{path}\"") };
                        let message = message.trim_end_matches('.');
                        format!("Variable \"${name}\" got invalid value {value}{whole}; {message}.")
                    })
                }
                (None, Some(default)) => self.reader.literal(of, default, &Map::new()),
                (None, None) if of.is_required() => {
                    Err(format!("Variable \"${name}\" of required type \"{of}\" was not provided."))
                }
                (None, None) => Ok(None),
            };
            match value {
                Ok(Some(value)) => {
                    self.values.insert(name.clone(), value);
                }
                Ok(None) => {}
                Err(message) => {
                    self.problems.push(Problem { kind: ProblemKind::Variable, message, at: Some(*at) });
                }
            }
        }
    }

    /// Adds the fields of a selection. A field that `@skip` or `@include` excludes is only validated.
    fn select(&mut self, on: &str, selection: &[Selection], taken: bool, fields: &mut Vec<Selected>) {
        for part in selection {
            match part {
                Selection::Field(field) => {
                    let taken = self.taken(&field.directives) && taken;
                    if let Some(selected) = self.field(on, field, taken)
                        && taken
                    {
                        self.merge(fields, selected);
                    }
                }
                Selection::On { on: wanted, directives, selection, at } => {
                    let taken = self.taken(directives) && taken;
                    let wanted = wanted.as_deref().unwrap_or(on);
                    self.fragment(on, wanted, selection, taken, *at, fields);
                }
                Selection::Spread { name, directives, at } => {
                    let taken = self.taken(directives) && taken;
                    let Some(fragment) = self.document.fragments.get(name) else {
                        self.wrong(*at, format!("Unknown fragment \"{name}\"."));
                        continue;
                    };
                    self.spread.insert(name.clone());
                    if self.inside.contains(name) {
                        self.wrong(*at, format!("Cannot spread fragment \"{name}\" within itself."));
                        continue;
                    }
                    self.inside.push(name.clone());
                    self.fragment(on, &fragment.on, &fragment.selection, taken, *at, fields);
                    self.inside.pop();
                }
            }
        }
    }

    fn fragment(
        &mut self,
        on: &str,
        wanted: &str,
        selection: &[Selection],
        taken: bool,
        at: At,
        fields: &mut Vec<Selected>,
    ) {
        let Some(Definition::Object { .. }) = self.reader.schema.get(wanted) else {
            return self.wrong(at, format!("Unknown type \"{wanted}\"."));
        };
        let of_interface = match self.reader.schema.get(on) {
            Some(Definition::Object { interfaces, .. }) => interfaces.iter().any(|one| one == wanted),
            _ => false,
        };
        if wanted == on || of_interface {
            return self.select(wanted, selection, taken, fields);
        }
        self.wrong(
            at,
            format!("Fragment cannot be spread here as objects of type \"{on}\" can never be of type \"{wanted}\"."),
        );
    }

    /// Adds a field, or its selection to that of a field with the same key.
    fn merge(&mut self, fields: &mut Vec<Selected>, selected: Selected) {
        let Some(same) = fields.iter_mut().find(|field| field.key == selected.key) else {
            return fields.push(selected);
        };
        if same.name != selected.name || same.args != selected.args {
            let why = if same.name == selected.name {
                "they have differing arguments".to_owned()
            } else {
                format!("\"{}\" and \"{}\" are different fields", same.name, selected.name)
            };
            let key = &selected.key;
            let message = format!(
                "Fields \"{key}\" conflict because {why}. Use different aliases on the fields to fetch both if this was intentional."
            );
            return self.wrong(selected.at, message);
        }
        let mut inner = std::mem::take(&mut same.fields);
        for field in selected.fields {
            self.merge(&mut inner, field);
        }
        same.fields = inner;
    }

    fn field(&mut self, on: &str, field: &Field, taken: bool) -> Option<Selected> {
        let Field { key, name, at, .. } = field;
        let selected = |args, of: &TypeRef, fields| Selected {
            key: key.clone(),
            name: name.clone(),
            args,
            of: of.clone(),
            fields,
            at: *at,
        };
        if name == "__typename" {
            let of = TypeRef::NonNull(Box::new(TypeRef::Named("String".to_owned())));
            return Some(selected(Map::new(), &of, Vec::new()));
        }
        let schema = self.reader.schema;
        let found = match schema.get(on) {
            Some(Definition::Object { fields, .. }) => fields.get(name),
            _ => None,
        };
        let Some(OutputField { args, of }) = found else {
            self.wrong(*at, format!("Cannot query field \"{name}\" on type \"{on}\"."));
            return None;
        };
        let args = self.args(on, field, args, taken);
        let named = of.named();
        let mut fields = Vec::new();
        match (schema.is_object(named), field.selection.is_empty()) {
            (true, true) => self.wrong(
                *at,
                format!(
                    "Field \"{name}\" of type \"{of}\" must have a selection of subfields. Did you mean \"{name} {{ ... }}\"?"
                ),
            ),
            (false, false) => self.wrong(
                *at,
                format!("Field \"{name}\" must not have a selection since type \"{of}\" has no subfields."),
            ),
            _ => self.select(named, &field.selection, true, &mut fields),
        }
        Some(selected(args, of, fields))
    }

    fn args(&mut self, on: &str, field: &Field, known: &[InputField], taken: bool) -> Map<String, Value> {
        let mut args = Map::new();
        let name = &field.name;
        for Argument { name: arg, at, .. } in &field.args {
            if !known.iter().any(|known| known.name == *arg) {
                self.wrong(*at, format!("Unknown argument \"{arg}\" on field \"{on}.{name}\"."));
            }
        }
        for known in known {
            let given = field.args.iter().find(|given| given.name == known.name);
            let value = given.and_then(|given| {
                self.uses(&given.value, &known.of, known.default.is_some(), given.at);
                match self.reader.literal(&known.of, &given.value, &self.values) {
                    Ok(value) => value,
                    Err(message) => {
                        self.wrong(given.at, message);
                        None
                    }
                }
            });
            match (value, &known.default) {
                (Some(value), _) => {
                    args.insert(known.name.clone(), value);
                }
                (None, Some(default)) => {
                    args.insert(known.name.clone(), default.json(&Map::new()));
                }
                (None, None) if known.of.is_required() && given.is_none() && taken => {
                    let message = format!(
                        "Field \"{name}\" argument \"{}\" of type \"{}\" is required, but it was not provided.",
                        known.name, known.of
                    );
                    self.wrong(field.at, message);
                }
                (None, None) => {}
            }
        }
        args
    }

    /// Records the variables of a value, and checks their types against the position where they are used.
    fn uses(&mut self, literal: &Literal, of: &TypeRef, has_default: bool, at: At) {
        match literal {
            Literal::Variable(name) => {
                self.used.insert(name.clone());
                let Some(variable) = self.defined.get(name.as_str()) else {
                    return self.wrong(at, format!("Variable \"${name}\" is not defined."));
                };
                // A default replaces a missing value.
                let given = !variable.of.is_required()
                    && (has_default
                        || variable.default.as_ref().is_some_and(|d| *d != Literal::Value(Value::Null)));
                let expected = if given { of.inner() } else { of };
                if !variable.of.fits(expected) {
                    let message = format!(
                        "Variable \"${name}\" of type \"{}\" used in position expecting type \"{of}\".",
                        variable.of
                    );
                    self.wrong(at, message);
                }
            }
            Literal::List(list) => {
                let inner = match of.inner() {
                    TypeRef::List(inner) => inner,
                    other => other,
                };
                for one in list {
                    self.uses(one, inner, false, at);
                }
            }
            Literal::Object(given) => {
                let fields = match self.reader.schema.get(of.named()) {
                    Some(Definition::Input(fields)) => fields.as_slice(),
                    _ => &[],
                };
                for (name, value) in given {
                    match fields.iter().find(|field| field.name == *name) {
                        Some(field) => self.uses(value, &field.of, field.default.is_some(), at),
                        // Free JSON, or an unknown field that is reported elsewhere.
                        None => self.uses(value, of, true, at),
                    }
                }
            }
            Literal::Enum(_) | Literal::Value(_) => {}
        }
    }

    /// Decides `@skip` and `@include`.
    fn taken(&mut self, directives: &[Directive]) -> bool {
        let condition = TypeRef::NonNull(Box::new(TypeRef::Named("Boolean".to_owned())));
        let mut taken = true;
        for Directive { name, args, at } in directives {
            if name != "skip" && name != "include" {
                self.wrong(*at, format!("Unknown directive \"@{name}\"."));
                continue;
            }
            let Some(given) = args.iter().find(|arg| arg.name == "if") else {
                let message = format!(
                    "Directive \"@{name}\" argument \"if\" of type \"Boolean!\" is required, but it was not provided."
                );
                self.wrong(*at, message);
                continue;
            };
            self.uses(&given.value, &condition, false, *at);
            match self.reader.literal(&condition, &given.value, &self.values) {
                Ok(value) => taken &= (value == Some(Value::Bool(true))) == (name == "include"),
                Err(message) => self.wrong(*at, message),
            }
        }
        taken
    }

    fn unused(&mut self, operation: &Operation) {
        let of = operation.name.as_ref().map_or(String::new(), |name| format!(" in operation \"{name}\""));
        for Variable { name, at, .. } in &operation.variables {
            if !self.used.contains(name) {
                self.wrong(*at, format!("Variable \"${name}\" is never used{of}."));
            }
        }
        // With several operations, a fragment may belong to another one.
        if self.document.operations.len() == 1 {
            for (name, fragment) in &self.document.fragments {
                if !self.spread.contains(name) {
                    self.wrong(fragment.at, format!("Fragment \"{name}\" is never used."));
                }
            }
        }
    }
}
