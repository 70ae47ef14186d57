//! Lists: paged by cursors, which are ids, in the order of a time. A record that changes during paging moves.

use std::{ops::Bound, sync::Arc};

use serde_json::{Map, Value};

use super::{
    super::{error::Failure, id::Id, types::Team},
    View,
    node::{Item, Node, Of, Out},
};
use crate::graphql::Selected;

/// The default length of a page.
pub(crate) const PAGE: u64 = 50;

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) of: Of,
    items: Vec<Item>,
    has_next: bool,
    has_previous: bool,
    total: usize,
}

impl Page {
    pub(super) fn field(self: &Arc<Page>, name: &str) -> Out {
        match name {
            "nodes" => Out::Many(self.items.iter().map(|item| self.of.node(*item)).collect()),
            "edges" => Out::Many(self.items.iter().map(|item| Node::Edge(self.of, *item)).collect()),
            "pageInfo" => Out::One(Node::PageInfo(Arc::clone(self))),
            _ => Out::count(self.total),
        }
    }

    pub(super) fn info(&self, name: &str) -> Out {
        let cursor = |item: Option<&Item>| item.map_or(Out::Null, |item| Out::text(item.id().to_string()));
        match name {
            "hasNextPage" => Out::Flag(self.has_next),
            "hasPreviousPage" => Out::Flag(self.has_previous),
            "startCursor" => cursor(self.items.first()),
            _ => cursor(self.items.last()),
        }
    }
}

/// The requested part of a list, and its order.
struct Paging {
    count: usize,
    backward: bool,
    cursor: Option<Id>,
    by_updated: bool,
    ascending: bool,
}

impl Paging {
    fn read(args: &Map<String, Value>, limit: u64) -> Result<Paging, Failure> {
        let number = |name: &str| args.get(name).and_then(Value::as_i64);
        let text = |name: &str| args.get(name).and_then(Value::as_str);
        let (first, last, after, before) = (number("first"), number("last"), text("after"), text("before"));
        let backward = last.is_some() || before.is_some();
        if backward && (first.is_some() || after.is_some()) {
            return Err(Failure::argument("Cannot use `first` or `after` together with `last` or `before`."));
        }
        let (name, count) = if backward { ("last", last) } else { ("first", first) };
        let count = match count {
            None => PAGE,
            Some(count) => u64::try_from(count)
                .ok()
                .filter(|count| (1..=limit).contains(count))
                .ok_or_else(|| Failure::argument(format!("{name} must be between 1 and {limit}")))?,
        };
        let cursor = after.or(before);
        let cursor = cursor.map(|text| {
            Id::parse(text).ok_or_else(|| Failure::argument(format!("The cursor {text} is not valid")))
        });
        let sort = args.get("sort").and_then(|sort| sort.get(0));
        let sorted = |key: &str| sort.and_then(|sort| sort.get(key));
        let ascending = |sort: &Value| sort["order"] == "Ascending";
        let (by_updated, ascending) = match (sorted("updatedAt"), sorted("createdAt")) {
            (Some(sort), _) => (true, ascending(sort)),
            (None, Some(sort)) => (false, ascending(sort)),
            (None, None) => (text("orderBy") == Some("updatedAt"), false),
        };
        Ok(Paging {
            count: usize::try_from(count).unwrap_or(usize::MAX),
            backward,
            cursor: cursor.transpose()?,
            by_updated,
            ascending,
        })
    }

    /// Takes the page from keys in the direction of reading.
    fn take(&self, of: Of, keys: impl Iterator<Item = Item>, total: usize) -> Page {
        let mut items: Vec<Item> = keys.take(self.count + 1).collect();
        let more = items.len() > self.count;
        items.truncate(self.count);
        if self.backward {
            items.reverse();
        }
        let beyond = self.cursor.is_some();
        let (has_next, has_previous) = if self.backward { (beyond, more) } else { (more, beyond) };
        Page { of, items, has_next, has_previous, total }
    }

    /// True if keys are read from the latest to the earliest.
    fn falling(&self) -> bool {
        self.backward == self.ascending
    }
}

