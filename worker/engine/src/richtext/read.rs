//! Reads Markdown.

use std::{ops::Range, sync::Arc};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::{
    Dialect, html,
    parts::{
        alert, align, cells_of, is_block, item, level_of, note, one_line, printable, push_printable, table,
        whole_lines, without_end,
    },
    plain,
    sections::{folded, folded_from},
    tidy::tidy,
    tree::{Alert, Align, Block, Inline, Item, Link, Loose, Marks, RawKind, Style},
};

/// How deeply blocks are nested at most; a block that goes deeper is opaque.
const DEEPEST: usize = 24;

/// Elements of HTML that may be open at a time in one line.
const OPEN_TAGS: usize = 32;

/// A block of a text, and the bytes that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub block: Block,
    pub range: Range<usize>,
}

/// Reads a text. The bytes between the pieces are blank, or define the addresses of links.
pub fn read(text: &str, dialect: Dialect) -> Vec<Piece> {
    if dialect == Dialect::Plain {
        return plain::read(text);
    }
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    let mut reader = Reader::new(text, dialect);
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        reader.event(event, range);
    }
    reader.finish()
}

enum Kind {
    Paragraph,
    Heading(u8),
    Quote(Option<Alert>),
    List(Option<u64>),
    Item,
    Code(String),
    Html,
    Table(Vec<Align>),
    Row,
    Cell,
    Note(String),
    /// A block that the tree has not.
    Unread,
}

/// A block that is being read, and where what is in it begins among what the reader has.
struct Frame {
    kind: Kind,
    blocks: usize,
    content: usize,
    open: usize,
    items: usize,
    checked: Option<bool>,
    loose: bool,
}

struct Reader<'a> {
    source: &'a str,
    dialect: Dialect,
    stack: Vec<Frame>,
    blocks: Vec<Piece>,
    content: Vec<Inline>,
    /// Elements of HTML that are open: their style, and where in `content` each began.
    open: Vec<(Style, usize)>,
    items: Vec<Item>,
    rows: Vec<Vec<Vec<Inline>>>,
    cells: Vec<Vec<Inline>>,
    /// The lines of a block of code or of HTML.
    text: String,
    /// How many blocks are open that are nested too deeply to be read.
    skipped: usize,
    /// True if the present block of the top level is nested too deeply.
    too_deep: bool,
    styles: [u32; 3],
    links: Vec<Arc<Link>>,
    image: Option<Picture>,
}

