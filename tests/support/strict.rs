//! A service that minds who was polled ready.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

/// Panics when it is called without having been polled ready itself, since its last call. A clone
/// is not ready because its original was.
pub(crate) struct Strict {
    ready: bool,
}

impl Strict {
    pub(crate) const fn new() -> Self {
        Self { ready: false }
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<B>) -> Self::Future {
        assert!(self.ready, "called without readiness");
        self.ready = false;
        ready(Ok(Response::default()))
    }
}
