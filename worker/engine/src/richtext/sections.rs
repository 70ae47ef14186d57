//! Collapsed sections, which HTML begins and ends around other blocks.

use super::{
    html,
    read::Piece,
    tree::{Block, RawKind},
};

/// How deeply collapsed sections are nested at most in one place.
const DEEPEST: usize = 4;

/// The blocks of a section that is open; its title and its first line, unless it is what is outside of all.
type Level = (Vec<Piece>, Option<(String, Piece)>);

/// Takes the blocks from a place on, and joins them.
pub(super) fn folded_from(pieces: &mut Vec<Piece>, start: usize) -> Vec<Block> {
    if has_end(pieces.get(start..).unwrap_or_default()) {
        return unpieced(folded(pieces.split_off(start)));
    }
    pieces.drain(start..).map(|piece| piece.block).collect()
}

fn unpieced(pieces: Vec<Piece>) -> Vec<Block> {
    pieces.into_iter().map(|piece| piece.block).collect()
}

fn marker(piece: &Piece) -> Option<html::Html> {
    match &piece.block {
        Block::Raw { kind: RawKind::Html, source } => Some(html::block(source)),
        _ => None,
    }
}

fn has_end(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(marker(piece), Some(html::Html::DetailsEnd)))
}

/// Joins what stands between `<details>` and `</details>`.
pub(super) fn folded(pieces: Vec<Piece>) -> Vec<Piece> {
    if !has_end(&pieces) {
        return pieces;
    }
    // The blocks outside, and those within each section that is open: its title, and how it began.
    let mut levels: Vec<Level> = vec![(Vec::new(), None)];
    for piece in pieces {
        match marker(&piece) {
            Some(html::Html::Details(title)) if levels.len() <= DEEPEST => {
                levels.push((Vec::new(), Some((title, piece))));
            }
            Some(html::Html::DetailsEnd) if levels.len() > 1 => {
                let Some((blocks, Some((title, begin)))) = levels.pop() else { continue };
                let block = Block::Details { title, blocks: unpieced(blocks) };
                let range = begin.range.start..piece.range.end;
                if let Some((outer, _)) = levels.last_mut() {
                    outer.push(Piece { block, range });
                }
            }
            _ => {
                if let Some((blocks, _)) = levels.last_mut() {
                    blocks.push(piece);
                }
            }
        }
    }
    let mut out = Vec::new();
    for (blocks, begin) in levels {
        out.extend(begin.map(|(_, piece)| piece));
        out.extend(blocks);
    }
    out
}
