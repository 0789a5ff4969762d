//! What a refusal says: RFC 9110 and 9111.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::{Layer, ServiceBuilder, service_fn};
use tower_expiring_token::{Drf, Json, Rejection, RequireLayer, Respond};

use super::{
    INVALID, NOTHING_SHOWN, ask, ask_all, assert_verdict, behind, builder, hello, serving,
};
use crate::support::challenge;
use crate::support::house::House;
use crate::support::wire::{Heard, get, get_h2, request, send, serve};

/// RFC 9110 section 11.5 and 5.6.4, RFC 6750 section 3.
#[tokio::test]
async fn the_realm_is_quoted_escaped_and_read_back_as_it_was() {
    for (realm, line) in [
        ("members", r#"Bearer realm="members""#),
        (r#"a "b" \c"#, r#"Bearer realm="a \"b\" \\c""#),
        (r#"", error="x"#, r#"Bearer realm="\", error=\"x""#),
    ] {
        let tokens = builder().realm(realm).build().unwrap();
        let heard = get(behind(tokens.layer()).await, "/", &[]).await;
        assert_eq!(heard.challenges(), [line]);
        let read = challenge::read(&heard.headers).unwrap();
        assert_eq!(read[0].parameters, [("realm".to_owned(), realm.to_owned())]);
    }
}

/// RFC 9110 section 11.6.1.
#[tokio::test]
async fn each_scheme_has_a_challenge_line_and_the_error_stands_in_that_of_the_one_used() {
    let (tokens, _) = serving(&["Bearer", "Token"]).await;
    let address = behind(tokens.layer()).await;
    let [bearer, token] = ["Bearer", "Token"].map(|scheme| format!("{scheme} realm=\"api\""));
    let error =
        r#", error="invalid_token", error_description="the token is unknown, expired or revoked""#;

    assert_eq!(
        get(address, "/", &[]).await.challenges(),
        [&*bearer, &token]
    );
    let refused = ask(address, "Token bad").await;
    assert_eq!(refused.challenges(), [&*bearer, &format!("{token}{error}")]);
    let refused = ask(address, "Bearer bad").await;
    assert_eq!(refused.challenges(), [&*format!("{bearer}{error}"), &token]);
}

/// RFC 9110 section 11.6.1, for what only the store, the clock, the account or a scope tells.
#[tokio::test]
async fn whatever_is_wrong_is_told_in_the_challenge_of_the_scheme_that_was_used() {
    let house = House::of_schemes(&["Bearer", "Token"]);
    let writers = RequireLayer::all(["write"]).unwrap();
    let service = ServiceBuilder::new()
        .layer(house.tokens.layer())
        .layer(writers)
        .service_fn(hello);
    let address = serve(service).await;
    for (token, error) in [
        (house.expired().await, "invalid_token"),
        (house.revoked().await, "invalid_token"),
        (house.token("mallory", &[]).await, "invalid_token"),
        (house.token("alice", &[]).await, "insufficient_scope"),
    ] {
        for (used, scheme) in ["Bearer", "Token"].into_iter().enumerate() {
            let heard = ask(address, format!("{scheme} {token}")).await;
            let challenges = challenge::read(&heard.headers).unwrap();
            let errors = challenges.iter().map(|challenge| challenge.get("error"));
            let mut expected = [None; 2];
            expected[used] = Some(error);
            assert_eq!(errors.collect::<Vec<_>>(), expected, "{heard:?}");
        }
    }
}

/// RFC 9110 section 11.3, for every 401 that the layer can give, in every style.
#[tokio::test]
async fn every_401_has_a_challenge_that_can_be_read() {
    let house = House::at_once();
    let layer = house.tokens.layer();
    let expired = house.expired().await;
    let revoked = house.revoked().await;
    let suspended = house.token("mallory", &[]).await;
    let from_nothing = |_: &Rejection, _: &HeaderMap| {
        Response::builder()
            .status(401)
            .body(Full::<Bytes>::from("no"))
            .unwrap()
    };
    for address in [
        behind(layer.clone()).await,
        behind(layer.clone().respond(Json)).await,
        behind(layer.respond_with(from_nothing)).await,
    ] {
        for token in ["x", &expired, &revoked, &suspended] {
            let heard = ask(address, format!("Bearer {token}")).await;
            assert_verdict(&heard, INVALID);
        }
        for value in ["", "Basic YTpi"] {
            assert_verdict(&ask(address, value).await, NOTHING_SHOWN);
            let challenges = challenge::read(&ask(address, value).await.headers).unwrap();
            assert_eq!(challenges[0].scheme, "Bearer");
        }
    }
}

/// RFC 9110 section 9.3.2.
#[tokio::test]
async fn head_is_answered_as_get_is_without_content() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer().respond(Json)).await;
    let good = format!("Bearer {good}");
    for value in ["", "Bearer bad", &good] {
        let fields = [("authorization", value.as_bytes())];
        let head = ask_all(address, "HEAD", &fields).await;
        let get = ask_all(address, "GET", &fields).await;
        assert_eq!(head.status, get.status);
        assert_eq!(head.challenges(), get.challenges());
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
}

/// The same over HTTP/2, where hyper sends what a response holds and clients break off.
#[tokio::test]
async fn head_is_refused_without_content_over_http2_too() {
    let (tokens, _) = serving(&["Bearer"]).await;
    for address in [
        behind(tokens.layer()).await,
        behind(tokens.layer().respond(Json)).await,
        behind(tokens.layer().respond(Drf::stock())).await,
        behind(tokens.layer().respond_with(|rejection, _request| {
            let text = if rejection.is_of_head() { "" } else { "no" };
            rejection.response(text.into())
        }))
        .await,
    ] {
        let fields = [("authorization", "Bearer bad")];
        let head = send(request("HEAD", address, "/", &fields), true).await;
        let get = get_h2(address, "/", &fields).await;
        assert_eq!((head.status, &*head.body), (get.status, ""));
        assert_eq!(head.challenges(), get.challenges());
        let kind = |heard: &Heard| heard.headers.get("content-type").cloned();
        assert_eq!(kind(&head), kind(&get));
        if kind(&get).is_some() {
            assert_eq!(head.headers["content-length"], get.body.len().to_string());
        }
    }
}

/// RFC 9110 section 12.5.5. What the inner service says of `Vary` stays.
#[tokio::test]
async fn refusals_and_all_answers_of_an_optional_layer_vary_by_authorization() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let good = format!("Bearer {good}");
    let vary = async |address, value: &str| {
        let heard = ask(address, value).await;
        let values = heard.headers.get_all("vary").iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let required = behind(tokens.layer()).await;
    assert_eq!(vary(required, "").await, ["authorization"]);
    assert_eq!(vary(required, &good).await, ["accept"]);

    let optional = behind(tokens.layer().optional()).await;
    assert_eq!(vary(optional, "").await, ["accept", "authorization"]);
    assert_eq!(vary(optional, &good).await, ["accept", "authorization"]);
    assert_eq!(vary(optional, "Bearer bad").await, ["authorization"]);

    for said in ["Accept, Authorization", "*"] {
        let inner = service_fn(move |_request: Request<Incoming>| async move {
            let vary = Response::builder().header("vary", said);
            Ok::<_, Infallible>(vary.body(Full::<Bytes>::default()).unwrap())
        });
        let says_so = serve(tokens.layer().optional().layer(inner)).await;
        assert_eq!(vary(says_so, &good).await, [said]);
    }

    let own = tokens.layer().respond_with(|rejection, _request| {
        let mut response = rejection.response(Full::<Bytes>::default());
        response
            .headers_mut()
            .insert("vary", "accept".parse().unwrap());
        response
    });
    assert_eq!(
        vary(behind(own).await, "").await,
        ["accept", "authorization"]
    );
}

/// RFC 9111 section 5.2.2.5.
#[tokio::test]
async fn no_cache_may_keep_a_refusal() {
    let house = House::at_once();
    let writers = RequireLayer::all(["write"]).unwrap();
    let address = serve(
        ServiceBuilder::new()
            .layer(house.tokens.layer())
            .layer(writers.clone())
            .service_fn(hello),
    )
    .await;
    let misbuilt = serve(
        ServiceBuilder::new()
            .layer(writers)
            .service(service_fn(hello)),
    )
    .await;
    let reader = house.token("alice", &["read"]).await;
    let reader = format!("Bearer {reader}");

    for (heard, status) in [
        (ask(address, "Bearer a b").await, 400),
        (ask(address, "").await, 401),
        (ask(address, "Bearer bad").await, 401),
        (ask(address, &reader).await, 403),
        (ask(misbuilt, &reader).await, 500),
    ] {
        assert_eq!(heard.status, status);
        assert_eq!(heard.headers["cache-control"], "no-store");
    }
    house.fail();
    let unavailable = ask(address, &reader).await;
    assert_eq!(unavailable.status, 503);
    assert_eq!(unavailable.headers["cache-control"], "no-store");
}

/// What says nothing but the refusal's status.
struct Bare;

fn bare(rejection: &Rejection, _request: &HeaderMap) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = rejection.status();
    response
}

impl Respond<Full<Bytes>> for Bare {
    fn respond(&self, rejection: &Rejection, request: &HeaderMap) -> Response<Full<Bytes>> {
        bare(rejection, request)
    }
}

/// RFC 9110 sections 10.2.3, 11.6.1 and 12.5.5, RFC 9111 section 5.2.2.5.
#[tokio::test]
async fn whoever_makes_the_response_it_has_what_no_refusal_may_lack() {
    let house = House::at_once();
    let by_type = behind(house.tokens.layer().respond(Bare)).await;
    let by_closure = behind(house.tokens.layer().respond_with(bare)).await;
    for address in [by_type, by_closure] {
        let heard = ask(address, "").await;
        assert_eq!(heard.status, 401);
        assert_eq!(heard.challenges(), [r#"Bearer realm="api""#]);
        assert_eq!(heard.headers["cache-control"], "no-store");
        assert_eq!(heard.headers["vary"], "authorization");
    }
    let token = house.token("alice", &[]).await;
    house.fail();
    for address in [by_type, by_closure] {
        let heard = ask(address, format!("Bearer {token}")).await;
        assert_eq!(heard.status, 503);
        assert!(heard.challenges().is_empty());
        assert_eq!(heard.headers["retry-after"], "1");
        assert_eq!(heard.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_content() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        .await
        .unwrap();
    let mut status = [0; 12];
    let heard = stream.read_exact(&mut status);
    tokio::time::timeout(Duration::from_secs(10), heard)
        .await
        .expect("no waiting")
        .unwrap();
    assert_eq!(&status, b"HTTP/1.1 401");
}
