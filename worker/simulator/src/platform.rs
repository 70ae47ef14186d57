//! The interface of a simulated platform. A platform is a folder with an implementation of this trait, and a line in
//! [`all`].

use serde_json::Value;

use crate::{
    fault::Limit,
    github::GitHub,
    http::{Call, Reply},
    jira::Jira,
    linear::Linear,
    settings::Limits,
};

/// The context of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    /// Milliseconds since 1970, by the simulator's clock.
    pub(crate) now: i64,
    pub(crate) limits: Limits,
    /// The number of requests with the same credentials in progress, including this one.
    pub(crate) concurrent: usize,
}

/// A response that a fault returns instead of the real one.
#[derive(Debug, Clone)]
pub(crate) enum Canned {
    Status(u16),
    Limited { limit: Limit, status: Option<u16> },
}

/// An HTTP request that a platform makes on its own.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) url: String,
    /// The event as a path for faults: `/issues/opened`.
    pub(crate) event: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// One platform.
pub(crate) trait Platform: Send {
    /// Returns the first part of the paths of its API.
    fn prefix(&self) -> &'static str;

    /// Handles a request to its API. The call's path is the one below the prefix.
    fn answer(&mut self, call: &Call, scene: &Scene) -> Reply;

    /// Returns the response to a request with a fault, in the platform's own form.
    fn canned(&mut self, call: &Call, scene: &Scene, canned: &Canned) -> Reply;

    /// Handles a request to the control API below its prefix.
    fn control(&mut self, call: &Call, scene: &Scene) -> Reply;

    /// Fills an empty platform with an example of this many items in each repository, project or team.
    fn example(&mut self, items: usize, scene: &Scene) -> Value;

    /// Returns the whole state.
    fn state(&self) -> Value;

    /// Handles a request of a person to the page. The call's path is the one below `/page/PREFIX`.
    fn page(&mut self, call: &Call, scene: &Scene) -> Reply;

    /// Removes and returns the pending deliveries of webhooks.
    fn deliveries(&mut self) -> Vec<Delivery>;

    /// Gives a delivery another id, as if the same event was delivered again.
    fn another_id(&mut self, delivery: &Delivery) -> Delivery;
}

/// Returns all platforms, empty.
pub(crate) fn all(seed: u64) -> Vec<Box<dyn Platform>> {
    vec![Box::new(GitHub::new(seed)), Box::new(Jira::new(seed)), Box::new(Linear::new(seed))]
}
