use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::announce::Ending;
use super::layer::Manner;
use crate::authority::Authenticated;
use crate::rejection::{Rejection, Respond, vary};

type Decision = Pin<Box<dyn Future<Output = Result<Authenticated, Rejection>> + Send>>;

pin_project! {
    /// The response to come. The inner service's future is not boxed.
    pub struct ResponseFuture<Inner, R, ReqBody, ResBody>
    where
        Inner: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<Inner, R, ReqBody, ResBody>,
    }
}

pin_project! {
    #[project = Project]
    enum State<Inner, R, ReqBody, ResBody>
    where
        Inner: Service<Request<ReqBody>>,
    {
        Deciding { decision: Decision, next: Option<Next<Inner, R, ReqBody>> },
        Passed { #[pin] future: Inner::Future },
        Marked { #[pin] future: Inner::Future, marks: Marks<R> },
        Refused { response: Option<Response<ResBody>> },
    }
}

/// What the inner service's response is marked with.
pub(super) struct Marks<R> {
    vary: bool,
    ending: Option<Ending<R>>,
}

/// What waits for the decision.
struct Next<Inner, R, ReqBody> {
    inner: Inner,
    request: Request<ReqBody>,
    manner: Arc<Manner<R>>,
}

impl<Inner, R, ReqBody, ResBody> ResponseFuture<Inner, R, ReqBody, ResBody>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    /// Takes the future where it is made: axum's is 300 bytes, and each copy on its way costs.
    #[inline(always)]
    pub(super) fn passed(future: impl FnOnce() -> Inner::Future, marks: Option<Marks<R>>) -> Self {
        match marks {
            None => Self {
                state: State::Passed { future: future() },
            },
            Some(marks) => Self {
                state: State::Marked {
                    future: future(),
                    marks,
                },
            },
        }
    }

    pub(super) const fn refused(response: Response<ResBody>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }

    pub(super) const fn deciding(
        decision: Decision,
        inner: Inner,
        request: Request<ReqBody>,
        manner: Arc<Manner<R>>,
    ) -> Self {
        Self {
            state: State::Deciding {
                decision,
                next: Some(Next {
                    inner,
                    request,
                    manner,
                }),
            },
        }
    }
}

impl<R> Marks<R> {
    /// None for most layers.
    #[inline]
    pub(super) fn of(
        manner: &Arc<Manner<R>>,
        authenticated: Option<&Authenticated>,
    ) -> Option<Self> {
        (manner.optional || manner.announce.is_some()).then(|| Self {
            vary: manner.optional,
            ending: authenticated.and_then(|it| Ending::of(manner, it)),
        })
    }

    fn put<B>(&self, response: &mut Response<B>) {
        if self.vary {
            vary(response.headers_mut());
        }
        if let Some(ending) = &self.ending {
            ending.announce(response);
        }
    }
}

fn taken<T>(value: &mut Option<T>) -> T {
    let taken = value.take();
    taken.expect("a future is not polled after it is ready")
}

impl<Inner, R, ReqBody, ResBody> Future for ResponseFuture<Inner, R, ReqBody, ResBody>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Respond<ResBody>,
{
    type Output = Result<Response<ResBody>, Inner::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // What most requests wait for.
        match self.as_mut().project().state.project() {
            Project::Passed { future } => future.poll(context),
            Project::Refused { response } => Poll::Ready(Ok(taken(response))),
            Project::Deciding { .. } | Project::Marked { .. } => self.poll_others(context),
        }
    }
}

impl<Inner, R, ReqBody, ResBody> ResponseFuture<Inner, R, ReqBody, ResBody>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Respond<ResBody>,
{
    #[inline(never)]
    fn poll_others(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Response<ResBody>, Inner::Error>> {
        loop {
            let state = match self.as_mut().project().state.project() {
                Project::Passed { future } => return future.poll(context),
                Project::Marked { future, marks } => {
                    let mut polled = future.poll(context);
                    if let Poll::Ready(Ok(response)) = &mut polled {
                        marks.put(response);
                    }
                    return polled;
                }
                Project::Refused { response } => {
                    return Poll::Ready(Ok(taken(response)));
                }
                Project::Deciding { decision, next } => {
                    let verdict = ready!(decision.as_mut().poll(context));
                    let Next {
                        mut inner,
                        mut request,
                        manner,
                    } = taken(next);
                    match verdict {
                        Ok(authenticated) => {
                            let marks = Marks::of(&manner, Some(&authenticated));
                            manner.admit(&mut request, authenticated);
                            Self::passed(|| inner.call(request), marks).state
                        }
                        Err(rejection) => State::Refused {
                            response: Some(manner.refuse(&request, rejection)),
                        },
                    }
                }
            };
            self.as_mut().project().state.set(state);
        }
    }
}

impl<Inner, R, ReqBody, ResBody> fmt::Debug for ResponseFuture<Inner, R, ReqBody, ResBody>
where
    Inner: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
