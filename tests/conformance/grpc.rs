//! gRPC over HTTP/2, gRPC-Web, and their status codes.

use http::{HeaderMap, HeaderValue, Response};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use tower_expiring_token::{Empty, Json, Respond};

use super::{NOTHING_SHOWN, assert_verdict, behind, serving};
use crate::support::challenge;
use crate::support::wire::{Heard, request, send};

/// Calls with a content type and, perhaps, credentials.
async fn call(address: SocketAddr, content_type: &str, credentials: Option<&[u8]>) -> Heard {
    let fields = [("content-type", content_type)];
    let mut request = request("POST", address, "/a.Service/Method", &fields);
    if let Some(value) = credentials {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert("authorization", value);
    }
    send(request, true).await
}

#[tokio::test]
async fn a_refusal_is_one_block_of_fields_that_ends_the_stream() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let call = request(
        "POST",
        address,
        "/a.Service/Method",
        &[("content-type", "application/grpc")],
    );
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let refused: Response<Incoming> = client.request(call).await.unwrap();
    assert_eq!(refused.status(), 200);
    assert!(
        refused.body().is_end_stream(),
        "END_STREAM is on the fields"
    );
    assert_eq!(refused.headers()["grpc-status"], "16");
    assert_eq!(refused.headers()["content-type"], "application/grpc");
    assert_eq!(refused.headers()["cache-control"], "no-store");
    assert_eq!(refused.headers()["vary"], "authorization");
}

async fn all_are_unauthenticated(values: &[&[u8]]) {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for value in values {
        let heard = call(address, "application/grpc", Some(value)).await;
        assert_eq!(heard.status, 200);
        assert_eq!(
            heard.headers["grpc-status"],
            "16",
            "{}",
            value.escape_ascii()
        );
    }
}

#[tokio::test]
async fn malformed_credentials_are_unauthenticated_too() {
    all_are_unauthenticated(&[b"bearer", b"Bearer @", b"Bearer a b", b"Basic YTpi", b"\""]).await;
}

#[tokio::test]
async fn bytes_beyond_ascii_are_unauthenticated_and_no_error_of_the_connection() {
    all_are_unauthenticated(&[
        b"Bearer \xFF",
        b"\xFF",
        b"Bearer\xA0x",
        b"Bearer \xF0\x9F\x94\x91",
    ])
    .await;
}

#[tokio::test]
async fn the_challenge_goes_along_and_the_message_begins_with_the_error_code() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for (value, code) in [
        (&b"Bearer unknown"[..], "invalid_token"),
        (b"Bearer", "invalid_request"),
    ] {
        let heard = call(address, "application/grpc", Some(value)).await;
        assert_eq!(challenge::error(&heard.headers).as_deref(), Some(code));
        let message = heard.headers["grpc-message"].to_str().unwrap();
        assert!(message.starts_with(&format!("{code}: ")), "{message}");
        assert_eq!(heard.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn grpc_web_is_answered_with_its_own_content_type() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer().respond(Json)).await;
    for content_type in [
        "application/grpc",
        "application/grpc+json",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
    ] {
        let heard = call(address, content_type, None).await;
        assert_eq!(heard.status, 200);
        assert_eq!(heard.headers["content-type"], content_type);
        assert_eq!(heard.headers["grpc-status"], "16");
        assert_eq!(heard.body, "");
    }
}

#[tokio::test]
async fn a_closure_that_hands_grpc_requests_on_answers_both() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let layer = tokens.layer().respond_with(|rejection, request| {
        if is_grpc(request) {
            return Empty.respond(rejection, request);
        }
        rejection.response("<p>no</p>".into())
    });
    let address = behind(layer).await;
    let refused = call(address, "application/grpc", None).await;
    assert_eq!(refused.status, 200);
    assert_eq!(refused.headers["grpc-status"], "16");
    let refused = call(address, "text/html", None).await;
    assert_verdict(&refused, NOTHING_SHOWN);
    assert_eq!(refused.body, "<p>no</p>");
}

fn is_grpc(request: &HeaderMap) -> bool {
    request["content-type"] == "application/grpc"
}

#[tokio::test]
async fn other_content_types_on_the_same_server_get_the_answer_of_http() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer().respond(Json)).await;
    for content_type in [
        "application/json",
        "application/grpcish",
        "text/plain",
        "application/proto",
    ] {
        let heard = call(address, content_type, None).await;
        assert_verdict(&heard, NOTHING_SHOWN);
        assert!(!heard.headers.contains_key("grpc-status"));
        assert_eq!(heard.headers["content-type"], "application/json");
    }
}
