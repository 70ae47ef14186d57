//! Cuts texts that are too long for a platform.

use super::{Dialect, blocks as read_blocks, loss::Counter, plain, read::read, tree::Block, write::write};

/// How a platform counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Characters,
    Bytes,
    /// As JavaScript and Java count: a character beyond the first 65,536 is two.
    Utf16,
}

impl Measure {
    pub fn of(self, text: &str) -> usize {
        match self {
            Measure::Characters => text.chars().count(),
            Measure::Bytes => text.len(),
            Measure::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// How long a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub longest: usize,
    pub measure: Measure,
}

/// A text of at most `longest`, cut behind a block and with a note at its end, which says where the rest is. None if the text
/// fits as it is. A block that is too long by itself is cut behind a word, without its markup.
pub fn shortened(
    text: &str,
    dialect: Dialect,
    longest: usize,
    measure: Measure,
    note: impl FnOnce() -> String,
) -> Option<String> {
    if measure.of(text) <= longest {
        return None;
    }
    let note = note();
    let fits = |text: &str| measure.of(text) <= longest;
    let with_note = |kept: &str| match kept.trim_end() {
        "" => note.clone(),
        kept => format!("{kept}\n\n{note}"),
    };
    let pieces = read(text, dialect);
    let blocks: Vec<Block> = pieces.iter().map(|piece| piece.block.clone()).collect();
    let first = |count: usize| {
        let cut = pieces
            .get(count.wrapping_sub(1))
            .and_then(|piece| text.get(..piece.range.end))
            .unwrap_or_default();
        let kept = blocks.get(..count).unwrap_or_default();
        // The addresses of its links may stand in the part that was cut.
        if read_blocks(cut, dialect) == kept {
            cut.to_owned()
        } else {
            write(kept.to_vec(), dialect, &mut Counter::default())
        }
    };
    let (mut low, mut high) = (0, pieces.len());
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(&with_note(&first(middle))) { low = middle } else { high = middle - 1 }
    }
    if low > 0 {
        return Some(with_note(&first(low)));
    }
    let words = blocks.first().map(|block| plain::write(std::slice::from_ref(block))).unwrap_or_default();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let spelled = |words: &str| {
        with_note(&write(vec![Block::paragraph(words, None)], dialect, &mut Counter::default()))
    };
    let ends: Vec<usize> = words.char_indices().map(|(at, _)| at).collect();
    let (mut low, mut high) = (0, ends.len().saturating_sub(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(&spelled(&words[..ends[middle]])) { low = middle } else { high = middle - 1 }
    }
    let kept = ends.get(low).and_then(|end| words.get(..*end)).unwrap_or_default();
    let kept = kept.rsplit_once(' ').map_or(kept, |(before, _)| before);
    let cut = if kept.is_empty() { note.clone() } else { spelled(kept) };
    Some(if fits(&cut) { cut } else { shorter(&cut, longest, measure) })
}

/// The longest beginning of a line that fits, cut between two characters.
pub fn shorter(line: &str, longest: usize, measure: Measure) -> String {
    let mut end = 0;
    let mut length = 0;
    for (at, sign) in line.char_indices() {
        length += match measure {
            Measure::Characters => 1,
            Measure::Bytes => sign.len_utf8(),
            Measure::Utf16 => sign.len_utf16(),
        };
        if length > longest {
            break;
        }
        end = at + sign.len_utf8();
    }
    // Signs that belong to the one before stay with it, or go with it.
    let joins = |sign: char| matches!(sign, '\u{200d}' | '\u{fe0e}'..='\u{fe0f}' | '\u{300}'..='\u{36f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let mut cut = &line[..end];
    while line[cut.len()..].starts_with(joins) || cut.ends_with('\u{200d}') {
        let Some((last, _)) = cut.char_indices().next_back() else { break };
        cut = &cut[..last];
    }
    cut.to_owned()
}
