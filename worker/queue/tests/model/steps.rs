//! The operations on a queue, as plain data that a generator creates and shrinks.

use proptest::prelude::*;
use syncline_queue::Priority;

/// Selects one of the existing jobs or leases: the number modulo their count.
pub(crate) type Pick = usize;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Several jobs in one call, in the order of their ids or in reverse.
    Push {
        jobs: Vec<Spec>,
        reversed: bool,
        put_back: bool,
    },
    /// An existing job.
    PushAgain(Pick),
    Claim(Claim),
    /// Outcomes of several claims in one call.
    Settle(Vec<(Pick, End)>),
    GiveBack(Vec<Pick>),
    /// With a lease that ends at once, or one that outlasts the test.
    Renew {
        lease: Pick,
        ends_at_once: bool,
    },
    Progress(Pick),
    Rescue,
    Cancel(Pick),
    Replay(Pick),
    Discard(Pick),
    Pause,
    Resume,
}

#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) priority: Priority,
    /// Not due within the test.
    pub(crate) far: bool,
    pub(crate) max_attempts: u32,
    pub(crate) unique: Option<u8>,
    /// Key and limit.
    pub(crate) concurrency: Option<(u8, u32)>,
    pub(crate) order: Option<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) limit: usize,
    /// The lease runs out at once.
    pub(crate) ends_at_once: bool,
    /// Only of this concurrency key.
    pub(crate) key: Option<u8>,
    /// All due jobs, the oldest first.
    pub(crate) overdue: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    RetryAtOnce,
    RetryLater,
    SnoozeAtOnce,
    SnoozeLong,
    Dead,
    Cancelled,
}

fn spec() -> impl Strategy<Value = Spec> {
    let unique = prop::option::weighted(0.4, 0..2u8);
    let concurrency = prop::option::weighted(0.4, (0..2u8, 1..3u32));
    let order = prop::option::weighted(0.3, 0..2u8);
    let priority = prop::sample::select(&Priority::ALL[..]);
    (priority, prop::bool::weighted(0.15), 1..4u32, unique, concurrency, order).prop_map(
        |(priority, far, max_attempts, unique, concurrency, order)| Spec {
            priority,
            far,
            max_attempts,
            unique,
            concurrency,
            order,
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Done),
        3 => Just(End::RetryAtOnce),
        1 => Just(End::RetryLater),
        2 => Just(End::SnoozeAtOnce),
        1 => Just(End::SnoozeLong),
        1 => Just(End::Dead),
        1 => Just(End::Cancelled),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    0..64usize
}

fn claim() -> impl Strategy<Value = Claim> {
    let key = prop::option::weighted(0.1, 0..2u8);
    (1..6usize, prop::bool::weighted(0.25), key, prop::bool::weighted(0.1))
        .prop_map(|(limit, ends_at_once, key, overdue)| Claim { limit, ends_at_once, key, overdue })
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop::collection::vec(spec(), 1..4), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(jobs, reversed, put_back)| Step::Push { jobs, reversed, put_back }),
        1 => pick().prop_map(Step::PushAgain),
        7 => claim().prop_map(Step::Claim),
        6 => prop::collection::vec((pick(), end()), 1..4).prop_map(Step::Settle),
        2 => prop::collection::vec(pick(), 1..3).prop_map(Step::GiveBack),
        1 => (pick(), any::<bool>()).prop_map(|(lease, ends_at_once)| Step::Renew { lease, ends_at_once }),
        1 => pick().prop_map(Step::Progress),
        2 => Just(Step::Rescue),
        2 => pick().prop_map(Step::Cancel),
        2 => pick().prop_map(Step::Replay),
        1 => pick().prop_map(Step::Discard),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40)
}
