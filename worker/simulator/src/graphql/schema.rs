//! The schema of the served part of a platform, parsed from the schema language.

use std::{collections::HashMap, fmt};

use super::{lex::Kind, lex::SyntaxError, parse::Parser, value::Literal};

/// A type as it is named in a schema or in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypeRef {
    Named(String),
    List(Box<TypeRef>),
    NonNull(Box<TypeRef>),
}

impl TypeRef {
    /// Returns the name inside of all lists.
    pub(crate) fn named(&self) -> &str {
        match self {
            TypeRef::Named(name) => name,
            TypeRef::List(of) | TypeRef::NonNull(of) => of.named(),
        }
    }

    pub(crate) fn is_required(&self) -> bool {
        matches!(self, TypeRef::NonNull(_))
    }

    /// Returns the type without its `!`.
    pub(crate) fn inner(&self) -> &TypeRef {
        if let TypeRef::NonNull(of) = self { of } else { self }
    }

    /// True if each value of this type is also a value of the other.
    pub(crate) fn fits(&self, other: &TypeRef) -> bool {
        match (self, other) {
            (TypeRef::NonNull(one), TypeRef::NonNull(other)) => one.fits(other),
            (TypeRef::NonNull(one), _) => one.fits(other),
            (TypeRef::List(one), TypeRef::List(other)) => one.fits(other),
            (TypeRef::Named(one), TypeRef::Named(other)) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeRef::Named(name) => f.write_str(name),
            TypeRef::List(of) => write!(f, "[{of}]"),
            TypeRef::NonNull(of) => write!(f, "{of}!"),
        }
    }
}

/// A type.
#[derive(Debug, Clone)]
pub(crate) enum Definition {
    Scalar,
    Enum(Vec<String>),
    Input(Vec<InputField>),
    /// An object type, or an interface.
    Object {
        interfaces: Vec<String>,
        fields: HashMap<String, OutputField>,
    },
}

/// An argument, or a field of an input type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InputField {
    pub(crate) name: String,
    pub(crate) of: TypeRef,
    pub(crate) default: Option<Literal>,
}

#[derive(Debug, Clone)]
pub(crate) struct OutputField {
    pub(crate) args: Vec<InputField>,
    pub(crate) of: TypeRef,
}

/// All types by their names.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) types: HashMap<String, Definition>,
}

impl Schema {
    /// Reads a schema.
    pub(crate) fn read(text: &str) -> Result<Schema, SyntaxError> {
        let mut schema = Schema::default();
        for name in ["String", "Int", "Float", "Boolean", "ID"] {
            schema.types.insert(name.to_owned(), Definition::Scalar);
        }
        let mut parser = Parser::new(text)?;
        while parser.kind() != Kind::End {
            describe(&mut parser);
            let kind = parser.name()?;
            if kind == "directive" {
                directive(&mut parser)?;
                continue;
            }
            if kind == "schema" {
                // The roots have their default names.
                object(&mut parser)?;
                continue;
            }
            let name = parser.name()?;
            let definition = match kind.as_str() {
                "scalar" => Definition::Scalar,
                "enum" => {
                    parser.expect("{")?;
                    let mut values = Vec::new();
                    while !parser.eat("}") {
                        describe(&mut parser);
                        values.push(parser.name()?);
                        parser.directives()?;
                    }
                    Definition::Enum(values)
                }
                "input" => {
                    parser.expect("{")?;
                    Definition::Input(inputs(&mut parser, "}")?)
                }
                "type" | "interface" => object(&mut parser)?,
                "union" => {
                    parser.expect("=")?;
                    alternatives(&mut parser)?;
                    Definition::Object { interfaces: Vec::new(), fields: HashMap::new() }
                }
                _ => return Err(parser.unexpected()),
            };
            schema.types.insert(name, definition);
        }
        Ok(schema)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Definition> {
        self.types.get(name)
    }

    /// True if the type is an object or an interface.
    pub(crate) fn is_object(&self, name: &str) -> bool {
        matches!(self.types.get(name), Some(Definition::Object { .. }))
    }
}

/// Skips a description.
fn describe(parser: &mut Parser) {
    if parser.kind() == Kind::Text {
        parser.skip();
    }
}

/// Skips the definition of a directive.
fn directive(parser: &mut Parser) -> Result<(), SyntaxError> {
    parser.expect("@")?;
    parser.name()?;
    if parser.eat("(") {
        inputs(parser, ")")?;
    }
    parser.eat("repeatable");
    parser.expect("on")?;
    alternatives(parser)
}

fn alternatives(parser: &mut Parser) -> Result<(), SyntaxError> {
    parser.eat("|");
    parser.name()?;
    while parser.eat("|") {
        parser.name()?;
    }
    Ok(())
}

fn object(parser: &mut Parser) -> Result<Definition, SyntaxError> {
    let mut interfaces = Vec::new();
    if parser.eat("implements") {
        while parser.peek() != "{" {
            parser.eat("&");
            interfaces.push(parser.name()?);
        }
    }
    parser.expect("{")?;
    let mut fields = HashMap::new();
    while !parser.eat("}") {
        describe(parser);
        let name = parser.name()?;
        let args = if parser.eat("(") { inputs(parser, ")")? } else { Vec::new() };
        parser.expect(":")?;
        let of = parser.type_ref()?;
        parser.directives()?;
        fields.insert(name, OutputField { args, of });
    }
    Ok(Definition::Object { interfaces, fields })
}

fn inputs(parser: &mut Parser, end: &str) -> Result<Vec<InputField>, SyntaxError> {
    let mut fields = Vec::new();
    while !parser.eat(end) {
        describe(parser);
        let name = parser.name()?;
        parser.expect(":")?;
        let of = parser.type_ref()?;
        let default = if parser.eat("=") { Some(parser.value()?) } else { None };
        parser.directives()?;
        fields.push(InputField { name, of, default });
    }
    Ok(fields)
}
