//! The OAuth endpoints with any credentials and any form: a digit for the endpoint, a line for
//! `Authorization`, the form. 0x01 stands for a live access token, 0x02 for its refresh token.

#![no_main]

use futures_util::FutureExt;
use fuzz::{PASSWORDS, TOKENS, lines, post};
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower_expiring_token::{Client, ClientSecret, OAuth};

/// What an input can't know, in its place.
fn told(text: &[u8], access: &str, refresh: &str) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| match byte {
            1 => access.as_bytes(),
            2 => refresh.as_bytes(),
            _ => std::slice::from_ref(byte),
        })
        .copied()
        .collect()
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some([endpoint, credentials, form]) = lines(input) else {
        return Corpus::Reject;
    };
    let issued = TOKENS
        .issue("alice")
        .scopes(["read"])
        .refresh()
        .into_future();
    let issued = issued.now_or_never().expect("memory answers at once");
    let issued = issued.expect("memory takes it");
    let refresh = issued.refresh_secret().expect("it was asked for");
    let told = |text| told(text, issued.secret(), refresh);

    let app = Client::confidential("app", ClientSecret::of("appsecret"))
        .scopes(["read", "write"])
        .expect("are scopes")
        .acts_as("app")
        .introspects_all();
    let oauth = OAuth::new(&TOKENS, [app, Client::public("phone")])
        .dangerously_allow_password_grant(&PASSWORDS)
        .introspection_scope("read")
        .expect("is a scope");
    let credentials = told(credentials);
    let form = told(form);
    let mut fields = vec![(CONTENT_TYPE, &b"application/x-www-form-urlencoded"[..])];
    if !credentials.is_empty() {
        fields.push((AUTHORIZATION, &credentials));
    }
    let answer = match endpoint {
        b"0" => post(oauth.token(), &fields, form.clone()),
        b"1" => post(oauth.revocation(), &fields, form.clone()),
        b"2" => post(oauth.introspection(), &fields, form.clone()),
        _ => return Corpus::Reject,
    };
    let Some(answer) = answer else {
        return Corpus::Reject;
    };
    match answer.status {
        StatusCode::OK if endpoint == b"2" => {
            let json = answer.json.expect("it says whether");
            let shown =
                |secret: &str| form_urlencoded::parse(&form).any(|(_, value)| value == secret);
            assert!(json["active"] == false || shown(issued.secret()));
        }
        StatusCode::OK
        | StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PAYLOAD_TOO_LARGE => {}
        status => panic!("{status}"),
    }
    Corpus::Keep
});
