//! Values of arguments and variables, and their validation against types.

use serde_json::{Map, Value};

use super::schema::{Definition, InputField, Schema, TypeRef};

/// A value as it is written in a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Variable(String),
    Enum(String),
    List(Vec<Literal>),
    Object(Vec<(String, Literal)>),
    /// A text, a number, true, false or null.
    Value(Value),
}

impl Literal {
    /// Returns the value as JSON, with the values of variables in their places.
    pub(crate) fn json(&self, variables: &Map<String, Value>) -> Value {
        match self {
            Literal::Variable(name) => variables.get(name).cloned().unwrap_or_default(),
            Literal::Enum(name) => Value::String(name.clone()),
            Literal::List(list) => list.iter().map(|one| one.json(variables)).collect(),
            Literal::Object(fields) => Value::Object(
                fields.iter().map(|(name, value)| (name.clone(), value.json(variables))).collect(),
            ),
            Literal::Value(value) => value.clone(),
        }
    }

    /// Returns the value as a document would have it.
    fn shown(&self) -> String {
        match self {
            Literal::Variable(name) => format!("${name}"),
            Literal::Enum(name) => name.clone(),
            Literal::List(list) => {
                format!("[{}]", list.iter().map(Literal::shown).collect::<Vec<_>>().join(", "))
            }
            Literal::Object(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| format!("{name}: {}", value.shown())).collect();
                format!("{{{}}}", fields.join(", "))
            }
            Literal::Value(value) => value.to_string(),
        }
    }
}

/// Reads the scalars that a platform defines.
pub(crate) trait Scalars {
    /// Returns the value in the platform's internal form, or why it is invalid.
    fn read(&self, scalar: &str, value: &Value) -> Result<Value, String>;
}

/// Reads values of types.
pub(super) struct Reader<'a> {
    pub(super) schema: &'a Schema,
    pub(super) scalars: &'a dyn Scalars,
}

