use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::AUTHORIZATION;
use tower::Layer;

use super::{Caller, bearer, texts};
use crate::case::{Case, inner};
use crate::ours::bearers;

type Callers = Arc<RwLock<HashMap<String, Caller>>>;

/// What most people write first: a map by the token's plain text behind a lock.
pub(super) fn case() -> Case {
    let callers = texts().into_iter().enumerate();
    let callers = callers
        .map(|(index, text)| (text, Caller::numbered(index)))
        .collect();
    let callers: Callers = Arc::new(RwLock::new(callers));
    Case::new(
        "hand-written from_fn, RwLock<HashMap> by plain text",
        StatusCode::OK,
        from_fn_with_state(callers, authenticate).layer(inner()),
        AUTHORIZATION,
        bearers(&texts()),
    )
}

async fn authenticate(
    State(callers): State<Callers>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = bearer(&request).and_then(|text| {
        let callers = callers.read().expect("nobody panics here");
        callers.get(text).cloned()
    });
    match caller.filter(Caller::is_live) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
