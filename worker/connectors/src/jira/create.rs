//! Creates issues in batches, each once.

use std::collections::HashMap;

use syncline_engine::{
    Item, Value,
    ports::{Call, ConnectorError, Done, ErrorKind, Write, WriteOp, Written},
    value::Fields,
};

use super::{
    body::Create,
    columns::Column,
    draft::LeftOut,
    issue::{Created, Issue, Made, NotMade},
    issues::Issues,
    pending::Pending,
};
use crate::http::{Failed, Reply, Sent};

/// Issues of one call, by the positions of their creates.
type Outcomes = HashMap<usize, Written>;

impl Issues {
    /// Creates issues; `from` is the position of the first one in the call.
    pub(super) async fn create(&self, writes: &[Write], from: usize, call: &Call<'_>) -> Vec<Written> {
        let mut outcomes = Outcomes::new();
        let mut pending = Vec::new();
        // A marker that comes twice is one issue.
        let mut first: HashMap<&str, usize> = HashMap::new();
        let mut again: Vec<(usize, usize)> = Vec::new();
        for (offset, write) in writes.iter().enumerate() {
            let WriteOp::Create { marker, fields } = &write.op else { continue };
            let position = from + offset;
            if let Some(first) = first.get(marker.text.as_str()) {
                again.push((position, *first));
                continue;
            }
            first.insert(&marker.text, position);
            match self.prepare(position, marker, fields, call).await {
                Ok(ready) => pending.push(ready),
                Err(outcome) => {
                    outcomes.insert(position, *outcome);
                }
            }
        }
        if let Err(error) = self.take_made(&mut pending, &mut outcomes, call).await {
            pending.drain(..).for_each(|one| {
                outcomes.insert(one.position, Written::NotSent(error.clone()));
            });
        }
        self.send(pending, &mut outcomes, call).await;
        for (position, first) in again {
            if let Some(outcome) = outcomes.get(&first).cloned() {
                outcomes.insert(position, outcome);
            }
        }
        let missing = || Written::NotSent(ConnectorError::transient("it was not sent"));
        (from..from + writes.len())
            .map(|position| outcomes.remove(&position).unwrap_or_else(missing))
            .collect()
    }

    /// Takes out the creates whose issues an earlier call has made. Most of them were seen in this run; one whose answer was
    /// lost is among the youngest.
    async fn take_made(
        &self,
        pending: &mut Vec<Pending<'_>>,
        outcomes: &mut Outcomes,
        call: &Call<'_>,
    ) -> Result<(), ConnectorError> {
        if pending.is_empty() {
            return Ok(());
        }
        let markers: Vec<String> = pending.iter().map(|one| one.marker.text.clone()).collect();
        let markers: Vec<&str> = markers.iter().map(String::as_str).collect();
        let mut looked = self.youngest.lock().await;
        let made: HashMap<String, u64> = if *looked || self.memo.whole().is_some() {
            let id = |marker: &&str| Some(((*marker).to_owned(), self.memo.marked(marker)?));
            markers.iter().filter_map(id).collect()
        } else {
            let made = self.marked(&markers, false, call).await?;
            *looked = true;
            made
        };
        drop(looked);
        if made.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = made.values().map(u64::to_string).collect();
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let columns = self.columns(call).await?;
        let mut items: HashMap<String, Item> = HashMap::new();
        for found in self.look(&asked, call).await? {
            if let Some(issue) = found? {
                items.insert(issue.id.clone(), self.item(&issue, &columns));
            }
        }
        pending.retain(|one| {
            let item = made.get(&one.marker.text).and_then(|id| items.get(&id.to_string()));
            if let Some(item) = item {
                outcomes.insert(one.position, Written::item(item.clone()));
            }
            item.is_none()
        });
        Ok(())
    }