/// The issues of a list before its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within<'a> {
    Everything,
    Team(Id),
    These(&'a [Id]),
    /// The issues whose state, assignee, creator, label or project is the item.
    About(Item, &'static str),
}

impl View<'_> {
    /// Returns a list of records other than issues. It examines all of them.
    pub(super) fn list(&self, of: &'static str, items: Vec<Item>, field: &Selected) -> Result<Out, Failure> {
        let paging = Paging::read(&field.args, self.state.behaviour.page_limit)?;
        let filter = field.args.get("filter").and_then(Value::as_object);
        let archived = field.args.get("includeArchived") == Some(&Value::Bool(true));
        let mut keys: Vec<(i64, Id, Item)> = items
            .into_iter()
            .filter(|item| archived || !self.is_archived(*item))
            .filter(|item| filter.is_none_or(|filter| self.matches(*item, filter)))
            .map(|item| (self.time(item, paging.by_updated), item.id(), item))
            .collect();
        keys.sort_by_key(|(time, id, _)| (*time, *id));
        if paging.falling() {
            keys.reverse();
        }
        let start = match paging.cursor {
            None => 0,
            Some(cursor) => {
                let at = keys.iter().position(|(_, id, _)| *id == cursor);
                at.map(|at| at + 1)
                    .ok_or_else(|| Failure::argument(format!("The cursor {cursor} is not valid")))?
            }
        };
        let total = keys.len();
        let page = paging.take(Of::Items(of), keys.into_iter().skip(start).map(|(_, _, item)| item), total);
        Ok(Out::One(Node::Page(Arc::new(page))))
    }

    /// Returns a list of issues. It reads an index from the cursor on, and no more of it than the page needs.
    pub(super) fn issues(&self, within: Within<'_>, field: &Selected) -> Result<Out, Failure> {
        let page = self.page_of_issues(within, field, Of::Items("Issue"), &|_| true)?;
        Ok(Out::One(Node::Page(Arc::new(page))))
    }

    pub(super) fn page_of_issues(
        &self,
        within: Within<'_>,
        field: &Selected,
        of: Of,
        found: &dyn Fn(Id) -> bool,
    ) -> Result<Page, Failure> {
        let paging = Paging::read(&field.args, self.state.behaviour.page_limit)?;
        let none = Map::new();
        let filter = field.args.get("filter").and_then(Value::as_object).unwrap_or(&none);
        let archived = field.args.get("includeArchived") == Some(&Value::Bool(true));
        let wanted = |id: &Id| {
            let item = Item::Issue(*id);
            self.state.issues.get(id).is_some_and(|issue| {
                (archived || issue.archived.is_none())
                    && self.viewer.sees(self.state, issue)
                    && self.is_within(within, *id)
                    && self.matches(item, filter)
                    && found(*id)
            })
        };
        let cursor = match paging.cursor {
            None => None,
            Some(id) => {
                let issue = self.state.issues.get(&id);
                let issue =
                    issue.ok_or_else(|| Failure::argument(format!("The cursor {id} is not valid")))?;
                Some((if paging.by_updated { issue.updated } else { issue.created }, id))
            }
        };
        let beyond = |key: &(i64, Id)| {
            cursor.is_none_or(|cursor| if paging.falling() { *key < cursor } else { *key > cursor })
        };
        if let Some(ids) = self.candidates(within, filter, &paging) {
            let mut keys: Vec<(i64, Id)> = ids
                .into_iter()
                .filter(wanted)
                .filter_map(|id| self.state.issues.get(&id))
                .map(|issue| (if paging.by_updated { issue.updated } else { issue.created }, issue.id))
                .collect();
            keys.sort_unstable();
            keys.dedup();
            if paging.falling() {
                keys.reverse();
            }
            let total = keys.len();
            let items = keys.into_iter().filter(beyond).map(|(_, id)| Item::Issue(id));
            return Ok(paging.take(of, items, total));
        }
        let index = match (self.only_team(within, filter), paging.by_updated) {
            (Some(team), true) => &team.by_updated,
            (Some(team), false) => &team.by_created,
            (None, true) => &self.state.by_updated,
            (None, false) => &self.state.by_created,
        };
        let bounds = if paging.by_updated {
            Bounds::of(filter.get("updatedAt"))
        } else {
            Bounds::of(filter.get("createdAt"))
        };
        let (mut low, mut high) =
            (Bound::Included((bounds.low, Id::NIL)), Bound::Included((bounds.high, Id::LAST)));
        match cursor {
            Some(cursor) if paging.falling() => high = Bound::Excluded(cursor.min((bounds.high, Id::LAST))),
            Some(cursor) => low = Bound::Excluded(cursor.max((bounds.low, Id::NIL))),
            None => {}
        }
        if is_empty(&low, &high) {
            return Ok(paging.take(of, std::iter::empty(), 0));
        }
        let range = index.range((low, high)).map(|(_, id)| *id);
        let total = index.len();
        Ok(if paging.falling() {
            paging.take(of, range.rev().filter(wanted).map(Item::Issue), total)
        } else {
            paging.take(of, range.filter(wanted).map(Item::Issue), total)
        })
    }

    /// Returns the issues to examine, if the filter names few of them.
    fn candidates(
        &self,
        within: Within<'_>,
        filter: &Map<String, Value>,
        paging: &Paging,
    ) -> Option<Vec<Id>> {
        if let Within::These(ids) = within {
            return Some(ids.to_vec());
        }
        if let Some(named) = named(filter.get("id")) {
            return Some(named.into_iter().filter_map(|name| self.state.issue_id(name)).collect());
        }
        if let (Some(team), Some(numbers)) = (self.only_team(within, filter), numbers(filter.get("number"))) {
            return Some(
                numbers.into_iter().filter_map(|number| team.numbers.get(&number).copied()).collect(),
            );
        }
        if let Some(parents) = filter.get("parent").and_then(|parent| named(parent.get("id"))) {
            let parents = parents.into_iter().filter_map(|name| self.state.issue(name));
            return Some(parents.flat_map(|issue| issue.children.iter().copied()).collect());
        }
        let attachments = filter.get("attachments");
        let of_some = |filter: &Value| filter.get("url").or_else(|| filter.get("some")?.get("url")).cloned();
        if let Some(urls) = attachments.and_then(of_some).as_ref().and_then(|url| named(Some(url))) {
            let ids = urls.into_iter().filter_map(|url| self.state.by_url.get(url)).flatten();
            return Some(ids.filter_map(|id| Some(self.state.attachments.get(id)?.issue)).collect());
        }
        // In the order of creation, few issues were updated recently.
        let bounds = Bounds::of(filter.get("updatedAt"));
        if !paging.by_updated && bounds.low > i64::MIN {
            let index =
                self.only_team(within, filter).map_or(&self.state.by_updated, |team| &team.by_updated);
            return Some(index.range((bounds.low, Id::NIL)..).map(|(_, id)| *id).collect());
        }
        None
    }

    /// Returns the only team of the list, if it has only one.
    fn only_team(&self, within: Within<'_>, filter: &Map<String, Value>) -> Option<&Team> {
        if let Within::Team(id) = within {
            return self.state.teams.get(&id);
        }
        let team = filter.get("team")?;
        let name = named(team.get("id")).or_else(|| named(team.get("key")))?;
        match name.as_slice() {
            [only] => self.state.team(only),
            _ => None,
        }
    }

    fn is_within(&self, within: Within<'_>, id: Id) -> bool {
        match within {
            Within::Everything | Within::These(_) => true,
            Within::Team(team) => self.state.issues.get(&id).is_some_and(|issue| issue.team == team),
            Within::About(item, relation) => self.is_about(id, item, relation),
        }
    }
}

