//! Bearer tokens: RFC 6750.

use tower::ServiceBuilder;
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{
    Drf, Empty, InvalidScope, Json, Lifetime, MemoryStore, RequireLayer, Respond, Scopes,
    TokenAuthority,
};

use super::{
    INVALID, MALFORMED, NOTHING_SHOWN, OK, TOO_FEW_SCOPES, ask, ask_all, asked, assert_verdict,
    behind, hello, serving,
};
use crate::support::challenge;
use crate::support::house::{House, changed};
use crate::support::wire::{Heard, get, request, send, serve};

/// Section 2.1: a token alone, without a name and without quotes.
#[tokio::test]
async fn credentials_are_a_token_and_no_parameters() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for credentials in [
        format!("token=\"{good}\""),
        format!("token={good}"),
        format!("\"{good}\""),
        format!("{good}, realm=\"api\""),
        format!("{good} {good}"),
    ] {
        asked(
            address,
            &[(format!("Bearer {credentials}").as_bytes(), MALFORMED)],
        )
        .await;
    }
}

/// Sections 2, 2.2 and 2.3: methods that are not served are not looked at, so the field decides.
#[tokio::test]
async fn tokens_in_the_query_the_content_or_a_cookie_are_not_looked_at() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let (field, wrong) = (
        format!("Bearer {good}"),
        format!("Bearer {}", changed(&good)),
    );
    let form = format!("access_token={good}");
    let form = |token: Option<&str>| {
        let mut fields = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", &*form),
        ];
        fields.extend(token.map(|value| ("authorization", value)));
        let request = request("POST", address, &format!("/?{form}"), &fields);
        request.map(|_| form.clone().into())
    };
    assert_verdict(&send(form(None), false).await, NOTHING_SHOWN);
    assert_verdict(&send(form(Some(&wrong)), false).await, INVALID);
    assert_verdict(&send(form(Some(&field)), false).await, OK);
    let form = "/?access_token=nonsense";
    assert_verdict(&get(address, form, &[("authorization", &field)]).await, OK);
}

/// Section 3.1.
#[tokio::test]
async fn who_shows_nothing_or_another_scheme_is_told_the_realm_and_no_error() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let anonymous = get(address, "/", &[]).await;
    let mut heard = vec![anonymous];
    for value in [
        "",
        "   ",
        "Basic YTpi",
        "Basic",
        &format!("Token {good}"),
        &good,
    ] {
        heard.push(ask(address, value).await);
    }
    for heard in heard {
        assert_eq!(heard.status, 401);
        assert_eq!(heard.challenges(), [r#"Bearer realm="api""#]);
    }
}

/// Section 3.1.
#[tokio::test]
async fn a_json_body_has_an_error_where_the_challenge_has_and_says_what_else_was_shown() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer().respond(Json)).await;
    let needed = "authentication is needed: send one Authorization field with a scheme and a token";
    let forgotten =
        "authentication is needed in a scheme that is served here; was the scheme forgotten?";
    for (value, description) in [("", needed), ("Basic YTpi", forgotten), (&good, forgotten)] {
        let heard = ask(address, value).await;
        assert_eq!(
            heard.body,
            format!(r#"{{"error_description":"{description}"}}"#)
        );
    }
    let heard = ask(address, "Bearer bad").await;
    assert!(
        heard.body.starts_with(r#"{"error":"invalid_token","#),
        "{heard:?}"
    );
}

/// RFC 6749 section 3.3.
#[test]
fn a_scope_that_is_named_twice_is_one() {
    for text in ["read read", "read read write", "write read write"] {
        let scopes = Scopes::parse(text).unwrap();
        assert_eq!(scopes, Scopes::of(text.split(' ')).unwrap());
        assert!(
            scopes.iter().is_sorted_by(|one, next| one < next),
            "{scopes}"
        );
    }
}

/// Section 3.1.
#[tokio::test]
async fn a_malformed_request_is_400_invalid_request_with_a_challenge() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    asked(
        address,
        &[
            (b"Bearer", MALFORMED),
            (b"Bearer a b", MALFORMED),
            (b"Bearer \xFF\xFE", MALFORMED),
            (b"\"", MALFORMED),
            (b"\xFF", MALFORMED),
        ],
    )
    .await;
    let good = format!("Bearer {good}");
    let twice = [("authorization", good.as_bytes()); 2];
    assert_verdict(&ask_all(address, "GET", &twice).await, MALFORMED);
}

