//! Writes, one after the other: GitHub asks for it, and punishes parallel ones. A server without limits gets several at
//! once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use futures_util::{StreamExt, stream};
use serde_json::{Map, Value as Json};
use syncline_engine::{
    ports::{Call, ConnectorError, ErrorKind, Write, WriteOp, Written},
    value::Fields,
};

use super::{
    convert,
    dialect::refused_keys,
    draft::Draft,
    issue::Issue,
    issues::{Issues, Seen, number},
    place::AT_ONCE_WITHOUT_LIMITS,
};
use crate::http::{Failed, Reply};

/// Fields that were not written, with the reason.
pub(super) type LeftOut = Vec<(String, ConnectorError)>;

/// What one request made of a draft.
pub(super) struct Sent {
    pub(super) issue: Issue,
    pub(super) left_out: LeftOut,
}

/// Why nothing more of a batch is sent.
#[derive(Default)]
pub(super) struct Stopped(Mutex<Option<ConnectorError>>);

impl Stopped {
    pub(super) fn error(&self) -> Option<ConnectorError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, error: Option<&ConnectorError>) {
        if let Some(error) = error.filter(|error| error.stops_the_batch()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
    }
}

/// The positions of writes, those of one issue together: they are sent in their order.
fn groups(writes: &[Write]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(writes.len());
    let mut of: HashMap<(bool, &str), usize> = HashMap::with_capacity(writes.len());
    for (position, write) in writes.iter().enumerate() {
        let key = match &write.op {
            WriteOp::Create { marker, .. } => (true, marker.text.as_str()),
            WriteOp::Update { id, .. } | WriteOp::Remove { id, .. } => (false, id.as_str()),
        };
        let group = *of.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(position),
            None => groups.push(vec![position]),
        }
    }
    groups
}

impl Issues {
    pub(super) async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        let at_once = if self.api.keeps_limits() { 1 } else { AT_ONCE_WITHOUT_LIMITS };
        let stopped = Stopped::default();
        let groups = stream::iter(groups(writes));
        let written =
            groups.map(|group| self.write_in_order(group, writes, &stopped, call)).buffer_unordered(at_once);
        let mut outcomes: Vec<(usize, Written)> = written.flat_map(stream::iter).collect().await;
        outcomes.sort_by_key(|(position, _)| *position);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn write_in_order(
        &self,
        positions: Vec<usize>,
        writes: &[Write],
        stopped: &Stopped,
        call: &Call<'_>,
    ) -> Vec<(usize, Written)> {
        let mut outcomes = Vec::with_capacity(positions.len());
        for position in positions {
            let outcome = match stopped.error() {
                Some(error) => Written::NotSent(error),
                None => self.carry_out(&writes[position].op, &call.for_write(position)).await,
            };
            stopped.note(outcome.error());
            outcomes.push((position, outcome));
        }
        outcomes
    }

    async fn carry_out(&self, op: &WriteOp, call: &Call<'_>) -> Written {
        match op {
            WriteOp::Create { marker, fields } => self.create(marker, fields, call).await,
            WriteOp::Update { id, fields } => self.update(id, fields, call).await,
            WriteOp::Remove { id, how } => self.remove(id, *how, call).await,
        }
    }

    /// GitHub cannot compare what it overwrites; the engine has just read the issue.
    async fn update(&self, id: &str, fields: &Fields, call: &Call<'_>) -> Written {
        let draft = match Draft::read(fields) {
            Ok(draft) => draft,
            Err(error) => return Written::Refused(error),
        };
        match number(id) {
            Some(number) => self.apply(&draft, number, call).await.unwrap_or_else(Failed::written),
            None => Written::Refused(self.gone(id, "that is no number of an issue")),
        }
    }

    /// Writes a draft to an issue.
    pub(super) async fn apply(&self, draft: &Draft, number: u64, call: &Call<'_>) -> Result<Written, Failed> {
        let marker = match self.memo.marker(number) {
            Some(marker) => marker,
            // The issue was not read in this run.
            None if draft.has_body() => match self.read(number, call).await {
                Ok(issue) => convert::item(&issue).1,
                Err(outcome) => return Ok(*outcome),
            },
            None => None,
        };
        let request = draft.update(marker);
        let sent = if request.is_empty() { None } else { self.patch(draft, number, request, call).await? };
        let mut sent = match sent {
            Some(sent) => sent,
            // Nothing of it is part of the issue itself, or nothing was taken.
            None => match self.read(number, call).await {
                Ok(issue) => Sent { issue, left_out: Vec::new() },
                Err(outcome) => return Ok(*outcome),
            },
        };
        // Without their values the item would look as if it had none; the engine reads it instead.
        let filled = self.fill(&mut sent.issue, call).await.is_ok();
        sent.left_out.extend(self.write_custom(&draft.custom, &mut sent.issue, call).await);
        Ok(Written::done(filled.then(|| self.item(&sent.issue)), sent.left_out))
    }

