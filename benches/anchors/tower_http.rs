use http::StatusCode;
use http::header::AUTHORIZATION;
use tower::Layer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

use super::texts;
use crate::case::{CREDENTIALS, Case, inner};
use crate::ours::bearers;

/// One static token, which it compares to; it knows no more than that one.
pub(super) fn case() -> Case {
    let token = texts().remove(0);
    #[expect(
        deprecated,
        reason = "what it was deprecated for is what this crate is for"
    )]
    let layer = ValidateRequestHeaderLayer::bearer(&token);
    let requests = bearers(&vec![token; CREDENTIALS]);
    Case::new(
        "tower-http 0.7 bearer, one static token",
        StatusCode::OK,
        layer.layer(inner()),
        AUTHORIZATION,
        requests,
    )
}
