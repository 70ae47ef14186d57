//! Texts with markup.
//!
//! The value of such a text is Markdown on every side. It is read into one tree ([`Block`]), which does not know how a
//! platform spells a list or an emphasis, so two spellings of one text are equal. Jira's documents (ADF) are converted by
//! Jira's connector when it reads and writes. A text is written anew only block by block: what did not change keeps its
//! bytes, or its node.

mod adf;
mod align;
mod copies;
mod escape;
mod html;
mod inline;
mod loss;
mod lower;
mod merge;
mod parts;
mod plain;
mod read;
mod sections;
mod shorten;
mod tidy;
mod tree;
mod write;

pub use adf::{Document, adf_to_markdown, markdown_to_adf};
pub use copies::{is_shortened, merge_into_whole, note, same_copies};
pub use loss::{Loss, losses, shown_by_jira};
pub use merge::{Collision, express, in_place_of, merge};
pub use read::{Piece, read};
pub use shorten::{Limit, Measure, shortened, shorter};
pub use tree::{Alert, Align, Block, Inline, Item, Link, Marks, RawKind, Style};

/// How a platform reads and spells a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// CommonMark with the tables, task lists, strikethrough and alerts of GitHub; a line end within a paragraph is a
    /// space.
    #[default]
    Markdown,
    /// Issues on GitHub: as above, but a line end is shown as one.
    GitHub,
    /// Markdown that Jira's connector reads from documents and makes documents of: only what those can express.
    Jira,
    /// Linear: no HTML, no alerts.
    Linear,
    /// No markup at all.
    Plain,
}

impl Dialect {
    /// True if a line end within a paragraph is shown as a line break.
    fn breaks_lines(self) -> bool {
        matches!(self, Dialect::GitHub | Dialect::Plain)
    }

    /// True if elements of HTML are understood.
    fn has_html(self) -> bool {
        matches!(self, Dialect::Markdown | Dialect::GitHub | Dialect::Jira)
    }
}

/// How a platform spells the texts of a field, and how long they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextForm {
    pub dialect: Dialect,
    pub limit: Option<Limit>,
}

impl From<Dialect> for TextForm {
    fn from(dialect: Dialect) -> TextForm {
        TextForm { dialect, limit: None }
    }
}

/// A text in another form, and what that form cannot express.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Converted {
    pub text: String,
    /// What was lost, each with how often.
    pub losses: Vec<Loss>,
}

/// The blocks of a text.
pub(crate) fn blocks(text: &str, dialect: Dialect) -> Vec<Block> {
    read(text, dialect).into_iter().map(|piece| piece.block).collect()
}

/// Writes a text in another dialect.
pub fn convert(text: &str, from: Dialect, to: Dialect) -> Converted {
    let mut lost = loss::Counter::default();
    let text = write::write(blocks(text, from), to, &mut lost);
    Converted { text, losses: lost.losses() }
}

/// True if two texts have the same blocks. How they are spelled does not count.
pub fn same(a: &str, b: &str, dialect: Dialect) -> bool {
    a == b || blocks(a, dialect) == blocks(b, dialect)
}