/// Section 3.1. One sentence for all, since a difference tells an attacker what once was good.
#[tokio::test]
async fn a_token_that_is_not_good_is_refused_in_the_same_words_whatever_is_wrong_with_it() {
    let house = House::at_once();
    let address = behind(house.tokens.layer().respond(Json)).await;
    let tokens = [
        house.expired().await,
        house.revoked().await,
        house.token("mallory", &[]).await,
        changed(&house.token("alice", &[]).await),
        "never-issued".to_owned(),
        house.token("alice", &[]).await + "=",
        "a".repeat(8000),
    ];
    let mut heard = Vec::new();
    for token in &tokens {
        let Heard {
            status,
            mut headers,
            body,
        } = ask(address, format!("Bearer {token}")).await;
        headers.remove("date");
        heard.push((status, headers, body));
    }
    assert_eq!(heard[0].0, 401);
    assert!(heard.iter().all(|other| *other == heard[0]), "{heard:#?}");
}

/// Section 3.1, where the authority was told to explain.
#[tokio::test]
async fn an_authority_that_explains_tells_what_is_wrong() {
    let house = House::explaining();
    let address = behind(house.tokens.layer()).await;
    let description = async |token: &str| {
        let heard = ask(address, format!("Bearer {token}")).await;
        let challenges = challenge::read(&heard.headers).unwrap();
        assert_eq!(challenges[0].get("error"), Some("invalid_token"));
        challenges[0].get("error_description").unwrap().to_owned()
    };
    assert_eq!(
        description(&house.expired().await).await,
        "the token has expired"
    );
    assert_eq!(
        description(&house.token("mallory", &[]).await).await,
        "the account is suspended"
    );
    let unknown = "the token is unknown or was revoked";
    assert_eq!(description(&house.revoked().await).await, unknown);
    assert_eq!(description("never-issued").await, unknown);
}

/// Section 3.1.
#[tokio::test]
async fn scopes_are_asked_for_only_once_the_token_is_known_to_be_good() {
    let house = House::at_once();
    let writers = RequireLayer::all(["write"]).unwrap();
    let layers = ServiceBuilder::new()
        .layer(house.tokens.layer())
        .layer(writers);
    let address = serve(layers.service_fn(hello)).await;
    let expired = house.expired().await;
    let reader = house.token("alice", &["read"]).await;
    asked(
        address,
        &[
            (format!("Bearer {expired}").as_bytes(), INVALID),
            (format!("Bearer {reader}").as_bytes(), TOO_FEW_SCOPES),
            (b"", NOTHING_SHOWN),
        ],
    )
    .await;
}

#[test]
fn to_require_no_scope_at_all_is_refused() {
    let everybody = RequireLayer::all([""; 0]).unwrap_err();
    let nobody = RequireLayer::any([""; 0]).unwrap_err();
    for error in [everybody, nobody] {
        assert!(error.to_string().contains("found none"), "{error}");
    }
}

/// Section 3: `scope` is `%x21 / %x23-5B / %x5D-7E`, one space between.
#[test]
fn a_scope_that_can_not_stand_in_a_challenge_is_refused_when_it_is_named() {
    for scope in ["", "a\"b", "a\\b", "a b", "a\tb", "é", "a\r\nb", "\u{7f}"] {
        let refused: InvalidScope = RequireLayer::all(["read", scope]).unwrap_err();
        let found = format!("found {scope:?}: name one word");
        assert!(refused.to_string().contains(&found), "{refused}");
        assert!(RequireLayer::any([scope]).is_err());
    }
    assert!(RequireLayer::all(["urn:example:read", "!#[]^~"]).is_ok());
}

