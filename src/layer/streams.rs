use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::ending_body::{EndingBody, Watch};
use crate::authority::{Authenticated, TokenAuthority};
use crate::rejection::{Empty, Respond};
use crate::store::TokenStore;

/// Ends the response streams of a service with the tokens by which they were asked for, within
/// seconds of their expiry, their revocation or their user's suspension.
///
/// Made by [`TokenAuthority::end_streams`]. It stands inside of the
/// [`ExpiringTokenLayer`](super::ExpiringTokenLayer); without one every request gets a 500.
/// Responses to anonymous requests of an optional layer are left alone.
///
/// - Server-Sent Events (`text/event-stream`) come to a clean end.
/// - gRPC streams end with the status 16 (unauthenticated) and its message. gRPC-Web needs its
///   own layer outside of this one.
/// - Any other body of unknown length breaks off with an error, so that no client takes a part
///   for the whole.
/// - Bodies of known length are left alone, unless [`cut_downloads`](Self::cut_downloads) says
///   that they break off too.
///
/// A client that does not read is told nothing, and keeps its connection until the server's own
/// time-out for writes; it gets no more than had been sent by then.
///
/// A WebSocket is out of reach of any layer: wait for [`TokenAuthority::ended`] in its handler.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
/// let app: Router = Router::new()
///     .route("/events", get(async || "an event stream"))
///     .layer(tokens.end_streams())
///     .layer(tokens.layer());
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub struct EndStreamsLayer<S> {
    authority: TokenAuthority<S>,
    downloads: bool,
}

/// The service that an [`EndStreamsLayer`] makes.
pub struct EndStreams<Inner, S> {
    inner: Inner,
    layer: EndStreamsLayer<S>,
}

pin_project! {
    /// The response to come, whose body is an [`EndingBody`].
    pub struct EndStreamsFuture<F, S> {
        #[pin]
        state: State<F, S>,
    }
}

pin_project! {
    #[project = Project]
    enum State<F, S> {
        Passed { #[pin] future: F, asked: Option<Asked<S>> },
        Refused { response: Option<Response<()>> },
    }
}

/// By whom a response was asked for, and of whom to ask whether he still may.
struct Asked<S> {
    layer: EndStreamsLayer<S>,
    caller: Authenticated,
}

impl<S: TokenStore> TokenAuthority<S> {
    /// A layer that ends response streams with their tokens. Feature `stream`.
    #[must_use]
    pub fn end_streams(&self) -> EndStreamsLayer<S> {
        EndStreamsLayer {
            authority: self.clone(),
            downloads: false,
        }
    }
}

impl<S> EndStreamsLayer<S> {
    /// Cuts bodies of known length too: a client sees the connection, or its HTTP/2 stream, break
    /// off before all has come.
    #[must_use]
    pub fn cut_downloads(mut self) -> Self {
        self.downloads = true;
        self
    }
}

impl<S: TokenStore> Asked<S> {
    fn watch<B: Body>(self, response: &Response<B>) -> Option<Watch> {
        let body = response.body();
        // A file's own body may not say how long it is.
        let said = response.headers().contains_key(CONTENT_LENGTH);
        let known = said || body.size_hint().exact().is_some();
        let lasts = !body.is_end_stream() && (!known || self.layer.downloads);
        lasts.then(|| {
            let ended = self.layer.authority.ended(&self.caller);
            Watch::new(ended, response.headers())
        })
    }
}

impl<Inner, S> Layer<Inner> for EndStreamsLayer<S> {
    type Service = EndStreams<Inner, S>;

    fn layer(&self, inner: Inner) -> Self::Service {
        EndStreams {
            inner,
            layer: self.clone(),
        }
    }
}

impl<Inner, S, ReqBody, ResBody> Service<Request<ReqBody>> for EndStreams<Inner, S>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S: TokenStore,
    ResBody: Body,
    ResBody::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<EndingBody<ResBody>>;
    type Error = Inner::Error;
    type Future = EndStreamsFuture<Inner::Future, S>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match Authenticated::optional(request.extensions()) {
            Ok(caller) => {
                let asked = caller.map(|caller| Asked {
                    layer: self.layer.clone(),
                    caller: caller.clone(),
                });
                State::Passed {
                    future: self.inner.call(request),
                    asked,
                }
            }
            Err(rejection) => {
                let rejection = self.layer.authority.told(rejection);
                self.inner = self.inner.clone();
                State::Refused {
                    response: Some(Empty.refuse(rejection, request.headers())),
                }
            }
        };
        EndStreamsFuture { state }
    }
}

impl<F, S, B, E> Future for EndStreamsFuture<F, S>
where
    F: Future<Output = Result<Response<B>, E>>,
    S: TokenStore,
    B: Body,
{
    type Output = Result<Response<EndingBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match self.project().state.project() {
            Project::Passed { future, asked } => {
                let response = ready!(future.poll(context))?;
                let watch = asked.take().and_then(|asked| asked.watch(&response));
                response.map(|body| EndingBody::new(body, watch))
            }
            Project::Refused { response } => response
                .take()
                .expect("a future is not polled after it is ready")
                .map(|()| EndingBody::default()),
        }))
    }
}

impl<S> Clone for EndStreamsLayer<S> {
    fn clone(&self) -> Self {
        Self {
            authority: self.authority.clone(),
            downloads: self.downloads,
        }
    }
}

impl<Inner: Clone, S> Clone for EndStreams<Inner, S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S> fmt::Debug for EndStreamsLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndStreamsLayer")
            .field("downloads", &self.downloads)
            .finish_non_exhaustive()
    }
}

impl<Inner: fmt::Debug, S> fmt::Debug for EndStreams<Inner, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndStreams")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<F, S> fmt::Debug for EndStreamsFuture<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndStreamsFuture(..)")
    }
}
