use std::mem;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::{MemoryStore, Rejection, SystemClock};

use super::texts;
use crate::case::{Case, inner, now};
use crate::ours::{authority, bearers};

/// Stands for a refusal. A second place that puts one into extensions would keep the compiler from
/// inlining the first, which is measured.
#[derive(Clone)]
struct AsLarge(
    #[expect(dead_code, reason = "only its size counts")] [u64; size_of::<Rejection>() / 8],
);

/// The response that a refusal of ours is, made again for each request of which nothing was read:
/// what it costs to say all that is said.
pub(super) fn case() -> Case {
    let layer = authority(MemoryStore::new(), SystemClock).layer();
    let request = Request::builder().header(AUTHORIZATION, "Bearer garbage");
    let request = request.body(Body::empty()).expect("a request");
    let refused = now(layer.layer(inner()).oneshot(request)).expect("it answers");
    let fields = refused.headers().clone();
    let refuse = move |_: Request<Body>| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        mem::forget(mem::replace(response.headers_mut(), fields.clone()));
        response
            .extensions_mut()
            .insert(AsLarge([0; size_of::<Rejection>() / 8]));
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