/// Section 3: what stands in a description.
#[tokio::test]
async fn every_description_keeps_to_the_characters_that_a_challenge_may_have() {
    let house = House::explaining();
    let stale = house.token("alice", &["read"]).await;
    house.wait(std::time::Duration::from_secs(60));
    let writers = RequireLayer::any(["write", "admin"]).unwrap();
    let recent = house.tokens.require_recent(std::time::Duration::ZERO);
    let stack = ServiceBuilder::new().layer(house.tokens.layer());
    let address = serve(stack.clone().layer(writers).service_fn(hello)).await;
    let dangerous = serve(stack.layer(recent).service_fn(hello)).await;
    let mut seen = Vec::new();
    for (address, value) in [
        (address, &b""[..]),
        (address, b"Basic x"),
        (address, b"\""),
        (address, b"Bearer"),
        (address, b"Bearer:"),
        (address, b"Bearer a b"),
        (address, b"Bearer \xFF"),
        (address, b"Bearer @"),
        (address, b"Bearer unknown"),
        (
            address,
            format!("Bearer {}", house.expired().await).as_bytes(),
        ),
        (
            address,
            format!("Bearer {}", house.token("mallory", &[]).await).as_bytes(),
        ),
        (address, format!("Bearer {stale}").as_bytes()),
        (dangerous, format!("Bearer {stale}").as_bytes()),
    ] {
        let heard = ask(address, value).await;
        for challenge in challenge::read(&heard.headers).unwrap() {
            assert_eq!(challenge.faults(), [""; 0], "{}", value.escape_ascii());
            seen.extend(challenge.get("error_description").map(str::to_owned));
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10, "one for each that is wrong: {seen:#?}");
}

/// Section 5.3.
#[tokio::test]
async fn no_answer_in_any_style_holds_what_the_client_showed() {
    async fn in_style<R: Respond<http_body_util::Full<bytes::Bytes>>>(house: &House, style: R) {
        let address = behind(house.tokens.layer().respond(style)).await;
        let good = house.token("alice", &[]).await;
        for token in [
            good.clone(),
            changed(&good),
            format!("{good}@"),
            format!("{good} x"),
            house.revoked().await,
        ] {
            let Heard { headers, body, .. } = ask(address, format!("Bearer {token}")).await;
            let heard = format!("{headers:?} {body}");
            assert!(!heard.contains(&token[6..49]), "{heard}");
        }
    }
    for house in [House::at_once(), House::explaining()] {
        in_style(&house, Empty).await;
        in_style(&house, Json).await;
        in_style(&house, Drf::stock()).await;
        in_style(&house, Drf::recipes()).await;
    }
}

/// Neither hashed nor looked up.
#[tokio::test]
async fn what_is_too_long_or_not_of_our_form_is_refused_without_the_store() {
    let store = FaultyStore::new(MemoryStore::new());
    let tokens = TokenAuthority::builder(store.clone()).expiry(Lifetime::hours(24));
    let tokens = tokens.build().unwrap();
    let good = tokens.issue("alice").await.unwrap().secret().to_owned();
    let address = behind(tokens.layer()).await;
    let long = good.clone() + &"a".repeat(8192);
    for token in [
        "a".repeat(8192),
        long,
        good[1..].to_owned(),
        "null".to_owned(),
    ] {
        asked(address, &[(format!("Bearer {token}").as_bytes(), INVALID)]).await;
    }
    assert_eq!(store.asked(), 0);
    assert_eq!(ask(address, format!("Bearer {good}")).await.status, 200);
    assert_eq!(store.asked(), 1);
}
