//! The endpoints of OAuth 2.

mod clients;
mod introspection;
mod metadata;
mod revocation;
mod token;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{
    Client, ClientSecret, Lifetime, MemoryStore, OAuth, Subject, TokenAuthority,
};

use super::people::Heard;
use crate::support::ask::{Answered, Ask, form};

type Store = FaultyStore<MemoryStore>;
type Clients = [Client; 4];

/// An authorization server and its clients: `app` and `other` with secrets, `page` without one,
/// and `checker`, which may ask about all tokens.
struct Server {
    tokens: TokenAuthority<Store>,
    oauth: OAuth<Store, Clients>,
    store: Store,
    clock: ManualClock,
    heard: Arc<Heard>,
}

impl Server {
    fn new() -> Self {
        let clock = ManualClock::default();
        let store = FaultyStore::new(MemoryStore::new());
        let heard = Arc::new(Heard::default());
        let tokens = TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(1))
            .refresh(Lifetime::days(30))
            .clock(clock.clone())
            .events(Arc::clone(&heard))
            .build()
            .expect("is valid");
        let scopes = ["read", "write"];
        let confidential = |id: &str| {
            let secret = ClientSecret::of(&format!("{id}-secret"));
            Client::confidential(id, secret)
                .scopes(scopes)
                .expect("scopes")
        };
        let clients = [
            confidential("app").acts_as("the app"),
            confidential("other"),
            Client::public("page")
                .scopes(scopes)
                .expect("scopes")
                .acts_as("nobody"),
            confidential("checker").introspects_all(),
        ];
        Self {
            oauth: OAuth::new(&tokens, clients),
            tokens,
            store,
            clock,
            heard,
        }
    }

    /// The access and the refresh token of a login at a client.
    async fn login(&self, client: &str) -> (String, String) {
        let issue = self.tokens.issue("alice").scopes(["read", "write"]);
        let issued = issue.client(client).refresh().await.expect("is issued");
        let refresh = issued.refresh_secret().expect("has one");
        (issued.secret().to_owned(), refresh.to_owned())
    }

    async fn token(&self, ask: Ask) -> Answered {
        ask.of(self.oauth.token()).await
    }

    async fn refresh(&self, client: &str, refresh: &str) -> Answered {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        self.token(form("/token", &fields).basic(client, &format!("{client}-secret")))
            .await
    }

    async fn lives(&self, token: &str) -> bool {
        let token = tower_expiring_token::BearerToken::parse(token).expect("is a token");
        self.tokens.authenticate(&token).await.is_ok()
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// An OAuth error, kept out of caches; its words are not for programs.
fn refuses(answered: &Answered, status: u16, error: &str) {
    assert_eq!(answered.status.as_u16(), status, "{answered:?}");
    assert_eq!(answered.json()["error"], error, "{answered:?}");
    let description = answered.member("error_description");
    assert!(
        description
            .bytes()
            .all(|byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'))
    );
    is_uncached(answered);
}

fn is_uncached(answered: &Answered) {
    assert_eq!(answered.header("cache-control"), Some("no-store"));
    assert_eq!(answered.header("pragma"), Some("no-cache"));
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

const REFRESH: &[(&str, &str)] = &[("grant_type", "refresh_token"), ("refresh_token", "x")];
const OWN: &[(&str, &str)] = &[("grant_type", "client_credentials")];

fn inactive() -> Value {
    json!({"active": false})
}

fn subject(name: &str) -> Subject {
    Subject::new(name)
}