    /// Sends creates; what Jira refuses in one of them is left out of a second one.
    async fn send(&self, mut pending: Vec<Pending<'_>>, outcomes: &mut Outcomes, call: &Call<'_>) {
        let mut made = Vec::new();
        while !pending.is_empty() {
            let bodies: Vec<Create<'_>> = pending.iter().map(Pending::body).collect();
            // The requests of a single create are for it alone.
            let alone = call.for_write(pending[0].position);
            let call = if pending.len() == 1 { &alone } else { call };
            let created = match self.api.create(&bodies, call).await {
                Ok(reply) => read(&reply),
                Err(failed) => Err(failed),
            };
            let Created { issues, errors } = match created {
                Ok(created) => created,
                Err(failed) => {
                    let outcome = self.about_create(failed).written();
                    if matches!(outcome, Written::Unknown(_)) {
                        *self.youngest.lock().await = false;
                    }
                    pending.drain(..).for_each(|one| {
                        outcomes.insert(one.position, outcome.clone());
                    });
                    break;
                }
            };
            let mut errors: HashMap<usize, NotMade> = errors
                .into_iter()
                .enumerate()
                .map(|(at, error)| (error.failed_element_number.unwrap_or(at), error))
                .collect();
            let mut issues = issues.into_iter();
            let mut once_more = Vec::new();
            for (at, mut one) in pending.drain(..).enumerate() {
                if let Some(error) = errors.remove(&at) {
                    match self.without_refused(&mut one, &error) {
                        Ok(()) => once_more.push(one),
                        Err(error) => {
                            outcomes.insert(one.position, Written::Refused(error));
                        }
                    }
                } else if let Some(issue) = issues.next() {
                    if let Ok(id) = issue.id.parse() {
                        self.memo.note_marker(&one.marker.text, id);
                    }
                    self.memo.note_written(&issue.id);
                    made.push((one, issue));
                } else {
                    let error = ConnectorError::transient("Jira did not say what became of the issue");
                    outcomes.insert(one.position, Written::Unknown(error));
                }
            }
            pending = once_more;
        }
        self.complete(made, outcomes, call).await;
    }

    /// Reads the new issues, and gives them their statuses. They exist, so what fails now is left out; the next run sees it.
    async fn complete(&self, made: Vec<(Pending<'_>, Made)>, outcomes: &mut Outcomes, call: &Call<'_>) {
        if made.is_empty() {
            return;
        }
        let ids: Vec<&str> = made.iter().map(|(_, issue)| issue.id.as_str()).collect();
        let mut issues: HashMap<String, Issue> = self.read_made(&ids, call).await;
        let columns = self.columns(call).await.unwrap_or_default();
        for (one, made) in &made {
            let call = call.for_write(one.position);
            let (mut left_out, mut halfway) = (one.draft.left_out.clone(), Fields::new());
            let mut issue = issues.remove(&made.id);
            if let Some(status) = &one.draft.status {
                let present = issue
                    .as_ref()
                    .and_then(|issue| issue.status().map(|(id, name)| (id.to_owned(), name.to_owned())));
                let type_id = Some(one.type_id.clone());
                let moved = self
                    .set_status(&made.id, status, present, type_id, &one.draft, &mut left_out, &call)
                    .await;
                if moved.hops > 0 {
                    issue = self.look_one(&made.id, &call).await.ok().flatten().or(issue);
                }
                match moved.error {
                    None => {}
                    Some(failed) if failed.sent == Sent::Unknown => {
                        outcomes.insert(one.position, Written::Unknown(failed.error));
                        continue;
                    }
                    Some(failed) => {
                        left_out.push((one.draft.name_of("status"), failed.error));
                        if moved.hops > 0 {
                            halfway.insert(one.draft.name_of("status"), Value::Text(moved.status));
                        }
                    }
                }
            }
            let item = match issue {
                Some(issue) => self.item(&issue, &columns),
                None => as_sent(made, one.values, &columns, &left_out),
            };
            outcomes.insert(
                one.position,
                Written::Done(Done { item: Some(item), left_out, halfway, ..Done::default() }),
            );
        }
    }

    async fn read_made(&self, ids: &[&str], call: &Call<'_>) -> HashMap<String, Issue> {
        let mut issues = HashMap::new();
        match self.look(ids, call).await {
            Ok(found) => {
                let found = found.into_iter().filter_map(|one| one.ok().flatten());
                issues.extend(found.map(|issue| (issue.id.clone(), issue)));
            }
            Err(error) => tracing::warn!(%error, "new issues could not be read"),
        }
        issues
    }

    /// The error of creates as a whole.
    fn about_create(&self, failed: Failed) -> Failed {
        let sent = failed.sent;
        let about_all =
            failed.error.answer.as_ref().is_some_and(|answer| [403, 404].contains(&answer.status));
        if about_all && failed.error.kind != ErrorKind::Auth {
            return Failed { error: self.api.about_project(failed), sent };
        }
        failed
    }
}

fn read(reply: &Reply) -> Result<Created, Failed> {
    reply.json()
}

/// A new issue that could not be read: what was written of it. The engine looks again at what was left out.
fn as_sent(made: &Made, values: &Fields, columns: &[Column], left_out: &LeftOut) -> Item {
    let value = |column: &Column| values.get(&column.name).cloned().unwrap_or(Value::Null);
    let written = columns.iter().filter(|column| left_out.iter().all(|(field, _)| *field != column.name));
    let fields = written.map(|column| (column.name.clone(), value(column))).collect();
    Item { key: Some(made.key.clone()), ..Item::new(made.id.as_str(), fields) }
}
