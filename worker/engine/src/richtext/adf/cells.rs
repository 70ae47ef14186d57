//! Tables.

use serde_json::Value as Json;

use super::{
    build,
    islands::Islands,
    lines,
    made::{Node, NodeMarks, made},
    node::{Parts, content, kind, parts, text},
    read,
};
use crate::richtext::{
    align::{Step, align},
    loss::{self, Counter},
    parts::table,
    plain,
    tidy::tidy,
    tree::{Align, Block, Inline},
};

/// How many columns a table has at most.
const COLUMNS: usize = 256;

/// A table, as far as Markdown can show it.
pub(super) fn read(node: &Json, depth: usize, lost: &mut Counter) -> Option<Block> {
    let mut rows: Vec<Vec<Vec<Inline>>> = Vec::new();
    let mut alignments: Vec<Vec<Aligned>> = Vec::new();
    // Per column, how many rows a cell from above still covers.
    let mut covered: Vec<usize> = Vec::new();
    for (number_of_row, row) in content(node).iter().enumerate() {
        let row = content(row);
        let mut cells: Vec<Vec<Inline>> = Vec::with_capacity(row.len());
        let from_above = |cells: &mut Vec<Vec<Inline>>, covered: &mut Vec<usize>| {
            while let Some(rows) = covered.get_mut(cells.len()).filter(|rows| **rows > 0) {
                *rows -= 1;
                cells.push(Vec::new());
            }
        };
        for cell in row {
            let cell = parts(cell);
            from_above(&mut cells, &mut covered);
            let (columns, below) = (span(&cell, "colspan"), span(&cell, "rowspan"));
            if columns > 1 || below > 1 {
                lost.add(loss::SPANS);
            }
            if (cell.kind == "tableHeader") != (number_of_row == 0) {
                lost.add(loss::HEADERS);
            }
            let at = cells.len();
            let (line, align) = cell_line(cell.content, depth + 1, lost);
            if alignments.len() <= at {
                alignments.resize(at + 1, Vec::new());
            }
            alignments[at].push(align);
            cells.push(line);
            cells.resize((at + columns).min(COLUMNS.max(at + 1)), Vec::new());
            if covered.len() < cells.len() {
                covered.resize(cells.len(), 0);
            }
            covered[at..cells.len()].fill(below - 1);
        }
        from_above(&mut cells, &mut covered);
        rows.push(cells);
    }
    if rows.iter().all(Vec::is_empty) {
        return None;
    }
    Some(table(alignments.iter().map(|cells| shared(cells)).collect(), rows))
}

fn span(cell: &Parts<'_>, name: &str) -> usize {
    cell.number(name).map_or(1, |number| usize::try_from(number).unwrap_or(COLUMNS)).clamp(1, COLUMNS)
}

/// How a cell is aligned. Text tells more than an image or an empty cell, which are often left as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Aligned {
    align: Align,
    is_text: bool,
}

/// The alignment of a column: that of all its cells, if they have the same.
fn shared(cells: &[Aligned]) -> Align {
    let texts: Vec<&Aligned> = cells.iter().filter(|cell| cell.is_text).collect();
    let cells: Vec<&Aligned> = if texts.is_empty() { cells.iter().collect() } else { texts };
    match cells.split_first() {
        Some((first, others)) if others.iter().all(|cell| cell.align == first.align) => first.align,
        _ => Align::Left,
    }
}

/// The text of a cell in one line, and how it is aligned.
fn cell_line(blocks: &[Json], depth: usize, lost: &mut Counter) -> (Vec<Inline>, Aligned) {
    let mut line = Vec::new();
    let mut align = Align::Left;
    let mut is_text = false;
    for block in blocks {
        let of = parts(block);
        let aligned =
            of.marks.iter().find(|mark| kind(mark) == "alignment").and_then(|mark| text(mark, "align"));
        let layout = if of.kind == "mediaSingle" { of.stated("layout") } else { None };
        match aligned.or(layout) {
            Some("center") => align = Align::Center,
            Some("end" | "align-end") => align = Align::Right,
            _ => {}
        }
        if of.kind == "paragraph" {
            is_text |= !of.content.is_empty();
            match lines::read(of.content, lost) {
                content if line.is_empty() => line = content,
                content => {
                    line.push(Inline::Break);
                    line.extend(content);
                }
            }
            continue;
        }
        for shown in read::blocks(block, depth, lost) {
            if !line.is_empty() {
                line.push(Inline::Break);
            }
            match shown {
                Block::Paragraph(content) => line.extend(content),
                other => {
                    lost.add(loss::CELLS);
                    for (index, text) in plain::write(&[other]).split('\n').enumerate() {
                        if index > 0 {
                            line.push(Inline::Break);
                        }
                        line.push(Inline::text(text));
                    }
                }
            }
        }
    }
    (tidy(line), Aligned { align, is_text })
}

