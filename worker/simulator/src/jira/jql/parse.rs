//! The grammar of JQL.

use super::tokens::{Placed, Token, error, tokens};

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) clause: Option<Clause>,
    /// Fields to sort by; true for descending.
    pub(crate) order: Vec<(String, bool)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Clause {
    And(Vec<Clause>),
    Or(Vec<Clause>),
    Not(Box<Clause>),
    Test { field: String, op: &'static str, values: Vec<Operand> },
}

/// A value in a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// A word or a quoted text.
    Text(String),
    /// A word without quotes that is a whole number.
    Number(i64),
    Empty,
    Function(String),
}

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Query, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let clause = if parser.at_end() || parser.is_word("order") { None } else { Some(parser.any()?) };
    let mut order = Vec::new();
    if parser.take_word("order") {
        if !parser.take_word("by") {
            return parser.unexpected("'by'");
        }
        loop {
            let Some(field) = parser.name() else { return parser.unexpected("a field name") };
            let down = parser.take_word("desc");
            if !down {
                parser.take_word("asc");
            }
            order.push((field, down));
            if !parser.take_sign(",") {
                break;
            }
        }
        if order.len() > 7 {
            return error("The maximum number of fields in an ORDER BY clause is 7.");
        }
    }
    if parser.at_end() { Ok(Query { clause, order }) } else { parser.unexpected("either 'OR' or 'AND'") }
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T, String> {
        match self.tokens.get(self.at) {
            None => error(format!("Expecting {wanted} before the end of the query.")),
            Some((token, at)) => {
                let shown = match token {
                    Token::Word(text) | Token::Quoted(text) => text.as_str(),
                    Token::Sign(sign) => sign,
                };
                error(format!("Expecting {wanted} but got '{shown}'. (line 1, character {})", at + 1))
            }
        }
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(self.at), Some((Token::Word(word), _)) if word.eq_ignore_ascii_case(wanted))
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let there = self.is_word(wanted);
        self.at += usize::from(there);
        there
    }

    fn take_sign(&mut self, wanted: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some((Token::Sign(sign), _)) if *sign == wanted);
        self.at += usize::from(there);
        there
    }

    fn name(&mut self) -> Option<String> {
        match self.tokens.get(self.at) {
            Some((Token::Word(text) | Token::Quoted(text), _)) => {
                self.at += 1;
                Some(text.clone())
            }
            _ => None,
        }
    }

    fn any(&mut self) -> Result<Clause, String> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Clause::Or(parts) })
    }

    fn all(&mut self) -> Result<Clause, String> {
        let mut parts = vec![self.one()?];
        while self.take_word("and") || self.take_sign("&&") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Clause::And(parts) })
    }

    fn one(&mut self) -> Result<Clause, String> {
        self.depth += 1;
        if self.depth > 100 {
            return error("The query is nested too deep.");
        }
        let clause = if self.take_word("not") || self.take_sign("!") {
            Clause::Not(Box::new(self.one()?))
        } else if self.take_sign("(") {
            let inner = self.any()?;
            if !self.take_sign(")") {
                return self.unexpected("')'");
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(clause)
    }

    fn test(&mut self) -> Result<Clause, String> {
        let Some(field) = self.name() else { return self.unexpected("a field name") };
        let op = self.operator()?;
        if op.starts_with("is") {
            if !(self.take_word("empty") || self.take_word("null")) {
                return self.unexpected("'EMPTY' or 'NULL'");
            }
            return Ok(Clause::Test { field, op, values: vec![Operand::Empty] });
        }
        if !op.ends_with("in") {
            let value = self.operand()?;
            return Ok(Clause::Test { field, op, values: vec![value] });
        }
        if !self.take_sign("(") {
            return self.unexpected("'('");
        }
        let mut values = vec![self.operand()?];
        while self.take_sign(",") {
            values.push(self.operand()?);
        }
        if self.take_sign(")") { Ok(Clause::Test { field, op, values }) } else { self.unexpected("')'") }
    }

    fn operator(&mut self) -> Result<&'static str, String> {
        for sign in ["!=", "!~", ">=", "<=", "=", "~", ">", "<"] {
            if self.take_sign(sign) {
                return Ok(sign);
            }
        }
        if self.take_word("in") {
            return Ok("in");
        }
        if self.take_word("is") {
            return Ok(if self.take_word("not") { "is not" } else { "is" });
        }
        if self.take_word("not") {
            return if self.take_word("in") { Ok("not in") } else { self.unexpected("'in'") };
        }
        self.unexpected("operator")
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let operand = match self.tokens.get(self.at) {
            Some((Token::Quoted(text), _)) => Operand::Text(text.clone()),
            Some((Token::Word(word), _)) => {
                let word = word.clone();
                self.at += 1;
                if self.take_sign("(") {
                    return if self.take_sign(")") {
                        Ok(Operand::Function(word))
                    } else {
                        self.unexpected("')'")
                    };
                }
                self.at -= 1;
                match word.parse() {
                    Ok(number) => Operand::Number(number),
                    Err(_) if ["empty", "null"].contains(&word.to_lowercase().as_str()) => Operand::Empty,
                    Err(_) => Operand::Text(word),
                }
            }
            _ => return self.unexpected("a value"),
        };
        self.at += 1;
        Ok(operand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_query_is_read() {
        let query =
            parse("project = \"SYNC\" AND updated >= 1790000000000 ORDER BY updated ASC, key DESC").unwrap();
        let Some(Clause::And(parts)) = query.clause else { panic!() };
        assert_eq!(
            parts[1],
            Clause::Test {
                field: "updated".to_owned(),
                op: ">=",
                values: vec![Operand::Number(1_790_000_000_000)]
            }
        );
        assert_eq!(query.order, [("updated".to_owned(), false), ("key".to_owned(), true)]);
    }

    #[test]
    fn words_signs_and_brackets() {
        let query = parse(
            "issue.property[syncline].\"x\" = 'a b' or not (cf[10001] in (1, x, currentUser()) and labels is not EMPTY)",
        );
        assert!(query.is_err(), "a quote parts words");
        let query = parse("issue.property[sync line].x = 'it\\'s' or not (cf[10001] not in (1, currentUser()) and labels is not EMPTY)").unwrap();
        let Some(Clause::Or(parts)) = query.clause else { panic!() };
        assert_eq!(
            parts[0],
            Clause::Test {
                field: "issue.property[sync line].x".to_owned(),
                op: "=",
                values: vec![Operand::Text("it's".to_owned())]
            }
        );
        assert_eq!(parse("").unwrap(), Query { clause: None, order: Vec::new() });
        assert_eq!(parse("order by created").unwrap().order.len(), 1);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        assert_eq!(
            parse("project SYNC").unwrap_err(),
            "Error in the JQL Query: Expecting operator but got 'SYNC'. (line 1, character 9)"
        );
        for wrong in [
            "project =",
            "project = \"a",
            "a in (1",
            "a in ()",
            "a = 1 b = 2",
            "a is 1",
            "order by",
            "(a = 1",
            "a = |",
        ] {
            assert!(parse(wrong).unwrap_err().starts_with("Error in the JQL Query: "), "{wrong}");
        }
        assert!(parse(&"(".repeat(500)).is_err());
    }
}
