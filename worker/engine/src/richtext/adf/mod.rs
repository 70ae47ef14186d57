//! Jira's documents: the Atlassian Document Format (ADF).
//!
//! A document is shown as Markdown. What Markdown has no form for is shown as a short text, and stands in the document as
//! long as that text does: when a text is written, the present document is at hand, and every block that is still the
//! same keeps its node.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>

mod build;
mod cells;
mod islands;
mod lines;
mod lists;
mod lower;
mod made;
mod node;
mod read;

use std::{collections::HashSet, hash::BuildHasherDefault};

use serde_json::Value as Json;

use super::{
    Converted, Dialect, Loss, align::Quick, blocks as read_blocks, loss::Counter, tree::Block,
    write::write_each,
};
use build::Builder;
use lower::Place;
pub use made::Document;

/// A document as Markdown. Null is an empty text, and a text is itself.
pub fn adf_to_markdown(document: &Json) -> Converted {
    if let Json::String(text) = document {
        return Converted { text: text.clone(), losses: Vec::new() };
    }
    let mut lost = Counter::default();
    let groups = read::groups(top(document), &mut lost);
    let (text, _) = write_each(&groups, Dialect::Markdown, &mut lost);
    Converted { text, losses: lost.losses() }
}

/// Markdown as a document, and what could not be expressed.
///
/// `present` is the document that is to be replaced. Blocks that are the same keep their nodes; within the others, nodes
/// that Markdown has no form for are found by the texts that they are shown as.
pub fn markdown_to_adf<'a>(text: &str, present: Option<&'a Json>) -> (Document<'a>, Vec<Loss>) {
    let mut lost = Counter::default();
    let blocks = lower::lower(read_blocks(text, Dialect::Markdown), Place::Document, &mut lost);
    let present = present.map(top).unwrap_or_default();
    let mut unseen = Counter::default();
    let groups = read::groups(present, &mut unseen);
    let wanted: HashSet<&Block, BuildHasherDefault<Quick>> = match groups.is_empty() {
        true => HashSet::default(),
        false => blocks.iter().collect(),
    };
    // What a person saw of a node is what comes out of its Markdown, which is rarely something else.
    let seen = |group: Vec<Block>| match group.iter().all(|block| wanted.contains(block)) {
        true => group,
        false => {
            let groups = [group];
            let (_, shown) = write_each(&groups, Dialect::Markdown, &mut Counter::default());
            let [group] = groups;
            shown.map_or(group, |all| all.concat())
        }
    };
    let shown: Vec<Vec<Block>> = groups.into_iter().map(seen).collect();
    let mut builder = Builder::new();
    (Document { content: builder.blocks(&blocks, present, &shown) }, lost.losses())
}

/// Blocks as a document can express them.
pub(super) fn lower(blocks: Vec<Block>, lost: &mut Counter) -> Vec<Block> {
    lower::lower(blocks, Place::Document, lost)
}

/// The nodes of the top level.
fn top(document: &Json) -> &[Json] {
    node::content(document)
}
