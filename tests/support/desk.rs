//! An authority with refresh tokens, over any store and at a time of one's own.

use std::time::Duration;

use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    Authenticated, AuthorityBuilder, BearerToken, IssuedToken, Lifetime, RefreshError, Rejection,
    RotatingStore, ServerKey, Session, Subject, TokenAuthority, TokenKind,
};

use super::stores::ALICE;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Access tokens of an hour, refresh tokens of thirty days, tokens of kind `export` of seven.
pub(crate) struct Desk<S> {
    pub(crate) tokens: TokenAuthority<S>,
    pub(crate) clock: ManualClock,
}

pub(crate) fn builder<S: RotatingStore>(store: S, clock: &ManualClock) -> AuthorityBuilder<S> {
    TokenAuthority::builder(store)
        .expiry(Lifetime::hours(1))
        .kind(TokenKind::new("export", "exp_"), Lifetime::days(7))
        .refresh(Lifetime::days(30))
        .key(ServerKey::new([7; 32]))
        .clock(clock.clone())
}

impl<S: RotatingStore> Desk<S> {
    pub(crate) fn new(store: S) -> Self {
        Self::with(store, |builder| builder)
    }

    pub(crate) fn with_grace(store: S) -> Self {
        Self::with(store, |builder| builder.refresh_grace(GRACE))
    }

    pub(crate) fn with(
        store: S,
        set: impl FnOnce(AuthorityBuilder<S>) -> AuthorityBuilder<S>,
    ) -> Self {
        let clock = ManualClock::default();
        let tokens = set(builder(store, &clock)).build().unwrap();
        Self { tokens, clock }
    }

    pub(crate) async fn login(&self) -> IssuedToken {
        let request = self.tokens.issue(ALICE).scopes(["read", "write"]);
        request.refresh().await.unwrap()
    }

    pub(crate) async fn refresh(&self, issued: &IssuedToken) -> Result<IssuedToken, RefreshError> {
        self.tokens.refresh(&refresh_of(issued)).await
    }

    pub(crate) async fn lives(&self, issued: &IssuedToken) -> bool {
        lives(&self.tokens, issued.secret()).await
    }

    /// Whoever shows the token, whatever its kind.
    pub(crate) async fn caller(&self, issued: &IssuedToken) -> Result<Authenticated, Rejection> {
        let token = BearerToken::parse(issued.secret()).unwrap();
        self.tokens.introspect(&token).await
    }

    /// Alice's.
    pub(crate) async fn sessions(&self) -> Vec<Session> {
        self.tokens.sessions(&Subject::new(ALICE)).await.unwrap()
    }

    pub(crate) async fn logout(&self, issued: &IssuedToken) -> bool {
        let subject = issued.record().subject();
        let ended = self.tokens.revoke_session(subject, issued.session());
        ended.await.unwrap()
    }

    /// Lets time pass.
    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// Whether a layer that admits the token's kind would let it in.
pub(crate) async fn lives<S: RotatingStore>(tokens: &TokenAuthority<S>, secret: &str) -> bool {
    let token = BearerToken::parse(secret).unwrap();
    tokens.introspect(&token).await.is_ok()
}

pub(crate) fn refresh_of(issued: &IssuedToken) -> BearerToken<'_> {
    BearerToken::parse(issued.refresh_secret().expect("has one")).unwrap()
}

/// That the outcome is this refusal.
macro_rules! refused {
    ($outcome:expr, $error:pat) => {
        let outcome = $outcome;
        assert!(matches!(outcome, Err($error)), "{outcome:?}");
    };
}

pub(crate) use refused;