impl Reader<'_> {
    /// Reads a value of a variable. An error names the position within the value.
    pub(super) fn value(&self, of: &TypeRef, value: &Value, path: &str) -> Result<Value, (String, String)> {
        let fail = |message: String| Err((path.to_owned(), message));
        match of {
            TypeRef::NonNull(inner) => match value {
                Value::Null => fail(format!("Expected non-nullable type \"{of}\" not to be null.")),
                _ => self.value(inner, value, path),
            },
            _ if value.is_null() => Ok(Value::Null),
            TypeRef::List(of) => match value {
                Value::Array(list) => {
                    let read = list.iter().enumerate();
                    read.map(|(at, one)| self.value(of, one, &format!("{path}[{at}]"))).collect()
                }
                one => Ok(Value::Array(vec![self.value(of, one, path)?])),
            },
            TypeRef::Named(name) => match self.schema.get(name) {
                Some(Definition::Enum(values)) => match value {
                    Value::String(text) if values.contains(text) => Ok(value.clone()),
                    Value::String(text) => {
                        fail(format!("Value \"{text}\" does not exist in \"{name}\" enum."))
                    }
                    other => fail(format!("Enum \"{name}\" cannot represent non-string value: {other}.")),
                },
                Some(Definition::Input(fields)) => {
                    let Value::Object(given) = value else {
                        return fail(format!("Expected type \"{name}\" to be an object."));
                    };
                    if let Some(unknown) =
                        given.keys().find(|key| !fields.iter().any(|field| field.name == **key))
                    {
                        return fail(format!("Field \"{unknown}\" is not defined by type \"{name}\"."));
                    }
                    let mut object = Map::new();
                    for field in fields {
                        match given.get(&field.name) {
                            Some(value) => {
                                let path = format!("{path}.{}", field.name);
                                object.insert(field.name.clone(), self.value(&field.of, value, &path)?);
                            }
                            None => {
                                if let Err(message) = self.absent(name, field, &mut object) {
                                    return fail(message);
                                }
                            }
                        }
                    }
                    Ok(Value::Object(object))
                }
                _ => self.scalar(name, value, &value.to_string()).or_else(fail),
            },
        }
    }

    /// Reads a value of a document. `None` if it is a variable without a value.
    pub(super) fn literal(
        &self,
        of: &TypeRef,
        literal: &Literal,
        variables: &Map<String, Value>,
    ) -> Result<Option<Value>, String> {
        if let Literal::Variable(name) = literal {
            return match variables.get(name) {
                Some(Value::Null) if of.is_required() => {
                    Err(format!("Expected value of type \"{of}\", found null."))
                }
                Some(value) => Ok(Some(value.clone())),
                None => Ok(None),
            };
        }
        let wrong = || format!("Expected value of type \"{of}\", found {}.", literal.shown());
        if *literal == Literal::Value(Value::Null) {
            return if of.is_required() { Err(wrong()) } else { Ok(Some(Value::Null)) };
        }
        match of.inner() {
            TypeRef::NonNull(_) => Err(wrong()),
            TypeRef::List(of) => {
                let list = match literal {
                    Literal::List(list) => list.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let read = list.iter().map(|one| Ok(self.literal(of, one, variables)?.unwrap_or_default()));
                Ok(Some(Value::Array(read.collect::<Result<_, String>>()?)))
            }
            TypeRef::Named(name) => match (self.schema.get(name), literal) {
                (Some(Definition::Enum(values)), Literal::Enum(value)) if values.contains(value) => {
                    Ok(Some(Value::String(value.clone())))
                }
                (Some(Definition::Enum(_)), Literal::Enum(value)) => {
                    Err(format!("Value \"{value}\" does not exist in \"{name}\" enum."))
                }
                (Some(Definition::Enum(_)), other) => {
                    Err(format!("Enum \"{name}\" cannot represent non-enum value: {}.", other.shown()))
                }
                (Some(Definition::Input(fields)), Literal::Object(given)) => {
                    self.object(name, fields, given, variables).map(Some)
                }
                (Some(Definition::Input(_)), _) => Err(wrong()),
                (_, Literal::Enum(_)) => {
                    Err(format!("{name} cannot represent a non {} value: {}", kind(name), literal.shown()))
                }
                _ => self.scalar(name, &literal.json(variables), &literal.shown()).map(Some),
            },
        }
    }

    fn object(
        &self,
        name: &str,
        fields: &[InputField],
        given: &[(String, Literal)],
        variables: &Map<String, Value>,
    ) -> Result<Value, String> {
        if let Some((unknown, _)) =
            given.iter().find(|(key, _)| !fields.iter().any(|field| field.name == *key))
        {
            return Err(format!("Field \"{unknown}\" is not defined by type \"{name}\"."));
        }
        let mut object = Map::new();
        for field in fields {
            let given = given.iter().find(|(key, _)| *key == field.name);
            match given.map(|(_, literal)| self.literal(&field.of, literal, variables)).transpose()?.flatten()
            {
                Some(value) => {
                    object.insert(field.name.clone(), value);
                }
                None => self.absent(name, field, &mut object)?,
            }
        }
        Ok(Value::Object(object))
    }

    fn absent(&self, of: &str, field: &InputField, object: &mut Map<String, Value>) -> Result<(), String> {
        if let Some(default) = &field.default {
            object.insert(field.name.clone(), default.json(&Map::new()));
        } else if field.of.is_required() {
            return Err(format!(
                "Field \"{}\" of required type \"{}\" was not provided.",
                format_args!("{of}.{}", field.name),
                field.of
            ));
        }
        Ok(())
    }

    fn scalar(&self, name: &str, value: &Value, shown: &str) -> Result<Value, String> {
        let fits = match name {
            "String" => value.is_string(),
            "Boolean" => value.is_boolean(),
            "Int" => whole(value).is_some_and(|number| i32::try_from(number).is_ok()),
            "Float" => value.is_number(),
            "ID" => value.is_string() || whole(value).is_some(),
            _ => return self.scalars.read(name, value),
        };
        if !fits {
            return Err(match name {
                "Int" if value.is_number() => format!("Int cannot represent non-integer value: {shown}"),
                "Int" => format!("Int cannot represent non-integer value: {shown}"),
                "Float" => format!("Float cannot represent non numeric value: {shown}"),
                _ => format!("{name} cannot represent a non {} value: {shown}", kind(name)),
            });
        }
        Ok(match (name, whole(value)) {
            ("ID", Some(number)) => Value::String(number.to_string()),
            ("Int", Some(number)) => number.into(),
            _ => value.clone(),
        })
    }
}

fn kind(name: &str) -> &'static str {
    match name {
        "Boolean" => "boolean",
        "ID" => "string and non integer",
        "Int" | "Float" => "numeric",
        _ => "string",
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}
