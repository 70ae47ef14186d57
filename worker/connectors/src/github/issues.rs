//! The issues of one repository: what all operations of a place share.

use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, ErrorKind, ErrorScope, Found},
};

use super::{api::Api, convert, create::Youngest, issue::Issue, memo::Memo, scope::RepoScope};
use crate::http::{Failed, Reply};

/// Redirects followed for one issue: it may have been transferred more than once.
const MOST_MOVES: usize = 5;

pub(super) struct Issues {
    pub(super) api: Api,
    pub(super) scope: RepoScope,
    pub(super) memo: Memo,
    pub(super) youngest: Youngest,
    /// The sync maps a field that an organisation has added to issues.
    pub(super) maps_custom: bool,
}

/// An issue that was asked for by its number.
pub(super) enum Seen {
    /// In the repository.
    Here(Box<Issue>),
    /// In the repository, under another number.
    Moved(Box<Issue>),
    /// In another repository.
    Elsewhere,
    Deleted,
    /// Deleted, or not shown to this account.
    NotVisible,
}

impl Issues {
    /// The item of an issue of this repository.
    pub(super) fn item(&self, issue: &Issue) -> Item {
        let (item, marker) = convert::item(issue);
        self.memo.note(issue.number, marker.as_deref());
        item
    }

    /// An issue by number, wherever it is now.
    pub(super) async fn look(&self, number: u64, call: &Call<'_>) -> Result<Seen, ConnectorError> {
        let mut answer = self.api.issue(number, call).await;
        for _ in 0..MOST_MOVES {
            let reply = match answer {
                Ok(reply) => reply,
                Err(failed) => return self.absent(failed, call).await,
            };
            answer = match reply.moved_to() {
                Some(address) => self.api.moved(address, call).await,
                None => return self.found(number, &self.api.settled(reply)?, call).await,
            };
        }
        let text = format!("issue #{number} of {}: GitHub redirects without end", self.scope.full_name());
        Err(ConnectorError::permanent(text))
    }

    async fn found(&self, number: u64, reply: &Reply, call: &Call<'_>) -> Result<Seen, ConnectorError> {
        let issue: Box<Issue> = reply.json()?;
        if !self.is_here(&issue) && !self.api.is_sure() {
            // Perhaps the whole repository has another name.
            self.api.repository(call).await?;
        }
        if !self.is_here(&issue) {
            return Ok(Seen::Elsewhere);
        }
        Ok(if issue.number == number { Seen::Here(issue) } else { Seen::Moved(issue) })
    }

    fn is_here(&self, issue: &Issue) -> bool {
        issue.repository().is_none_or(|name| name.eq_ignore_ascii_case(&self.api.full_name()))
    }

    /// What it means that an issue is not there.
    async fn absent(&self, failed: Failed, call: &Call<'_>) -> Result<Seen, ConnectorError> {
        let error = ConnectorError::from(failed);
        match error.answer.as_ref().map(|answer| answer.status) {
            Some(404) => Ok(Seen::NotVisible),
            // The same status says that the repository has no issues any more, which deletes none of them.
            Some(410) => match self.api.repository(call).await?["has_issues"].as_bool() {
                Some(true) => Ok(Seen::Deleted),
                _ => {
                    let name = self.scope.full_name();
                    let text =
                        format!("repository {name}: its issues are disabled; enable them in its settings");
                    Err(ConnectorError::new(ErrorKind::Permanent, text).about(ErrorScope::Endpoint))
                }
            },
            _ => Err(error),
        }
    }

    /// What is known of an item.
    pub(super) async fn fetch(&self, id: &str, call: &Call<'_>) -> Result<Found, ConnectorError> {
        let Some(asked) = number(id) else { return Ok(Found::NotVisible) };
        let mut issue = match self.look(asked, call).await? {
            Seen::Here(issue) | Seen::Moved(issue) if self.takes(&issue) => issue,
            Seen::Here(_) | Seen::Moved(_) | Seen::Elsewhere => return Ok(Found::OutOfScope),
            Seen::Deleted => return Ok(Found::Gone),
            Seen::NotVisible => return Ok(Found::NotVisible),
        };
        self.fill(&mut issue, call).await?;
        let item = self.item(&issue);
        let is_same = issue.number == asked;
        Ok(if is_same { Found::Item(item) } else { Found::Moved { id: issue.id(), item } })
    }

    /// True if an issue of this repository belongs to the place.
    pub(super) fn takes(&self, issue: &Issue) -> bool {
        !issue.is_pull_request() && self.scope.filter.takes(issue)
    }
}

/// The number of an issue, from the id of its item.
pub(super) fn number(id: &str) -> Option<u64> {
    let id = id.trim();
    id.strip_prefix('#').unwrap_or(id).parse().ok()
}
