//! Two places with any behaviour, and a sync.

use proptest::prelude::*;
use serde_json::json;
use syncline_engine::{
    Side,
    capability::{ConcurrencyControl, CreateIdempotency},
    run::Options,
    side::Pair,
};

use crate::support::{Manners, World, default_fields};

/// The parameters of a world.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) creates: Pair<CreateIdempotency>,
    pub(super) incremental: Pair<bool>,
    /// Not a place of snapshots.
    pub(super) remote: Pair<bool>,
    pub(super) tombstones: bool,
    pub(super) modified_times: Pair<bool>,
    /// The target trims text.
    pub(super) trims: bool,
    pub(super) page_size: usize,
    pub(super) backwards: bool,
    pub(super) overlaps: bool,
    pub(super) batch_size: u32,
    pub(super) write_batch: usize,
    pub(super) strategy: &'static str,
    /// Remote places show so many pages of a listing a run.
    pub(super) pages_per_run: Option<usize>,
    /// Places compare what they write over; others are read again just before.
    pub(super) compares: bool,
    /// Places return nothing for an update or a removal.
    pub(super) silent: bool,
    /// Places lead statuses to their values in steps, and keep a history.
    pub(super) stepwise: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            creates: Pair::new(CreateIdempotency::Marker, CreateIdempotency::Marker),
            incremental: Pair::new(false, false),
            remote: Pair::new(false, false),
            tombstones: false,
            modified_times: Pair::new(true, true),
            trims: false,
            page_size: 2,
            backwards: false,
            overlaps: false,
            batch_size: 3,
            write_batch: 2,
            strategy: "last_write_wins",
            pages_per_run: None,
            compares: true,
            silent: false,
            stepwise: false,
        }
    }
}

/// Kinds of creates that a successor can recover.
pub(super) fn creates_found_again() -> impl Strategy<Value = CreateIdempotency> {
    prop_oneof![Just(CreateIdempotency::Native), Just(CreateIdempotency::Marker)]
}

pub(super) fn no_way_to_tell() -> impl Strategy<Value = CreateIdempotency> {
    Just(CreateIdempotency::None)
}

pub(super) fn setup(creates: impl Strategy<Value = CreateIdempotency>) -> impl Strategy<Value = Setup> {
    let creates = proptest::collection::vec(creates, 2);
    let flags = (any::<[bool; 4]>(), any::<[bool; 9]>(), proptest::option::weighted(0.3, 1_usize..3));
    let sizes = (1_usize..4, 1_u32..5, 1_usize..4);
    let strategies =
        prop_oneof![Just("last_write_wins"), Just("source_wins"), Just("target_wins"), Just("manual")];
    (creates, flags, sizes, strategies).prop_map(|(creates, flags, sizes, strategy)| {
        let ([incremental_source, incremental_target, times_source, times_target], rest, pages_per_run) =
            flags;
        Setup {
            creates: Pair::new(creates[0], creates[1]),
            incremental: Pair::new(incremental_source, incremental_target),
            modified_times: Pair::new(times_source, times_target),
            trims: rest[0],
            backwards: rest[1],
            overlaps: rest[2],
            remote: Pair::new(rest[3], rest[4]),
            tombstones: rest[5],
            page_size: sizes.0,
            batch_size: sizes.1,
            write_batch: sizes.2,
            strategy,
            pages_per_run,
            compares: rest[6],
            silent: rest[7],
            stepwise: rest[8],
        }
    })
}

impl Setup {
    /// The same with listings that come to their end.
    pub(super) fn without_limits(&self) -> Setup {
        Setup { pages_per_run: None, ..self.clone() }
    }

    /// Every item has a `tag` that is never edited: two items of one side with the same tag are duplicates.
    pub(super) fn world(&self) -> World {
        let mut mappings = default_fields();
        let tag = json!({ "source_field": "tag", "target_field": "tag" });
        let mut labels = json!({ "source_field": "labels", "target_field": "labels" });
        (labels["source_type"], labels["target_type"]) = (json!("set"), json!("set"));
        mappings.as_array_mut().unwrap().extend([tag, labels]);
        let document = json!({
            "field_mappings": mappings,
            "conflict_strategy": self.strategy,
            "two_way_create": true,
            "delete_policy": "delete",
            "delete_guard": { "max_share": 1.0, "max_count": 1000 },
            "batch_size": self.batch_size,
        });
        let manners = |creates, incremental, modified_times, trims, remote: bool| Manners {
            snapshot: !remote,
            ids_change: remote,
            tombstones: remote && self.tombstones,
            create_idempotency: creates,
            incremental,
            modified_times,
            trims,
            page_size: self.page_size,
            backwards: self.backwards,
            overlaps: self.overlaps,
            write_batch: self.write_batch,
            pages_per_run: self.pages_per_run.filter(|_| remote),
            concurrency: if self.compares { ConcurrencyControl::Fields } else { ConcurrencyControl::None },
            silent: self.silent,
            stepwise: if self.stepwise { &["status", "state"] } else { &[] },
            history: self.stepwise,
            ..Manners::default()
        };
        let side = |side: Side, trims| {
            let (creates, incremental) = (*self.creates.get(side), *self.incremental.get(side));
            manners(creates, incremental, *self.modified_times.get(side), trims, *self.remote.get(side))
        };
        let (source, target) = (side(Side::Source, false), side(Side::Target, self.trims));
        let mut world = World::with(document, source, target);
        world.options = Options { full: false, approved_deletes: Some(1000), ..Options::default() };
        world
    }
}