struct Picture {
    url: String,
    title: String,
    alt: String,
    /// Images in the description of the image.
    inner: usize,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, dialect: Dialect) -> Reader<'a> {
        Reader {
            source,
            dialect,
            stack: Vec::new(),
            blocks: Vec::new(),
            content: Vec::new(),
            open: Vec::new(),
            items: Vec::new(),
            rows: Vec::new(),
            cells: Vec::new(),
            text: String::new(),
            skipped: 0,
            too_deep: false,
            styles: [0; 3],
            links: Vec::new(),
            image: None,
        }
    }

    /// Ends the line that began at a place of `content`.
    fn line(&mut self, frame: &Frame) -> Vec<Inline> {
        self.open.truncate(frame.open);
        tidy(self.content.split_off(frame.content))
    }

    /// Ends the paragraph of a block whose text stands in no paragraph of its own.
    fn end_line(&mut self, frame: &Frame, range: Range<usize>) {
        if self.content.len() <= frame.content {
            return;
        }
        let content = self.line(frame);
        if !content.is_empty() {
            self.blocks.push(Piece { block: Block::Paragraph(content), range });
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if self.skipped > 0 {
            match event {
                Event::Start(tag) if is_block(&tag.to_end()) => self.skipped += 1,
                Event::End(tag) if is_block(&tag) => self.skipped -= 1,
                _ => {}
            }
            return;
        }
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => {
                let marks = self.marks().with(Style::Code);
                self.inline(Inline::Text { text: printable(&text), marks });
            }
            Event::Html(text) => self.text.push_str(&text),
            Event::InlineHtml(text) => self.tag(&text),
            Event::SoftBreak if self.dialect.breaks_lines() => self.inline(Inline::Break),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.inline(Inline::Break),
            Event::Rule => self.block(Block::Rule, range),
            Event::TaskListMarker(checked) => {
                let item = self.stack.iter_mut().rev().find(|frame| matches!(frame.kind, Kind::Item));
                if let Some(item) = item {
                    item.checked = Some(checked);
                }
            }
            Event::FootnoteReference(label) => self.text(&format!("[^{label}]")),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        let kind = match tag {
            Tag::Emphasis => return self.styles[0] += 1,
            Tag::Strong => return self.styles[1] += 1,
            Tag::Strikethrough => return self.styles[2] += 1,
            Tag::Link { dest_url, title, link_type, .. } => {
                let mail = matches!(link_type, pulldown_cmark::LinkType::Email);
                let url = if mail { format!("mailto:{dest_url}") } else { dest_url.to_string() };
                return self.links.push(Arc::new(Link { url: printable(&url), title: one_line(&title) }));
            }
            Tag::Image { dest_url, title, .. } => return self.begin_image(&dest_url, &title),
            Tag::Superscript | Tag::Subscript => return,
            Tag::Paragraph => Kind::Paragraph,
            Tag::Heading { level, .. } => Kind::Heading(level_of(level)),
            Tag::BlockQuote(kind) => Kind::Quote(kind.map(alert)),
            Tag::List(start) => Kind::List(start),
            Tag::Item => Kind::Item,
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) => Kind::Code(language.trim().to_owned()),
            Tag::CodeBlock(CodeBlockKind::Indented) => Kind::Code(String::new()),
            Tag::HtmlBlock => Kind::Html,
            Tag::Table(alignments) => Kind::Table(alignments.iter().map(align).collect()),
            Tag::TableHead | Tag::TableRow => Kind::Row,
            Tag::TableCell => Kind::Cell,
            Tag::FootnoteDefinition(label) => Kind::Note(label.to_string()),
            Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => Kind::Unread,
        };
        if self.stack.len() >= DEEPEST {
            self.too_deep = true;
            self.skipped = 1;
            return;
        }
        if matches!(kind, Kind::Paragraph)
            && let Some(list) = self.stack.len().checked_sub(2).and_then(|at| self.stack.get_mut(at))
        {
            list.loose |= matches!(list.kind, Kind::List(_));
        }
        if let Some(item) = self.stack.pop_if(|frame| matches!(frame.kind, Kind::Item)) {
            self.end_line(&item, range.start..range.start);
            self.stack.push(item);
        }
        self.text.clear();
        self.stack.push(Frame {
            kind,
            blocks: self.blocks.len(),
            content: self.content.len(),
            open: self.open.len(),
            items: self.items.len(),
            checked: None,
            loose: false,
        });
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Emphasis => return self.styles[0] = self.styles[0].saturating_sub(1),
            TagEnd::Strong => return self.styles[1] = self.styles[1].saturating_sub(1),
            TagEnd::Strikethrough => return self.styles[2] = self.styles[2].saturating_sub(1),
            TagEnd::Link => return self.end_link(),
            TagEnd::Image => return self.end_image(),
            TagEnd::Superscript | TagEnd::Subscript => return,
            _ => {}
        }
        let Some(frame) = self.stack.pop() else { return };
        if matches!(frame.kind, Kind::Item | Kind::Quote(_) | Kind::Note(_)) {
            self.end_line(&frame, range.clone());
        }
        let block = match frame.kind {
            Kind::Item => {
                let blocks = folded_from(&mut self.blocks, frame.blocks);
                return self.items.push(item(frame.checked, blocks));
            }
            Kind::Row => return self.rows.push(std::mem::take(&mut self.cells)),
            Kind::Cell => {
                let cell = self.line(&frame);
                return self.cells.push(cell);
            }
            Kind::Html => {
                let source = std::mem::take(&mut self.text);
                return self.html(&source, range);
            }
            Kind::Paragraph => Block::Paragraph(self.line(&frame)),
            Kind::Heading(level) => Block::Heading { level, content: self.line(&frame) },
            Kind::Quote(None) => Block::Quote(folded_from(&mut self.blocks, frame.blocks)),
            Kind::Quote(Some(kind)) => {
                Block::Alert { kind, blocks: folded_from(&mut self.blocks, frame.blocks) }
            }
            Kind::List(start) => {
                let items = self.items.split_off(frame.items);
                Block::List { start, items, loose: Loose(frame.loose) }
            }
            Kind::Code(language) => Block::Code { language, text: without_end(&self.text) },
            Kind::Table(alignments) => {
                let rows = std::mem::take(&mut self.rows);
                // Few signs can make many empty cells.
                match cells_of(&rows) > range.len() + 10_000 {
                    true => self.raw(&range),
                    false => table(alignments, rows),
                }
            }
            Kind::Note(label) => {
                let blocks = self.blocks.drain(frame.blocks..).map(|piece| piece.block).collect();
                note(&label, blocks).unwrap_or_else(|| self.raw(&range))
            }
            Kind::Unread => {
                self.blocks.truncate(frame.blocks);
                self.raw(&range)
            }
        };
        if matches!(&block, Block::Paragraph(content) if content.is_empty()) {
            return;
        }
        self.block(block, range);
    }

    fn raw(&self, range: &Range<usize>) -> Block {
        let source = self.source.get(range.clone()).unwrap_or_default();
        Block::Raw { kind: RawKind::Markdown, source: source.trim_end().to_owned() }
    }

    /// Adds a block that is complete.
    fn block(&mut self, block: Block, range: Range<usize>) {
        let at_top = self.stack.is_empty();
        let range = if at_top { whole_lines(self.source, range) } else { range };
        let block = if at_top && std::mem::take(&mut self.too_deep) { self.raw(&range) } else { block };
        self.blocks.push(Piece { block, range });
    }

    fn html(&mut self, source: &str, range: Range<usize>) {
        let block = match html::block(source) {
            html::Html::Image { url, alt } => {
                Block::Paragraph(vec![Inline::Image { url, alt, title: String::new(), link: None }])
            }
            html::Html::Raw(kind) => Block::Raw { kind, source: source.trim().to_owned() },
            html::Html::Details(_) | html::Html::DetailsEnd => {
                Block::Raw { kind: RawKind::Html, source: source.trim().to_owned() }
            }
        };
        self.block(block, range);
    }

    fn marks(&self) -> Marks {
        let mut marks = Marks { link: self.links.last().cloned(), ..Marks::default() };
        let styles = [Style::Emphasis, Style::Strong, Style::Strike];
        for (style, count) in styles.into_iter().zip(self.styles) {
            if count > 0 {
                marks.add(style);
            }
        }
        marks
    }

    fn text(&mut self, text: &str) {
        if let Some(image) = &mut self.image {
            return image.alt.push_str(text);
        }
        if let Some(Frame { kind: Kind::Code(_) | Kind::Html, .. }) = self.stack.last() {
            return self.text.push_str(text);
        }
        let marks = self.marks();
        // The text of an element of HTML goes when the element ends.
        let is_tag = self.open.last().is_some_and(|(_, at)| at + 1 == self.content.len());
        match self.last() {
            Some(Inline::Text { text: before, marks: of }) if *of == marks && !is_tag => {
                push_printable(before, text);
            }
            _ => self.content.push(Inline::Text { text: printable(text), marks }),
        }
    }

    /// The last part of the present line.
    fn last(&mut self) -> Option<&mut Inline> {
        let start = self.stack.last().map_or(0, |frame| frame.content);
        self.content.get_mut(start..)?.last_mut()
    }

    fn inline(&mut self, part: Inline) {
        match &mut self.image {
            Some(image) => match part {
                Inline::Text { text, .. } => image.alt.push_str(&text),
                _ => image.alt.push(' '),
            },
            None => self.content.push(part),
        }
    }

    fn begin_image(&mut self, url: &str, title: &str) {
        match &mut self.image {
            Some(image) => image.inner += 1,
            None => {
                let (url, title) = (printable(url), one_line(title));
                self.image = Some(Picture { url, title, alt: String::new(), inner: 0 });
            }
        }
    }

    fn end_image(&mut self) {
        match &mut self.image {
            Some(image) if image.inner > 0 => image.inner -= 1,
            _ => {
                let Some(Picture { url, title, alt, .. }) = self.image.take() else { return };
                let alt = one_line(&alt);
                let link = self.links.last().cloned();
                self.inline(Inline::Image { url, alt, title, link });
            }
        }
    }

    fn end_link(&mut self) {
        let Some(link) = self.links.pop() else { return };
        // A link without a text shows nothing.
        let is_empty = match self.last() {
            Some(Inline::Text { marks: Marks { link: of, .. }, .. } | Inline::Image { link: of, .. }) => {
                of.as_ref() != Some(&link)
            }
            _ => true,
        };
        if is_empty && !link.url.is_empty() && self.image.is_none() {
            let text = link.url.clone();
            let marks = Marks { link: Some(link), ..self.marks() };
            self.inline(Inline::Text { text, marks });
        }
    }

    fn tag(&mut self, source: &str) {
        if self.image.is_some() {
            return self.text(source);
        }
        let marks = self.marks();
        let has_html = self.dialect.has_html();
        let before = self.stack.last().map_or(0, |frame| frame.open);
        match html::tag(source) {
            html::Tag::Comment if has_html => self.content.push(Inline::Comment(source.to_owned())),
            html::Tag::Break if has_html => self.content.push(Inline::Break),
            html::Tag::Image { url, alt } if has_html => {
                self.content.push(Inline::Image { url, alt, title: String::new(), link: marks.link });
            }
            // Shown as it is, unless the end follows.
            html::Tag::Open(style) if has_html && self.open.len() < before + OPEN_TAGS => {
                self.open.push((style, self.content.len()));
                self.content.push(Inline::Text { text: source.to_owned(), marks });
            }
            html::Tag::Close(style)
                if has_html && self.open[before..].iter().any(|(open, _)| *open == style) =>
            {
                let Some(at) = self.open.iter().rposition(|(open, _)| *open == style) else { return };
                let (_, start) = self.open[at];
                self.open.truncate(at);
                if let Some(Inline::Text { text, .. }) = self.content.get_mut(start) {
                    text.clear();
                }
                for part in self.content.iter_mut().skip(start) {
                    if let Inline::Text { marks, .. } = part {
                        marks.add(style);
                    }
                }
            }
            _ => self.content.push(Inline::Text { text: source.to_owned(), marks }),
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        let mut pieces = folded(std::mem::take(&mut self.blocks));
        // Nothing depends on it, but ranges that overlap would double bytes.
        let mut end = 0;
        pieces.retain_mut(|piece| {
            piece.range.start = piece.range.start.max(end);
            let is_kept = piece.range.start < piece.range.end;
            end = end.max(piece.range.end);
            is_kept
        });
        pieces
    }
}
