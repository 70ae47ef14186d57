//! Rewrites the text of a paragraph, a heading or a cell.

use super::super::{behaviour::Linkify, state::State};

/// Rewrites text with the names of a workspace.
pub(super) struct Inline<'a> {
    pub(super) state: &'a State,
}

/// How far to search for the end of code, of a link or of emphasis, so that the time is linear in the length of the
/// text.
const REACH: usize = 1_000;

/// Characters whose escape has no effect.
const PLAIN: &str = ",;?\"'%$^={}";

impl Inline<'_> {
    pub(super) fn rewrite(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        let mut closers: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        while let Some(letter) = text[at..].chars().next() {
            let rest = &text[at..];
            let before = text[..at].chars().next_back();
            if let Some(end) = verbatim(rest) {
                out.push_str(&rest[..end]);
                at += end;
            } else if letter == '\\' {
                let escaped = rest[1..].chars().next();
                if !escaped.is_some_and(|letter| PLAIN.contains(letter)) {
                    out.push('\\');
                }
                out.extend(escaped);
                at += 1 + escaped.map_or(0, char::len_utf8);
            } else if letter == '_' {
                let length = rest.len() - rest.trim_start_matches('_').len();
                let closes = closers.iter().position(|(place, _)| *place == at);
                if let Some(found) = closes {
                    closers.remove(found);
                    out.push_str(&"*".repeat(length));
                } else if let Some(end) = closer(text, at, length, before) {
                    closers.push((end, length));
                    out.push_str(&"*".repeat(length));
                } else {
                    out.push_str(&rest[..length]);
                }
                at += length;
            } else if let Some((link, taken)) = self.link(rest, before) {
                out.push_str(&link);
                at += taken;
            } else {
                out.push(letter);
                at += letter.len_utf8();
            }
        }
        out
    }

    /// Returns the link that the text begins with, and the length of the text that it replaces.
    fn link(&self, rest: &str, before: Option<char>) -> Option<(String, usize)> {
        if before.is_some_and(|letter| letter.is_alphanumeric() || "_/.@-".contains(letter)) {
            return None;
        }
        let first = rest.chars().next()?;
        if first == '@' {
            let length = rest[1..].find(|letter: char| !(letter.is_alphanumeric() || "_-".contains(letter)));
            let name = &rest[1..length.map_or(rest.len(), |length| length + 1)];
            let user = self.state.users.values().find(|user| user.display_name.eq_ignore_ascii_case(name))?;
            let path = format!("{}/profiles/{}", self.state.organization.url_key, user.display_name);
            return Some((
                format!("[@{}]({})", user.display_name, self.state.page_url(&path)),
                1 + name.len(),
            ));
        }
        if !first.is_alphanumeric() && first != '<' {
            return None;
        }
        self.identifier(rest).or_else(|| self.address(rest))
    }

    /// Returns the link of an identifier of an issue, such as `ENG-12`.
    fn identifier(&self, rest: &str) -> Option<(String, usize)> {
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        if rest[end..].starts_with(|letter: char| letter.is_alphanumeric() || "_/@".contains(letter)) {
            return None;
        }
        let issue = word.contains('-').then(|| self.state.issue(word))??;
        Some((format!("[{word}]({})", self.state.issue_url(issue)), end))
    }

    /// Returns the link of a URL, with or without angle brackets, or of a host name.
    fn address(&self, rest: &str) -> Option<(String, usize)> {
        let linkify = self.state.behaviour.linkify;
        if linkify == Linkify::Off {
            return None;
        }
        let bare = rest.strip_prefix('<').unwrap_or(rest);
        let angled = bare.len() < rest.len();
        let end = bare
            .find(|letter: char| letter.is_whitespace() || "<>|`\\".contains(letter))
            .unwrap_or(bare.len());
        let url = if angled {
            &bare[..end]
        } else {
            bare[..end].trim_end_matches(['.', ',', ':', ';', '!', '?', '\'', '"', ')', ']', '*'])
        };
        if angled && !bare[end..].starts_with('>') {
            return None;
        }
        let taken = url.len() + if angled { 2 } else { 0 };
        let web =
            ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if web && !url.contains(['(', '[', ']']) {
            return Some((format!("[{url}](<{url}>)"), taken));
        }
        let host = linkify == Linkify::Hosts && !angled && is_host(url);
        host.then(|| (format!("[{url}](<http://{url}>)"), taken))
    }
}

/// True for words like `setup.sh`, whose ending is a known top-level domain.
fn is_host(word: &str) -> bool {
    let ends = [".com", ".org", ".net", ".io", ".app", ".dev", ".sh", ".md", ".rs", ".ai", ".co"];
    let letters = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter));
    letters && ends.iter().any(|end| word.len() > end.len() && word.ends_with(end))
}

/// Returns the length of code, or of a link or an image, which are kept unchanged.
fn verbatim(rest: &str) -> Option<usize> {
    if rest.starts_with('`') {
        let length = rest.len() - rest.trim_start_matches('`').len();
        let mut from = length;
        while let Some(found) = rest[from..].find('`').filter(|_| from < REACH) {
            let start = from + found;
            let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
            if run == length {
                return Some(start + run);
            }
            from = start + run;
        }
        return Some(length);
    }
    let open = if rest.starts_with("![") { 2 } else { usize::from(rest.starts_with('[')) };
    if open == 0 {
        return None;
    }
    let text = closing(&rest[open..], '[', ']')? + open;
    let target = rest[text + 1..].strip_prefix('(')?;
    let end = closing(target, '(', ')')?;
    Some(text + 1 + 1 + end + 1)
}

/// Returns the position at which a bracket that is open at the start closes.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 1_usize;
    let mut escaped = false;
    for (at, letter) in text.char_indices().take(REACH) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == open => depth += 1,
            letter if letter == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the end of the emphasis that begins with the underscores here; `None` if none begins.
fn closer(text: &str, at: usize, length: usize, before: Option<char>) -> Option<usize> {
    let opens = !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '*');
    let inner = &text[at + length..];
    if length > 2
        || !opens
        || !inner.chars().next().is_some_and(|letter| !letter.is_whitespace() && letter != '*')
    {
        return None;
    }
    let mut from = 0;
    while from < inner.len().min(REACH) {
        let rest = &inner[from..];
        if let Some(end) = verbatim(rest) {
            from += end;
            continue;
        }
        let letter = rest.chars().next()?;
        if letter == '\\' {
            from += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            continue;
        }
        if letter != '_' {
            from += letter.len_utf8();
            continue;
        }
        let run = rest.len() - rest.trim_start_matches('_').len();
        let last = inner[..from].chars().next_back();
        let next = rest[run..].chars().next();
        let closes = last.is_some_and(|letter| !letter.is_whitespace() && letter != '*')
            && !next.is_some_and(|letter| letter.is_alphanumeric() || letter == '*');
        if run == length && closes && from > 0 {
            return Some(at + length + from);
        }
        from += run;
    }
    None
}
