//! What a case needs of a place in a test: someone else who edits it, and faults on demand. A platform joins the suite with
//! one implementation.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use syncline_engine::{
    Item, Value,
    capability::Capabilities,
    ports::{ConnectorError, Found, ListingEnd, Place, ReadMode, Write, WriteOp, Written},
    value::Fields,
};

use crate::place::{WriteResult, call, fields, text, write};

/// A kind of place.
#[async_trait]
pub(super) trait Kind: Send + Sync {
    fn name(&self) -> String;

    /// An empty place of this kind. Its traffic is appended to the file if there is any.
    async fn open(&self, log: Option<&Path>) -> Box<dyn Stage>;

    /// The platform's name for a checker of recorded traffic; none if there is no traffic.
    fn recorded(&self) -> Option<&'static str> {
        None
    }
}

/// An opened place, and what a test does to it behind the connector's back.
#[async_trait]
pub(super) trait Stage: Send + Sync {
    fn place(&self) -> &dyn Place;

    /// The same place as another process opens it, which has seen nothing yet.
    async fn again(&self) -> Box<dyn Place>;

    /// Which fields of this place play which part.
    fn roles(&self) -> Roles;

    /// True if a long text that was read is what was written, as far as the place keeps texts.
    fn is_same_text(&self, read: &Value, written: &str) -> bool {
        matches!(read, Value::Text(read) if read == written)
    }

    /// An id that items may have here, and none has.
    fn free_id(&self) -> &'static str;

    /// The time by the clock that stamps items.
    fn now(&self) -> DateTime<Utc>;

    /// Adds an item that was last changed in 2025, and returns its id.
    async fn add(&self, title: &str) -> String;

    /// Adds that many items.
    async fn seed(&self, count: usize);

    /// Edits a field.
    async fn edit(&self, id: &str, field: &str, value: Json);

    /// Deletes an item.
    async fn remove(&self, id: &str);

    /// Lets time pass, by the clock of the place.
    async fn pass(&self, _time: Duration) {}

    /// The faults that can be asked for.
    fn faults(&self) -> &'static [Fault] {
        &[]
    }

    /// Items tell when they were last changed.
    fn tells_times(&self) -> bool {
        true
    }

    /// All updates of a call are one request.
    fn writes_at_once(&self) -> bool {
        false
    }

    async fn fail(&self, fault: Fault) {
        panic!("{fault:?} cannot be asked for here");
    }
}

/// The fields that cases use, by the part that they play.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roles {
    /// A short text, which new items need.
    pub(super) title: &'static str,
    /// A long text, which may be empty.
    pub(super) text: &'static str,
    /// The place sets it, or does not let it be changed.
    pub(super) fixed: &'static str,
    /// Names without an order.
    pub(super) set: Option<&'static str>,
    pub(super) date: Option<&'static str>,
    /// The field, its value for open items, and its value for closed ones.
    pub(super) state: Option<(&'static str, &'static str, &'static str)>,
    /// So many characters of the long text arrive whole, and a much longer one is shortened. None: it is refused.
    pub(super) shortens: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The next write takes effect, and no answer arrives.
    LostAnswer,
    /// The next request is refused by a limit, for [`LIMITED`].
    Limit,
    /// The second create from now on is refused by a limit, for [`LIMITED`].
    LimitedCreate,
    /// The platform does not work for the next request.
    Outage,
    /// From now on the account may not see the place.
    LostPermission,
    /// From now on the account's token is expired.
    DeadToken,
}

/// How long a limit lasts.
pub(super) const LIMITED: Duration = Duration::from_secs(90);

impl dyn Stage + '_ {
    pub(super) fn capabilities(&self) -> &Capabilities {
        self.place().capabilities()
    }

    /// The fields of an item with this title.
    pub(super) fn titled(&self, title: &str) -> Fields {
        fields([(self.roles().title, text(title))])
    }

    pub(super) fn title_of(&self, item: &Item) -> Value {
        item.fields[self.roles().title].clone()
    }

    /// All items, and how the listing ended.
    pub(super) async fn list(&self, mode: ReadMode) -> (Vec<Item>, ListingEnd) {
        self.try_list(mode).await.unwrap()
    }

    pub(super) async fn try_list(&self, mode: ReadMode) -> Result<(Vec<Item>, ListingEnd), ConnectorError> {
        let mut listing = self.place().list(mode, None, &call()).await?;
        let mut items = Vec::new();
        while let Some(page) = listing.next_page(&call()).await? {
            assert!(page.len() <= self.capabilities().list_page, "a page of {}", page.len());
            items.extend(page);
        }
        Ok((items, listing.end()))
    }

    /// The ids of all items, in order.
    pub(super) async fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.list(ReadMode::Full).await.0.into_iter().map(|item| item.id).collect();
        ids.sort();
        ids
    }

    pub(super) async fn ask(&self, id: &str) -> Result<Found, ConnectorError> {
        let mut answers = self.place().fetch(&[id.to_owned()], &call()).await;
        assert_eq!(answers.len(), 1);
        let (answered, found) = answers.remove(0);
        assert_eq!(answered, id);
        found
    }

    /// The item with this id; none if there is none.
    pub(super) async fn fetch(&self, id: &str) -> Option<Item> {
        match self.ask(id).await.unwrap() {
            Found::Item(item) => {
                assert_eq!(item.id, id);
                Some(item)
            }
            found => {
                assert!(self.is_absent(&found), "{found:?}");
                None
            }
        }
    }

    /// True if this is what a place like this one says of an item that is not there.
    pub(super) fn is_absent(&self, found: &Found) -> bool {
        *found == Found::Gone || *found == Found::NotVisible && !self.capabilities().snapshot
    }

    /// Writes in calls that are as large as the place declares. Each write is carried out or refused.
    pub(super) async fn write(&self, writes: &[Write]) -> Vec<WriteResult> {
        let mut results = Vec::new();
        for some in self.calls(writes) {
            results.extend(write(self.place(), &some).await);
        }
        results
    }

    pub(super) async fn write_one(&self, one: Write) -> WriteResult {
        self.write(&[one]).await.remove(0)
    }

    /// One call, whatever becomes of it.
    pub(super) async fn send(&self, writes: &[Write]) -> Vec<Written> {
        let outcomes = self.place().write(writes, &call()).await;
        assert_eq!(outcomes.len(), writes.len());
        outcomes
    }

    /// Divides writes into calls.
    pub(super) fn calls(&self, writes: &[Write]) -> Vec<Vec<Write>> {
        let can = self.capabilities();
        let mut calls: Vec<Vec<Write>> = vec![Vec::new()];
        let (mut creates, mut others) = (0, 0);
        for write in writes {
            let is_create = matches!(write.op, WriteOp::Create { .. });
            let (count, most) =
                if is_create { (&mut creates, can.create_batch) } else { (&mut others, can.update_batch) };
            *count += 1;
            if *count > most {
                (creates, others) = if is_create { (1, 0) } else { (0, 1) };
                calls.push(Vec::new());
            }
            calls.last_mut().unwrap().push(write.clone());
        }
        calls
    }
}
