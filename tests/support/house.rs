//! A service's own people and tokens for every verdict, behind `dyn TokenStore`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{
    AuthorityBuilder, BearerToken, Lifetime, MemoryStore, Principals, StoreError, Subject,
    TokenAuthority, TokenStore, WithPrincipals, async_trait,
};

/// A principal of the service's own type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
}

/// What the layers of these tests are made over.
pub(crate) type AnyStore = Arc<dyn TokenStore<Principal = User>>;

/// One set of tokens, seen by who issues them and, as [`AnyStore`], by who lets them in.
pub(crate) struct House {
    pub(crate) tokens: TokenAuthority<AnyStore>,
    pub(crate) issuer: TokenAuthority<MemoryStore>,
    clock: ManualClock,
    store: FaultyStore<WithPrincipals<MemoryStore, People>>,
    people: People,
}

/// Knows everybody; mallory is suspended, and by and by all others.
#[derive(Clone)]
struct People {
    at_once: bool,
    closed: Arc<AtomicBool>,
}

impl House {
    /// Whose store answers at once: requests take the way without a boxed future.
    pub(crate) fn at_once() -> Self {
        Self::new(true, |tokens| tokens)
    }

    /// Whose store must be waited for.
    pub(crate) fn that_waits() -> Self {
        Self::new(false, |tokens| tokens)
    }

    /// Whose clients are told what exactly is wrong.
    pub(crate) fn explaining() -> Self {
        Self::new(true, AuthorityBuilder::explain)
    }

    /// Whose clients send these schemes instead of `Bearer`.
    pub(crate) fn of_schemes(schemes: &[&str]) -> Self {
        Self::new(true, |tokens| {
            let schemes = schemes.iter();
            schemes.fold(tokens, |tokens, scheme| tokens.scheme(*scheme))
        })
    }

    fn new(
        at_once: bool,
        manner: impl FnOnce(AuthorityBuilder<AnyStore>) -> AuthorityBuilder<AnyStore>,
    ) -> Self {
        let clock = ManualClock::default();
        let memory = MemoryStore::new();
        let people = People {
            at_once,
            closed: Arc::default(),
        };
        let store = FaultyStore::new(WithPrincipals::new(memory.clone(), people.clone()));
        let any: AnyStore = Arc::new(store.clone());
        let tokens = TokenAuthority::builder(any)
            .expiry(Lifetime::hours(24))
            .clock(clock.clone())
            .look_again_every(Duration::from_millis(10));
        let issuer = TokenAuthority::builder(memory)
            .expiry(Lifetime::hours(24))
            .clock(clock.clone());
        Self {
            tokens: manner(tokens).build().expect("is valid"),
            issuer: issuer.build().expect("is valid"),
            clock,
            store,
            people,
        }
    }

    /// A good token of this subject, with these scopes.
    pub(crate) async fn token(&self, subject: &str, scopes: &[&str]) -> String {
        let issued = self.issuer.issue(subject).scopes(scopes).await;
        issued.expect("is issued").secret().to_owned()
    }

    /// A token that was good a second ago.
    pub(crate) async fn expired(&self) -> String {
        let short = self.issuer.issue("alice").life(Duration::from_secs(1));
        let issued = short.await.expect("is issued");
        self.wait(Duration::from_secs(1));
        issued.secret().to_owned()
    }

    /// A token that was good until it was revoked.
    pub(crate) async fn revoked(&self) -> String {
        let secret = self.token("alice", &[]).await;
        self.revoke(&secret).await;
        secret
    }

    pub(crate) async fn revoke(&self, secret: &str) {
        let token = BearerToken::parse(secret).expect("is a token");
        assert!(self.issuer.revoke(&token).await.expect("is removed"));
    }

    pub(crate) fn suspend_everybody(&self) {
        self.people.closed.store(true, Ordering::SeqCst);
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// How often the store was asked for a token.
    pub(crate) fn asked(&self) -> usize {
        self.store.asked()
    }

    /// How many uses were written down.
    pub(crate) fn touched(&self) -> usize {
        self.store.touched()
    }

    /// From now on the store can't say.
    pub(crate) fn fail(&self) {
        self.store.fail();
    }

    /// The store can say again.
    pub(crate) fn heal(&self) {
        self.store.heal();
    }
}

/// The same token but for one character in its middle.
pub(crate) fn changed(token: &str) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let middle = characters.len() / 2;
    characters[middle] = if characters[middle] == 'A' { 'B' } else { 'A' };
    characters.into_iter().collect()
}

impl People {
    fn know(&self, subject: &Subject) -> Option<Arc<User>> {
        let user = User {
            name: subject.as_str().to_owned(),
        };
        let suspended = subject.as_str() == "mallory" || self.closed.load(Ordering::SeqCst);
        (!suspended).then(|| Arc::new(user))
    }
}

#[async_trait]
impl Principals for People {
    type Principal = User;

    async fn load(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        tokio::task::yield_now().await;
        Ok(self.know(subject))
    }

    fn load_now(&self, subject: &Subject) -> Option<Result<Option<Arc<User>>, StoreError>> {
        self.at_once.then(|| Ok(self.know(subject)))
    }
}
