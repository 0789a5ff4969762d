use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN};
use http::{Method, Request, Response};
use tower::Service;

use super::ResponseFuture;
use super::future::Marks;
use super::layer::{Manner, Settings};
#[cfg(feature = "test-util")]
use crate::authority::Role;
use crate::authority::{Anonymous, Answer, Authenticated, Presented, TokenAuthority};
use crate::credential;
use crate::rejection::{Reason, Rejection, Respond};
use crate::store::TokenStore;
use crate::token::TokenDigest;

/// The service that an [`ExpiringTokenLayer`](super::ExpiringTokenLayer) makes.
pub struct ExpiringToken<Inner, S, R> {
    inner: Inner,
    settings: Arc<Settings<S, R>>,
}

/// Why a request's head alone decides.
enum Heard {
    Anonymous,
    /// A token of ours that arrived unencrypted, of whatever kind, and the scheme that carried it.
    Cleartext(TokenDigest, usize),
    /// The scheme that was used, too.
    Refused(Reason, usize),
}

impl<Inner, S, R> ExpiringToken<Inner, S, R> {
    pub(super) const fn new(inner: Inner, settings: Arc<Settings<S, R>>) -> Self {
        Self { inner, settings }
    }
}

impl<S: TokenStore, R> Settings<S, R> {
    #[inline(always)]
    fn hear<B>(&self, request: &mut Request<B>) -> Result<Presented, Heard> {
        let in_clear = self.cleartext.as_ref().is_some_and(|cleartext| {
            credential::mark(request.headers_mut());
            cleartext.arrived(request.headers(), request.extensions())
        });
        match credential::parse(request.headers_mut(), self.authority.challenges()) {
            Ok((text, used)) => {
                if in_clear && let Some(digest) = self.authority.recognise(text) {
                    return Err(Heard::Cleartext(digest, used));
                }
                let presented = self.authority.present(text, self.admitted, used);
                presented.map_err(|reason| Heard::Refused(reason, used))
            }
            Err((reason, used)) => Err(self.without_token(request, reason, used)),
        }
    }

    #[cold]
    fn without_token<B>(&self, request: &Request<B>, reason: Reason, used: usize) -> Heard {
        let anonymous = match reason {
            Reason::NoCredentials => {
                self.manner.optional || self.manner.preflight && is_preflight(request)
            }
            Reason::OtherScheme => self.manner.optional,
            _ => false,
        };
        if anonymous {
            return Heard::Anonymous;
        }
        Heard::Refused(reason, used)
    }
}

