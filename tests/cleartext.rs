//! A token that arrives unencrypted is refused, and by choice burnt.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{
    BearerToken, Drf, Lifetime, MemoryStore, Reason, Rejection, StoreError, TokenAuthority,
    TokenKind, unless_forwarded_https, unless_marked,
};

use crate::support::house::changed;
use crate::support::wire::{get, serve};

const CHALLENGE: &str = r#"Bearer realm="api", error="invalid_token", error_description="the token came unencrypted; get a new one, and send it by HTTPS""#;

type Store = FaultyStore<MemoryStore>;

fn tokens() -> (TokenAuthority<Store>, Store) {
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone())
        .expiry(Lifetime::hours(24))
        .kind(TokenKind::new("personal", "pat_"), Lifetime::days(90));
    (tokens.build().unwrap(), store)
}

async fn issue(tokens: &TokenAuthority<Store>, kind: &str) -> String {
    let issued = tokens.issue("alice").kind(kind).await.unwrap();
    issued.secret().to_owned()
}

async fn ok<B>(_request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::default())
}

#[tokio::test]
async fn it_is_refused_without_a_look_at_the_store_and_stays_good_where_it_is_safe() {
    let (tokens, store) = tokens();
    let layer = tokens.layer().refuse_cleartext(unless_forwarded_https);
    let address = serve(layer.layer(service_fn(ok))).await;
    let bearer = format!("Bearer {}", issue(&tokens, "access").await);
    let ask = async |fields: &[(&str, &str)]| {
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(fields);
        get(address, "/", &all).await
    };

    for fields in [&[][..], &[("x-forwarded-proto", "http")]] {
        let refused = ask(fields).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.challenges(), [CHALLENGE]);
        assert_eq!(refused.headers["cache-control"], "no-store");
    }
    assert_eq!(store.asked(), 0);
    assert_eq!(ask(&[("x-forwarded-proto", "https")]).await.status, 200);
}

#[tokio::test]
async fn by_choice_it_is_burnt_whatever_its_kind() {
    let (tokens, _) = tokens();
    let layer = tokens.layer().burn_cleartext(|_, _| true);
    let address = serve(layer.layer(service_fn(ok))).await;
    for kind in ["access", "personal"] {
        let secret = issue(&tokens, kind).await;
        let other = issue(&tokens, kind).await;
        let bearer = format!("Bearer {secret}");
        let refused = get(address, "/", &[("authorization", &bearer)]).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.challenges(), [CHALLENGE]);

        let gone = !tokens
            .revoke(&BearerToken::parse(&secret).unwrap())
            .await
            .unwrap();
        assert!(gone, "{kind}");
        let stays = tokens.revoke(&BearerToken::parse(&other).unwrap()).await;
        assert!(stays.unwrap(), "another token of the same user");
    }
}

#[tokio::test]
async fn that_it_could_not_be_burnt_is_in_the_refusal_and_it_stays_a_401() {
    let (tokens, store) = tokens();
    let secret = issue(&tokens, "access").await;
    let service = tokens
        .layer()
        .burn_cleartext(|_, _| true)
        .layer(service_fn(ok));
    store.fail();
    let request = Request::builder().header("authorization", format!("Bearer {secret}"));
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 401);
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(*rejection.reason(), Reason::Cleartext);
    assert!(rejection.source().unwrap().is::<StoreError>());
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_answered_as_ever() {
    let (tokens, _) = tokens();
    let layer = tokens.layer().burn_cleartext(|_, _| true);
    let required = serve(layer.clone().layer(service_fn(ok))).await;
    let optional = serve(layer.optional().layer(service_fn(ok))).await;
    let mistyped = format!("Bearer {}", changed(&issue(&tokens, "access").await));
    for (value, at_required, at_optional) in [
        (None, 401, 200),
        (Some("Basic eDp5"), 401, 200),
        (Some("Bearer a b"), 400, 400),
        (Some(mistyped.as_str()), 401, 401),
    ] {
        let fields = value.map(|value| ("authorization", value));
        for (address, status) in [(required, at_required), (optional, at_optional)] {
            let heard = get(address, "/", fields.as_slice()).await;
            assert_eq!(heard.status, status, "{value:?}");
            let said = heard.headers.get_all("www-authenticate").iter();
            assert!(!said.into_iter().any(|line| line == CHALLENGE), "{value:?}");
        }
    }
}

#[tokio::test]
async fn a_mark_of_the_accept_loop_says_that_the_way_was_safe() {
    #[derive(Clone)]
    struct Tls;

    let (tokens, _) = tokens();
    let layer = tokens
        .layer()
        .respond(Drf::recipes())
        .refuse_cleartext(unless_marked::<Tls>);
    let plain = serve(layer.layer(service_fn(ok))).await;
    let marked = ServiceBuilder::new()
        .map_request(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Tls);
            request
        })
        .layer(layer)
        .service_fn(ok);
    let safe = serve(marked).await;
    let bearer = format!("Bearer {}", issue(&tokens, "access").await);
    let fields = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-proto", "https"),
    ];
    let refused = get(plain, "/", &fields).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.body, r#"{"detail":"Invalid token"}"#);
    assert_eq!(get(safe, "/", &fields).await.status, 200);
}

#[test]
fn a_proxy_that_says_anything_but_https_is_believed_and_one_that_says_nothing_is_not() {
    let clear = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-proto", value.parse().unwrap());
        }
        unless_forwarded_https(&headers, &Extensions::new())
    };
    for safe in [
        &["https"][..],
        &["HTTPS"],
        &["wss"],
        &["https, https"],
        &["https", "https"],
    ] {
        assert!(!clear(safe), "{safe:?}");
    }
    for unsafe_ in [
        &[][..],
        &[""],
        &["http"],
        &["https, http"],
        &["http,https"],
        &["https", "http"],
        &["https,"],
        &["httpsx"],
    ] {
        assert!(clear(unsafe_), "{unsafe_:?}");
    }
}
