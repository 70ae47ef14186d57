//! The tree to nodes, with the nodes of the present document where they still fit.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value as Json;

use super::{
    cells,
    islands::Islands,
    lines, lists,
    made::{Given, Node, NodeMarks, made},
    node::{content, kind},
    read,
};
use crate::richtext::{
    align::{Step, align},
    loss::Counter,
    parts::printable,
    tree::{Block, Inline, Item},
};

pub(super) struct Builder<'a> {
    /// Inline nodes whose blocks are gone or were changed: their texts may have moved.
    moved: Islands<'a>,
    /// How many ids were given.
    ids: u64,
    /// In a quote, which has no tasks.
    in_quote: bool,
}

/// Where a block of the present document stands: in which node, and in which column of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    node: usize,
    /// None for a node that is one block.
    column: Option<usize>,
}

/// Blocks of the text that go to the same place.
enum Run {
    Kept(usize),
    /// A block, and the node that it takes the place of.
    Made(usize, Option<usize>),
    /// Blocks of a node with other blocks in it, each with its column.
    Within(usize, Vec<(usize, usize)>),
}

impl<'a> Builder<'a> {
    pub(super) fn new() -> Builder<'a> {
        Builder { moved: Islands::default(), ids: 0, in_quote: false }
    }

    /// The nodes of blocks. `shown` is what each node of `present` is shown as.
    pub(super) fn blocks(
        &mut self,
        blocks: &[Block],
        present: &'a [Json],
        shown: &[Vec<Block>],
    ) -> Vec<Node<'a>> {
        if present.is_empty() {
            return blocks.iter().map(|block| self.block(block, None)).collect();
        }
        let (old, owners) = flattened(present, shown);
        let wanted: Vec<&Block> = blocks.iter().collect();
        let steps = align(&old, &wanted);
        for step in &steps {
            if let Step::Removed(i) = step {
                let is_whole = owners[*i].column.is_none();
                if is_whole {
                    self.moved.collect(&present[owners[*i].node]);
                }
            }
        }
        let runs = runs(&steps, &owners, present, shown);
        let mut nodes = Vec::with_capacity(runs.len());
        let is_silent = |at: usize| shown.get(at).is_some_and(Vec::is_empty);
        let silent = |from: usize, nodes: &mut Vec<Node<'a>>| {
            let rest = (from..present.len()).take_while(|at| is_silent(*at));
            nodes.extend(rest.map(|at| Node::Kept(&present[at])));
        };
        silent(0, &mut nodes);
        for run in runs {
            match run {
                Run::Kept(node) => {
                    nodes.push(Node::Kept(&present[node]));
                    silent(node + 1, &mut nodes);
                }
                Run::Made(block, before) => {
                    nodes.push(self.block(&blocks[block], before.map(|node| &present[node])));
                    if let Some(node) = before {
                        silent(node + 1, &mut nodes);
                    }
                }
                Run::Within(node, parts) => {
                    nodes.push(self.container(&present[node], blocks, &parts));
                    silent(node + 1, &mut nodes);
                }
            }
        }
        nodes
    }

    /// A node with other blocks in it, of which some are kept.
    fn container(&mut self, node: &'a Json, blocks: &[Block], parts: &[(usize, usize)]) -> Node<'a> {
        let mut unseen = Counter::default();
        let mut inside = |builder: &mut Builder<'a>, holder: &'a Json, column: usize| {
            let own: Vec<Block> = parts
                .iter()
                .filter(|(_, of)| *of == column)
                .map(|(block, _)| blocks[*block].clone())
                .collect();
            let shown = read::groups(content(holder), &mut unseen);
            let nodes = builder.blocks(&own, content(holder), &shown);
            if nodes.is_empty() { vec![empty_paragraph()] } else { nodes }
        };
        let within = if has_columns(node) {
            let columns = content(node).iter().enumerate();
            columns
                .map(|(column, holder)| Node::Holder { node: holder, content: inside(self, holder, column) })
                .collect()
        } else {
            inside(self, node, 0)
        };
        Node::Holder { node, content: within }
    }

    /// The node of a block. `before` is the node in whose place it stands.
    fn block(&mut self, block: &Block, before: Option<&'a Json>) -> Node<'a> {
        match block {
            Block::Paragraph(line) => match line.as_slice() {
                [image @ Inline::Image { .. }] => picture(image, "center"),
                line => {
                    let line = self.line(line, before);
                    made("paragraph", before, Vec::new(), Some(line))
                }
            },
            Block::Heading { level, content } => {
                let line = self.line(content, before);
                made("heading", before, vec![("level", Given::Number(u64::from(*level)))], Some(line))
            }
            Block::Quote(blocks) => {
                let inner = self.inner(blocks, before.filter(|node| kind(node) == "blockquote"), true);
                made("blockquote", before, Vec::new(), Some(inner))
            }
            Block::Alert { kind: alert, blocks } => {
                let old = before.filter(|node| kind(node) == "panel");
                let inner = self.inner(blocks, old, false);
                let same = old.filter(|node| read::alert(node) == *alert);
                let given = match same {
                    Some(_) => Vec::new(),
                    None => vec![("panelType", Given::Word(read::panel(*alert)))],
                };
                made("panel", same, given, Some(inner))
            }
            Block::Details { title, blocks } => {
                let old = before.filter(|node| ["expand", "nestedExpand"].contains(&kind(node)));
                let inner = self.inner(blocks, old, false);
                made("expand", old, vec![("title", Given::Text(title.clone()))], Some(nested(inner)))
            }
            Block::List { start, items, .. } => self.list(*start, items, before),
            Block::Code { language, text } => {
                let old = before.filter(|node| kind(node) == "codeBlock");
                let text = printable(text);
                let content = if text.is_empty() { vec![] } else { vec![Node::text(text)] };
                let is_stated = !language.is_empty()
                    || old.is_some_and(|node| super::node::text(node, "language").is_some());
                let given = match is_stated {
                    true => vec![("language", Given::Text(language.clone()))],
                    false => Vec::new(),
                };
                made("codeBlock", old, given, Some(content))
            }
            Block::Rule => made("rule", before, Vec::new(), None),
            Block::Table { alignments, rows } => cells::write(alignments, rows, before, &mut self.moved),
            // Was expressed by another block before.
            Block::Raw { source, .. } => {
                made("codeBlock", None, Vec::new(), Some(vec![Node::text(source.clone())]))
            }
        }
    }

    fn line(&mut self, line: &[Inline], before: Option<&'a Json>) -> Vec<Node<'a>> {
        let mut local = Islands::default();
        if let Some(node) = before {
            local.collect(node);
        }
        let nodes = lines::write(line, &mut local, &mut self.moved);
        self.moved.take_up(local);
        nodes
    }

    /// The nodes within a block, which has at least one.
    fn inner(&mut self, blocks: &[Block], before: Option<&'a Json>, in_quote: bool) -> Vec<Node<'a>> {
        let present = before.map(content).unwrap_or_default();
        let mut unseen = Counter::default();
        let shown = read::groups(present, &mut unseen);
        let outside = std::mem::replace(&mut self.in_quote, in_quote);
        let nodes = self.blocks(blocks, present, &shown);
        self.in_quote = outside;
        if nodes.is_empty() { vec![empty_paragraph()] } else { nodes }
    }

    fn list(&mut self, start: Option<u64>, items: &[Item], before: Option<&'a Json>) -> Node<'a> {
        let old_kind = before.map(kind).unwrap_or_default();
        let is_line = |item: &Item| {
            item.checked.is_none() && matches!(item.blocks.as_slice(), [] | [Block::Paragraph(_)])
        };
        let kind_of_list = match start {
            Some(_) => "orderedList",
            None if !self.in_quote && lists::is_tasks(start, items) => "taskList",
            None if old_kind == "decisionList" && items.iter().all(is_line) => "decisionList",
            None => "bulletList",
        };
        let old =
            before.filter(|_| ["orderedList", "bulletList", "taskList", "decisionList"].contains(&old_kind));
        let groups: Vec<&'a [Json]> = lists::groups(old.map(content).unwrap_or_default()).collect();
        let mut unseen = Counter::default();
        let shown: Vec<Item> = groups.iter().map(|nodes| lists::item(nodes, 1, &mut unseen)).collect();
        let mut nodes = Vec::with_capacity(items.len());
        for step in align(&shown, items) {
            match step {
                Step::Removed(i) => groups[i].iter().for_each(|node| self.moved.collect(node)),
                Step::Same(i, _)
                    if kind_of_list == old_kind || is_interchangeable(kind_of_list, old_kind) =>
                {
                    nodes.extend(groups[i].iter().map(Node::Kept));
                }
                Step::Same(i, j) | Step::Changed(i, j) => {
                    self.item(kind_of_list, &items[j], groups[i], &mut nodes);
                }
                Step::Added(j) => self.item(kind_of_list, &items[j], &[], &mut nodes),
            }
        }
        let has_id = before
            .is_some_and(|node| kind(node) == kind_of_list && super::node::text(node, "localId").is_some());
        let given = match (kind_of_list, start) {
            ("orderedList", Some(number))
                if number != 1 || old.is_some_and(|node| super::node::attribute(node, "order").is_some()) =>
            {
                vec![("order", Given::Number(number))]
            }
            ("taskList" | "decisionList", _) if !has_id => vec![("localId", self.id("list"))],
            _ => Vec::new(),
        };
        made(kind_of_list, before, given, Some(nodes))
    }

    /// Appends the nodes of an item. `old` are those in whose place they stand.
    fn item(&mut self, kind_of_list: &str, item: &Item, old: &'a [Json], nodes: &mut Vec<Node<'a>>) {
        let first = old.first();
        match kind_of_list {
            "taskList" => {
                let (line, below) = match item.blocks.split_first() {
                    Some((Block::Paragraph(line), below)) => (line.as_slice(), below),
                    _ => (&[][..], item.blocks.as_slice()),
                };
                let state = if item.checked == Some(true) { "DONE" } else { "TODO" };
                let mut given = vec![("state", Given::Word(state))];
                let is_task = first.is_some_and(|node| kind(node) == "taskItem");
                if !is_task {
                    given.push(("localId", self.id("task")));
                }
                let line = self.line(line, first);
                nodes.push(made("taskItem", first, given, Some(line)));
                for (index, block) in below.iter().enumerate() {
                    nodes.push(self.block(block, old.get(index + 1)));
                }
            }
            "decisionList" => {
                let line = match item.blocks.first() {
                    Some(Block::Paragraph(line)) => line.as_slice(),
                    _ => &[],
                };
                let is_decision = first.is_some_and(|node| kind(node) == "decisionItem");
                let given = match is_decision {
                    true => Vec::new(),
                    false => vec![("localId", self.id("decision")), ("state", Given::Word("DECIDED"))],
                };
                let line = self.line(line, first);
                nodes.push(made("decisionItem", first, given, Some(line)));
            }
            _ => {
                let blocks = lists::with_box(item);
                let old = first.filter(|node| kind(node) == "listItem");
                if let Some(node) = first.filter(|_| old.is_none()) {
                    self.moved.collect(node);
                }
                let mut within = self.inner(&blocks, old, false);
                if !within
                    .first()
                    .is_some_and(|node| ["paragraph", "mediaSingle", "codeBlock"].contains(&node.kind()))
                {
                    within.insert(0, empty_paragraph());
                }
                nodes.push(made("listItem", old, Vec::new(), Some(within)));
            }
        }
    }

    /// An id that no other node of the document has.
    fn id(&mut self, what: &str) -> Given {
        self.ids += 1;
        let mut hasher = DefaultHasher::new();
        (what, self.ids, "syncline").hash(&mut hasher);
        Given::Text(format!("{what}-{}-{:08x}", self.ids, hasher.finish() as u32))
    }
}

fn empty_paragraph<'a>() -> Node<'a> {
    made("paragraph", None, Vec::new(), Some(Vec::new()))
}

/// True if the items of one list can stand in the other.
fn is_interchangeable(a: &str, b: &str) -> bool {
    let is_plain = |kind: &str| ["bulletList", "orderedList"].contains(&kind);
    is_plain(a) && is_plain(b)
}

/// Sections within a section have a name of their own.
fn nested(nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let is_section = |node: &Node<'_>| node.kind() == "expand";
    nodes
        .into_iter()
        .map(|node| if is_section(&node) { node.renamed("nestedExpand") } else { node })
        .collect()
}

/// The node of an image.
pub(super) fn picture<'a>(image: &Inline, layout: &'static str) -> Node<'a> {
    let Inline::Image { url, alt, link, .. } = image else { return empty_paragraph() };
    let mut given = vec![("type", Given::Word("external")), ("url", Given::Text(url.clone()))];
    if !alt.is_empty() {
        given.push(("alt", Given::Text(alt.clone())));
    }
    let marks = link.as_ref().map_or(NodeMarks::None, |link| NodeMarks::Link(link.clone()));
    let media = made("media", None, given, None).with_marks(marks);
    made("mediaSingle", None, vec![("layout", Given::Word(layout))], Some(vec![media]))
}

fn has_columns(node: &Json) -> bool {
    ["layoutSection", "multiBodiedExtension"].contains(&kind(node))
}

fn is_container(node: &Json) -> bool {
    has_columns(node) || ["bodiedExtension", "bodiedSyncBlock"].contains(&kind(node))
}

/// The blocks that the present nodes are shown as, and which node each is of.
fn flattened<'a>(present: &[Json], shown: &'a [Vec<Block>]) -> (Vec<&'a Block>, Vec<Owner>) {
    let (mut old, mut owners) = (Vec::new(), Vec::new());
    for (node, blocks) in shown.iter().enumerate().take(present.len()) {
        let columns: Vec<usize> = if has_columns(&present[node]) {
            let mut unseen = Counter::default();
            let count = |(column, holder): (usize, &Json)| {
                std::iter::repeat_n(column, read::blocks(holder, 1, &mut unseen).len())
            };
            content(&present[node]).iter().enumerate().flat_map(count).collect()
        } else {
            Vec::new()
        };
        for (index, block) in blocks.iter().enumerate() {
            let column = is_container(&present[node]).then(|| columns.get(index).copied().unwrap_or(0));
            owners.push(Owner { node, column });
            old.push(block);
        }
    }
    (old, owners)
}

/// Groups the blocks of the text by where they go.
fn runs(steps: &[Step], owners: &[Owner], present: &[Json], shown: &[Vec<Block>]) -> Vec<Run> {
    // Per node, how many of its blocks are as before, one behind the other.
    let mut same = vec![0_usize; present.len()];
    let mut first: Vec<Option<(usize, usize)>> = vec![None; present.len()];
    for step in steps {
        if let Step::Same(i, j) = step {
            let node = owners[*i].node;
            let (i0, j0) = *first[node].get_or_insert((*i, *j));
            if i - i0 == j - j0 {
                same[node] += 1;
            }
        }
    }
    let is_kept = |node: usize| same[node] > 0 && same[node] == shown[node].len();
    // Per step, the node of the next block that was there before.
    let mut following: Vec<Option<usize>> = vec![None; steps.len()];
    let mut next = None;
    for (at, step) in steps.iter().enumerate().rev() {
        if let Step::Same(i, _) | Step::Changed(i, _) = step {
            next = Some(owners[*i].node);
        }
        following[at] = next;
    }
    let mut runs: Vec<Run> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let (owner, block) = match step {
            Step::Removed(_) => continue,
            Step::Same(i, j) | Step::Changed(i, j) => (Some(owners[*i]), *j),
            Step::Added(j) => (None, *j),
        };
        match owner {
            Some(Owner { node, .. }) if is_kept(node) => {
                if !matches!(runs.last(), Some(Run::Kept(last)) if *last == node) {
                    runs.push(Run::Kept(node));
                }
            }
            Some(Owner { node, column: Some(column) }) => match runs.last_mut() {
                Some(Run::Within(last, parts)) if *last == node => parts.push((block, column)),
                _ => runs.push(Run::Within(node, vec![(block, column)])),
            },
            Some(Owner { node, column: None }) => {
                // A node that is shown as several blocks is taken up once.
                let is_new = !runs
                    .iter()
                    .rev()
                    .take(8)
                    .any(|run| matches!(run, Run::Made(_, Some(old)) if *old == node));
                runs.push(Run::Made(block, is_new.then_some(node)));
            }
            None => match runs.last_mut() {
                Some(Run::Within(node, parts)) if following[at] == Some(*node) => {
                    let column = parts.last().map_or(0, |(_, column)| *column);
                    parts.push((block, column));
                }
                _ => runs.push(Run::Made(block, None)),
            },
        }
    }
    runs
}
