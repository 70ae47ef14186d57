//! Writes: creates in batches, everything else one after the other.

use syncline_engine::{
    Value,
    ports::{Call, ConnectorError, Done, ErrorKind, Write, WriteOp, Written, changed_since_read},
    value::Fields,
};

use super::{
    body::Update,
    dialect::refused_fields,
    draft::{Draft, LeftOut},
    fields,
    issue::Issue,
    issues::{Issues, number},
    transition::{Moved, Moving, Wanted},
};
use crate::http::{Failed, Sent};

impl Issues {
    pub(super) async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        let mut outcomes: Vec<Option<Written>> = vec![None; writes.len()];
        let mut stopped: Option<ConnectorError> = None;
        let mut from = 0;
        while from < writes.len() {
            let is_create = |write: &Write| matches!(write.op, WriteOp::Create { .. });
            let creates = writes[from..].iter().take_while(|write| is_create(write)).count();
            let count = creates.max(1);
            let done = match &stopped {
                Some(error) => (0..count).map(|_| Written::NotSent(error.clone())).collect(),
                None if creates > 0 => self.create(&writes[from..from + creates], from, call).await,
                None => vec![self.carry_out(&writes[from], &call.for_write(from)).await],
            };
            if stopped.is_none() {
                stopped = done.iter().find_map(Written::stopper).cloned();
            }
            for (place, outcome) in outcomes[from..from + count].iter_mut().zip(done) {
                *place = Some(outcome);
            }
            from += count;
        }
        let missing = || Written::NotSent(ConnectorError::transient("it was not sent"));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    async fn carry_out(&self, write: &Write, call: &Call<'_>) -> Written {
        match &write.op {
            WriteOp::Create { .. } => Written::NotSent(ConnectorError::transient("it was not sent")),
            WriteOp::Update { id, fields } => self.update(id, fields, &write.expected, call).await,
            WriteOp::Remove { id, how } => self.remove(id, *how, call).await,
        }
    }

    /// Jira cannot compare what it overwrites; the engine has just read the issue, and the history tells of an edit since.
    async fn update(&self, id: &str, values: &Fields, expected: &Fields, call: &Call<'_>) -> Written {
        if number(id).is_none() {
            return Written::Refused(self.gone(id, "that is no id of an issue"));
        }
        let draft = match self.draft(values, call).await {
            Ok(draft) => draft,
            Err(outcome) => return *outcome,
        };
        self.apply(id, &draft, expected, call).await
    }

    /// Reads what is to be written.
    pub(super) async fn draft(&self, values: &Fields, call: &Call<'_>) -> Result<Draft, Box<Written>> {
        // What cannot be written is told without a request.
        for (name, value) in values {
            if let Err(why) = fields::accepts(name, value) {
                let error = ConnectorError::permanent(format!("field {name}: {why}"));
                return Err(Box::new(Written::Refused(error)));
            }
        }
        let has_custom = values.keys().any(|name| fields::custom(name).is_some());
        let columns = if has_custom { self.kinds(call).await } else { self.columns(call).await };
        let columns = columns.map_err(|error| Box::new(Written::NotSent(error)))?;
        Draft::read(values, &columns).map_err(|error| Box::new(Written::Refused(error)))
    }

    /// Writes a draft to an issue: its fields, then its status.
    async fn apply(&self, id: &str, draft: &Draft, expected: &Fields, call: &Call<'_>) -> Written {
        let (mut left_out, mut halfway) = (draft.left_out.clone(), Fields::new());
        let mut known = self.memo.known(id);
        let needs_text =
            |known: &super::memo::Known| draft.texts.keys().all(|id| known.texts.contains_key(id));
        let is_enough = known.as_ref().is_some_and(|known| {
            needs_text(known) && (draft.status.is_none() || known.status.is_some()) && known.type_id.is_some()
        });
        if !is_enough && (!draft.texts.is_empty() || draft.status.is_some()) {
            // It was not read in this run, or too long ago.
            match self.present(id, call).await {
                Ok(issue) => {
                    known = self.memo.known(id);
                    if let Err(edited) = self.unchanged(&issue, expected, call).await {
                        return Written::Refused(edited);
                    }
                }
                Err(outcome) => return *outcome,
            }
        }
        let known = known.unwrap_or_default();
        let body = match draft.update(&known) {
            Ok(body) => body,
            Err(error) => return Written::Refused(error),
        };
        let (mut issue, mut wrote) = (None, false);
        let mut overwritten = Fields::new();
        if !body.is_empty() {
            match self.put(id, draft, body, &mut left_out, call).await {
                Ok(found) => {
                    overwritten = self.overwritten(draft, &known, found.as_ref(), call).await;
                    (issue, wrote) = (found, true);
                }
                Err(failed) => return self.about_update(failed, id).written(),
            }
        }
        if let Some(status) = &draft.status {
            let present = issue.as_ref().and_then(|issue: &Issue| {
                let (status, name) = issue.status()?;
                Some((status.to_owned(), name.to_owned()))
            });
            let present = present.or(known.status);
            let moved = self.set_status(id, status, present, known.type_id, draft, &mut left_out, call).await;
            if moved.hops > 0 {
                issue = None;
            }
            match moved.error {
                None => {}
                Some(failed) if failed.sent == Sent::Unknown => return Written::Unknown(failed.error),
                Some(failed) if !wrote && failed.error.kind != ErrorKind::NoTransition && moved.hops == 0 => {
                    return failed.written();
                }
                Some(failed) => {
                    left_out.push((draft.name_of("status"), failed.error));
                    if moved.hops > 0 {
                        halfway.insert(draft.name_of("status"), Value::Text(moved.status));
                    }
                }
            }
        }
        match self.written(id, issue, left_out, call).await {
            Written::Done(done) => Written::Done(Done { halfway, overwritten, ..done }),
            outcome => outcome,
        }
    }

