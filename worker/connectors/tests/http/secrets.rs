//! No secret leaves the process but in the header that it is for.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::json;
use syncline_connectors::{
    Token,
    http::{Auth, Client, Http, Proxy},
};
use syncline_engine::ports::{ErrorKind, ErrorScope};

use crate::{
    server::{Act, Server, response},
    stage::{Acme, SECRET, Stage, account, client, quick},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Collects every trace of this thread.
    fn collect(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

/// A platform that repeats the secret in whatever it says.
async fn parrot() -> Server {
    Server::start(|seen| {
        let said = format!("no access with {}", seen.header("authorization").unwrap());
        let body = json!({ "code": SECRET, "message": said, "secret body": "classified" }).to_string();
        vec![Act::Send(response(403, &[("x-request-id", SECRET)], &body))]
    })
    .await
}

#[tokio::test]
async fn errors_and_traces_of_every_level_are_without_secrets() {
    let log = Log::default();
    let _collected = log.collect();
    let (parrot, other) = (parrot().await, Server::answering(200, &[], "{\"classified\": 1}").await);
    let stage = Stage::new();
    let client = client(&parrot.url());
    let body = json!({ "note": "classified" });
    let failed =
        client.post(&["items"]).query("q", "private").json(&body).send(&stage.call()).await.unwrap_err();
    assert!(failed.error.message.contains("no access with Bearer ***"), "{failed}");
    for url in [other.url(), "http://127.0.0.1:1".to_owned()] {
        let client = crate::stage::client(&url);
        let reply = client.get(&["items"]).query("q", "private").send(&stage.call()).await;
        if let Ok(reply) = &reply {
            assert!(reply.json::<u8>().is_err());
        }
        assert!(!format!("{reply:?}").contains("private"));
    }
    for told in [format!("{failed:?}"), failed.to_string(), format!("{client:?}"), log.text()] {
        assert!(!told.contains(SECRET), "{told}");
        assert!(!told.contains("classified"), "{told}");
        assert!(!told.contains("private"), "{told}");
    }
    let http = Http::new(&quick()).unwrap();
    let basic = Auth::Basic { user: "ann".to_owned(), password: Token::new(SECRET) };
    let basic = Client::new(&http, &Acme, &parrot.url(), "acme-1", basic).unwrap();
    let failed = basic.get(&["items"]).send(&stage.call()).await.unwrap_err();
    assert!(failed.error.message.contains("no access with Basic ***"), "{failed}");
    let log = log.text();
    assert!(
        log.contains("request{platform=\"acme\" account=\"acme-1\" method=POST path=\"/items\""),
        "{log}"
    );
    assert!(log.contains("status=403"), "{log}");
    assert_eq!(parrot.seen()[0].header("authorization"), Some("Bearer s3cr3t-t0k3n"));
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let token = || Token::new(SECRET);
    let proxy = Proxy::new(&format!("http://user:{SECRET}@proxy.lan:3128/"), "").unwrap();
    assert_eq!(proxy.to_string(), "http://proxy.lan:3128");
    let config = syncline_connectors::http::HttpConfig { proxy: Some(proxy), ..quick() };
    let account = account("https://acme.example", config.clone());
    let shown = [
        format!("{:?}", token()),
        format!("{:?}", Auth::Bearer(token())),
        format!("{:?}", Auth::Basic { user: "ann".to_owned(), password: token() }),
        format!("{:?}", Auth::Header { name: "private-token", value: token() }),
        format!("{config:?}"),
        format!("{account:?}"),
        format!("{:?}", account.client(&Acme, "https://acme.example", Auth::Bearer).unwrap()),
    ];
    for shown in shown {
        assert!(!shown.contains(SECRET) && !shown.contains("ann"), "{shown}");
    }
    for wrong in
        [format!("user:{SECRET}"), format!("socks5://u:{SECRET}@h"), format!("http://u:{SECRET}@h:x")]
    {
        let error = Proxy::new(&wrong, "").unwrap_err();
        assert!(!error.contains(SECRET) && error.contains("http://proxy.example.org:3128"), "{error}");
    }
}

#[tokio::test]
async fn case_142_key_and_bearer() {
    let server = Server::answering(200, &[], "{}").await;
    let token = || Token::new("open sesame");
    let http = Http::new(&quick()).unwrap();
    for auth in [
        Auth::None,
        Auth::Basic { user: "Aladdin".to_owned(), password: token() },
        Auth::Header { name: "private-token", value: token() },
        Auth::Header { name: "authorization", value: token() },
    ] {
        let client = Client::new(&http, &Acme, &server.url(), "a", auth).unwrap();
        client.get(&["x"]).send(&Stage::new().call()).await.unwrap();
    }
    let seen = server.seen();
    let headers =
        |number: usize| (seen[number].header("authorization"), seen[number].header("private-token"));
    assert_eq!(headers(0), (None, None));
    assert_eq!(headers(1), (Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), None));
    assert_eq!(headers(2), (None, Some("open sesame")));
    assert_eq!(headers(3), (Some("open sesame"), None));
}

#[tokio::test]
async fn a_secret_that_no_header_may_have_is_refused_without_showing_it() {
    let http = Http::new(&quick()).unwrap();
    let auth = Auth::Bearer(Token::new(format!("{SECRET}\nx: y")));
    let client = Client::new(&http, &Acme, "http://127.0.0.1:1", "acme-1", auth).unwrap();
    let failed = client.get(&["x"]).send(&Stage::new().call()).await.unwrap_err();
    assert_eq!((failed.error.kind, failed.error.scope), (ErrorKind::Auth, ErrorScope::Account));
    let told = "account acme-1: its secret has a character that no header may have, such as a line break; set it anew";
    assert_eq!(failed.error.message, told);
}
