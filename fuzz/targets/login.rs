//! A login with any content: a digit for the style, a line for the content type, the content.

#![no_main]

use fuzz::{PASSWORDS, TOKENS, lines, post};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use libfuzzer_sys::{Corpus, fuzz_target};
use tower_expiring_token::Drf;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some([style, content_type, body]) = lines(input) else {
        return Corpus::Reject;
    };
    let login = TOKENS.login(&PASSWORDS);
    let login = match style {
        b"0" => login,
        b"1" => login.with_refresh(),
        b"2" => login.drf(Drf::stock()),
        b"3" => login.knox(),
        _ => return Corpus::Reject,
    };
    let Some(answer) = post(login, &[(CONTENT_TYPE, content_type)], body.to_vec()) else {
        return Corpus::Reject;
    };
    match answer.status {
        StatusCode::OK
        | StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => {}
        status => panic!("{status}"),
    }
    if answer.status == StatusCode::OK && content_type == b"application/json" {
        let sent: serde_json::Value = serde_json::from_slice(body).expect("only JSON is read");
        assert_eq!(sent["password"], "wonderland");
    }
    if answer.status == StatusCode::OK && content_type == b"application/x-www-form-urlencoded" {
        let sent = |field: (_, _)| field == ("password".into(), "wonderland".into());
        assert!(form_urlencoded::parse(body).any(sent));
    }
    Corpus::Keep
});
