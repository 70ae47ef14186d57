//! Parses executable documents: operations and fragments.

use std::collections::BTreeMap;

use super::{
    lex::{At, Kind, SyntaxError, Token, tokens},
    schema::TypeRef,
    value::Literal,
};

/// A parsed document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    pub(crate) fragments: BTreeMap<String, Fragment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) kind: OperationKind,
    pub(crate) name: Option<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) selection: Vec<Selection>,
    pub(crate) at: At,
}

/// The definition of a variable.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) of: TypeRef,
    pub(crate) default: Option<Literal>,
    pub(crate) at: At,
}

#[derive(Debug, Clone)]
pub(crate) struct Fragment {
    pub(crate) on: String,
    pub(crate) selection: Vec<Selection>,
    pub(crate) at: At,
}

/// A part of a selection.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    Field(Field),
    /// A fragment for this type; without one, for any.
    On {
        on: Option<String>,
        directives: Vec<Directive>,
        selection: Vec<Selection>,
        at: At,
    },
    Spread {
        name: String,
        directives: Vec<Directive>,
        at: At,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// The key in the response: the alias, or the name.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) args: Vec<Argument>,
    pub(crate) directives: Vec<Directive>,
    pub(crate) selection: Vec<Selection>,
    pub(crate) at: At,
}

#[derive(Debug, Clone)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) value: Literal,
    pub(crate) at: At,
}

#[derive(Debug, Clone)]
pub(crate) struct Directive {
    pub(crate) name: String,
    pub(crate) args: Vec<Argument>,
    pub(crate) at: At,
}

/// Parses a document.
pub(crate) fn document(text: &str) -> Result<Document, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let mut document = Document::default();
    while parser.kind() != Kind::End {
        let at = parser.at();
        let kind = match parser.peek() {
            "{" => {
                let selection = parser.selection()?;
                let kind = OperationKind::Query;
                document.operations.push(Operation {
                    kind,
                    name: None,
                    variables: Vec::new(),
                    selection,
                    at,
                });
                continue;
            }
            "fragment" => {
                parser.skip();
                let name = parser.name()?;
                parser.expect("on")?;
                let on = parser.name()?;
                parser.directives()?;
                let selection = parser.selection()?;
                document.fragments.insert(name, Fragment { on, selection, at });
                continue;
            }
            "query" => OperationKind::Query,
            "mutation" => OperationKind::Mutation,
            "subscription" => OperationKind::Subscription,
            _ => return Err(parser.unexpected()),
        };
        parser.skip();
        let name = if parser.kind() == Kind::Name { Some(parser.name()?) } else { None };
        let variables = parser.variables()?;
        parser.directives()?;
        let selection = parser.selection()?;
        document.operations.push(Operation { kind, name, variables, selection, at });
    }
    if document.operations.is_empty() && document.fragments.is_empty() {
        return Err(parser.unexpected());
    }
    Ok(document)
}

/// A position in the tokens of a text.
pub(super) struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// Open brackets around the position.
    depth: usize,
}

/// The deepest nesting of brackets, which keeps a document from exhausting the stack.
const DEEPEST: usize = 100;

impl Parser {
    pub(super) fn new(text: &str) -> Result<Parser, SyntaxError> {
        Ok(Parser { tokens: tokens(text)?, next: 0, depth: 0 })
    }

    fn token(&self) -> &Token {
        // The last token is the end; the index never exceeds it.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind(&self) -> Kind {
        self.token().kind
    }

    /// Returns the text of the next token; empty for strings, which are never signs or keywords.
    pub(super) fn peek(&self) -> &str {
        if self.token().kind == Kind::Text { "" } else { &self.token().text }
    }

    pub(super) fn at(&self) -> At {
        self.token().at
    }

    pub(super) fn skip(&mut self) {
        self.next += usize::from(self.kind() != Kind::End);
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.kind() != Kind::End && self.peek() == text;
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), SyntaxError> {
        if self.eat(text) {
            return Ok(());
        }
        let found = self.found();
        Err(SyntaxError::new(format!("Expected \"{text}\", found {found}."), self.at()))
    }

    fn found(&self) -> String {
        let token = self.token();
        match token.kind {
            Kind::End => "<EOF>".to_owned(),
            Kind::Name => format!("Name \"{}\"", token.text),
            Kind::Text => format!("String \"{}\"", token.text),
            Kind::Number => format!("Int \"{}\"", token.text),
            Kind::Sign => format!("\"{}\"", token.text),
        }
    }

    pub(super) fn unexpected(&self) -> SyntaxError {
        SyntaxError::new(format!("Unexpected {}.", self.found()), self.at())
    }

