//! All routes, and what stands around them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Json, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{Extensions, HeaderMap, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use tonic_health::server::{HealthReporter, HealthService};
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    Authenticated, Client, ClientSecret, Drf, Endpoint, ExpiringTokenLayer, Json as JsonStyle,
    OAuth, PasswordGuard, Principal, Rejection, RequireLayer, Respond, Scopes, TOKEN_EXPIRES_IN,
    WithPrincipals, unless_forwarded_https,
};
use tower_http::cors::{AllowHeaders, AllowMethods, Any, CorsLayer};

use crate::admin;
use crate::delegate::delegate;
use crate::flags::Flags;
use crate::metrics::Metrics;
use crate::ticks;
use crate::tokens::{self, Tokens};
use crate::users::{CLIENT, User, Users};

/// What the routes are made of.
pub(crate) struct House<'a> {
    pub(crate) flags: &'a Flags,
    pub(crate) tokens: Tokens,
    pub(crate) users: Users,
    pub(crate) passwords: PasswordGuard,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Option<ManualClock>,
    pub(crate) url: String,
}

type Failure = Box<dyn std::error::Error>;

impl House<'_> {
    pub(crate) fn router(&self) -> Result<Router, Failure> {
        let open = Router::new()
            .route(
                "/",
                get(async || axum::response::Html(include_str!("page/index.html"))),
            )
            .route("/healthz", get(async || "ok"))
            .route(
                "/metrics",
                get(metrics).with_state(Arc::clone(&self.metrics)),
            )
            .merge(admin::routes(
                self.users.clone(),
                self.clock.clone(),
                self.flags.trust_forwarded,
            ));
        let router = open
            .merge(self.oauth()?)
            .merge(self.login())
            .merge(self.optional())
            .merge(self.scoped()?)
            .merge(self.required()?);
        // Outside of all else: a preflight has no token, and scripts read refusals too.
        // Tokens are no cookies: nobody's credentials are sent unasked.
        let cors = CorsLayer::new()
            .allow_origin(Any)
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([WWW_AUTHENTICATE, TOKEN_EXPIRES_IN]);
        Ok(router.layer(cors))
    }

    fn login(&self) -> Router {
        let endpoint = self.tokens.login(&self.passwords).with_refresh();
        let endpoint = match tokens::drf(self.flags) {
            Some(drf) => endpoint.drf(drf),
            None => endpoint,
        };
        Router::new().route_service("/login", self.encrypted(endpoint))
    }

    fn oauth(&self) -> Result<Router, Failure> {
        let secret = ClientSecret::of("appsecret");
        let client = Client::confidential("app", secret)
            .scopes(["read", "write"])?
            .acts_as(CLIENT)
            .introspects_all();
        let mut oauth = OAuth::new(&self.tokens, [client]);
        if self.flags.password_grant {
            oauth = oauth.dangerously_allow_password_grant(&self.passwords);
        }
        if let Some(scope) = &self.flags.introspection_scope {
            oauth = oauth.introspection_scope(scope)?;
        }
        let metadata = oauth
            .metadata(&self.url)?
            .token("/oauth/token")
            .revocation("/oauth/revoke")
            .introspection("/oauth/introspect")
            .scopes(&Scopes::parse("read write")?);
        Ok(Router::new()
            .route_service("/oauth/token", self.encrypted(oauth.token()))
            .route_service("/oauth/revoke", self.encrypted(oauth.revocation()))
            .route_service("/oauth/introspect", self.encrypted(oauth.introspection()))
            .route_service(&metadata.path(), metadata.endpoint()))
    }

    fn optional(&self) -> Router {
        let user = async |caller: Option<Principal<User>>| {
            Json(json!({ "user": caller.map(|caller| caller.name.clone()) }))
        };
        let layer = self.layer().optional();
        Router::new().route("/optional", get(user)).layer(layer)
    }

    /// What a token made by a token opens too.
    fn scoped(&self) -> Result<Router, Failure> {
        let needs = |scope: &str| {
            let layer = RequireLayer::all([scope])?.told_to(&self.tokens);
            Ok::<_, Failure>(layer.respond(responder(self.flags)))
        };
        Ok(Router::new()
            .route("/read", get(me).layer(needs("read")?))
            .route("/write", post(me).layer(needs("write")?))
            .layer(self.layer().kinds(&["access", tokens::EXPORT])?))
    }

    fn required(&self) -> Result<Router, Failure> {
        let Self {
            tokens, passwords, ..
        } = self;
        let recent = tokens
            .require_recent(Duration::from_secs(300))
            .respond(responder(self.flags));
        let drf = tokens::drf(self.flags).unwrap_or(Drf::stock());
        let (mut logout, mut logout_all) = (tokens.logout(), tokens.logout_all());
        let (mut list, mut end) = (tokens.session_list(), tokens.session_end());
        if tokens::drf(self.flags).is_some() {
            (logout, logout_all) = (logout.drf(drf), logout_all.drf(drf));
            (list, end) = (list.drf(drf), end.drf(drf));
        }
        let grpc = tonic_health::pb::health_server::HealthServer::new(
            HealthService::from_health_reporter(HealthReporter::new()),
        );
        Ok(Router::new()
            .route("/me", any(me))
            .route("/life", get(life).with_state(tokens.clone()))
            .route("/danger", post(me).layer(recent))
            .route("/events", get(ticks::ticks).layer(tokens.end_streams()))
            .route_service("/logout", logout)
            .route_service("/logout-all", logout_all)
            .route_service("/tokens", list)
            .route_service("/tokens/{id}", end)
            .route("/delegate", post(delegate).with_state(tokens.clone()))
            .route_service("/step-up", tokens.step_up_endpoint(passwords))
            .route_service(
                "/password",
                tokens.password_change(passwords, self.users.clone()),
            )
            .route_service("/grpc.health.v1.Health/{method}", grpc)
            .layer(self.layer()))
    }
}