    /// Sends an update; what GitHub refuses in it is left out of a second one.
    async fn patch(
        &self,
        draft: &Draft,
        number: u64,
        mut request: Map<String, Json>,
        call: &Call<'_>,
    ) -> Result<Option<Sent>, Failed> {
        let mut left_out = Vec::new();
        while !request.is_empty() {
            let failed = match self.api.update(number, &request, call).await {
                Ok(reply) => return sent(draft, &reply, left_out).map(Some),
                Err(failed) => failed,
            };
            match without_refused(draft, &mut request, &failed, &[]) {
                Some(more) => left_out.extend(more),
                None => return Err(self.about_update(failed, number)),
            }
        }
        let issue = self.read(number, call).await;
        Ok(issue.ok().map(|issue| Sent { issue, left_out }))
    }

    /// The issue as it is now, or why it cannot be written to.
    pub(super) async fn read(&self, number: u64, call: &Call<'_>) -> Result<Issue, Box<Written>> {
        let gone = |why: &str| Err(Box::new(Written::Refused(self.gone(&number.to_string(), why))));
        match self.look(number, call).await {
            Ok(Seen::Here(issue)) => Ok(*issue),
            Ok(Seen::Moved(_) | Seen::Elsewhere) => gone("it was transferred"),
            Ok(Seen::Deleted) => gone("it was deleted"),
            Ok(Seen::NotVisible) => gone("GitHub does not show it to this account"),
            // Nothing was sent that changes anything.
            Err(error) => Err(Box::new(Written::NotSent(error))),
        }
    }

    pub(super) fn gone(&self, id: &str, why: &str) -> ConnectorError {
        let text = format!("issue #{id} of {}: {why}", self.scope.full_name());
        ConnectorError::new(ErrorKind::NotFound, text)
    }

    /// The error of an update. GitHub answers 404 also to those who may read an issue and not write to it.
    fn about_update(&self, failed: Failed, number: u64) -> Failed {
        let why = match status(&failed.error) {
            Some(300..400) => "it was transferred",
            Some(404) => "GitHub does not show it to this account, or does not let it write to it",
            Some(410) => "it was deleted, or the issues of the repository are disabled",
            _ => return failed,
        };
        let ConnectorError { message, .. } = self.gone(&number.to_string(), why);
        Failed { error: ConnectorError { message, kind: ErrorKind::NotFound, ..failed.error }, ..failed }
    }
}

fn status(error: &ConnectorError) -> Option<u16> {
    error.answer.as_ref().map(|answer| answer.status)
}

/// Reads what a request made of a draft.
pub(super) fn sent(draft: &Draft, reply: &Reply, left_out: LeftOut) -> Result<Sent, Failed> {
    let issue: Issue = reply.json()?;
    let mut all: HashMap<String, ConnectorError> = draft.left_out(&issue).into_iter().collect();
    // What was refused has the better reason.
    all.extend(left_out);
    let mut left_out: LeftOut = all.into_iter().collect();
    left_out.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Sent { issue, left_out })
}

/// Takes out of a request what GitHub refused in it, so that the rest can be written. Returns the fields that are left
/// out; none if the request cannot do without.
pub(super) fn without_refused(
    draft: &Draft,
    request: &mut Map<String, Json>,
    failed: &Failed,
    needed: &[&str],
) -> Option<LeftOut> {
    let keys = refused_keys(&failed.error);
    let removable = |key: &&str| request.contains_key(*key) && !needed.contains(key);
    if keys.is_empty() || !keys.iter().all(removable) {
        return None;
    }
    let mut left_out = Vec::new();
    for key in keys {
        if request.remove(key).is_some() {
            left_out.extend(draft.fields_of(key).into_iter().map(|field| (field, failed.error.clone())));
        }
    }
    // A reason is ignored without its state, and a state without its reason says something else.
    for key in ["state", "state_reason"] {
        if left_out.iter().any(|(field, _)| ["state", "state_reason", "status"].contains(&field.as_str())) {
            request.remove(key);
        }
    }
    Some(left_out)
}
