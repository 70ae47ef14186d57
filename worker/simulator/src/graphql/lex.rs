//! Splits documents into tokens.

/// A place in a document, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) at: At,
}

impl SyntaxError {
    pub(super) fn new(message: impl Into<String>, at: At) -> SyntaxError {
        SyntaxError { message: format!("Syntax Error: {}", message.into()), at }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A punctuator, such as `...`.
    Sign,
    Name,
    Number,
    /// A string; its text is the decoded value.
    Text,
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) at: At,
}

struct Reader<'a> {
    rest: &'a str,
    at: At,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.rest = &self.rest[letter.len_utf8()..];
        if letter == '\n' {
            self.at = At { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(letter)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            for _ in text.chars() {
                self.next();
            }
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(letter) = self.peek().filter(|letter| wanted(*letter)) {
            taken.push(letter);
            self.next();
        }
        taken
    }

    fn string(&mut self, at: At) -> Result<String, SyntaxError> {
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(at)?),
                Some('\n' | '\r') | None => return Err(SyntaxError::new("Unterminated string.", at)),
                Some(letter) => text.push(letter),
            }
        }
    }

    fn escape(&mut self, at: At) -> Result<char, SyntaxError> {
        let wrong = || SyntaxError::new("Invalid character escape sequence.", at);
        Ok(match self.next().ok_or_else(wrong)? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.unit().ok_or_else(wrong)?;
                if (0xD800..0xDC00).contains(&first) {
                    let second = if self.eat("\\u") { self.unit() } else { None };
                    let second = second.filter(|unit| (0xDC00..0xE000).contains(unit)).ok_or_else(wrong)?;
                    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                    char::from_u32(code).ok_or_else(wrong)?
                } else {
                    char::from_u32(first).ok_or_else(wrong)?
                }
            }
            letter @ ('"' | '\\' | '/') => letter,
            _ => return Err(wrong()),
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.rest = &self.rest[4..];
        self.at.column += 4;
        Some(unit)
    }

    fn block(&mut self, at: At) -> Result<String, SyntaxError> {
        let mut text = String::new();
        loop {
            if self.eat("\"\"\"") {
                return Ok(dedent(&text));
            }
            if self.eat("\\\"\"\"") {
                text.push_str("\"\"\"");
                continue;
            }
            text.push(self.next().ok_or_else(|| SyntaxError::new("Unterminated string.", at))?);
        }
    }
}

/// Removes the common indent and the blank lines at both ends of a block string.
fn dedent(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let blank = |line: &str| line.trim().is_empty();
    let indent = lines.iter().skip(1).filter(|line| !blank(line));
    let indent = indent.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let cut = lines
        .iter()
        .enumerate()
        .map(|(at, line)| if at == 0 { line } else { line.get(indent..).unwrap_or("") });
    let cut: Vec<&str> = cut.collect();
    let start = cut.iter().position(|line| !blank(line)).unwrap_or(cut.len());
    let end = cut.iter().rposition(|line| !blank(line)).map_or(start, |last| last + 1);
    cut[start..end].join("\n")
}

/// Splits a document; commas and comments are blanks. The last token is of the kind `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}'), at: At { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    while let Some(letter) = reader.peek() {
        let at = reader.at;
        let (kind, text) = match letter {
            '#' => {
                reader.take_while(|letter| letter != '\n');
                continue;
            }
            letter if letter.is_whitespace() || letter == ',' => {
                reader.next();
                continue;
            }
            '"' if reader.eat("\"\"\"") => (Kind::Text, reader.block(at)?),
            '"' => {
                reader.next();
                (Kind::Text, reader.string(at)?)
            }
            '.' if reader.eat("...") => (Kind::Sign, "...".to_owned()),
            '_' | 'a'..='z' | 'A'..='Z' => {
                (Kind::Name, reader.take_while(|letter| letter == '_' || letter.is_ascii_alphanumeric()))
            }
            '-' | '0'..='9' => {
                let number = |letter: char| letter.is_ascii_digit() || "+-.eE".contains(letter);
                (Kind::Number, reader.take_while(number))
            }
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                reader.next();
                (Kind::Sign, letter.to_string())
            }
            other => return Err(SyntaxError::new(format!("Unexpected character: \"{other}\"."), at)),
        };
        tokens.push(Token { kind, text, at });
    }
    tokens.push(Token { kind: Kind::End, text: "<EOF>".to_owned(), at: reader.at });
    Ok(tokens)
}
