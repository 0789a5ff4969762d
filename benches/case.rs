//! One way to treat a request: a service and the requests that it is shown.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use http::header::HeaderName;
use http::{HeaderValue, Request, Response, StatusCode};
use tower::{Service, service_fn};

/// How many credentials each case is shown, in turn.
pub(crate) const CREDENTIALS: usize = 256;

/// A service with its requests.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    run: Box<dyn FnMut(usize) -> StatusCode>,
}

impl Case {
    /// Shows `service` requests with these values of one header field, or without any. Each must
    /// be answered with `status`.
    pub(crate) fn new<S>(
        name: &'static str,
        status: StatusCode,
        mut service: S,
        field: HeaderName,
        values: Vec<Option<HeaderValue>>,
    ) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static,
    {
        assert_eq!(values.len(), CREDENTIALS);
        let mut case = Self {
            name,
            run: Box::new(move |index| show(&mut service, &field, values[index].as_ref())),
        };
        for index in 0..CREDENTIALS {
            assert_eq!((case.run)(index), status, "{name}");
        }
        case
    }

    /// Shows the service its first requests, so many of them.
    pub(crate) fn show(&mut self, requests: usize) {
        for index in 0..requests {
            (self.run)(index % CREDENTIALS);
        }
    }
}

/// What all cases have in common: a request is made, the service called, its response dropped. The
/// request's fields are put in as servers do; a clone would have room for no more than it has.
fn show<S>(service: &mut S, field: &HeaderName, value: Option<&HeaderValue>) -> StatusCode
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let mut request = Request::new(Body::empty());
    if let Some(value) = value {
        request.headers_mut().insert(field, value.clone());
    }
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        service.poll_ready(&mut context).is_ready(),
        "nothing here is to wait"
    );
    // Pinned where it is made, as servers do, since moving a future costs as much as it is large.
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) => response.status(),
        Poll::Pending => panic!("nothing here is to wait"),
    }
}

/// The inner service of all cases.
pub(crate) fn inner() -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(async |_request: Request<Body>| Ok(Response::new(Body::empty())))
}

/// The outcome of what never waits.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here is to wait"),
    }
}
