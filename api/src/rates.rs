//! How many requests a caller may make: so many a second, and some more at once. Each process counts its own.
//!
//! Callers are told apart by their token. Those who need none, on the machine itself, are not counted.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::{NoOpMiddleware, StateInformationMiddleware, StateSnapshot},
    state::keyed::HashMapStateStore,
};
use syncline_service::{Caller, Scope};

use crate::problem::Problem;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// How many times the rate may come at once.
const READ_BURST: u32 = 4;
/// Wrong tokens that an address may send in a minute.
const WRONG_TOKENS: NonZeroU32 = NonZeroU32::new(5).expect("above zero");
/// Requests after which counters of callers who are gone are dropped.
const TIDY_EVERY: u32 = 4_096;

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock, StateInformationMiddleware>;

/// Requests a second and caller; none: as many as come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of those that only read.
    pub reads: Option<NonZeroU32>,
    /// Of all others.
    pub writes: Option<NonZeroU32>,
}

impl Limits {
    pub const NONE: Limits = Limits { reads: None, writes: None };
}

/// The counters. Clones share them.
#[derive(Debug, Clone)]
pub struct Rates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reads: Option<Class>,
    writes: Option<Class>,
    wrong: Limiter<IpAddr>,
    since_tidy: AtomicU32,
}

#[derive(Debug)]
struct Class {
    name: &'static str,
    limiter: Limiter<i64>,
}

fn limiter<K: Clone + std::hash::Hash + Eq>(quota: Quota) -> Limiter<K> {
    RateLimiter::<K, _, _, NoOpMiddleware<_>>::new(quota, HashMapStateStore::default(), MonotonicClock)
        .with_middleware()
}

impl Rates {
    pub fn new(limits: Limits) -> Rates {
        let class = |name, rate: Option<NonZeroU32>, burst: u32| {
            rate.map(|rate| {
                let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(burst - 1));
                Class { name, limiter: limiter(Quota::per_second(rate).allow_burst(burst)) }
            })
        };
        Rates(Arc::new(Inner {
            reads: class("reads", limits.reads, READ_BURST),
            writes: class("writes", limits.writes, 1),
            wrong: limiter(Quota::per_minute(WRONG_TOKENS)),
            since_tidy: AtomicU32::new(0),
        }))
    }

    /// Counts a request. Returns the headers that say how many are left.
    pub(crate) fn count(&self, caller: &Caller, scope: Scope) -> Result<HeaderMap, Problem> {
        let class = match scope {
            Scope::Read | Scope::DataRead => &self.0.reads,
            Scope::Enqueue | Scope::Operate | Scope::Admin => &self.0.writes,
        };
        let (Some(class), Some(token)) = (class, caller.token) else { return Ok(HeaderMap::new()) };
        self.tidy();
        match class.limiter.check_key(&token) {
            Ok(left) => Ok(headers(class.name, &left)),
            Err(until) => Err(too_many(
                format!("The token has made too many requests of the class {:?}", class.name),
                until.wait_time_from(MonotonicClock.now()),
            )),
        }
    }

    /// Counts a wrong token of an address.
    pub(crate) fn count_wrong(&self, address: IpAddr) -> Result<(), Problem> {
        self.tidy();
        self.0.wrong.check_key(&network(address)).map(|_| ()).map_err(|until| {
            too_many(
                "This address has sent too many wrong tokens".to_owned(),
                until.wait_time_from(MonotonicClock.now()),
            )
        })
    }

    fn tidy(&self) {
        if self.0.since_tidy.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY != TIDY_EVERY - 1 {
            return;
        }
        for class in self.0.reads.iter().chain(&self.0.writes) {
            class.limiter.retain_recent();
        }
        self.0.wrong.retain_recent();
    }
}

/// One machine may have a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

fn headers(name: &str, left: &StateSnapshot) -> HeaderMap {
    let quota = left.quota();
    let burst = quota.burst_size();
    let window = (quota.replenish_interval() * burst.get()).as_secs_f64().ceil();
    let texts = [
        (POLICY, format!("\"{name}\";q={burst};w={window}")),
        (LEFT, format!("\"{name}\";r={}", left.remaining_burst_capacity())),
    ];
    let header = |(name, text): (HeaderName, String)| Some((name, HeaderValue::from_str(&text).ok()?));
    texts.into_iter().filter_map(header).collect()
}

fn too_many(what: String, wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
    let detail = format!("{what}; try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", "Rate limited", detail)
        .with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(token: Option<i64>) -> Caller {
        Caller { token, ..Caller::person("mia") }
    }

    #[test]
    fn a_token_has_its_burst_and_then_waits() {
        let rates = Rates::new(Limits { reads: NonZeroU32::new(2), writes: NonZeroU32::new(3) });
        let first = rates.count(&caller(Some(1)), Scope::Read).unwrap();
        assert_eq!(first["ratelimit-policy"], "\"reads\";q=8;w=4");
        assert_eq!(first["ratelimit"], "\"reads\";r=7");
        let taken = (0..20).filter(|_| rates.count(&caller(Some(1)), Scope::Read).is_ok()).count();
        assert!((7..=8).contains(&taken), "{taken}");
        let problem = rates.count(&caller(Some(1)), Scope::DataRead).unwrap_err();
        assert_eq!((problem.status, problem.retry_after), (429, Some(1)));
        // Another token, and another class, have their own.
        rates.count(&caller(Some(2)), Scope::Read).unwrap();
        let writes = rates.count(&caller(Some(1)), Scope::Enqueue).unwrap();
        assert_eq!(writes["ratelimit-policy"], "\"writes\";q=3;w=1");
    }

    #[test]
    fn callers_without_a_token_and_without_limits_are_not_counted() {
        let rates = Rates::new(Limits { reads: NonZeroU32::new(1), writes: None });
        for _ in 0..100 {
            assert!(rates.count(&caller(None), Scope::Read).unwrap().is_empty());
            assert!(rates.count(&caller(Some(1)), Scope::Operate).unwrap().is_empty());
        }
    }

    #[test]
    fn wrong_tokens_are_counted_by_network() {
        let rates = Rates::new(Limits::NONE);
        let wrong = |address: &str| rates.count_wrong(address.parse().unwrap());
        for last in 1..=5 {
            wrong(&format!("2001:db8:1:2::{last}")).unwrap();
        }
        let problem = wrong("2001:db8:1:2:ffff::9").unwrap_err();
        assert!(problem.status == 429 && problem.retry_after.is_some_and(|wait| (1..=13).contains(&wait)));
        wrong("2001:db8:1:3::1").unwrap();
        wrong("192.0.2.1").unwrap();
        wrong("::ffff:192.0.2.2").unwrap();
    }

    #[test]
    fn counters_of_callers_who_are_gone_are_dropped() {
        let rates = Rates::new(Limits { reads: NonZeroU32::new(1_000), writes: None });
        for token in 0..i64::from(TIDY_EVERY) - 1 {
            rates.count(&caller(Some(token)), Scope::Read).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
        rates.count(&caller(Some(-1)), Scope::Read).unwrap();
        let left = rates.0.reads.as_ref().unwrap().limiter.len();
        assert!(left < 100, "{left}");
    }
}