    /// Parses a part that is one bracket deeper.
    fn inside<T>(
        &mut self,
        read: impl FnOnce(&mut Parser) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth >= DEEPEST {
            return Err(SyntaxError::new("Document is nested too deeply.", self.at()));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    pub(super) fn name(&mut self) -> Result<String, SyntaxError> {
        if self.kind() != Kind::Name {
            return Err(SyntaxError::new(format!("Expected Name, found {}.", self.found()), self.at()));
        }
        let name = self.token().text.clone();
        self.next += 1;
        Ok(name)
    }

    pub(super) fn type_ref(&mut self) -> Result<TypeRef, SyntaxError> {
        let of = if self.eat("[") {
            let of = self.inside(Parser::type_ref)?;
            self.expect("]")?;
            TypeRef::List(Box::new(of))
        } else {
            TypeRef::Named(self.name()?)
        };
        Ok(if self.eat("!") { TypeRef::NonNull(Box::new(of)) } else { of })
    }

    fn variables(&mut self) -> Result<Vec<Variable>, SyntaxError> {
        let mut variables = Vec::new();
        if !self.eat("(") {
            return Ok(variables);
        }
        while !self.eat(")") {
            let at = self.at();
            self.expect("$")?;
            let name = self.name()?;
            self.expect(":")?;
            let of = self.type_ref()?;
            let default = if self.eat("=") { Some(self.value()?) } else { None };
            self.directives()?;
            variables.push(Variable { name, of, default, at });
        }
        Ok(variables)
    }

    fn selection(&mut self) -> Result<Vec<Selection>, SyntaxError> {
        self.expect("{")?;
        let mut selection = Vec::new();
        while !self.eat("}") {
            let at = self.at();
            if !self.eat("...") {
                selection.push(Selection::Field(self.field()?));
                continue;
            }
            let on = if self.eat("on") { Some(self.name()?) } else { None };
            if on.is_none() && self.kind() == Kind::Name {
                let name = self.name()?;
                selection.push(Selection::Spread { name, directives: self.directives()?, at });
                continue;
            }
            let directives = self.directives()?;
            selection.push(Selection::On { on, directives, selection: self.inside(Parser::selection)?, at });
        }
        if selection.is_empty() {
            return Err(SyntaxError::new("Expected Name, found \"}\".", self.at()));
        }
        Ok(selection)
    }

    fn field(&mut self) -> Result<Field, SyntaxError> {
        let at = self.at();
        let key = self.name()?;
        let name = if self.eat(":") { self.name()? } else { key.clone() };
        let args = self.arguments()?;
        let directives = self.directives()?;
        let selection = if self.peek() == "{" { self.inside(Parser::selection)? } else { Vec::new() };
        Ok(Field { key, name, args, directives, selection, at })
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, SyntaxError> {
        let mut args = Vec::new();
        if self.eat("(") {
            while !self.eat(")") {
                let at = self.at();
                let name = self.name()?;
                self.expect(":")?;
                args.push(Argument { name, value: self.value()?, at });
            }
        }
        Ok(args)
    }

    pub(super) fn directives(&mut self) -> Result<Vec<Directive>, SyntaxError> {
        let mut directives = Vec::new();
        loop {
            let at = self.at();
            if !self.eat("@") {
                return Ok(directives);
            }
            directives.push(Directive { name: self.name()?, args: self.arguments()?, at });
        }
    }

    pub(super) fn value(&mut self) -> Result<Literal, SyntaxError> {
        let token = self.token().clone();
        self.skip();
        Ok(match token.kind {
            Kind::Text => Literal::Value(token.text.into()),
            Kind::Number => {
                let number = serde_json::from_str(&token.text);
                Literal::Value(number.map_err(|_| {
                    SyntaxError::new(format!("Invalid number, found \"{}\".", token.text), token.at)
                })?)
            }
            Kind::Name => match token.text.as_str() {
                "true" => Literal::Value(true.into()),
                "false" => Literal::Value(false.into()),
                "null" => Literal::Value(serde_json::Value::Null),
                _ => Literal::Enum(token.text),
            },
            Kind::Sign if token.text == "$" => Literal::Variable(self.name()?),
            Kind::Sign if token.text == "[" => {
                let mut list = Vec::new();
                while !self.eat("]") {
                    list.push(self.inside(Parser::value)?);
                }
                Literal::List(list)
            }
            Kind::Sign if token.text == "{" => {
                let mut fields = Vec::new();
                while !self.eat("}") {
                    let name = self.name()?;
                    self.expect(":")?;
                    fields.push((name, self.inside(Parser::value)?));
                }
                Literal::Object(fields)
            }
            Kind::Sign | Kind::End => {
                self.next -= usize::from(token.kind != Kind::End);
                return Err(self.unexpected());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn documents_are_parsed() {
        let text = r#"
            # A comment
            mutation Gone($id: ID!, $many: [Int!] = [1, 2]) {
                first: deleteIssue(input: {issueId: $id, clientMutationId: "a \"b\" \u00e9\ud83d\ude80"}) @skip(if: false) { ...Name }
            }
            fragment Name on Repository { id name text(body: """
                one
                  two
            """) }
        "#;
        let document = document(text).unwrap();
        let operation = &document.operations[0];
        assert_eq!((operation.kind, operation.name.as_deref()), (OperationKind::Mutation, Some("Gone")));
        assert_eq!(operation.variables[1].of.to_string(), "[Int!]");
        let variables = Map::from_iter([("id".to_owned(), json!("I_1"))]);
        let Selection::Field(field) = &operation.selection[0] else { panic!("a field") };
        assert_eq!(
            (field.key.as_str(), field.name.as_str(), field.directives.len()),
            ("first", "deleteIssue", 1)
        );
        let input = field.args[0].value.json(&variables);
        assert_eq!(input, json!({ "issueId": "I_1", "clientMutationId": "a \"b\" é🚀" }));
        let Selection::Field(text) = &document.fragments["Name"].selection[2] else { panic!("a field") };
        assert_eq!(text.args[0].value.json(&variables), json!("one\n  two"));
        assert_eq!((operation.at.line, operation.at.column), (3, 13));
    }

    #[test]
    fn mistakes_are_told() {
        for text in [
            "query { user(login: \"a) }",
            "query { a { b }",
            "",
            "{ a(b: ) }",
            "{ }",
            "{ a ? }",
            "{ a(b: 1..2) }",
        ] {
            assert!(document(text).is_err(), "{text}");
        }
        let error = document("query {\n  user(: 1) }").unwrap_err();
        assert_eq!((error.at.line, error.at.column), (2, 8));
    }
}