/// The times between which a comparator lets records pass.
struct Bounds {
    low: i64,
    high: i64,
}

impl Bounds {
    fn of(comparator: Option<&Value>) -> Bounds {
        let time = |name: &str| comparator.and_then(|comparator| comparator.get(name)?.as_i64());
        let low = ["gt", "gte", "eq"].into_iter().filter_map(time).max();
        let high = ["lt", "lte", "eq"].into_iter().filter_map(time).min();
        Bounds { low: low.unwrap_or(i64::MIN), high: high.unwrap_or(i64::MAX) }
    }
}

type Key = (i64, Id);

fn is_empty(low: &Bound<Key>, high: &Bound<Key>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => {
            low >= high
        }
        _ => false,
    }
}

/// Returns the ids or texts that a comparator names with `eq` or `in`.
fn named(comparator: Option<&Value>) -> Option<Vec<&str>> {
    let comparator = comparator?;
    if let Some(text) = comparator.get("eq").and_then(Value::as_str) {
        return Some(vec![text]);
    }
    Some(comparator.get("in")?.as_array()?.iter().filter_map(Value::as_str).collect())
}

fn numbers(comparator: Option<&Value>) -> Option<Vec<u64>> {
    let number = |value: &Value| {
        value.as_f64().map(|number| number.max(0.0)).map(|number| number.to_string().parse().unwrap_or(0))
    };
    let comparator = comparator?;
    if let Some(one) = comparator.get("eq").and_then(number) {
        return Some(vec![one]);
    }
    Some(comparator.get("in")?.as_array()?.iter().filter_map(number).collect())
}
