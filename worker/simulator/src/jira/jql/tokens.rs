//! The tokens of JQL.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// A token and where it starts, in characters.
pub(super) type Placed = (Token, usize);

pub(super) fn error<T>(message: impl std::fmt::Display) -> Result<T, String> {
    Err(format!("Error in the JQL Query: {message}"))
}

const SIGNS: [&str; 13] = ["!=", "!~", ">=", "<=", "=", "~", ">", "<", "(", ")", ",", "!", "&&"];

/// Splits a query into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at).copied() {
        let start = at;
        if letter.is_whitespace() {
            at += 1;
            continue;
        }
        if letter == '"' || letter == '\'' {
            let (quoted, end) = quoted(&letters, at)?;
            at = end;
            found.push((Token::Quoted(quoted), start));
            continue;
        }
        let rest: String = letters[at..letters.len().min(at + 2)].iter().collect();
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            at += sign.len();
            found.push((Token::Sign(sign), start));
            continue;
        }
        // `issue.property[key].path` and `cf[10001]` are one word.
        let mut bracket = false;
        while let Some(letter) = letters.get(at).copied() {
            bracket = (bracket || letter == '[') && letter != ']';
            if !bracket && (letter.is_whitespace() || "\"'=!~<>(),&|".contains(letter)) {
                break;
            }
            at += 1;
        }
        if at == start {
            return error(format!(
                "The character '{letter}' is a reserved JQL character. You must enclose it in a string or use the escape '\\u{:04x}' instead. (line 1, character {})",
                u32::from(letter),
                start + 1
            ));
        }
        found.push((Token::Word(letters[start..at].iter().collect()), start));
    }
    Ok(found)
}

/// Reads a quoted text and returns its end.
fn quoted(letters: &[char], start: usize) -> Result<(String, usize), String> {
    let mark = letters[start];
    let (mut text, mut at) = (String::new(), start + 1);
    loop {
        match (letters.get(at).copied(), letters.get(at + 1).copied()) {
            (Some('\\'), Some(next)) => {
                match next {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    '"' | '\'' | '\\' => text.push(next),
                    // Other escapes belong to the text search.
                    next => text.extend(['\\', next]),
                }
                at += 2;
            }
            (Some(letter), _) if letter == mark => return Ok((text, at + 1)),
            (Some(letter), _) => {
                text.push(letter);
                at += 1;
            }
            (None, _) => {
                let inner: String = letters[start + 1..].iter().collect();
                return error(format!(
                    "The quoted string '{inner}' has not been completed. (line 1, character {})",
                    start + 1
                ));
            }
        }
    }
}
