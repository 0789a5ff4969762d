//! Any text as a setting is refused when it is set, or reads back from a challenge as it was.

use std::convert::Infallible;

use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::testing::acting_as;
use tower_expiring_token::{
    AuthorityBuilder, Lifetime, MemoryStore, RequireLayer, Subject, TokenAuthority,
};

use crate::support::challenge::{self, Challenge};

/// Mostly such as can stand in a challenge.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,30}",
        2 => "[\"\\\\,= a]{0,8}",
        1 => "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}",
        1 => any::<String>(),
        1 => "[a-z]{0,4}[\r\n\t\\x00\\x7f\u{80}-\u{ff}][a-z]{0,4}",
    ]
}

/// The fields of what refuses an empty request, all lines well formed.
fn challenges(fields: &HeaderMap) -> Vec<Challenge> {
    let challenges = challenge::read(fields).expect("challenges can be read");
    for challenge in &challenges {
        assert_eq!(challenge.faults(), [""; 0]);
    }
    challenges
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_realm_and_schemes_are_refused_at_build_or_read_back_from_the_challenges(
        realm in text(),
        schemes in vec(text(), 1..4),
    ) {
        let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24));
        let tokens = schemes.iter().fold(tokens.realm(&realm), AuthorityBuilder::scheme);
        let tokens = match tokens.build() {
            Ok(tokens) => tokens,
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.contains("expected") && error.contains("found"), "{}", error);
                return Ok(());
            }
        };
        let inner = service_fn(async |_request| Ok::<_, Infallible>(Response::new(())));
        let service = tokens.layer().layer(inner);
        let Ok(refused) = service.oneshot(Request::new(())).now_or_never().expect("at once");
        let expected: Vec<Challenge> = schemes
            .iter()
            .map(|scheme| Challenge {
                scheme: scheme.clone(),
                parameters: vec![("realm".to_owned(), realm.clone())],
            })
            .collect();
        prop_assert_eq!(challenges(refused.headers()), expected);
    }

    #[test]
    fn any_scopes_are_refused_when_they_are_named_or_read_back_from_the_challenge(
        scopes in vec(text(), 1..5),
    ) {
        let Ok(layer) = RequireLayer::any(&scopes) else {
            return Ok(());
        };
        let inner = service_fn(async |_request| Ok::<_, Infallible>(Response::new(())));
        let service = acting_as(Subject::new("alice")).layer(layer.layer(inner));
        let Ok(refused) = service.oneshot(Request::new(())).now_or_never().expect("at once");
        let mut expected = scopes;
        expected.sort();
        expected.dedup();
        let challenges = challenges(refused.headers());
        let expected = expected.join(" ");
        prop_assert_eq!(challenges[0].get("scope"), Some(expected.as_str()));
    }
}
