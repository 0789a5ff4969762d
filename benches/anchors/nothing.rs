use axum::middleware::{Next, from_fn};
use http::StatusCode;
use http::header::AUTHORIZATION;
use tower::Layer;

use super::texts;
use crate::case::{Case, inner};
use crate::ours::bearers;

/// What axum's `from_fn` costs by itself.
pub(super) fn case() -> Case {
    let layer = from_fn(async |request, next: Next| next.run(request).await);
    Case::new(
        "an axum from_fn that does nothing",
        StatusCode::OK,
        layer.layer(inner()),
        AUTHORIZATION,
        bearers(&texts()),
    )
}
