use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, Response};
use tower::Layer;

use super::ExpiringToken;
use super::announce::Announce;
use super::cleartext::Cleartext;
use crate::authority::{Admitted, BuildError, TokenAuthority};
use crate::expiry::ExpiryPolicy;
use crate::rejection::{Empty, Rejection};
use crate::store::{IssuingStore, TokenStore};

/// Lets requests with a good token pass, and refuses all others.
///
/// A layer of [`TokenAuthority::layer`] wraps any tower service: hyper's, axum's, tonic's,
/// warp's. Put CORS, tracing and compression outside of it, scopes and handlers inside.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use tower::{Layer, service_fn};
/// use tower_expiring_token::{Authenticated, Lifetime, MemoryStore, Subject, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
///
/// let service = tokens.layer().layer(service_fn(async |request: Request<String>| {
///     let caller = Authenticated::of(request.extensions());
///     let alice = caller.and_then(|caller| caller.principal::<Subject>());
///     Ok::<_, Infallible>(match alice {
///         Ok(alice) => Response::new(format!("hello {alice}")),
///         Err(rejection) => rejection.response(String::new()),
///     })
/// }));
/// # let _ = service;
/// # Ok(())
/// # }
/// ```
pub struct ExpiringTokenLayer<S, R = Empty> {
    settings: Arc<Settings<S, R>>,
}

/// Shared by the layer and all services it makes.
pub(super) struct Settings<S, R> {
    pub(super) authority: TokenAuthority<S>,
    pub(super) admitted: Admitted,
    pub(super) cleartext: Option<Cleartext<S>>,
    pub(super) manner: Arc<Manner<R>>,
}

/// All of the settings that speak of no store, for what outlives the look-up.
#[derive(Clone)]
pub(super) struct Manner<R> {
    pub(super) responder: R,
    pub(super) optional: bool,
    pub(super) preflight: bool,
    pub(super) strip: bool,
    pub(super) announce: Option<Announce>,
}

impl<S: TokenStore> ExpiringTokenLayer<S> {
    /// A layer of its own, without an authority to issue and revoke by: tokens of this store,
    /// ended by this policy.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the policy can't work.
    pub fn new(store: S, policy: impl ExpiryPolicy) -> Result<Self, BuildError> {
        Ok(TokenAuthority::builder(store)
            .expiry(policy)
            .build()?
            .layer())
    }
}

impl<S: TokenStore> TokenAuthority<S> {
    /// A layer that lets in tokens of the authority's first kind.
    #[must_use]
    pub fn layer(&self) -> ExpiringTokenLayer<S> {
        let manner = Manner {
            responder: Empty,
            optional: false,
            preflight: false,
            strip: false,
            announce: None,
        };
        let settings = Settings {
            authority: self.clone(),
            admitted: Admitted::access(),
            cleartext: None,
            manner: Arc::new(manner),
        };
        ExpiringTokenLayer {
            settings: Arc::new(settings),
        }
    }
}

impl<S: TokenStore, R> ExpiringTokenLayer<S, R> {
    /// Lets in tokens of these kinds, instead of the authority's first alone.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the authority knows no kind of such a name.
    ///
    /// ```
    /// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority, TokenKind};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new())
    ///     .expiry(Lifetime::hours(24))
    ///     .kind(TokenKind::new("personal", "pat_"), Lifetime::days(365))
    ///     .build()?;
    /// let people_and_scripts = tokens.layer().kinds(&["access", "personal"])?;
    /// assert!(tokens.layer().kinds(&["persnal"]).is_err());
    /// # let _ = people_and_scripts;
    /// # Ok(())
    /// # }
    /// ```
    pub fn kinds(self, names: &[&str]) -> Result<Self, BuildError> {
        let admitted = self.settings.authority.admitted(names)?;
        Ok(self.with_settings(|settings| settings.admitted = admitted))
    }

