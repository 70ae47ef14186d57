//! Parses the part of GraphQL that clients of issues write: operations, variables, aliases, arguments and fragments.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A field of a selection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// The key in the response: the alias, or the name.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) args: Map<String, Value>,
    pub(super) fields: Vec<Selected>,
}

/// A part of a selection.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Selected {
    Field(Field),
    /// A fragment for this type; for any without one.
    On(Option<String>, Vec<Selected>),
    Named(String),
}

/// A document, reduced to the operation that runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Operation {
    pub(super) mutation: bool,
    pub(super) fields: Vec<Selected>,
    pub(super) fragments: BTreeMap<String, Vec<Selected>>,
}

/// Parses a document and puts the values of variables in their places. Of several operations the first one runs.
pub(super) fn parse(text: &str, variables: &Map<String, Value>) -> Result<Operation, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, variables: variables.clone() };
    let mut operation: Option<Operation> = None;
    let mut fragments = BTreeMap::new();
    while let Some(token) = parser.peek().map(str::to_owned) {
        match token.as_str() {
            "{" => {
                let fields = parser.selection()?;
                operation.get_or_insert(Operation { fields, ..Operation::default() });
            }
            "query" | "mutation" => {
                parser.at += 1;
                let fields = parser.operation()?;
                let mutation = token == "mutation";
                operation.get_or_insert(Operation { mutation, fields, ..Operation::default() });
            }
            "fragment" => {
                parser.at += 1;
                let name = parser.next()?;
                parser.expect("on")?;
                parser.next()?;
                fragments.insert(name, parser.selection()?);
            }
            other => return Err(format!("Unexpected \"{other}\"")),
        }
    }
    let operation = operation.ok_or("A query attribute must be specified and must be a string.")?;
    Ok(Operation { fragments, ..operation })
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
    variables: Map<String, Value>,
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Result<String, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("Unexpected end of document")?;
        self.at += 1;
        Ok(token)
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) {
            return Ok(());
        }
        Err(format!("Expected \"{token}\", found \"{}\"", self.peek().unwrap_or("the end")))
    }

    /// The rest of an operation behind its keyword.
    fn operation(&mut self) -> Result<Vec<Selected>, String> {
        if self.peek() != Some("(") && self.peek() != Some("{") {
            self.next()?;
        }
        if self.eat("(") {
            while !self.eat(")") {
                self.variable()?;
            }
        }
        self.selection()
    }

    /// The definition of a variable; its default holds where no value is given.
    fn variable(&mut self) -> Result<(), String> {
        self.expect("$")?;
        let name = self.next()?;
        self.expect(":")?;
        while self.eat("[") {}
        self.next()?;
        while self.eat("!") || self.eat("]") {}
        if self.eat("=") {
            let default = self.value()?;
            self.variables.entry(name).or_insert(default);
        }
        Ok(())
    }

    fn selection(&mut self) -> Result<Vec<Selected>, String> {
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.eat("}") {
            if self.eat("...") {
                fields.push(match self.peek() {
                    Some("{") => Selected::On(None, self.selection()?),
                    Some("on") => {
                        self.at += 1;
                        let name = self.next()?;
                        Selected::On(Some(name), self.selection()?)
                    }
                    _ => Selected::Named(self.next()?),
                });
                continue;
            }
            fields.push(Selected::Field(self.field()?));
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field, String> {
        let key = self.next()?;
        let name = if self.eat(":") { self.next()? } else { key.clone() };
        let mut args = Map::new();
        if self.eat("(") {
            while !self.eat(")") {
                let name = self.next()?;
                self.expect(":")?;
                args.insert(name, self.value()?);
            }
        }
        let fields = if self.peek() == Some("{") { self.selection()? } else { Vec::new() };
        Ok(Field { key, name, args, fields })
    }

    fn value(&mut self) -> Result<Value, String> {
        let token = self.next()?;
        Ok(match token.as_str() {
            "$" => {
                let name = self.next()?;
                self.variables.get(&name).cloned().unwrap_or_default()
            }
            "[" => {
                let mut list = Vec::new();
                while !self.eat("]") {
                    list.push(self.value()?);
                }
                Value::Array(list)
            }
            "{" => {
                let mut object = Map::new();
                while !self.eat("}") {
                    let name = self.next()?;
                    self.expect(":")?;
                    object.insert(name, self.value()?);
                }
                Value::Object(object)
            }
            // Texts are JSON already; numbers, true, false and null are, too. What is left is the name of an enum.
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        })
    }
}

/// Splits a document into tokens; commas and comments are blanks.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            letter if letter.is_whitespace() || letter == ',' => {}
            '.' => {
                while letters.next_if_eq(&'.').is_some() {}
                tokens.push("...".to_owned());
            }
            '"' => {
                let mut token = String::from('"');
                loop {
                    let letter = letters.next().ok_or("Unterminated string")?;
                    token.push(letter);
                    match letter {
                        '"' => break,
                        '\\' => token.push(letters.next().ok_or("Unterminated string")?),
                        _ => {}
                    }
                }
                tokens.push(token);
            }
            letter if letter.is_alphanumeric() || letter == '_' || letter == '-' => {
                let mut token = String::from(letter);
                while let Some(letter) = letters.next_if(|l| l.is_alphanumeric() || *l == '_') {
                    token.push(letter);
                }
                tokens.push(token);
            }
            letter => tokens.push(letter.to_string()),
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_parsed_with_their_variables() {
        let text = r#"
            # A comment
            mutation Gone($id: ID!, $many: [Int!] = [1, 2]) {
                first: deleteIssue(input: {issueId: $id, clientMutationId: "a \"b\""}) { repository { ...Name } }
            }
            fragment Name on Repository { id name }
        "#;
        let Value::Object(variables) = json!({ "id": "I_1" }) else { unreachable!() };
        let operation = parse(text, &variables).unwrap();
        assert!(operation.mutation && operation.fragments.contains_key("Name"));
        let Selected::Field(field) = &operation.fields[0] else { panic!("a field") };
        assert_eq!((field.key.as_str(), field.name.as_str()), ("first", "deleteIssue"));
        assert_eq!(field.args["input"], json!({ "issueId": "I_1", "clientMutationId": "a \"b\"" }));
    }

    #[test]
    fn mistakes_are_told() {
        let none = Map::new();
        assert!(parse("query { user(login: \"a) }", &none).is_err());
        assert!(parse("query { a { b }", &none).is_err());
        assert!(parse("", &none).is_err());
    }
}