/// The node of a table. Cells that show the same as at their place before keep their nodes.
pub(super) fn write<'a>(
    alignments: &[Align],
    rows: &[Vec<Vec<Inline>>],
    before: Option<&'a Json>,
    moved: &mut Islands<'a>,
) -> Node<'a> {
    let before = before.filter(|node| kind(node) == "table");
    let old_rows = before.map(content).unwrap_or_default();
    let shown: Vec<Block> = old_rows.iter().map(row_shown).collect();
    let wanted: Vec<Block> =
        if before.is_some() { rows.iter().map(|row| row_block(row)).collect() } else { Vec::new() };
    let mut pairs: Vec<Option<(usize, bool)>> = vec![None; rows.len()];
    let steps = if before.is_some() { align(&shown, &wanted) } else { Vec::new() };
    for step in steps {
        match step {
            Step::Same(i, j) => pairs[j] = Some((i, true)),
            Step::Changed(i, j) => pairs[j] = Some((i, false)),
            Step::Removed(i) => moved.collect(&old_rows[i]),
            Step::Added(_) => {}
        }
    }
    let same_shape = before.is_some_and(|node| {
        let mut unseen = Counter::default();
        matches!(read(node, 0, &mut unseen), Some(Block::Table { alignments: old, .. }) if old == alignments)
    });
    let mut made_rows = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let pair = pairs.get(index).copied().flatten().filter(|_| same_shape);
        if let Some((old, true)) = pair {
            made_rows.push(Node::Kept(&old_rows[old]));
            continue;
        }
        let old = pair.map(|(old, _)| &old_rows[old]);
        made_rows.push(write_row(row, alignments, index == 0, old, moved));
    }
    made("table", before, Vec::new(), Some(made_rows))
}

fn row_block(row: &[Vec<Inline>]) -> Block {
    Block::Table { alignments: Vec::new(), rows: vec![row.to_vec()] }
}

fn row_shown(row: &Json) -> Block {
    let mut unseen = Counter::default();
    let cells = content(row).iter().map(|cell| cell_line(content(cell), 1, &mut unseen).0).collect();
    Block::Table { alignments: Vec::new(), rows: vec![cells] }
}

fn write_row<'a>(
    row: &[Vec<Inline>],
    alignments: &[Align],
    is_header: bool,
    old: Option<&'a Json>,
    moved: &mut Islands<'a>,
) -> Node<'a> {
    let mut unseen = Counter::default();
    let old_cells = old.map(content).unwrap_or_default();
    let matching = old_cells.len() == row.len();
    let mut cells = Vec::with_capacity(row.len());
    for (column, line) in row.iter().enumerate() {
        let old_cell = old_cells.get(column).filter(|_| matching);
        if let Some(cell) = old_cell.filter(|cell| cell_line(content(cell), 1, &mut unseen).0 == *line) {
            cells.push(Node::Kept(cell));
            continue;
        }
        let kind_of_cell = match old_cell.map(kind) {
            Some(kind @ ("tableHeader" | "tableCell")) => kind,
            _ if is_header => "tableHeader",
            _ => "tableCell",
        };
        let mut local = Islands::default();
        if let Some(cell) = old_cell {
            local.collect(cell);
        }
        let align = alignments.get(column).copied().unwrap_or_default();
        let block = match line.as_slice() {
            [image @ Inline::Image { .. }] => picture(image, align),
            line => paragraph(lines::write(line, &mut local, moved), align),
        };
        moved.take_up(local);
        cells.push(made(kind_of_cell, old_cell, Vec::new(), Some(vec![block])));
    }
    made("tableRow", old, Vec::new(), Some(cells))
}

fn paragraph(content: Vec<Node<'_>>, align: Align) -> Node<'_> {
    let node = made("paragraph", None, Vec::new(), Some(content));
    match align {
        Align::Left => node,
        Align::Center => node.with_marks(NodeMarks::Align("center")),
        Align::Right => node.with_marks(NodeMarks::Align("end")),
    }
}

fn picture<'a>(image: &Inline, align: Align) -> Node<'a> {
    build::picture(
        image,
        match align {
            Align::Left => "align-start",
            Align::Center => "center",
            Align::Right => "align-end",
        },
    )
}
