use http::{HeaderMap, HeaderValue, Response};

use super::case::{Expect, Transport};
use super::template::Words;
use crate::support::challenge;

/// What a case was answered; none, where the connection ended without an answer.
pub(super) struct Answer(pub(super) Option<Response<Vec<u8>>>);

impl Answer {
    pub(super) fn status(&self) -> Option<u16> {
        self.0.as_ref().map(|response| response.status().as_u16())
    }

    /// All that differs from what was expected.
    pub(super) fn faults(&self, expect: &Expect, words: &Words) -> Vec<String> {
        let Some(response) = &self.0 else {
            let allowed = expect
                .transport
                .contains(&Transport::Word("close".to_owned()));
            return faults([(!allowed).then(|| "closed without an answer".to_owned())]);
        };
        let mut found = leaks(response, words);
        let status = response.status().as_u16();
        let fields = response.headers();
        let by_server = !fields.contains_key("x-reason");
        if by_server && expect.transport.contains(&Transport::Status(status)) {
            return found;
        }
        if !expect.status.has(&status) {
            found.push(format!("status {status}"));
            return found;
        }
        if !by_server {
            found.extend(reason_fault(fields, &expect.reason));
        }
        found.extend(challenge_faults(response, expect, words));
        if matches!(status, 400 | 401 | 403) {
            found.extend(caching_faults(fields));
        }
        found
    }

    /// The same of an optional layer, where the case says what a required one answers.
    pub(super) fn faults_of_optional(&self, expect: &Expect, words: &Words) -> Vec<String> {
        let Some(response) = &self.0 else {
            return self.faults(expect, words);
        };
        let fields = response.headers();
        let reason = fields.get("x-reason").map(HeaderValue::as_bytes);
        if fields.contains_key("x-caller") {
            let refused_without_error = expect.status.has(&401) && expect.error.has(&None);
            let mut found = leaks(response, words);
            found.extend((!refused_without_error).then(|| "passed as nobody".to_owned()));
            return found;
        }
        let mut found = self.faults(expect, words);
        if matches!(reason, Some(b"no_credentials" | b"other_scheme")) {
            found.push("nobody was refused".to_owned());
        }
        found
    }
}

fn faults<const N: usize>(found: [Option<String>; N]) -> Vec<String> {
    found.into_iter().flatten().collect()
}

fn leaks(response: &Response<Vec<u8>>, words: &Words) -> Vec<String> {
    let values = response.headers().values().map(HeaderValue::as_bytes);
    let mut texts = values.chain([response.body().as_slice()]);
    let token = words.token.as_bytes();
    let leaks = texts.any(|text| text.windows(token.len()).any(|part| part == token));
    faults([leaks.then(|| "the live token is in the answer".to_owned())])
}

/// How a text fails to be a token that is good depends on its form.
fn reason_fault(fields: &HeaderMap, expected: &str) -> Option<String> {
    let found = fields["x-reason"].to_str().expect("is a word");
    let same = match expected {
        "not_a_token" | "too_long" => found == "unknown_token",
        "transport" => true,
        _ => found == expected,
    };
    (!same).then(|| format!("reason {found}"))
}

fn challenge_faults(response: &Response<Vec<u8>>, expect: &Expect, words: &Words) -> Vec<String> {
    let challenges = match challenge::read(response.headers()) {
        Ok(challenges) => challenges,
        Err(fault) => return vec![format!("challenge malformed: {fault}")],
    };
    let status = response.status().as_u16();
    let mut found: Vec<String> = challenges
        .iter()
        .flat_map(challenge::Challenge::faults)
        .collect();
    let ours = challenges
        .iter()
        .any(|challenge| challenge.scheme == words.scheme);
    if !ours && (status == 401 || !challenges.is_empty()) {
        found.push(format!("no challenge of {}", words.scheme));
    }
    let errors: Vec<&str> = challenges
        .iter()
        .filter_map(|challenge| challenge.get("error"))
        .collect();
    let error = errors.last().map(|error| (*error).to_owned());
    if matches!(status, 400 | 401 | 403) && !expect.error.has(&error) {
        found.push(format!("error {error:?}"));
    }
    if errors.len() > 1 || status == 200 && !errors.is_empty() {
        found.push(format!("errors {errors:?} with {status}"));
    }
    found
}

fn caching_faults(fields: &HeaderMap) -> Vec<String> {
    let says = |name: &str, word: &str| {
        fields
            .get_all(name)
            .iter()
            .any(|value| value.to_str().is_ok_and(|value| value.contains(word)))
    };
    faults([
        (!says("cache-control", "no-store")).then(|| "a cache may keep it".to_owned()),
        (!says("vary", "authorization")).then(|| "no Vary: Authorization".to_owned()),
    ])
}