    /// Refuses a token that arrives unencrypted, by 401 `invalid_token` and without looking it
    /// up: whoever has sent it so should have a new one. `arrived` looks at a request's fields
    /// and extensions and says whether it came in clear; [`unless_forwarded_https`] and
    /// [`unless_marked`] are ready-made, `|_, _| true` is for a port without TLS.
    ///
    /// [`unless_forwarded_https`]: crate::unless_forwarded_https
    /// [`unless_marked`]: crate::unless_marked
    ///
    /// ```
    /// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority, unless_forwarded_https};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let behind_our_proxy = tokens.layer().burn_cleartext(unless_forwarded_https);
    /// # let _ = behind_our_proxy;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn refuse_cleartext(
        self,
        arrived: impl Fn(&HeaderMap, &Extensions) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with_settings(|settings| settings.cleartext = Some(Cleartext::refused(arrived)))
    }

    /// As [`refuse_cleartext`](Self::refuse_cleartext), and revokes the token before it answers,
    /// since others may have read it: also one of a kind that is not let in here. The answer is
    /// 401 even where the store can't say whether it is gone; then the
    /// [`StoreError`](crate::StoreError) is the [`Rejection`]'s source.
    /// Not burnt is what stands in several `Authorization` fields, which are refused unread, a
    /// refresh token, which is none of a layer's kinds, and the token of a client that hangs up
    /// before the store has answered.
    #[must_use]
    pub fn burn_cleartext(
        self,
        arrived: impl Fn(&HeaderMap, &Extensions) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        S: IssuingStore,
    {
        let cleartext = Cleartext::refused(arrived).burnt();
        self.with_settings(|settings| settings.cleartext = Some(cleartext))
    }

    /// Responds to refusals in another style: [`Json`](crate::Json), [`Drf`](crate::Drf), or one
    /// of your own. It concerns what this layer refuses: a [`RequireLayer`](crate::RequireLayer)
    /// inside has [its own](crate::RequireLayer::respond), endpoints have theirs, and handlers of
    /// axum that return a [`Rejection`] answer as `Json` does.
    ///
    /// ```
    /// # use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// // Not `axum::Json`, which is another thing of that name.
    /// let layer = tokens.layer().respond(tower_expiring_token::Json);
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn respond<R2>(self, responder: R2) -> ExpiringTokenLayer<S, R2> {
        let Settings {
            authority,
            admitted,
            cleartext,
            manner,
        } = &*self.settings;
        let Manner {
            optional,
            preflight,
            strip,
            ref announce,
            ..
        } = **manner;
        let manner = Arc::new(Manner {
            responder,
            optional,
            preflight,
            strip,
            announce: announce.clone(),
        });
        let settings = Settings {
            authority: authority.clone(),
            admitted: *admitted,
            cleartext: cleartext.clone(),
            manner,
        };
        ExpiringTokenLayer {
            settings: Arc::new(settings),
        }
    }

    /// Responds to refusals by a closure: for bodies that have no default, for problem details,
    /// for HTML. Start from [`Rejection::response`], which has the status and all fields. A 401
    /// without a challenge gets it, and a response that says nothing of caches is kept by none.
    ///
    /// It answers gRPC requests, too. Where there may be some, hand them on:
    /// `Empty.respond(rejection, request)` answers them by their `grpc-status` and all others by
    /// an empty body. And a HEAD, which gets no body ([`Rejection::is_of_head`]): where a server or a
    /// router does not take it off, leave it out.
    ///
    /// ```
    /// # use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let layer = tokens.layer().respond_with(|rejection, _request| {
    ///     rejection.response(format!("<p>{}</p>", rejection.description()))
    /// });
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn respond_with<B, F>(self, respond: F) -> ExpiringTokenLayer<S, F>
    where
        F: Fn(&Rejection, &HeaderMap) -> Response<B> + Send + Sync + 'static,
    {
        self.respond(respond)
    }
}

