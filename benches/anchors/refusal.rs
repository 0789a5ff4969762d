use std::mem;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::{MemoryStore, Rejection, SystemClock};

use super::texts;
use crate::case::{Case, inner, now};
use crate::ours::{authority, bearers};

/// The response that a refusal of ours is, made again for each request of which nothing was read:
/// what it costs to say all that is said.
pub(super) fn case() -> Case {
    let layer = authority(MemoryStore::new(), SystemClock).layer();
    let request = Request::builder().header(AUTHORIZATION, "Bearer garbage");
    let request = request.body(Body::empty()).expect("a request");
    let refused = now(layer.layer(inner()).oneshot(request)).expect("it answers");
    let fields = refused.headers().clone();
    let reason: &Rejection = refused.extensions().get().expect("it says why");
    let reason = reason.clone();
    let refuse = move |_: Request<Body>| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        mem::forget(mem::replace(response.headers_mut(), fields.clone()));
        response.extensions_mut().insert(reason.clone());
        std::future::ready(Ok(response))
    };
    Case::new(
        "the response of ours, refused, and nothing read",
        StatusCode::UNAUTHORIZED,
        service_fn(refuse),
        AUTHORIZATION,
        bearers(&texts()),
    )
}
