//! The tree of a text.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// A part of a text that stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Block {
    Paragraph(Vec<Inline>),
    Heading {
        /// 1 to 6.
        level: u8,
        content: Vec<Inline>,
    },
    Quote(Vec<Block>),
    /// A quote that is marked as a note or a warning.
    Alert {
        kind: Alert,
        blocks: Vec<Block>,
    },
    /// Blocks that are shown when their title is clicked.
    Details {
        title: String,
        blocks: Vec<Block>,
    },
    List {
        /// The number of the first item; none for bullets.
        start: Option<u64>,
        items: Vec<Item>,
        loose: Loose,
    },
    Code {
        language: String,
        text: String,
    },
    Rule,
    Table {
        /// One a column.
        alignments: Vec<Align>,
        /// The first row is the header. All have one cell a column.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// An opaque part: it is kept as it is written, or left out.
    Raw {
        kind: RawKind,
        source: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Item {
    /// Whether the box is checked; none without a box.
    pub checked: Option<bool>,
    pub blocks: Vec<Block>,
}

/// True if blank lines separate the items of a list. That does not make a list another one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loose(pub bool);

impl PartialEq for Loose {
    fn eq(&self, _: &Loose) -> bool {
        true
    }
}

impl Eq for Loose {}

impl Hash for Loose {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// What an opaque block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawKind {
    Html,
    /// A comment of HTML, which nobody sees.
    Comment,
    /// Markdown that is not read any further: nested too deeply, or of a kind that the tree has not.
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alert {
    Note,
    Tip,
    Important,
    Warning,
    Caution,
}

impl Alert {
    pub(super) fn name(self) -> &'static str {
        match self {
            Alert::Note => "Note",
            Alert::Tip => "Tip",
            Alert::Important => "Important",
            Alert::Warning => "Warning",
            Alert::Caution => "Caution",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Align {
    /// Not stated, or to the left: the same to a reader.
    #[default]
    Left,
    Center,
    Right,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Inline {
    Text {
        text: String,
        marks: Marks,
    },
    /// The end of a line within a paragraph.
    Break,
    Image {
        url: String,
        alt: String,
        title: String,
        /// Where it leads, if it is a link.
        link: Option<Arc<Link>>,
    },
    /// A comment of HTML, with its signs.
    Comment(String),
}

/// How a text is shown, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Marks {
    pub(super) styles: u8,
    pub link: Option<Arc<Link>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link {
    pub url: String,
    pub title: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    Strong = 1,
    Emphasis = 2,
    Strike = 4,
    Underline = 8,
    Sub = 16,
    Sup = 32,
    Code = 64,
}

impl Style {
    pub(super) const ALL: [Style; 7] = [
        Style::Strong,
        Style::Emphasis,
        Style::Strike,
        Style::Underline,
        Style::Sub,
        Style::Sup,
        Style::Code,
    ];
}

impl Marks {
    pub fn has(&self, style: Style) -> bool {
        self.styles & style as u8 != 0
    }

    pub fn add(&mut self, style: Style) {
        self.styles |= style as u8;
    }

    pub fn remove(&mut self, style: Style) {
        self.styles &= !(style as u8);
    }

    pub fn with(mut self, style: Style) -> Marks {
        self.add(style);
        self
    }

    pub(super) fn is_plain(&self) -> bool {
        self.styles == 0 && self.link.is_none()
    }

    /// What both have, but code.
    pub(super) fn shared(&self, other: &Marks) -> Marks {
        let link = if self.link == other.link { self.link.clone() } else { None };
        Marks { styles: self.styles & other.styles & !(Style::Code as u8), link }
    }
}

impl Inline {
    pub fn text(text: impl Into<String>) -> Inline {
        Inline::Text { text: text.into(), marks: Marks::default() }
    }
}

impl Block {
    pub(super) fn paragraph(text: &str, style: Option<Style>) -> Block {
        let marks = style.map_or_else(Marks::default, |style| Marks::default().with(style));
        Block::Paragraph(vec![Inline::Text { text: text.to_owned(), marks }])
    }

    /// Calls `see` with every text that people read in this block.
    pub(super) fn texts<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        fn inline<'a>(content: &'a [Inline], see: &mut impl FnMut(&'a str)) {
            for part in content {
                match part {
                    Inline::Text { text, .. } => see(text),
                    Inline::Image { alt, url, .. } => {
                        see(alt);
                        see(url);
                    }
                    Inline::Break => {}
                    Inline::Comment(text) => see(text),
                }
            }
        }
        match self {
            Block::Paragraph(content) | Block::Heading { content, .. } => inline(content, see),
            Block::Quote(blocks) | Block::Alert { blocks, .. } => {
                blocks.iter().for_each(|block| block.texts(see));
            }
            Block::Details { title, blocks } => {
                see(title);
                blocks.iter().for_each(|block| block.texts(see));
            }
            Block::List { items, .. } => {
                items.iter().flat_map(|item| &item.blocks).for_each(|block| block.texts(see));
            }
            Block::Code { text, .. } => see(text),
            Block::Rule => {}
            Block::Table { rows, .. } => rows.iter().flatten().for_each(|cell| inline(cell, see)),
            Block::Raw { source, .. } => see(source),
        }
    }
}
