use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower::Service;

use super::oauth::OAuthError;
use super::style::Style;
use crate::credential;
use crate::store::StoreError;

/// A ready-made service: mount it in any framework, in axum by `route_service`.
///
/// It reads at most 16 KiB of a request, never fails, and is cheap to clone. A request whose body
/// comes slowly is waited for: let the server or a layer outside put an end to that.
pub struct Endpoint<H> {
    handler: Arc<H>,
    cleartext: Option<Arc<Arrived>>,
}

/// Whether a request came unencrypted, by its head.
type Arrived = dyn Fn(&HeaderMap, &Extensions) -> bool + Send + Sync;

/// What an endpoint does with a request. Only this crate has any.
pub trait Handle: Send + Sync + 'static {
    /// The methods that are answered.
    fn methods(&self) -> &'static [Method];

    /// The answer.
    fn answer(&self, head: Parts, body: Body) -> impl Future<Output = Answer> + Send;

    /// Tells whoever listens that the store could not say.
    fn tell_unavailable(&self, _error: &StoreError) {}

    /// The answer to a request that arrived unencrypted.
    fn cleartext(&self) -> Answer {
        OAuthError::InvalidRequest("expected an encrypted connection, found none; use https")
            .answer()
    }

    /// The answer to another method.
    fn method_not_allowed(&self, method: &Method) -> Answer {
        Style::OAuth.method_not_allowed(method)
    }
}

/// What endpoints answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// A request's content, as far as it could be read.
pub(super) type Body = Result<Bytes, Unread>;

/// Why a request's content was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than anything that is meant for an endpoint.
    TooLong,
    /// It broke off.
    Broken,
}

const LONGEST_BODY: usize = 16 * 1024;

impl Unread {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "expected at most 16 KiB, found more",
            Self::Broken => "expected whole content, found some that breaks off",
        }
    }
}

impl<H> Endpoint<H> {
    pub(super) fn new(handler: H) -> Self {
        Self {
            handler: Arc::new(handler),
            cleartext: None,
        }
    }

    /// Refuses requests that arrive unencrypted by a 400, before anything secret in them is read.
    /// What counts so is yours to say, as in
    /// [`ExpiringTokenLayer::refuse_cleartext`](crate::ExpiringTokenLayer::refuse_cleartext).
    #[must_use]
    pub fn refuse_cleartext(
        mut self,
        arrived: impl Fn(&HeaderMap, &Extensions) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.cleartext = Some(Arc::new(arrived));
        self
    }

    /// The same with other settings, before it is mounted.
    pub(super) fn with(&self, change: impl FnOnce(&H) -> H) -> Self {
        Self {
            handler: Arc::new(change(&self.handler)),
            cleartext: self.cleartext.clone(),
        }
    }
}

impl<H, B> Service<Request<B>> for Endpoint<H>
where
    H: Handle,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let endpoint = self.clone();
        Box::pin(async move {
            let is_head = request.method() == Method::HEAD;
            let answer = endpoint.answer(request).await;
            Ok(if is_head {
                without_content(answer)
            } else {
                answer
            })
        })
    }
}

impl<H: Handle> Endpoint<H> {
    async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self { handler, cleartext } = self;
        let (mut head, body) = request.into_parts();
        credential::mark(&mut head.headers);
        let arrived = cleartext.as_ref();
        if arrived.is_some_and(|arrived| arrived(&head.headers, &head.extensions)) {
            return handler.cleartext();
        }
        if !handler.methods().contains(&head.method) {
            let mut answer = handler.method_not_allowed(&head.method);
            answer.headers_mut().insert(ALLOW, allow(handler.methods()));
            return answer;
        }
        let body = read(body).await;
        let answer = handler.answer(head, body).await;
        if let Some(error) = answer.extensions().get() {
            handler.tell_unavailable(error);
        }
        answer
    }
}

/// What a HEAD gets: all but the content (RFC 9110 section 9.3.2), which servers of HTTP/2 would
/// send.
fn without_content(mut answer: Answer) -> Answer {
    let content = mem::take(answer.body_mut());
    if let Some(length) = http_body::Body::size_hint(&content).exact() {
        let length = HeaderValue::from(length);
        answer.headers_mut().insert(CONTENT_LENGTH, length);
    }
    answer
}

async fn read<B>(body: B) -> Body
where
    B: http_body::Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLong),
        Err(_) => Err(Unread::Broken),
    }
}

fn allow(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

impl<H> Clone for Endpoint<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            cleartext: self.cleartext.clone(),
        }
    }
}

impl<H> fmt::Debug for Endpoint<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(..)")
    }
}