#[cfg(feature = "test-util")]
impl<S: TokenStore, R> Settings<S, R> {
    /// Whom a test acts as, whatever the request shows.
    fn acted<B>(&self, request: &Request<B>) -> Option<Result<Authenticated, Rejection>> {
        let Role(acted) = request.extensions().get()?;
        let authority = &self.authority;
        Some(match authority.admits(acted.record(), self.admitted) {
            true => Ok(acted.challenged_by(authority.challenges())),
            false => Err(authority.reject(Reason::WrongKind, 0)),
        })
    }
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl<R> Manner<R> {
    /// Hands a request on with its proof.
    #[inline(always)]
    pub(super) fn admit<B>(&self, request: &mut Request<B>, authenticated: Authenticated) {
        if self.strip {
            request.headers_mut().remove(AUTHORIZATION);
        }
        request.extensions_mut().insert(authenticated);
    }

    #[inline(always)]
    pub(super) fn refuse<ReqBody, ResBody>(
        &self,
        request: &Request<ReqBody>,
        mut rejection: Rejection,
    ) -> Response<ResBody>
    where
        R: Respond<ResBody>,
    {
        rejection.set_method(request.method());
        self.responder.refuse(rejection, request.headers())
    }
}

impl<Inner, S, R, ReqBody, ResBody> Service<Request<ReqBody>> for ExpiringToken<Inner, S, R>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S: TokenStore,
    R: Respond<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = Inner::Error;
    type Future = ResponseFuture<Inner, R, ReqBody, ResBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    // Inlined, its future would be copied to where the caller keeps it.
    #[inline(never)]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let settings = &self.settings;
        let manner = &settings.manner;
        #[cfg(feature = "test-util")]
        match settings.acted(&request) {
            None => {}
            Some(Err(rejection)) => return self.refuse(&request, |_| rejection),
            Some(Ok(acted)) => {
                let marks = Marks::of(manner, Some(&acted));
                manner.admit(&mut request, acted);
                return ResponseFuture::passed(|| self.inner.call(request), marks);
            }
        }
        let presented = match settings.hear(&mut request) {
            Ok(presented) => presented,
            Err(Heard::Anonymous) => {
                let extensions = request.extensions_mut();
                // Another authority's caller is none of ours.
                extensions.remove::<Authenticated>();
                extensions.insert(Anonymous::new(settings.authority.challenges()));
                return ResponseFuture::passed(
                    || self.inner.call(request),
                    Marks::of(manner, None),
                );
            }
            Err(Heard::Cleartext(digest, used)) => return self.burn(request, digest, used),
            Err(Heard::Refused(reason, used)) => {
                return self.refuse(&request, |authority| authority.reject(reason, used));
            }
        };
        match settings.authority.authenticate_now(&presented) {
            Answer::Done(Ok(authenticated)) => {
                let marks = Marks::of(manner, Some(&authenticated));
                manner.admit(&mut request, authenticated);
                ResponseFuture::passed(|| self.inner.call(request), marks)
            }
            Answer::Done(Err(rejection)) => self.refuse(&request, |_| rejection),
            Answer::Touch(authenticated, due) => {
                let authority = settings.authority.clone();
                self.wait(request, async move {
                    Ok(authority.touched(authenticated, due).await)
                })
            }
            Answer::Ask => {
                let authority = settings.authority.clone();
                self.wait(request, async move {
                    authority.authenticate_presented(presented).await
                })
            }
        }
    }
}

impl<Inner: Clone, S, R> ExpiringToken<Inner, S, R> {
    /// Takes the refusal where it is made: each copy of it on its way would take ten instructions.
    #[inline(never)]
    fn refuse<ReqBody, ResBody>(
        &mut self,
        request: &Request<ReqBody>,
        rejection: impl FnOnce(&TokenAuthority<S>) -> Rejection,
    ) -> ResponseFuture<Inner, R, ReqBody, ResBody>
    where
        Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
        R: Respond<ResBody>,
    {
        // What poll_ready reserved (a permit, a place in a buffer) goes back only with the
        // service that reserved it.
        self.inner = self.inner.clone();
        let settings = &self.settings;
        let rejection = rejection(&settings.authority);
        ResponseFuture::refused(settings.manner.refuse(request, rejection))
    }

    fn burn<ReqBody, ResBody>(
        &mut self,
        request: Request<ReqBody>,
        digest: TokenDigest,
        used: usize,
    ) -> ResponseFuture<Inner, R, ReqBody, ResBody>
    where
        Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
        R: Respond<ResBody>,
    {
        let settings = &self.settings;
        let rejection = settings.authority.reject(Reason::Cleartext, used);
        let cleartext = settings.cleartext.as_ref();
        match cleartext.and_then(|it| it.burn(&settings.authority, digest)) {
            None => self.refuse(&request, |_| rejection),
            Some(burning) => self.wait(request, async move {
                Err(match burning.await {
                    Ok(_) => rejection,
                    Err(error) => rejection.because(Arc::new(error)),
                })
            }),
        }
    }

    fn wait<ReqBody, ResBody>(
        &mut self,
        request: Request<ReqBody>,
        decision: impl Future<Output = Result<Authenticated, Rejection>> + Send + 'static,
    ) -> ResponseFuture<Inner, R, ReqBody, ResBody>
    where
        Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    {
        // The service that was polled ready is the one to call.
        let fresh = self.inner.clone();
        let ready = mem::replace(&mut self.inner, fresh);
        ResponseFuture::deciding(
            Box::pin(decision),
            ready,
            request,
            Arc::clone(&self.settings.manner),
        )
    }
}

impl<Inner: Clone, S, R> Clone for ExpiringToken<Inner, S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<Inner: fmt::Debug, S, R> fmt::Debug for ExpiringToken<Inner, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiringToken")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
