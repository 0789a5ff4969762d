use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower::{Layer, Service};

use crate::authority::{Authenticated, Role};
use crate::clock::Timestamp;
use crate::expiry::{Bound, Rule};
use crate::rejection::Challenges;
use crate::store::Held;
use crate::token::{InvalidScope, Scopes, SessionId, Subject, TokenRecord, TokenTimes};

/// Acts as this principal, without a token, with a layer or without one: for testing handlers, or a
/// whole application. A layer inside lets him in as if he had shown a token, whatever else the
/// request shows, and refuses a [kind](ActingAs::kind) that is not let in. For nobody, put an
/// optional layer around a handler and show it no credentials.
///
/// ```
/// use http::Request;
/// use tower::{Layer, service_fn};
/// use tower_expiring_token::{Authenticated, Rejection, Subject, testing::acting_as};
///
/// let handler = service_fn(async |request: Request<()>| {
///     Ok::<_, Rejection>(Authenticated::of(request.extensions())?.principal::<Subject>()?.clone())
/// });
/// let service = acting_as(Subject::new("alice")).scopes(["read"])?.layer(handler);
/// # let _ = service;
/// # Ok::<_, tower_expiring_token::InvalidScope>(())
/// ```
#[must_use]
pub fn acting_as<P: Send + Sync + 'static>(principal: P) -> ActingAs {
    let subject = (&principal as &dyn Any).downcast_ref::<Subject>();
    ActingAs {
        subject: subject.map_or("somebody", |subject| subject).to_owned(),
        kind: "access".to_owned(),
        session: SessionId::from_bytes([0; 16]),
        scopes: Scopes::none(),
        authenticated_at: Timestamp::default(),
        principal: Arc::new(principal),
        name: type_name::<P>(),
    }
}

/// A layer that puts the proof of an authenticated request into every request. Made by
/// [`acting_as`]. It goes outside of what it tests.
#[derive(Clone)]
pub struct ActingAs {
    subject: String,
    kind: String,
    session: SessionId,
    scopes: Scopes,
    authenticated_at: Timestamp,
    principal: Arc<dyn Any + Send + Sync>,
    name: &'static str,
}

/// The service that [`ActingAs`] makes.
#[derive(Clone, Debug)]
pub struct Acting<Inner> {
    inner: Inner,
    authenticated: Authenticated,
}

struct Acted {
    record: TokenRecord,
    principal: Arc<dyn Any + Send + Sync>,
    name: &'static str,
}

impl ActingAs {
    /// With these scopes; without it, none.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope.
    pub fn scopes<I>(mut self, scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.scopes = Scopes::of(scopes)?;
        Ok(self)
    }

    /// With this subject; without it, the principal where that is a [`Subject`], and `somebody`
    /// where it is of your own type.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// By a token of this kind; without it, `access`.
    #[must_use]
    pub fn kind(mut self, name: impl Into<String>) -> Self {
        self.kind = name.into();
        self
    }

    /// By this session; without it, the one of sixteen zeroes.
    #[must_use]
    pub const fn session(mut self, session: SessionId) -> Self {
        self.session = session;
        self
    }

    /// As one who proved who he is at this instant; without it, at the Unix epoch.
    #[must_use]
    pub const fn authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = at;
        self
    }

    /// The proof itself, for handlers that are called directly. It was issued at the Unix epoch
    /// and never ends.
    #[must_use]
    pub fn authenticated(&self) -> Authenticated {
        let times = TokenTimes {
            authenticated_at: self.authenticated_at,
            ..TokenTimes::fixed(Timestamp::default(), Timestamp::MAX)
        };
        let record = TokenRecord::builder(&self.kind, self.session, &self.subject, times)
            .scopes(self.scopes.clone())
            .build();
        let held = Acted {
            record,
            principal: Arc::clone(&self.principal),
            name: self.name,
        };
        let bound = Bound {
            at: Timestamp::MAX,
            rule: Rule::Record,
        };
        let challenges =
            Challenges::new(&["Bearer".to_owned()], "api", false).expect("the defaults are valid");
        Authenticated::new(Arc::new(held), bound, challenges, 0, None)
    }
}

impl Held for Acted {
    fn record(&self) -> &TokenRecord {
        &self.record
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&*self.principal)
    }

    fn principal_type(&self) -> &'static str {
        self.name
    }
}

impl<Inner> Layer<Inner> for ActingAs {
    type Service = Acting<Inner>;

    fn layer(&self, inner: Inner) -> Acting<Inner> {
        Acting {
            inner,
            authenticated: self.authenticated(),
        }
    }
}

impl<Inner: Service<Request<B>>, B> Service<Request<B>> for Acting<Inner> {
    type Response = Inner::Response;
    type Error = Inner::Error;
    type Future = Inner::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let extensions = request.extensions_mut();
        extensions.insert(Role(self.authenticated.clone()));
        extensions.insert(self.authenticated.clone());
        self.inner.call(request)
    }
}

impl fmt::Debug for ActingAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActingAs")
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
