use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tower::{Layer, Service};

use super::future::ResponseFuture;
use super::layer::Manner;
use crate::authority::{About, Authenticated, Event, Events, TokenAuthority};
use crate::credential;
use crate::rejection::{Empty, Rejection, Respond};
use crate::token::{InvalidScope, Scopes};

/// Lets requests pass whose token meets a condition: scopes, a recent login, or a check of your
/// own. It stands inside of an [`ExpiringTokenLayer`](super::ExpiringTokenLayer); without one
/// every request gets a 500, which says so in its extensions and, where that is asked for, in its
/// body ([`Json`](crate::Json)).
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
    events: Option<Arc<dyn Events>>,
}

type Check = dyn Fn(&Authenticated) -> Result<(), Rejection> + Send + Sync;

impl RequireLayer {
    /// Needs what this check lets pass. Build it of the checks that [`Authenticated`] has.
    #[must_use]
    pub fn new(
        check: impl Fn(&Authenticated) -> Result<(), Rejection> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Arc::new(check), Empty, None)
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
    /// ago, by this authority's clock. [`Authenticated::require_recent`] says what it refuses; the
    /// authority's [`Events`] hear of it.
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
        RequireLayer::new(move |caller| caller.require_recent(max_age, clock.now())).told_to(self)
    }
}

impl<R> RequireLayer<R> {
    fn with(check: Arc<Check>, responder: R, events: Option<Arc<dyn Events>>) -> Self {
        let manner = Manner {
            responder,
            optional: false,
            preflight: false,
            strip: false,
            announce: None,
        };
        Self {
            needs: Arc::new(Needs {
                check,
                manner,
                events,
            }),
        }
    }

    /// Responds to refusals in another style, as
    /// [`ExpiringTokenLayer::respond`](super::ExpiringTokenLayer::respond) does: what that layer
    /// was told does not hold here.
    #[must_use]
    pub fn respond<R2>(self, responder: R2) -> RequireLayer<R2> {
        let Needs { check, events, .. } = &*self.needs;
        RequireLayer::with(Arc::clone(check), responder, events.clone())
    }

    /// Responds to refusals by a closure, as
    /// [`ExpiringTokenLayer::respond_with`](super::ExpiringTokenLayer::respond_with) does.
    #[must_use]
    pub fn respond_with<B, F>(self, respond: F) -> RequireLayer<F>
    where
        F: Fn(&Rejection, &HeaderMap) -> Response<B> + Send + Sync + 'static,
    {
        self.respond(respond)
    }
}

impl<R: Clone> RequireLayer<R> {
    /// Tells this authority's [`Events`] what is refused, as its own layers do. Nobody hears of it
    /// unless this is said.
    ///
    /// ```
    /// # use tower_expiring_token::{InvalidScope, MemoryStore, RequireLayer, TokenAuthority};
    /// # fn writers(tokens: &TokenAuthority<MemoryStore>) -> Result<RequireLayer, InvalidScope> {
    /// let writers = RequireLayer::all(["write"])?.told_to(tokens);
    /// # Ok(writers)
    /// # }
    /// ```
    #[must_use]
    pub fn told_to<S>(self, tokens: &TokenAuthority<S>) -> Self {
        let Needs { check, manner, .. } = &*self.needs;
        let responder = manner.responder.clone();
        Self::with(Arc::clone(check), responder, tokens.events())
    }
}

impl<R> Needs<R> {
    #[cold]
    fn told(&self, rejection: Rejection, caller: Option<&Authenticated>) -> Rejection {
        if let Some(events) = &self.events {
            events.event(&Event::Refused {
                reason: rejection.reason(),
                about: caller.map(|caller| About::of(caller.record())),
                error: None,
            });
        }
        rejection
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let needs = &*self.needs;
        let rejection = match Authenticated::of(request.extensions()) {
            Ok(caller) => match (needs.check)(caller) {
                Ok(()) => return ResponseFuture::passed(|| self.inner.call(request), None),
                Err(rejection) => needs.told(rejection, Some(caller)),
            },
            Err(rejection) => needs.told(rejection, None),
        };
        self.inner = self.inner.clone();
        credential::mark(request.headers_mut());
        ResponseFuture::refused(needs.manner.refuse(&request, rejection))
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
