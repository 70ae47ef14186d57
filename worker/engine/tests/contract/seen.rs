//! Everything that can be seen of a store, for comparisons.

use syncline_engine::{
    Side,
    ports::{CursorState, Link, LinkBrief, Store},
    side::Pair,
};

use super::{Kept, Stage, build::count};

/// What every call that reads returns, and what is stored besides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) count: u64,
    pub(crate) briefs: Vec<LinkBrief>,
    /// By id.
    pub(crate) links: Vec<Link>,
    pub(crate) open_intents: Vec<i64>,
    pub(crate) cursors: Pair<Option<CursorState>>,
    pub(crate) kept: Kept,
}

pub(crate) async fn see(stage: &dyn Stage, store: &dyn Store) -> Seen {
    let briefs = store.briefs(0, 10_000).await.unwrap();
    let ids: Vec<i64> = briefs.iter().map(|brief| brief.id).collect();
    let mut links = store.links(&ids).await.unwrap();
    links.sort_by_key(|link| link.at.id);
    let mut open_intents = store.open_intents().await.unwrap();
    open_intents.sort();
    Seen {
        count: count(store).await,
        briefs,
        links,
        open_intents,
        cursors: Pair::new(
            store.cursor(Side::Source).await.unwrap(),
            store.cursor(Side::Target).await.unwrap(),
        ),
        kept: stage.kept().await,
    }
}
