//! A secret is seen once, at issue, and nowhere else.

use http::{Extensions, HeaderMap, Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::{
    Authenticated, BearerToken, DigestKey, IssuingStore, Lifetime, LoginMode, MemoryStore,
    Rejection, RequireLayer, Seed, ServerKey, TokenAuthority, TokenKind,
};

fn tokens() -> TokenAuthority<MemoryStore> {
    TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(24))
        .refresh(Lifetime::days(30))
        .build()
        .unwrap()
}

#[tokio::test]
async fn no_debug_output_holds_the_secret() {
    let tokens = tokens();
    let issued = tokens.issue("alice").label("phone").await.unwrap();
    let token = BearerToken::parse(issued.secret()).unwrap();
    let caller = tokens.authenticate(&token).await.unwrap();
    let request = tokens.issue("bob").adopt(issued.secret());
    let shown = format!(
        "{issued:?} {token:?} {caller:?} {tokens:?} {:?} {request:?}",
        tokens.store()
    );
    for part in [issued.secret(), &issued.secret()[6..49]] {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(shown.contains("alice"), "the rest is there");
}

#[tokio::test]
async fn no_debug_output_holds_a_refresh_token_or_what_is_derived() {
    let tokens = tokens();
    let issued = tokens.issue("alice").refresh().await.unwrap();
    let refresh = issued.refresh_secret().unwrap().to_owned();
    let token = BearerToken::parse(&refresh).unwrap();
    let request = format!("{:?}", tokens.refresh(&token));
    let refreshed = tokens.refresh(&token).await.unwrap();
    let renewed = tokens.issue("alice").login(LoginMode::Renew).await.unwrap();
    let reused = tokens.refresh(&token).await.unwrap_err();
    let shown = format!(
        "{request} {issued:?} {refreshed:?} {renewed:?} {tokens:?} {reused:?} {reused} {:?}",
        tokens.store().list(renewed.record().subject()).await
    );
    let secrets = [
        issued.secret(),
        refreshed.secret(),
        renewed.secret(),
        refreshed.refresh_secret().unwrap(),
        &refresh,
    ];
    for secret in secrets {
        for part in [secret, &secret[secret.len() - 30..secret.len() - 6]] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
    assert!(shown.contains("alice"), "the rest is there");
}

#[tokio::test]
async fn a_rejection_holds_nothing_that_the_client_sent() {
    let wrong = "tet_AAmadeUpByAnAttackerAndLongEnoughToBeAToken0123456789";
    let rejection = tokens()
        .authenticate(&BearerToken::parse(wrong).unwrap())
        .await
        .unwrap_err();
    let shown = format!("{rejection:?} {rejection} {:?}", rejection.response(()));
    assert!(!shown.contains("madeUp"), "{shown}");
}

#[test]
fn keys_and_seeds_print_nothing() {
    let kind = TokenKind::new("access", "tet_")
        .keyed(DigestKey::new(*b"0123456789abcdef0123456789abcdef"));
    let shown = format!(
        "{kind:?} {:?} {:?} {:?}",
        DigestKey::new([0x61; 32]),
        ServerKey::new([0x61; 32]),
        Seed::from_bytes([0x61; 32])
    );
    assert!(
        !shown.contains("0123456789") && !shown.contains("97") && !shown.contains("aaaa"),
        "{shown}"
    );
}

#[tokio::test]
async fn the_header_passes_on_marked_as_sensitive_or_not_at_all() {
    let tokens = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    let request = || {
        let value = format!("Bearer {}", issued.secret());
        Request::builder()
            .header("authorization", value)
            .body(())
            .unwrap()
    };
    let echo = service_fn(|request: Request<()>| async move {
        Ok::<_, Rejection>(Response::new(format!("{:?}", request.headers())))
    });

    let seen = tokens
        .layer()
        .layer(echo)
        .oneshot(request())
        .await
        .unwrap()
        .into_body();
    assert!(
        seen.contains("Sensitive") && !seen.contains(issued.secret()),
        "{seen}"
    );

    let of_another_layer = Request::builder()
        .header("authorization", "Basic dXNlcjpwYXNz")
        .body(())
        .unwrap();
    let optional = tokens.layer().optional().strip_credential().layer(echo);
    let seen = optional
        .oneshot(of_another_layer)
        .await
        .unwrap()
        .into_body();
    assert!(
        seen.contains("Sensitive") && !seen.contains("dXNlcjpwYXNz"),
        "{seen}"
    );

    let seen = tokens
        .layer()
        .strip_credential()
        .layer(echo)
        .oneshot(request())
        .await
        .unwrap()
        .into_body();
    assert_eq!(seen, "{}");
}

#[tokio::test]
async fn whoever_looks_at_a_requests_fields_finds_them_marked() {
    let tokens = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    let request = || {
        let field = format!("Bearer {}", issued.secret());
        let request = Request::builder().header("authorization", field);
        request.body(()).unwrap()
    };
    let inner = service_fn(async |_request| Ok::<_, Rejection>(Response::new(String::new())));

    let secret = issued.secret().to_owned();
    let sees_no_secret = move |fields: &HeaderMap, _: &Extensions| {
        let shown = format!("{fields:?}");
        shown.contains("Sensitive") && !shown.contains(&secret)
    };
    let layer = tokens.layer().refuse_cleartext(sees_no_secret);
    let refused = layer.layer(inner).oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), 401);

    let misplaced = RequireLayer::all(["write"]).unwrap();
    let misplaced =
        misplaced.respond_with(|rejection, fields| rejection.response(format!("{fields:?}")));
    let refused = misplaced.layer(inner).oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), 500);
    let shown = refused.body();
    assert!(shown.contains("Sensitive") && !shown.contains(issued.secret()));
}

#[tokio::test]
async fn of_two_headers_that_are_refused_neither_can_be_printed() {
    let tokens = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    let shown = tokens.layer().respond_with(|rejection, request| {
        let lines = request.get_all("authorization").iter();
        assert_eq!(lines.filter(|line| line.is_sensitive()).count(), 2);
        rejection.response(format!("{request:?}"))
    });
    let inner = service_fn(async |_request| Ok::<_, Rejection>(Response::new(String::new())));
    let value = format!("Bearer {}", issued.secret());
    let request = Request::builder()
        .header("authorization", &value)
        .header("accept", "*/*")
        .header("authorization", &value)
        .body(())
        .unwrap();
    let response = shown.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(!response.body().contains(issued.secret()));
}

#[tokio::test]
async fn a_store_keeps_a_digest_and_not_the_token() {
    let tokens = tokens();
    let issued = tokens.issue("alice").await.unwrap();
    let kind = TokenKind::new("access", "tet_");
    let digest = kind
        .digest(&BearerToken::parse(issued.secret()).unwrap())
        .unwrap();
    assert_ne!(hex::encode(issued.secret()), digest.to_string());
    assert_eq!(digest.to_string().len(), 64, "64 hex digits");
    assert_eq!(digest.to_string().parse(), Ok(digest), "and back");
    use sha2::{Digest, Sha256};
    let sha = Sha256::digest(issued.secret());
    assert_eq!(
        digest.as_bytes()[2..],
        sha[2..],
        "SHA-256 of the text, behind 12 bits of route"
    );
}

#[test]
fn proofs_and_doors_can_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Authenticated>();
    crosses::<Rejection>();
    crosses::<TokenAuthority<MemoryStore>>();
    crosses::<tower_expiring_token::ExpiringTokenLayer<MemoryStore>>();
}
