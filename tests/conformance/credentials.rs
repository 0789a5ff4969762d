//! What an `Authorization` field says: RFC 9110, 9112 and 9113.

use super::{
    INVALID, MALFORMED, NOTHING_SHOWN, OK, ask_all, asked, assert_verdict, behind, serving,
};
use crate::support::wire::{get, get_h2, request, send};
use crate::support::{challenge, raw};

/// RFC 9110 section 11.1.
#[tokio::test]
async fn the_scheme_is_compared_in_any_case() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        asked(address, &[(format!("{scheme} {good}").as_bytes(), OK)]).await;
    }
}

/// RFC 9110 section 11.1. The Kelvin sign is a K to Unicode.
#[tokio::test]
async fn the_case_of_ascii_alone_is_folded() {
    let (tokens, good) = serving(&["Bearer", "Token"]).await;
    let address = behind(tokens.layer()).await;
    let kelvin = format!("To\u{212a}en {good}");
    asked(address, &[(kelvin.as_bytes(), NOTHING_SHOWN)]).await;
}

/// RFC 9110 section 11.2.
#[tokio::test]
async fn a_token_is_letters_digits_and_some_marks_and_only_then_equals_signs() {
    let (tokens, _) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    asked(
        address,
        &[
            (b"Bearer a~b+/c=", INVALID),
            (b"Bearer a-._~+/b==", INVALID),
            (b"Bearer a@b", MALFORMED),
            (b"Bearer =", MALFORMED),
            (b"Bearer ==", MALFORMED),
            (b"Bearer a=b", MALFORMED),
        ],
    )
    .await;
}

/// RFC 9110 section 11.4.
#[tokio::test]
async fn one_or_more_spaces_part_scheme_and_token_and_nothing_else_does() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for spaces in [1, 2, 3, 8, 64] {
        let value = format!("Bearer{}{good}", " ".repeat(spaces));
        asked(address, &[(value.as_bytes(), OK)]).await;
    }
    for other in ["\t", "\t ", " \t", ":", "=", ",", "\u{a0}"] {
        let value = format!("Bearer{other}{good}");
        asked(address, &[(value.as_bytes(), MALFORMED)]).await;
    }
}

/// RFC 9110 section 5.5.
#[tokio::test]
async fn spaces_and_tabs_around_the_value_are_no_part_of_it_and_nothing_else_is_trimmed() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for (before, after) in [(" ", " "), ("\t", "\t"), (" \t ", "\t \t"), ("", " \t")] {
        let value = format!("{before}Bearer {good}{after}");
        asked(address, &[(value.as_bytes(), OK)]).await;
    }
    let good = good.as_bytes();
    // NBSP, NEL, zero-width space, byte order mark.
    for junk in [&b"\xA0"[..], b"\x85", b"\xE2\x80\x8B", b"\xEF\xBB\xBF"] {
        asked(
            address,
            &[
                (&[b"Bearer ", good, junk].concat(), MALFORMED),
                (&[junk, b"Bearer ", good].concat(), MALFORMED),
                (&[b"Bearer ", junk, good].concat(), MALFORMED),
            ],
        )
        .await;
    }
}

/// RFC 9110 section 5.3, RFC 9449 section 7.2.
#[tokio::test]
async fn two_authorization_fields_are_refused_before_anyone_looks_inside() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let good = format!("Bearer {good}");
    for [one, other] in [
        [&*good, &*good],
        [&good, "Bearer bad"],
        ["Bearer bad", &good],
        [&good, ""],
        ["", ""],
        ["Basic YTpi", &good],
        ["Basic YTpi", "Digest x=y"],
    ] {
        let fields = [
            ("authorization", one.as_bytes()),
            ("authorization", other.as_bytes()),
        ];
        assert_verdict(&ask_all(address, "GET", &fields).await, MALFORMED);
    }
}

/// RFC 9110 section 5.1.
#[tokio::test]
async fn the_fields_name_is_compared_in_any_case() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{name}: Bearer {good}\r\n\r\n"
        );
        let response = raw::exchange(address, request.as_bytes()).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
    }
}

/// RFC 9110 section 11.7.2.
#[tokio::test]
async fn proxy_authorization_authenticates_nobody() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let heard = get(
        address,
        "/",
        &[("proxy-authorization", &format!("Bearer {good}"))],
    )
    .await;
    assert_verdict(&heard, NOTHING_SHOWN);
    assert!(!heard.headers.contains_key("proxy-authenticate"));
}

/// RFC 9112 sections 2.2, 5.1 and 5.2.
#[tokio::test]
async fn what_is_no_field_of_http_never_lets_in() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    for field in [
        format!("Authorization : Bearer {good}"),
        format!("Authorization\t: Bearer {good}"),
        format!("Authorization: Bearer\r\n {good}"),
        format!("Authorization: Bearer {good}\rX"),
        format!("Authorization: Bearer {good}\0"),
        format!("Authorization: Bearer {good}\x7F"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{field}\r\n\r\n");
        let response = raw::exchange(address, request.as_bytes()).await.unwrap();
        assert_eq!(response.status(), 400, "{field:?}");
    }
}

/// RFC 9113 section 8.2.1: such a value is malformed; where it arrives, it is trimmed.
#[tokio::test]
async fn white_space_around_a_value_of_http_2_is_no_part_of_it() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let padded = format!(" Bearer {good} ");
    let heard = get_h2(address, "/", &[("authorization", &padded)]).await;
    assert_eq!(heard.status, 200);
}

/// RFC 9110 section 6.5.1.
#[tokio::test]
async fn trailers_authenticate_nobody() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         Trailer: Authorization\r\n\r\n0\r\nAuthorization: Bearer {good}\r\n\r\n"
    );
    let response = raw::exchange(address, request.as_bytes()).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(challenge::error(response.headers()), None);
}

/// RFC 9110 section 15.5: whatever the method, and none is read from another field.
#[tokio::test]
async fn every_method_is_guarded() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let good = format!("Bearer {good}");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"] {
        let heard = send(request(method, address, "/", &[]), false).await;
        assert_verdict(&heard, NOTHING_SHOWN);
        let fields = [("authorization", &*good)];
        assert_eq!(
            send(request(method, address, "/", &fields), false)
                .await
                .status,
            200
        );
    }
}
