//! A house with people who log in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{
    AuthorityBuilder, ChangePassword, Event, Events, Lifetime, Login, Logins, MemoryStore,
    PasswordGuard, PhcPasswords, Scopes, StoreError, Subject, TokenAuthority, Who, async_trait,
    hash_password,
};

use crate::support::ask::{Answered, Ask, json};

pub(super) type Store = FaultyStore<MemoryStore>;

/// alice logs in with `wonderland`, bob with `builder`, mallory is suspended.
pub(super) struct People {
    pub(super) tokens: TokenAuthority<Store>,
    pub(super) passwords: PasswordGuard,
    pub(super) users: Arc<Users>,
    pub(super) store: Store,
    pub(super) clock: ManualClock,
    heard: Arc<Heard>,
}

pub(super) struct Users {
    logins: Mutex<Vec<Login>>,
    asked: AtomicUsize,
    fails: AtomicBool,
    next: Mutex<Option<Meanwhile>>,
}

type Meanwhile = Box<dyn FnOnce(&Users) + Send>;

#[derive(Default)]
pub(super) struct Heard(Mutex<Vec<String>>);

impl Events for Heard {
    fn event(&self, event: &Event<'_>) {
        if matches!(
            event,
            Event::LoginFailed { .. } | Event::LoginThrottled { .. } | Event::ClientRefused { .. }
        ) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
}

impl Heard {
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl People {
    pub(super) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(super) fn with(
        change: impl FnOnce(AuthorityBuilder<Store>) -> AuthorityBuilder<Store>,
    ) -> Self {
        let clock = ManualClock::default();
        let store = FaultyStore::new(MemoryStore::new());
        let heard = Arc::new(Heard::default());
        let builder = TokenAuthority::builder(store.clone())
            .expiry(Lifetime::hours(24))
            .refresh(Lifetime::days(30))
            .events(Arc::clone(&heard))
            .clock(clock.clone());
        let users = Arc::new(Users::new());
        let phc = PhcPasswords::new(Arc::clone(&users)).expect("there is randomness");
        let passwords = PasswordGuard::new(phc, |head| {
            let address = head.headers.get("x-address")?;
            address.to_str().ok()?.parse::<IpAddr>().ok()
        });
        Self {
            tokens: change(builder).build().expect("is valid"),
            passwords,
            users,
            store,
            clock,
            heard,
        }
    }

    pub(super) async fn log_in(&self, ask: Ask) -> Answered {
        ask.of(self.tokens.login(&self.passwords)).await
    }

    pub(super) async fn token(&self, name: &str, password: &str) -> String {
        let answered = self.log_in(login(name, password)).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.member("token")
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What was heard of guesses since this was asked last.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.take()
    }
}

pub(super) fn login(name: &str, password: &str) -> Ask {
    json("/login", &json!({"username": name, "password": password}))
}

/// The same request from another address.
pub(super) fn from(ask: Ask, number: u8) -> Ask {
    ask.header("x-address", &Ipv4Addr::new(10, 0, 0, number).to_string())
}

impl Users {
    fn new() -> Self {
        let login = |name: &str, password: &str, suspended| Login {
            subject: Subject::new(name),
            phc: hash_password(password).expect("there is randomness"),
            scopes: Scopes::parse("read write").expect("are scopes"),
            suspended,
        };
        Self {
            logins: Mutex::new(vec![
                login("alice", "wonderland", false),
                login("bob", "builder", false),
                login("mallory", "malice", true),
            ]),
            asked: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
            next: Mutex::default(),
        }
    }

    /// How often somebody was looked up: no password is verified without.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    /// Does this when somebody has been found the next time: what happens while his password is
    /// verified.
    pub(super) fn meanwhile(&self, act: impl FnOnce(&Self) + Send + 'static) {
        *self.next.lock().unwrap() = Some(Box::new(act));
    }

    /// Another password, or another word on whether he may log in.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Login)) {
        let mut logins = self.logins.lock().unwrap();
        let mut named = logins.iter_mut();
        change(
            named
                .find(|login| login.subject.as_str() == name)
                .expect("is there"),
        );
    }

    fn say(&self) -> Result<(), StoreError> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(StoreError::new("the users are gone")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Logins for Users {
    async fn find(&self, who: Who<'_>) -> Result<Option<Login>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.say()?;
        let found = {
            let logins = self.logins.lock().unwrap();
            let mut logins = logins.iter();
            logins
                .find(|login| login.subject.as_str() == who.as_str())
                .cloned()
        };
        let next = self.next.lock().unwrap().take();
        if let Some(act) = next {
            act(self);
        }
        Ok(found)
    }
}

/// What the endpoint that changes passwords is given.
pub(super) struct Changes(pub(super) Arc<Users>);

#[async_trait]
impl ChangePassword for Changes {
    async fn fault(
        &self,
        _subject: &Subject,
        new: &str,
    ) -> Result<Option<&'static str>, StoreError> {
        Ok((new.len() < 6).then_some("expected six characters or more, found fewer"))
    }

    async fn change(&self, subject: &Subject, new: &str) -> Result<(), StoreError> {
        if new == "the disk is full" {
            return Err(StoreError::new("the disk is full"));
        }
        let phc = hash_password(new).map_err(StoreError::new)?;
        let mut logins = self.0.logins.lock().unwrap();
        let login = logins.iter_mut().find(|login| login.subject == *subject);
        login.expect("is there").phc = phc;
        Ok(())
    }
}
