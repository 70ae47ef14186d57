//! Sends the webhooks of platforms, each once, after the change that caused it.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    fault::Kind,
    http::{Call, Reply},
    platform::Delivery,
    world::Shared,
};

/// The timeout of a receiver.
const WAIT: Duration = Duration::from_secs(10);

/// Sends pending deliveries in the background. Faults of the method `EVENT` double or drop deliveries.
pub(crate) fn send_waiting(shared: &Shared) {
    let waiting = {
        let mut world = shared.lock();
        let mut due = Vec::new();
        for at in 0..world.platforms.len() {
            let prefix = world.platforms[at].prefix();
            for delivery in world.platforms[at].deliveries() {
                match world.faults.meet(prefix, &as_call(&delivery)) {
                    Some(Kind::Lost {}) => {}
                    Some(Kind::Twice {}) => {
                        let again = world.platforms[at].another_id(&delivery);
                        due.extend([(prefix, delivery), (prefix, again)]);
                    }
                    _ => due.push((prefix, delivery)),
                }
            }
        }
        due
    };
    // Without a runtime (a call in process from a synchronous test) nothing can be sent.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    for (prefix, delivery) in waiting {
        let shared = shared.clone();
        runtime.spawn(async move {
            let status = timeout(WAIT, post(&delivery)).await.ok().and_then(Result::ok);
            let mut world = shared.lock();
            let now = world.clock.now();
            let reply = status.map(Reply::empty);
            world.log.add(prefix, now, &as_call(&delivery), reply.as_ref(), Some(json!("delivery")));
        });
    }
}

/// Converts a delivery to a request, for the matching of faults and for the log.
fn as_call(delivery: &Delivery) -> Call {
    let mut call = Call::new("EVENT", &delivery.event, "", delivery.url.clone());
    call.body.clone_from(&delivery.body);
    for (name, value) in &delivery.headers {
        if let Ok(value) = value.parse() {
            call.headers.insert(*name, value);
        }
    }
    call
}

/// Posts a delivery over plain HTTP and returns the status. Receivers are tests and local servers.
async fn post(delivery: &Delivery) -> std::io::Result<u16> {
    let rest = delivery.url.strip_prefix("http://").unwrap_or(&delivery.url);
    let (host, path) =
        rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, path.to_owned()));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(address).await?;
    let mut head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        delivery.body.len()
    );
    for (name, value) in &delivery.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&delivery.body).await?;
    let mut answer = Vec::new();
    let mut some = [0; 1024];
    while !answer.contains(&b'\n') {
        match stream.read(&mut some).await? {
            0 => break,
            read => answer.extend_from_slice(&some[..read]),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::Error::other("no status"))
}