type Layer<R> = ExpiringTokenLayer<WithPrincipals<tokens::Store, Users>, R>;

impl House<'_> {
    fn layer(&self) -> Layer<impl Respond<Body> + Clone> {
        let layer = self.tokens.layer().respond(responder(self.flags));
        let layer = match self.flags.announce_expiry {
            Some(within) => layer.announce_expiry(within),
            None => layer,
        };
        match self.flags.require_https {
            true => layer.burn_cleartext(arrived(self.flags)),
            false => layer,
        }
    }

    /// An endpoint that reads passwords or secrets.
    fn encrypted<H>(&self, endpoint: Endpoint<H>) -> Endpoint<H> {
        match self.flags.require_https {
            true => endpoint.refuse_cleartext(arrived(self.flags)),
            false => endpoint,
        }
    }
}

/// Whether a request came unencrypted: this server has no TLS of its own.
fn arrived(flags: &Flags) -> impl Fn(&HeaderMap, &Extensions) -> bool + Send + Sync + 'static {
    let trusts = flags.trust_forwarded;
    move |headers, extensions| !trusts || unless_forwarded_https(headers, extensions)
}

/// Refusals in the style that the flags name.
fn responder(
    flags: &Flags,
) -> impl Fn(&Rejection, &HeaderMap) -> Response<Body> + Clone + Send + Sync + 'static {
    let drf = tokens::drf(flags);
    move |rejection, request| match drf {
        Some(drf) => drf.respond(rejection, request),
        None => JsonStyle.respond(rejection, request),
    }
}

async fn me(caller: Authenticated) -> Result<Json<Value>, Rejection> {
    let user = caller.principal::<User>()?;
    let scopes: Vec<&str> = caller.scopes().iter().collect();
    Ok(Json(json!({
        "user": user.name, "scopes": scopes, "expires_at": caller.expires_at().to_string(),
    })))
}

/// For the page: the line that shrinks.
async fn life(State(tokens): State<Tokens>, caller: Authenticated) -> Json<Value> {
    Json(json!({
        "issued_at": caller.issued_at().to_string(),
        "now": tokens.now().to_string(),
        "expires_at": caller.expires_at().to_string(),
        "ends_at": caller.record().times().ends_at.to_string(),
    }))
}

async fn metrics(State(metrics): State<Arc<Metrics>>) -> String {
    metrics.text()
}
