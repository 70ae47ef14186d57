//! Creates issues, each once.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use syncline_engine::{
    ports::{Call, ConnectorError, Done, Marker, Written},
    value::Fields,
};
use tokio::sync::Mutex;

use super::{
    draft::Draft,
    issue::Issue,
    issues::{Issues, Seen},
    marker::{self, Body},
    write::{Sent, sent, without_refused},
};
use crate::http::Failed;

/// How long the youngest issues stay known. What is created meanwhile by this place is known by other means.
const KEPT: Duration = Duration::from_secs(30);

/// Issues by their markers.
type ByMarker = Arc<HashMap<String, Issue>>;

/// The youngest issues, and when they were read.
#[derive(Default)]
pub(super) struct Youngest(Mutex<Option<(Instant, ByMarker)>>);

impl Youngest {
    /// Forgets them: an issue may have been created without an answer.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl Issues {
    pub(super) async fn create(&self, marker: &Marker, fields: &Fields, call: &Call<'_>) -> Written {
        let draft = match Draft::read(fields) {
            Ok(_) if !fields.contains_key("title") => {
                return Written::Refused(ConnectorError::permanent(
                    "an issue needs a title; map the field title",
                ));
            }
            Ok(_) if !marker::is_usable(&marker.text) => {
                let text = format!("{:?} cannot be the marker of an issue", marker.text);
                return Written::Refused(ConnectorError::permanent(text));
            }
            Ok(draft) => draft,
            Err(error) => return Written::Refused(error),
        };
        match self.made_before(&marker.text, call).await {
            Ok(Some(issue)) => return Written::item(self.item(&issue)),
            Ok(None) => {}
            Err(error) => return Written::NotSent(error),
        }
        let made = match self.post(&draft, &marker.text, call).await {
            Ok(made) => made,
            Err(failed) => {
                let outcome = failed.written();
                if matches!(outcome, Written::Unknown(_)) {
                    self.youngest.forget().await;
                }
                return outcome;
            }
        };
        // So that it is found although the list of issues may be behind.
        self.memo.note(made.issue.number, Some(&marker.text));
        self.complete(&draft, made, call).await
    }

    /// The issue that an earlier create with this marker made. Most of them were seen in this run; one whose answer was
    /// lost is among the youngest.
    async fn made_before(&self, marker: &str, call: &Call<'_>) -> Result<Option<Issue>, ConnectorError> {
        if let Some(number) = self.memo.number(marker)
            && let Seen::Here(issue) | Seen::Moved(issue) = self.look(number, call).await?
        {
            return Ok(Some(*issue));
        }
        let mut youngest = self.youngest.0.lock().await;
        let known = match &*youngest {
            Some((read, known)) if read.elapsed() < KEPT => known.clone(),
            _ => {
                let read = Instant::now();
                let known = Arc::new(self.by_marker(call).await?);
                *youngest = Some((read, known.clone()));
                known
            }
        };
        Ok(known.get(marker).cloned())
    }

    async fn by_marker(&self, call: &Call<'_>) -> Result<HashMap<String, Issue>, ConnectorError> {
        let issues: Vec<Issue> = self.youngest(call).await?.json()?;
        let marked = issues
            .into_iter()
            .filter(|issue| !issue.is_pull_request())
            .filter_map(|issue| Some((Body::read(issue.body.as_deref().unwrap_or_default()).marker?, issue)));
        Ok(marked.collect())
    }

    async fn post(&self, draft: &Draft, marker: &str, call: &Call<'_>) -> Result<Sent, Failed> {
        let mut request = draft.create(marker);
        let mut left_out = Vec::new();
        loop {
            let failed = match self.api.create(&request, call).await {
                Ok(reply) => {
                    let mut made = sent(draft, &reply, left_out)?;
                    // An issue begins open; what it is to be comes after.
                    made.left_out.retain(|(field, _)| !draft.fields_of("state").contains(field));
                    return Ok(made);
                }
                Err(failed) => failed,
            };
            match without_refused(draft, &mut request, &failed, &["title", "body"]) {
                Some(more) => left_out.extend(more),
                None => return Err(self.about_create(failed)),
            }
        }
    }

    /// Writes what cannot be part of a create. The issue exists, so what fails now is left out; the next run sees it.
    async fn complete(&self, draft: &Draft, made: Sent, call: &Call<'_>) -> Written {
        let Sent { mut issue, mut left_out } = made;
        let Some(rest) = draft.after_create(&issue) else {
            // A new issue has no values but those written here; if they cannot be read, the next run does.
            if let Err(error) = self.fill(&mut issue, call).await {
                tracing::debug!(%error, "the fields of a new issue could not be read");
            }
            left_out.extend(self.write_custom(&draft.custom, &mut issue, call).await);
            return Written::done(Some(self.item(&issue)), left_out);
        };
        let item = match self.apply(&rest, issue.number, call).await.unwrap_or_else(Failed::written) {
            Written::Done(Done { item, left_out: more, .. }) => {
                left_out.extend(more);
                item
            }
            outcome => {
                let fields = ["state", "issue_field_values"].into_iter().flat_map(|key| rest.fields_of(key));
                left_out.extend(fields.filter_map(|field| Some((field, outcome.error()?.clone()))));
                Some(self.item(&issue))
            }
        };
        Written::done(item, left_out)
    }

    /// The error of a create: what is not there is the repository.
    fn about_create(&self, failed: Failed) -> Failed {
        let sent = failed.sent;
        let about_all =
            failed.error.answer.as_ref().is_some_and(|answer| [404, 410].contains(&answer.status));
        if !about_all {
            return failed;
        }
        Failed { error: self.api.about_repository(failed), sent }
    }
}
