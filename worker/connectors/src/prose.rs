//! Tells the code in a Markdown text from what people wrote.

/// The text with its lines outside of fences as `change` writes them.
pub(crate) fn outside_code(text: &str, mut change: impl FnMut(&str, &mut String)) -> String {
    let mut made = String::with_capacity(text.len() + 16);
    let mut fence: Option<Fence> = None;
    for line in text.split_inclusive('\n') {
        match &fence {
            Some(open) => {
                made.push_str(line);
                if open.ends_at(line) {
                    fence = None;
                }
            }
            None => match Fence::begins(line) {
                Some(open) => {
                    made.push_str(line);
                    fence = Some(open);
                }
                None => change(line, &mut made),
            },
        }
    }
    made
}

/// Lines of code between two fences.
struct Fence {
    sign: char,
    length: usize,
}

impl Fence {
    fn begins(line: &str) -> Option<Fence> {
        let (sign, length, rest) = Fence::read(line)?;
        // A backtick after them makes it a span of code.
        (sign != '`' || !rest.contains('`')).then_some(Fence { sign, length })
    }

    fn ends_at(&self, line: &str) -> bool {
        Fence::read(line).is_some_and(|(sign, length, rest)| {
            sign == self.sign && length >= self.length && rest.trim().is_empty()
        })
    }

    fn read(line: &str) -> Option<(char, usize, &str)> {
        let bare = line.trim_start_matches(' ');
        let sign = bare.chars().next().filter(|sign| ['`', '~'].contains(sign))?;
        let rest = bare.trim_start_matches(sign);
        let length = bare.len() - rest.len();
        (length >= 3 && line.len() - bare.len() < 4).then_some((sign, length, rest))
    }
}

/// Copies a span of code, or the backticks that begin none. A span ends on its line: only then is it surely one. A bar
/// might end the cell of a table.
pub(crate) fn copy_code(rest: &str, made: &mut String) -> usize {
    let length = rest.len() - rest.trim_start_matches('`').len();
    let mut at = length;
    while let Some(start) = rest[at..].find('`').map(|found| at + found) {
        let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        at = start + run;
        if run == length && !rest[length..start].contains('|') {
            made.push_str(&rest[..at]);
            return at;
        }
    }
    made.push_str(&rest[..length]);
    length
}
