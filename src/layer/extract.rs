use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::authority::Authenticated;
use crate::rejection::{Json, Rejection, Respond};
use crate::store::StoreError;

/// An axum extractor for who calls, in the store's own type.
///
/// `Option<Principal<P>>` is none for anonymous requests that an optional layer let pass. A
/// missing layer and a wrong type are a 500 that says so, never a 401 and never none.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_expiring_token::{Lifetime, MemoryStore, Principal, Subject, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
/// let app: Router = Router::new()
///     .route("/me", get(|alice: Principal<Subject>| async move { alice.to_string() }))
///     .layer(tokens.layer());
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub struct Principal<P> {
    /// All that is known of the caller.
    authenticated: Authenticated,
    principal: PhantomData<fn() -> P>,
}

impl<P: 'static> Principal<P> {
    fn of(authenticated: &Authenticated) -> Result<Self, Rejection> {
        authenticated.principal::<P>()?;
        Ok(Self {
            authenticated: authenticated.clone(),
            principal: PhantomData,
        })
    }

    /// The token that he showed.
    #[must_use]
    pub const fn authenticated(&self) -> &Authenticated {
        &self.authenticated
    }
}

impl<P: 'static> Deref for Principal<P> {
    type Target = P;

    fn deref(&self) -> &P {
        self.authenticated
            .principal()
            .expect("`of` has found the principal and its type")
    }
}

impl<P: fmt::Display + 'static> fmt::Display for Principal<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<P: fmt::Debug + 'static> fmt::Debug for Principal<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Principal").field(&**self).finish()
    }
}

impl<P> Clone for Principal<P> {
    fn clone(&self) -> Self {
        Self {
            authenticated: self.authenticated.clone(),
            principal: PhantomData,
        }
    }
}

impl<P: 'static, State: Sync> FromRequestParts<State> for Principal<P> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &State) -> Result<Self, Rejection> {
        Self::of(Authenticated::of(&parts.extensions)?)
    }
}

impl<P: 'static, State: Sync> OptionalFromRequestParts<State> for Principal<P> {
    type Rejection = Rejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &State,
    ) -> Result<Option<Self>, Rejection> {
        Authenticated::optional(&parts.extensions)?
            .map(Self::of)
            .transpose()
    }
}

impl<State: Sync> FromRequestParts<State> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &State) -> Result<Self, Rejection> {
        Self::of(&parts.extensions).cloned()
    }
}

impl<State: Sync> OptionalFromRequestParts<State> for Authenticated {
    type Rejection = Rejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &State,
    ) -> Result<Option<Self>, Rejection> {
        Ok(Self::optional(&parts.extensions)?.cloned())
    }
}

/// As a [`Rejection`]: 503 with `Retry-After`.
impl IntoResponse for StoreError {
    fn into_response(self) -> Response {
        Rejection::from(self).into_response()
    }
}

/// In the JSON style: a handler's own response is read by its own clients.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Json.refuse(self, &http::HeaderMap::new())
    }
}
