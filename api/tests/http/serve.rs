//! The server over real sockets.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use syncline_api::serve;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::stage::Stage;

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<io::Result<()>>,
}

async fn start(router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve(listener, None, router, shutdown.clone()));
    Server { address, shutdown, ended }
}

impl Server {
    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

/// Everything until the server closes.
async fn heard(mut stream: TcpStream) -> String {
    let mut text = String::new();
    timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await.expect("an end").unwrap();
    text
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut() {
    let server = start(Router::new().route("/", get(async || "hello"))).await;
    let begun = Instant::now();
    let mut slow = server.say("GET / HTTP/1.1\r\nhost: localhost\r\n").await;
    let (mut read, mut write) = slow.split();
    let trickle = async {
        // Each byte in time, the whole never.
        while write.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = trickle => {}
        read = read.read_to_end(&mut answer) => { let _ = read; }
    }
    let took = begun.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(15)).contains(&took), "{took:?}");
    // Others are served meanwhile and after.
    let text =
        heard(server.say("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("hello"), "{text}");
}

#[tokio::test]
async fn a_shutdown_lets_running_requests_finish() {
    let (begun, mut has_begun) = mpsc::channel::<()>(1);
    let slow = async move || {
        begun.send(()).await.unwrap();
        sleep(Duration::from_millis(300)).await;
        "done after all"
    };
    let server = start(Router::new().route("/slow", get(slow))).await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    let running = server.say("GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    has_begun.recv().await.unwrap();
    server.shutdown.cancel();
    let text = heard(running).await;
    assert!(text.ends_with("done after all"), "{text}");
    timeout(Duration::from_secs(5), server.ended)
        .await
        .expect("idle connections do not hold it")
        .unwrap()
        .unwrap();
    assert_eq!(heard(idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent() {
    let stage = Stage::sqlite().await;
    let server = start(stage.router.clone()).await;
    let head = "POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 104857600\r\nexpect: 100-continue\r\n\r\n";
    let text = heard(server.say(head).await).await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    assert!(text.contains("content-type: application/problem+json"), "{text}");
}

#[tokio::test]
async fn a_large_body_sent_all_the_same_hears_why_not() {
    let stage = Stage::sqlite().await;
    let server = start(stage.router.clone()).await;
    let body = "0".repeat(8 << 20);
    let forms = [
        format!("content-length: {}\r\n\r\n{body}", body.len()),
        format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ];
    for form in forms {
        let head = "POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                    content-type: application/json\r\n";
        let text = heard(server.say(&format!("{head}{form}")).await).await;
        assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    }
}

#[tokio::test]
async fn a_real_request_names_its_host_or_is_refused() {
    let stage = Stage::sqlite().await;
    let server = start(stage.router.clone()).await;
    let host = server.address;
    let close = "connection: close\r\n\r\n";
    let text = heard(server.say(&format!("GET /readyz HTTP/1.1\r\nhost: {host}\r\n{close}")).await).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let text =
        heard(server.say(&format!("GET /readyz HTTP/1.1\r\nhost: example.com\r\n{close}")).await).await;
    assert!(text.starts_with("HTTP/1.1 421"), "{text}");
}
