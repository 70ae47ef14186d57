//! Addresses: values in them lead nowhere else.

use rstest::rstest;
use syncline_connectors::http::Sent;

use crate::{
    server::Server,
    stage::{Stage, client},
};

#[rstest]
#[case(&["repos", "a/b", "c?d#e"], "/api/v3/repos/a%2Fb/c%3Fd%23e")]
#[case(&["a b", "100%", "é"], "/api/v3/a%20b/100%25/%C3%A9")]
#[case(&["..x", "x..", "..."], "/api/v3/..x/x../...")]
#[case(&[], "/api/v3")]
#[tokio::test]
async fn a_path_is_below_the_base_address_and_encoded(#[case] path: &[&str], #[case] sent: &str) {
    let server = Server::answering(200, &[], "{}").await;
    for base in ["/api/v3", "/api/v3/"] {
        client(&format!("{}{base}", server.url())).get(path).send(&Stage::new().call()).await.unwrap();
    }
    let sent = [sent, sent];
    assert_eq!(server.seen().iter().map(|seen| seen.target().to_owned()).collect::<Vec<_>>(), sent);
}

#[rstest]
#[tokio::test]
async fn a_part_that_leads_up_is_refused(#[values("", ".", "..", "%2e%2E", ".%2e")] part: &str) {
    let server = Server::answering(200, &[], "{}").await;
    let stage = Stage::new();
    let failed = client(&server.url()).delete(&["repos", part, "x"]).send(&stage.call()).await.unwrap_err();
    assert_eq!(failed.sent, Sent::No);
    assert!(failed.error.message.ends_with(&format!("{part:?} cannot be part of a path")), "{failed}");
    assert_eq!((server.seen().len(), stage.gate.asked().len()), (0, 0));
}

#[tokio::test]
async fn parameters_are_encoded() {
    let server = Server::answering(200, &[], "{}").await;
    let request = client(&server.url());
    let request =
        request.get(&["x"]).query("since", "2026-01-01T00:00:00+01:00").query("a&b", "c=d e").query("n", 5);
    request.send(&Stage::new().call()).await.unwrap();
    assert_eq!(server.only().target(), "/x?since=2026-01-01T00%3A00%3A00%2B01%3A00&a%26b=c%3Dd+e&n=5");
}

#[rstest]
#[case(&["</items?page=2>; rel=\"next\""], Some("/items?page=2"))]
#[case(&["<https://h/a,b?x=1>; rel=prev, <https://h/c,d>; title=\"x\"; rel=\"last Next\""], Some("https://h/c,d"))]
#[case(&["<https://h/1>; rel=\"first\"", "<https://h/2>; rel=\"next\""], Some("https://h/2"))]
#[case(&["<https://h/1>; rel=\"last\""], None)]
#[case(&["nonsense, <, >; rel=next"], None)]
#[case(&[], None)]
#[tokio::test]
async fn the_next_page_is_the_one_that_the_platform_names(
    #[case] links: &[&str],
    #[case] next: Option<&str>,
) {
    let headers: Vec<(&str, &str)> = links.iter().map(|link| ("link", *link)).collect();
    let server = Server::answering(200, &headers, "{}").await;
    let reply = client(&server.url()).get(&["items"]).send(&Stage::new().call()).await.unwrap();
    assert_eq!(reply.next_page(), next);
}
