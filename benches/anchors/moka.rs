use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::AUTHORIZATION;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tower::Layer;

use super::{Caller, bearer, texts};
use crate::case::{Case, inner};
use crate::ours::bearers;

type Callers = Cache<[u8; 32], Caller>;

pub(crate) const MOKA: &str = "hand-written from_fn, SHA-256 and moka";

/// What people write when they have read about digests and caches.
pub(super) fn case() -> Case {
    let layer = from_fn_with_state(callers(), authenticate);
    Case::new(
        MOKA,
        StatusCode::OK,
        layer.layer(inner()),
        AUTHORIZATION,
        bearers(&texts()),
    )
}

/// The same before an axum router.
pub(crate) fn before(router: Router) -> Router {
    router.layer(from_fn_with_state(callers(), authenticate))
}

fn callers() -> Callers {
    let callers = Callers::new(10_000);
    for (index, text) in texts().iter().enumerate() {
        callers.insert(Sha256::digest(text).into(), Caller::numbered(index));
    }
    callers
}

async fn authenticate(
    State(callers): State<Callers>,
    mut request: Request,
    next: Next,
) -> Response {
    let digest = bearer(&request).map(|text| <[u8; 32]>::from(Sha256::digest(text)));
    let caller = digest.and_then(|digest| callers.get(&digest));
    match caller.filter(Caller::is_live) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