impl<S: TokenStore, R: Clone> ExpiringTokenLayer<S, R> {
    /// Lets requests without credentials pass, marked as [`Anonymous`](crate::Anonymous); also
    /// those with credentials of other schemes, for the layers that these belong to. Bad
    /// credentials of ours are refused all the same. Whom another authority's layer outside has
    /// let in is nobody inside of this one: serve several schemes by one authority.
    ///
    /// ```
    /// use tower_expiring_token::{Authenticated, Lifetime, MemoryStore, Rejection, TokenAuthority};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let layer = tokens.layer().optional();
    ///
    /// // Without a layer this is an error, never "nobody".
    /// fn greeting<B>(request: &http::Request<B>) -> Result<&'static str, Rejection> {
    ///     Ok(match Authenticated::optional(request.extensions())? {
    ///         Some(_) => "welcome back",
    ///         None => "hello",
    ///     })
    /// }
    /// # let _ = layer;
    /// # assert!(greeting(&http::Request::new(())).is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn optional(self) -> Self {
        self.with(|manner| manner.optional = true)
    }

    /// Lets CORS preflights pass, which never have credentials: `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`. They are marked as [`Anonymous`](crate::Anonymous): what
    /// needs a caller inside refuses them. A `CorsLayer` outside of this one answers them before
    /// and needs no such thing; there, `.expose_headers([WWW_AUTHENTICATE])` lets scripts read why
    /// they were refused.
    #[must_use]
    pub fn allow_preflight(self) -> Self {
        self.with(|manner| manner.preflight = true)
    }

    /// Takes the `Authorization` field out of requests that pass by a token of ours, for proxies.
    /// Otherwise it passes on, marked as sensitive, as credentials of other schemes do in any case.
    #[must_use]
    pub fn strip_credential(self) -> Self {
        self.with(|manner| manner.strip = true)
    }

    /// Tells clients that their token ends within this time, by the header
    /// [`TOKEN_EXPIRES_IN`](crate::TOKEN_EXPIRES_IN): `token-expires-in: 299`, so that they refresh
    /// or ask for a login before they are refused. Nothing is told unless you choose so.
    ///
    /// Told is when the token ends if this request is the last that uses it: the earlier of what
    /// use can't move (its life) and of its idle time, counted from this use. So an idle time that
    /// is longer than `within` never alarms those who keep using their token, however near its end
    /// was, and a shorter one tells each time how long they may pause. A use is written once an
    /// [interval](crate::ExpiryPolicy::write_interval), so an idle end is exact to that; where the
    /// store could not write this use, it is the end as it was.
    ///
    /// The seconds count from the moment that the inner service has responded, by the authority's
    /// clock, rounded down. Whatever it has put into the header itself is replaced then. Refusals,
    /// those of layers and extractors inside too, and responses to anonymous requests never have
    /// it. Of a token that the handler has just revoked it tells the end that it would have had.
    ///
    /// Scripts of other origins can read it only where `Access-Control-Expose-Headers` names it:
    /// by `.expose_headers([TOKEN_EXPIRES_IN])` of tower-http's `CorsLayer`, outside of this layer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::get};
    /// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let app: Router = Router::new()
    ///     .route("/", get(async || "hello"))
    ///     .layer(tokens.layer().announce_expiry(Duration::from_secs(300)));
    /// # let _ = app;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn announce_expiry(self, within: Duration) -> Self {
        let clock = self.settings.authority.clock();
        self.with(|manner| manner.announce = Some(Announce { within, clock }))
    }

    fn with(self, change: impl FnOnce(&mut Manner<R>)) -> Self {
        let mut manner = Manner::clone(&self.settings.manner);
        change(&mut manner);
        self.with_settings(|settings| settings.manner = Arc::new(manner))
    }
}

impl<S, R> ExpiringTokenLayer<S, R> {
    fn with_settings(self, change: impl FnOnce(&mut Settings<S, R>)) -> Self {
        let mut settings = Settings::clone(&self.settings);
        change(&mut settings);
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl<Inner, S, R> Layer<Inner> for ExpiringTokenLayer<S, R> {
    type Service = ExpiringToken<Inner, S, R>;

    fn layer(&self, inner: Inner) -> Self::Service {
        ExpiringToken::new(inner, Arc::clone(&self.settings))
    }
}

impl<S, R> Clone for Settings<S, R> {
    fn clone(&self) -> Self {
        Self {
            authority: self.authority.clone(),
            admitted: self.admitted,
            cleartext: self.cleartext.clone(),
            manner: Arc::clone(&self.manner),
        }
    }
}

impl<S, R> Clone for ExpiringTokenLayer<S, R> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<S, R> fmt::Debug for ExpiringTokenLayer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpiringTokenLayer")
            .field("authority", &self.settings.authority)
            .finish_non_exhaustive()
    }
}