    /// The outcome of a write that was carried out: with the issue as it is now.
    pub(super) async fn written(
        &self,
        id: &str,
        issue: Option<Issue>,
        left_out: LeftOut,
        call: &Call<'_>,
    ) -> Written {
        self.memo.note_written(id);
        let issue = match issue {
            Some(issue) => Some(issue),
            // Without it the engine reads the issue.
            None => self.look_one(id, call).await.ok().flatten(),
        };
        let columns = self.columns(call).await.ok();
        let item = issue.zip(columns).map(|(issue, columns)| self.item(&issue, &columns));
        Written::done(item, left_out)
    }

    /// Fails if an issue that was just read is not what the write relies on.
    async fn unchanged(
        &self,
        issue: &Issue,
        expected: &Fields,
        call: &Call<'_>,
    ) -> Result<(), ConnectorError> {
        let columns = self.columns(call).await?;
        let now = self.item(issue, &columns);
        let Some((field, (before, now))) = changed_since_read(expected, &now.fields).pop_first() else {
            return Ok(());
        };
        let text = format!("issue {}: it was edited meanwhile: {field} was {before} and is {now}", issue.id);
        Err(ConnectorError::conflict(text))
    }

    /// The issue as it is now, or why it cannot be written to.
    pub(super) async fn present(&self, id: &str, call: &Call<'_>) -> Result<Issue, Box<Written>> {
        match self.look_one(id, call).await {
            Ok(Some(issue)) => Ok(issue),
            Ok(None) => Err(Box::new(Written::Refused(
                self.gone(id, "it was deleted, or Jira does not show it to this account"),
            ))),
            // Nothing was sent that changes anything.
            Err(error) => Err(Box::new(Written::NotSent(error))),
        }
    }

    /// Sends an update; what Jira refuses in it is left out of a second one.
    async fn put(
        &self,
        id: &str,
        draft: &Draft,
        mut body: Update,
        left_out: &mut LeftOut,
        call: &Call<'_>,
    ) -> Result<Option<Issue>, Failed> {
        while !body.is_empty() {
            let failed = match self.api.edit(id, &body, call).await {
                // An answer without the issue was taken, too.
                Ok(reply) if reply.body().is_empty() => return Ok(None),
                Ok(reply) => return Ok(reply.json::<Issue>().ok().filter(|issue| !issue.fields.is_empty())),
                Err(failed) => failed,
            };
            let refused = refused_fields(&failed.error);
            let removed = body.without(&refused);
            if removed.is_empty() {
                return Err(failed);
            }
            left_out.extend(removed.iter().map(|field| (draft.name_of(field), failed.error.clone())));
        }
        Ok(None)
    }

    /// Changes the status, if it is another one.
    #[allow(clippy::too_many_arguments, reason = "what is known of the issue, and what is to be told of it")]
    pub(super) async fn set_status(
        &self,
        id: &str,
        wanted: &str,
        present: Option<(String, String)>,
        type_id: Option<String>,
        draft: &Draft,
        left_out: &mut LeftOut,
        call: &Call<'_>,
    ) -> Moved {
        let still = |status, error| Moved { hops: 0, status, error, resolution: None };
        let Some((status, type_id)) = present.zip(type_id) else {
            let error = ConnectorError::transient(format!("issue {id}: Jira does not show its status"));
            return still(String::new(), Some(Failed { error, sent: Sent::No }));
        };
        if status.1 == wanted {
            return still(status.1, None);
        }
        let moving = Moving { id, type_id: &type_id, status, resolution: draft.resolution.as_ref() };
        let mut moved = self.lead(moving, &Wanted::Named(wanted), call).await;
        if let Some(error) = moved.resolution.take() {
            left_out.push((draft.name_of("resolution"), error));
        }
        moved
    }

    /// The error of an update. Jira answers 404 also to those who may not see the issue any more.
    fn about_update(&self, failed: Failed, id: &str) -> Failed {
        if failed.error.kind != ErrorKind::NotFound {
            return failed;
        }
        let ConnectorError { message, .. } =
            self.gone(id, "it was deleted, or Jira does not show it to this account");
        Failed { error: ConnectorError { message, kind: ErrorKind::NotFound, ..failed.error }, ..failed }
    }
}
