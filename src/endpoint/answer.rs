//! What endpoints say, but for what each says alone.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use super::service::Answer;
use crate::store::StoreError;

/// No content. No cache keeps it.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::new(Full::default());
    *answer.status_mut() = status;
    uncached(&mut answer);
    answer
}

/// JSON. No cache keeps it (RFC 6749 section 5.1).
pub(super) fn json(status: StatusCode, content: &impl Serialize) -> Answer {
    // Only maps with keys that are no strings can't be written, and there are none here.
    let text = serde_json::to_vec(content).unwrap_or_default();
    let mut answer = empty(status);
    *answer.body_mut() = Full::new(Bytes::from(text));
    let value = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, value);
    answer
}

/// Says when to try again, in whole seconds.
pub(super) fn retry_after(mut answer: Answer, seconds: u64) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// Says to try again soon, and keeps what the store said in the extensions, for logs.
pub(super) fn unavailable(mut answer: Answer, error: StoreError) -> Answer {
    answer.extensions_mut().insert(error);
    retry_after(answer, 1)
}

fn uncached(answer: &mut Answer) {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
}
