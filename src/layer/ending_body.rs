use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::rejection::{Rejection, grpc_content_type};

pin_project! {
    /// The body of a response that may end with its token. Its error is the inner one's or, where
    /// it was cut short, the [`Rejection`] that says why.
    pub struct EndingBody<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = Project]
    enum State<B> {
        Open { #[pin] inner: B, watch: Option<Watch> },
        Closed,
    }
}

/// The end that a body waits for, and how it takes it.
pub(super) struct Watch {
    ended: Pin<Box<dyn Future<Output = Rejection> + Send>>,
    end: End,
}

/// How a body is ended before it has come to its own end.
#[derive(Clone, Copy)]
enum End {
    /// Server-Sent Events are whole after each one.
    Clean,
    /// A gRPC stream has a status after its last message.
    GrpcStatus,
    /// Of anything else, no client shall take a part for the whole.
    Broken,
}

impl Watch {
    pub(super) fn new(
        ended: impl Future<Output = Rejection> + Send + 'static,
        response: &HeaderMap,
    ) -> Self {
        Self {
            ended: Box::pin(ended),
            end: End::of(response),
        }
    }
}

impl End {
    fn of(response: &HeaderMap) -> Self {
        const EVENTS: &[u8] = b"text/event-stream";
        let content_type = response.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_events = |value: &[u8]| {
            let start = value.get(..EVENTS.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
        };
        match content_type {
            Some(value) if is_events(value) => Self::Clean,
            // gRPC-Web has its trailers in the body, where only its own layer writes.
            Some(value) if value.starts_with(b"application/grpc-web") => Self::Broken,
            Some(_) if grpc_content_type(response).is_some() => Self::GrpcStatus,
            _ => Self::Broken,
        }
    }
}

impl<B> EndingBody<B> {
    pub(super) const fn new(inner: B, watch: Option<Watch>) -> Self {
        Self {
            state: State::Open { inner, watch },
        }
    }
}

impl<B: Body> Body for EndingBody<B>
where
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let Project::Open { inner, watch } = self.as_mut().project().state.project() else {
            return Poll::Ready(None);
        };
        if let Some(Watch { ended, end }) = watch
            && let Poll::Ready(why) = ended.as_mut().poll(context)
        {
            let last = match *end {
                End::Clean => None,
                End::GrpcStatus => Some(Ok(Frame::trailers(why.grpc_trailers()))),
                End::Broken => Some(Err(why.into())),
            };
            self.project().state.set(State::Closed);
            return Poll::Ready(last);
        }
        inner.poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Open { inner, .. } => inner.is_end_stream(),
            State::Closed => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Open { inner, .. } => inner.size_hint(),
            State::Closed => SizeHint::with_exact(0),
        }
    }
}

/// No body at all, so that an outer layer can refuse.
impl<B> Default for EndingBody<B> {
    fn default() -> Self {
        Self {
            state: State::Closed,
        }
    }
}

/// A body of these bytes, so that an outer layer can refuse in words.
impl<B: From<Bytes>> From<Bytes> for EndingBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes.into(), None)
    }
}

impl<B> fmt::Debug for EndingBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndingBody(..)")
    }
}
