//! Closes and deletes issues.

use syncline_engine::{
    Item,
    capability::Removal,
    ports::{Call, ConnectorError, ErrorKind, Written},
    value::Fields,
};

use super::{
    issues::{Issues, number},
    transition::{Moving, Wanted},
};

impl Issues {
    /// Succeeds if the issue was deleted already, or is in a status that is done.
    pub(super) async fn remove(&self, id: &str, how: Removal, call: &Call<'_>) -> Written {
        if number(id).is_none() {
            return Written::Refused(self.gone(id, "that is no id of an issue"));
        }
        match how {
            Removal::Close => self.close(id, call).await,
            Removal::Delete => self.delete(id, call).await,
            Removal::Archive => {
                let text = format!("issue {id}: this version does not archive issues of Jira");
                Written::Refused(ConnectorError::permanent(text))
            }
        }
    }

    async fn close(&self, id: &str, call: &Call<'_>) -> Written {
        let issue = match self.present(id, call).await {
            Ok(issue) => issue,
            Err(outcome) => return *outcome,
        };
        if issue.is_done() {
            return self.written(id, Some(issue), Vec::new(), call).await;
        }
        let (Some((status, name)), Some(type_id)) = (issue.status(), issue.type_id()) else {
            let text = format!("issue {id}: Jira does not show its status");
            return Written::NotSent(ConnectorError::transient(text));
        };
        let status = (status.to_owned(), name.to_owned());
        let moved = self.lead(Moving { id, type_id, status, resolution: None }, &Wanted::Done, call).await;
        match moved.error {
            // The status is no longer what was read, and it was not a person who changed it. An outcome that is unknown has
            // the next run take what it finds there as ours, and go on from it.
            Some(failed) if moved.hops > 0 => {
                self.memo.note_written(id);
                Written::Unknown(failed.error)
            }
            // Where nothing is sent because no transition leads on, that is about this issue alone.
            Some(failed) if failed.error.kind == ErrorKind::NoTransition => Written::Refused(failed.error),
            Some(failed) => failed.written(),
            None => self.written(id, None, Vec::new(), call).await,
        }
    }

    async fn delete(&self, id: &str, call: &Call<'_>) -> Written {
        let failed = self.api.delete(id, call).await.err();
        let gone = || Written::item(Item { deleted: true, ..Item::new(id, Fields::new()) });
        let Some(mut failed) = failed else { return gone() };
        match failed.error.answer.as_ref().map(|answer| answer.status) {
            _ if failed.error.kind == ErrorKind::Auth => failed.written(),
            // It is gone, or hidden. Who may still see the project would have seen the issue, too.
            Some(404) => match self.api.reader(call).await {
                Ok(_) => gone(),
                Err(error) => Written::NotSent(error),
            },
            Some(400) => {
                failed.error.message +=
                    "; an issue with sub-tasks is not deleted, since they would be deleted with it";
                failed.written()
            }
            _ => failed.written(),
        }
    }
}
