use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tower::{Layer, Service};

use super::future::ResponseFuture;
use super::layer::Manner;
use crate::authority::{Authenticated, TokenAuthority};
use crate::rejection::{Empty, Rejection, Respond};
use crate::token::{InvalidScope, Scopes};

/// Lets requests pass whose token meets a condition: scopes, a recent login, or a check of your
/// own. It stands inside of an [`ExpiringTokenLayer`](super::ExpiringTokenLayer); without one
/// every request gets a 500 that says so.
///
/// Where a recent login and scopes are both needed, put the recent login outside, so that a stale
/// login learns nothing of scopes.
///
/// ```
/// use tower_expiring_token::RequireLayer;
///
/// let writers = RequireLayer::all(["write"])?;
/// let readers = RequireLayer::any(["read", "write"])?;
/// let logins = RequireLayer::new(|caller| caller.require_kind("access"));
/// # let _ = (writers, readers, logins);
/// # Ok::<_, tower_expiring_token::InvalidScope>(())
/// ```
pub struct RequireLayer<R = Empty> {
    needs: Arc<Needs<R>>,
}

/// The service that a [`RequireLayer`] makes.
pub struct Require<Inner, R = Empty> {
    inner: Inner,
    needs: Arc<Needs<R>>,
}

struct Needs<R> {
    check: Arc<Check>,
    manner: Manner<R>,
}

type Check = dyn Fn(&Authenticated) -> Result<(), Rejection> + Send + Sync;

impl RequireLayer {
    /// Needs what this check lets pass. Build it of the checks that [`Authenticated`] has.
    #[must_use]
    pub fn new(
        check: impl Fn(&Authenticated) -> Result<(), Rejection> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Arc::new(check), Empty)
    }

    /// Needs all of these scopes: 403 `insufficient_scope` otherwise.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope (RFC 6749 section 3.3), or there is none.
    pub fn all<I>(scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let needed = Scopes::some(scopes)?;
        Ok(Self::new(move |caller| caller.require_all(&needed)))
    }

    /// Needs at least one of these scopes: 403 `insufficient_scope` otherwise.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope (RFC 6749 section 3.3), or there is none.
    pub fn any<I>(scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let needed = Scopes::some(scopes)?;
        Ok(Self::new(move |caller| caller.require_any(&needed)))
    }
}

impl<S> TokenAuthority<S> {
    /// A layer for dangerous routes: it needs a user who has proved who he is at most `max_age`
    /// ago, by this authority's clock. [`Authenticated::require_recent`] says what it refuses.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::delete};
    /// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let app: Router = Router::new()
    ///     .route("/account", delete(async || "closed"))
    ///     .route_layer(tokens.require_recent(Duration::from_secs(300)))
    ///     .layer(tokens.layer());
    /// # let _ = app;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn require_recent(&self, max_age: Duration) -> RequireLayer {
        let clock = self.clock();
        RequireLayer::new(move |caller| caller.require_recent(max_age, clock.now()))
    }
}

impl<R> RequireLayer<R> {
    fn with(check: Arc<Check>, responder: R) -> Self {
        let manner = Manner {
            responder,
            optional: false,
            preflight: false,
            strip: false,
            announce: None,
        };
        Self {
            needs: Arc::new(Needs { check, manner }),
        }
    }

    /// Responds to refusals in another style, as
    /// [`ExpiringTokenLayer::respond`](super::ExpiringTokenLayer::respond) does.
    #[must_use]
    pub fn respond<R2>(self, responder: R2) -> RequireLayer<R2> {
        RequireLayer::with(Arc::clone(&self.needs.check), responder)
    }
}

impl<Inner, R> Layer<Inner> for RequireLayer<R> {
    type Service = Require<Inner, R>;

    fn layer(&self, inner: Inner) -> Self::Service {
        Require {
            inner,
            needs: Arc::clone(&self.needs),
        }
    }
}

impl<Inner, R, ReqBody, ResBody> Service<Request<ReqBody>> for Require<Inner, R>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: Respond<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = Inner::Error;
    type Future = ResponseFuture<Inner, R, ReqBody, ResBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let Needs { check, manner } = &*self.needs;
        match Authenticated::of(request.extensions()).and_then(|caller| check(caller)) {
            Ok(()) => ResponseFuture::passed(self.inner.call(request), None),
            Err(rejection) => {
                self.inner = self.inner.clone();
                ResponseFuture::refused(manner.refuse(&request, rejection))
            }
        }
    }
}

impl<R> Clone for RequireLayer<R> {
    fn clone(&self) -> Self {
        Self {
            needs: Arc::clone(&self.needs),
        }
    }
}

impl<Inner: Clone, R> Clone for Require<Inner, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            needs: Arc::clone(&self.needs),
        }
    }
}

impl<R> fmt::Debug for RequireLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequireLayer(..)")
    }
}

impl<Inner: fmt::Debug, R> fmt::Debug for Require<Inner, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
