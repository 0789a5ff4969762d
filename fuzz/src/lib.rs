//! What the targets share: an authority with one person, and what holds of every answer.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt};
use tower_expiring_token::{
    Allowance, CheckPassword, Checked, Lifetime, MemoryStore, PasswordGuard, Scopes, StoreError,
    Subject, Throttle, TokenAuthority, Verified, Who, async_trait,
};

/// Tokens of an hour, refreshed for a day, one session a person.
pub static TOKENS: LazyLock<TokenAuthority<MemoryStore>> = LazyLock::new(|| {
    TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::hours(1))
        .refresh(Lifetime::days(1))
        .limit(1)
        .build()
        .expect("is valid")
});

/// Knows alice, and slows nobody down.
pub static PASSWORDS: LazyLock<PasswordGuard> = LazyLock::new(|| {
    let every = Duration::from_nanos(1);
    let all = Allowance {
        failures: u32::MAX,
        every,
    };
    PasswordGuard::with_throttle(Alice, |_| None, Throttle::new(all, all))
});

struct Alice;

#[async_trait]
impl CheckPassword for Alice {
    async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError> {
        let subject = Subject::new("alice");
        Ok(match (who.as_str(), password) {
            ("alice", "wonderland") => Checked::Right(Verified::new(
                subject,
                Scopes::parse("read write").map_err(StoreError::new)?,
            )),
            ("alice", _) => Checked::Wrong(Some(subject)),
            _ => Checked::Wrong(None),
        })
    }
}

/// The parts of an input that lines separate; the last one is all the rest.
pub fn lines<const N: usize>(input: &[u8]) -> Option<[&[u8]; N]> {
    let mut parts = input.splitn(N, |&byte| byte == b'\n');
    let lines = std::array::from_fn(|_| parts.next());
    lines
        .iter()
        .all(Option::is_some)
        .then(|| lines.map(Option::unwrap_or_default))
}

/// Posts to an endpoint. None if a server would not let such a field through.
pub fn post<E>(endpoint: E, fields: &[(HeaderName, &[u8])], body: Vec<u8>) -> Option<Answer>
where
    E: Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = Infallible>,
{
    let mut request = Request::post("/").body(Full::from(body)).ok()?;
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value).ok()?;
        request.headers_mut().insert(name, value);
    }
    let response = endpoint.oneshot(request).now_or_never();
    let Ok(response) = response.expect("memory answers at once");
    Some(Answer::of(response))
}

/// An answer that says all that any must.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its content, if it is JSON.
    pub json: Option<serde_json::Value>,
}

impl Answer {
    fn of(response: Response<Full<Bytes>>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().now_or_never().expect("all is there");
        let Ok(body) = body;
        let is_json = head
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|it| it == "application/json");
        let json = is_json.then(|| serde_json::from_slice(&body.to_bytes()).expect("is JSON"));
        assert!(head.status.as_u16() < 500, "{head:?}");
        assert_eq!(head.headers[CACHE_CONTROL], "no-store", "{head:?}");
        if head.status == StatusCode::UNAUTHORIZED {
            assert!(head.headers.contains_key(WWW_AUTHENTICATE), "{head:?}");
        }
        Self {
            status: head.status,
            json,
        }
    }
}
