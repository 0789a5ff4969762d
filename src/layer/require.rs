use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{Layer, Service};

use super::future::ResponseFuture;
use super::layer::Manner;
use crate::authority::Authenticated;
use crate::rejection::{Empty, Rejection, Respond};
use crate::token::{InvalidScope, Scopes};

/// Lets requests pass whose token has the scopes that are needed: 403 `insufficient_scope`
/// otherwise. It stands inside of an [`ExpiringTokenLayer`](super::ExpiringTokenLayer); without
/// one every request gets a 500 that says so.
///
/// ```
/// use tower_expiring_token::RequireScopesLayer;
///
/// let writers = RequireScopesLayer::all(["write"])?;
/// let readers = RequireScopesLayer::any(["read", "write"])?;
/// # let _ = (writers, readers);
/// # Ok::<_, tower_expiring_token::InvalidScope>(())
/// ```
pub struct RequireScopesLayer<R = Empty> {
    needs: Arc<Needs<R>>,
}

/// The service that a [`RequireScopesLayer`] makes.
pub struct RequireScopes<Inner, R = Empty> {
    inner: Inner,
    needs: Arc<Needs<R>>,
}

struct Needs<R> {
    scopes: Scopes,
    all: bool,
    manner: Manner<R>,
}

impl RequireScopesLayer {
    /// Needs all of these scopes.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope (RFC 6749 section 3.3).
    pub fn all<I>(scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Ok(Self::new(Scopes::of(scopes)?, true, Empty))
    }

    /// Needs at least one of these scopes.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope (RFC 6749 section 3.3).
    pub fn any<I>(scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Ok(Self::new(Scopes::of(scopes)?, false, Empty))
    }
}

impl<R> RequireScopesLayer<R> {
    fn new(scopes: Scopes, all: bool, responder: R) -> Self {
        let manner = Manner {
            responder,
            optional: false,
            preflight: false,
            strip: false,
        };
        Self {
            needs: Arc::new(Needs {
                scopes,
                all,
                manner,
            }),
        }
    }

    /// Responds to refusals in another style, as
    /// [`ExpiringTokenLayer::respond`](super::ExpiringTokenLayer::respond) does.
    #[must_use]
    pub fn respond<R2>(self, responder: R2) -> RequireScopesLayer<R2> {
        RequireScopesLayer::new(self.needs.scopes.clone(), self.needs.all, responder)
    }
}

impl<Inner, R> Layer<Inner> for RequireScopesLayer<R> {
    type Service = RequireScopes<Inner, R>;

    fn layer(&self, inner: Inner) -> Self::Service {
        RequireScopes {
            inner,
            needs: Arc::clone(&self.needs),
        }
    }
}

impl<R> Needs<R> {
    fn check<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        let caller = Authenticated::of(request.extensions())?;
        if self.all {
            caller.require_all(&self.scopes)
        } else {
            caller.require_any(&self.scopes)
        }
    }
}

impl<Inner, R, ReqBody, ResBody> Service<Request<ReqBody>> for RequireScopes<Inner, R>
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
        match self.needs.check(&request) {
            Ok(()) => ResponseFuture::passed(self.inner.call(request), false),
            Err(rejection) => {
                self.inner = self.inner.clone();
                ResponseFuture::refused(self.needs.manner.refuse(&request, rejection))
            }
        }
    }
}

impl<R> Clone for RequireScopesLayer<R> {
    fn clone(&self) -> Self {
        Self {
            needs: Arc::clone(&self.needs),
        }
    }
}

impl<Inner: Clone, R> Clone for RequireScopes<Inner, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            needs: Arc::clone(&self.needs),
        }
    }
}

impl<R> fmt::Debug for RequireScopesLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireScopesLayer")
            .field("scopes", &self.needs.scopes)
            .field("all", &self.needs.all)
            .finish()
    }
}

impl<Inner: fmt::Debug, R> fmt::Debug for RequireScopes<Inner, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireScopes")
            .field("inner", &self.inner)
            .field("scopes", &self.needs.scopes)
            .finish_non_exhaustive()
    }
}
