use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::response::Response;
use futures_util::future::Either;
use http::StatusCode;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service, layer::layer_fn};

use super::bearer;
use crate::case::{CREDENTIALS, Case, inner};
use crate::ours::bearers;

pub(crate) const JWT: &str = "jsonwebtoken 11 HS256, unboxed tower layer";

const SECRET: &[u8] = b"the same thirty-two bytes as ever";

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    scope: String,
    iat: u64,
    exp: u64,
}

/// jsonwebtoken as a tower layer that is as fast as one can make it: nothing is boxed, the keys
/// are made once.
pub(super) fn case() -> Case {
    let texts: Vec<String> = (0..CREDENTIALS).map(sign).collect();
    Case::new(
        JWT,
        StatusCode::OK,
        layer().layer(inner()),
        AUTHORIZATION,
        bearers(&texts),
    )
}

/// A token for this user, good for a day.
pub(crate) fn sign(index: usize) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is past 1970");
    let claims = Claims {
        sub: format!("user-{index:08}"),
        scope: "read write".to_owned(),
        iat: now.as_secs(),
        exp: now.as_secs() + 24 * 3600,
    };
    let key = EncodingKey::from_secret(SECRET);
    encode(&Header::new(Algorithm::HS256), &claims, &key).expect("these claims are JSON")
}

pub(crate) fn layer<S>() -> impl Layer<S, Service = Jwt<S>> + Clone {
    let check = Arc::new(Check {
        key: DecodingKey::from_secret(SECRET),
        validation: Validation::new(Algorithm::HS256),
    });
    layer_fn(move |inner| Jwt {
        inner,
        check: Arc::clone(&check),
    })
}

#[derive(Clone)]
pub(crate) struct Jwt<S> {
    inner: S,
    check: Arc<Check>,
}

struct Check {
    key: DecodingKey,
    validation: Validation,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Jwt<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Check { key, validation } = &*self.check;
        let claims = bearer(&request).map(|text| decode::<Claims>(text, key, validation));
        if let Some(Ok(token)) = claims {
            request.extensions_mut().insert(token.claims);
            return Either::Left(self.inner.call(request));
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        Either::Right(ready(Ok(response)))
    }
}
