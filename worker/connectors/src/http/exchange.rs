//! Sends a request and reads its response.

use std::time::Instant;

use reqwest::{
    Response,
    header::{CONTENT_TYPE, DATE, HeaderMap, IF_NONE_MATCH},
};
use syncline_engine::{
    limits::{CallResult, Learned},
    ports::{Call, ConnectorError, ErrorKind, ErrorScope},
};
use tracing::{Instrument, Span, field::Empty};
use url::Url;

use super::{
    Dialect, Failed, Head, Reply, Request, Sent, Told,
    body::{self, BodyError},
    error::{About, Judged},
    etag::{self, Cached},
};

/// What the form of a response adds to its status: of the body of a success, or of a refusal that the dialect cannot read.
pub(super) type Reading = fn(&dyn Dialect, body: &[u8], refused: bool) -> Option<Told>;

/// A request in its final form.
struct Ready {
    request: reqwest::Request,
    /// The key of its response, if it is conditional, and the response from then.
    key: Option<etag::Key>,
    cached: Option<Cached>,
}

impl Request<'_> {
    /// Sends the request, if there is leave to write and the gate of the account lets it pass. Nothing is retried.
    pub async fn send(self, call: &Call<'_>) -> Result<Reply, Failed> {
        self.send_as(call, |_, _, _| None).await
    }

    pub(super) async fn send_as(mut self, call: &Call<'_>, reading: Reading) -> Result<Reply, Failed> {
        let client = self.client;
        let path = self.url.as_ref().map_or("", Url::path).to_owned();
        let what = format!("{} {path}", self.method);
        let about = About { dialect: client.dialect, auth: &client.auth, what: &what, changes: self.changes };
        let stopped = |error: ConnectorError| Failed::new(Sent::No, error);
        let ready = self.ready(&about).map_err(stopped)?;
        let leave = || match self.changes {
            true => call.leave.check().map_err(|reason| stopped(reason.into())),
            false => Ok(()),
        };
        leave()?;
        let pass = call.gate.ask(&self.costs).await.map_err(|refusal| stopped(refusal.into()))?;
        // The gate may have waited for a turn.
        leave()?;
        call.count();
        let span = tracing::info_span!(
            "request",
            platform = client.dialect.platform(),
            account = &*client.account,
            method = %self.method,
            path,
            status = Empty,
        );
        let judged = self.exchange(ready, &about, reading).instrument(span).await;
        pass.report(judged.result, judged.learned).await;
        judged.outcome
    }

    fn ready(&mut self, about: &About<'_>) -> Result<Ready, ConnectorError> {
        let client = self.client;
        let shared = &client.http.shared;
        let permanent = |text: &str| about.error(ErrorKind::Permanent, text);
        let url = self.url.as_ref().map_err(|error| permanent(&error.message))?;
        shared
            .guard
            .check(url)
            .map_err(|blocked| permanent(&blocked.to_string()).about(ErrorScope::Account))?;
        let headers = client.dialect.headers().iter().copied();
        let headers: Vec<(&str, &str)> =
            headers.chain(self.headers.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let mut builder = shared.client.request(self.method.clone(), url.clone());
        for (name, value) in &headers {
            builder = builder.header(*name, *value);
        }
        if let Some((name, value)) = client.auth.header(&client.account)? {
            builder = builder.header(name, value);
        }
        if let Some(body) = self.body.take() {
            builder = builder.header(CONTENT_TYPE, self.media_type).body(body);
        }
        let key = self.conditional.then(|| etag::key(&client.auth, headers.iter().copied(), url));
        let cached = key.as_ref().and_then(|key| shared.etags.get(key));
        if let Some(cached) = &cached {
            builder = builder.header(IF_NONE_MATCH, &cached.etag);
        }
        let request = builder.build().map_err(|error| permanent(&error.without_url().to_string()))?;
        Ok(Ready { request, key, cached })
    }

    async fn exchange(&self, ready: Ready, about: &About<'_>, reading: Reading) -> Judged<Reply> {
        let Ready { request, key, cached } = ready;
        let shared = &self.client.http.shared;
        let began = Instant::now();
        let response = match shared.client.execute(request).await {
            Ok(response) => response,
            Err(error) => return about.no_answer(error, &shared.config),
        };
        let status = response.status().as_u16();
        Span::current().record("status", status);
        let headers = response.headers().clone();
        let judged = self.judge(response, &headers, key, cached, about, reading).await;
        tracing::debug!(elapsed_ms = began.elapsed().as_millis() as u64, result = ?judged.result, "request ended");
        judged
    }

    async fn judge(
        &self,
        response: Response,
        headers: &HeaderMap,
        key: Option<etag::Key>,
        cached: Option<Cached>,
        about: &About<'_>,
        reading: Reading,
    ) -> Judged<Reply> {
        let (shared, dialect) = (&self.client.http.shared, self.client.dialect);
        let head = Head::new(response.status().as_u16(), headers);
        let observed = dialect.observed(&head);
        let body = match (head.status, cached) {
            (304, Some(cached)) => {
                let mut kept = cached.headers;
                if let Some(date) = headers.get(DATE) {
                    kept.insert(DATE, date.clone());
                }
                let reply = self.reply(about, cached.status, kept, cached.body, true);
                return Judged::works(reply, observed);
            }
            (301 | 302 | 307 | 308, _) if self.may_move => Ok(Vec::new()),
            (200..=299, _) => body::read(response, shared.config.largest_body).await,
            (status, _) if self.in_parts == Some(status) => {
                body::read(response, shared.config.largest_body).await
            }
            _ => {
                let body = body::read_refusal(response).await;
                let told = dialect.told(&head, &body);
                let told = if told == Told::default() {
                    reading(dialect, &body, true).unwrap_or_default()
                } else {
                    told
                };
                return about.refused(&head, told, observed);
            }
        };
        match body {
            Ok(body) => {
                if let Some(told) = dialect.objection(&head).or_else(|| reading(dialect, &body, false)) {
                    return about.refused(&head, told, observed);
                }
                if let Some(key) = key {
                    shared.etags.put(key, head.status, headers, &body);
                }
                Judged::works(self.reply(about, head.status, headers.clone(), body, false), observed)
            }
            Err(BodyError::Lost(error)) => about.cut_off(error, observed, &shared.config),
            Err(BodyError::TooLarge(cap)) => {
                let text = format!(
                    "the response has more than {cap} bytes; ask for less at once, or raise SYNCLINE_HTTP_LARGEST_BODY"
                );
                let outcome = Err(Failed::new(about.unanswered(), about.error(ErrorKind::Permanent, &text)));
                let learned = Learned { observed, ..Learned::default() };
                Judged { outcome, result: CallResult::Works, learned }
            }
        }
    }

    fn reply(
        &self,
        about: &About<'_>,
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
        unchanged: bool,
    ) -> Reply {
        let what = format!("{}: {}", about.dialect.platform(), about.what);
        Reply { status, headers, body, what, changes: self.changes, unchanged }
    }
}
