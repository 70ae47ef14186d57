//! Requests without an answer, or with a part of one.

use reqwest::Error;
use syncline_engine::{
    limits::{CallResult, Learned, Observed},
    ports::{ErrorKind, ErrorScope},
};

use super::{
    Failed, HttpConfig, Sent,
    error::{About, Judged},
    guard::blocked,
    tls::distrust,
};

impl About<'_> {
    /// Judges a request to which no answer came.
    pub(super) fn no_answer<T>(&self, error: Error, config: &HttpConfig) -> Judged<T> {
        // The address may have parameters that nobody should read.
        let error = error.without_url();
        if let Some(blocked) = blocked(&error) {
            let error = self.error(ErrorKind::Permanent, &blocked.to_string()).about(ErrorScope::Account);
            return Judged {
                outcome: Err(Failed::new(Sent::No, error)),
                result: CallResult::Unknown,
                learned: Learned::default(),
            };
        }
        if let Some(why) = distrust(&error) {
            let text = format!(
                "the server's certificate is not trusted ({why}); if the server is yours, name its authority in \
                 SYNCLINE_CA_FILE"
            );
            let failed = self.error(ErrorKind::Permanent, &text).about(ErrorScope::Account);
            return Judged::fails(Failed::new(Sent::No, failed), "certificate not trusted", Vec::new());
        }
        let (sent, text) = if error.is_connect() {
            let text = match error.is_timeout() {
                true => format!("no connection within {} s", config.connect_timeout.as_secs_f32()),
                false => format!("no connection: {}", cause(&error)),
            };
            (Sent::No, text)
        } else if error.is_timeout() {
            (self.unanswered(), late(config))
        } else if error.is_builder() {
            (Sent::No, format!("it cannot be sent: {}", cause(&error)))
        } else {
            (self.unanswered(), format!("the connection was lost before the answer: {}", cause(&error)))
        };
        let scope = if sent == Sent::No { ErrorScope::Endpoint } else { ErrorScope::Item };
        let failed = self.error(ErrorKind::Transient, &text).about(scope);
        Judged::fails(Failed::new(sent, failed), &text, Vec::new())
    }

    /// Judges an answer whose body did not come to its end. A write that it is about was probably applied.
    pub(super) fn cut_off<T>(&self, error: Error, observed: Vec<Observed>, config: &HttpConfig) -> Judged<T> {
        let error = error.without_url();
        let text = match error.is_timeout() {
            true => late(config),
            false => format!("the answer was cut off: {}", cause(&error)),
        };
        let failed = Failed::new(self.unanswered(), self.error(ErrorKind::Transient, &text));
        Judged::fails(failed, &text, observed)
    }
}

impl<T> Judged<T> {
    /// A request whose platform works.
    pub(super) fn works(reply: T, observed: Vec<Observed>) -> Self {
        let learned = Learned { observed, ..Learned::default() };
        Judged { outcome: Ok(reply), result: CallResult::Works, learned }
    }

    /// A request whose platform does not work.
    fn fails(failed: Failed, text: &str, observed: Vec<Observed>) -> Self {
        let learned = Learned { observed, ..Learned::default() };
        Judged { outcome: Err(failed), result: CallResult::Fails { error: text.to_owned() }, learned }
    }
}

fn late(config: &HttpConfig) -> String {
    let (total, read) = (config.total_timeout.as_secs_f32(), config.read_timeout.as_secs_f32());
    format!("no answer within {total} s, or nothing of it for {read} s")
}

/// The innermost error, which says what happened.
fn cause(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
