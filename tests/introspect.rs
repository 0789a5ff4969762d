//! What is said of a token to somebody who asks about it is what a request with it would hear.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::testing::{FaultyStore, ManualClock};
use tower_expiring_token::{
    Authenticated, BearerToken, Lifetime, MemoryStore, Principals, Reason, Rejection, SessionId,
    StoreError, Subject, TokenAuthority, TokenKind, WithPrincipals, async_trait,
};

use crate::support::desk::Desk;
use crate::support::stores::{ALICE, BOB};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Step {
    Login { subject: usize, sliding: bool },
    Use(usize),
    Ask(usize),
    Revoke(usize),
    LogOut(usize),
    Suspend(usize),
    Reinstate(usize),
    Wait(u32),
    ShortenLives,
}

fn step() -> impl Strategy<Value = Step> {
    let token = 0..8_usize;
    prop_oneof![
        2 => (0..2_usize, any::<bool>())
            .prop_map(|(subject, sliding)| Step::Login { subject, sliding }),
        2 => token.clone().prop_map(Step::Use),
        6 => token.clone().prop_map(Step::Ask),
        1 => token.clone().prop_map(Step::Revoke),
        1 => token.prop_map(Step::LogOut),
        1 => (0..2_usize).prop_map(Step::Suspend),
        1 => (0..2_usize).prop_map(Step::Reinstate),
        3 => (1..40_u32).prop_map(Step::Wait),
        1 => Just(Step::ShortenLives),
    ]
}

const SUBJECTS: [&str; 2] = [ALICE, BOB];

/// Who is suspended.
#[derive(Clone, Default)]
struct Suspended(Arc<Mutex<HashSet<String>>>);

#[async_trait]
impl Principals for Suspended {
    type Principal = Subject;

    async fn load(&self, subject: &Subject) -> Result<Option<Arc<Subject>>, StoreError> {
        let suspended = self.0.lock().unwrap().contains(subject.as_str());
        Ok((!suspended).then(|| Arc::new(subject.clone())))
    }
}

type Store = FaultyStore<WithPrincipals<MemoryStore, Suspended>>;
type Tokens = TokenAuthority<Store>;

struct World {
    tokens: Tokens,
    clock: ManualClock,
    suspended: Suspended,
    behind: bool,
    issued: Vec<(String, Subject, SessionId)>,
}

impl World {
    fn new(behind: bool) -> Self {
        let (clock, suspended) = (ManualClock::default(), Suspended::default());
        let store = FaultyStore::new(WithPrincipals::new(MemoryStore::new(), suspended.clone()));
        let tokens = authority(store, &clock, 60, behind);
        Self {
            tokens,
            clock,
            suspended,
            behind,
            issued: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        let pick = |index: usize| self.issued.get(index % self.issued.len().max(1)).cloned();
        match step {
            Step::Login { subject, sliding } => {
                let kind = if sliding { "sliding" } else { "access" };
                let request = self.tokens.issue(SUBJECTS[subject]).kind(kind);
                let issued = request.await.unwrap();
                self.issued.push((
                    issued.secret().to_owned(),
                    issued.record().subject().clone(),
                    *issued.session(),
                ));
            }
            Step::Use(index) => {
                if let Some((secret, ..)) = pick(index) {
                    let _ = self.request(&secret).await;
                }
            }
            Step::Ask(index) => {
                if let Some((secret, ..)) = pick(index) {
                    self.ask(&secret).await;
                }
            }
            Step::Revoke(index) => {
                if let Some((secret, ..)) = pick(index) {
                    let token = BearerToken::parse(&secret).unwrap();
                    self.tokens.revoke(&token).await.unwrap();
                }
            }
            Step::LogOut(index) => {
                if let Some((_, subject, session)) = pick(index) {
                    let ended = self.tokens.revoke_session(&subject, &session);
                    ended.await.unwrap();
                }
            }
            Step::Suspend(subject) => {
                let mut suspended = self.suspended.0.lock().unwrap();
                suspended.insert(SUBJECTS[subject].to_owned());
            }
            Step::Reinstate(subject) => {
                self.suspended.0.lock().unwrap().remove(SUBJECTS[subject]);
            }
            Step::Wait(minutes) => self.clock.advance(MINUTE * minutes),
            Step::ShortenLives => {
                let store = self.tokens.store().clone();
                self.tokens = authority(store, &self.clock, 30, self.behind);
            }
        }
    }

    /// What a request with the token hears: until when it lives, or why it does not.
    async fn request(&self, secret: &str) -> Result<Authenticated, Reason> {
        let echo = service_fn(async |request: Request<()>| {
            let caller = Authenticated::of(request.extensions())?.clone();
            Ok::<_, Rejection>(Response::new(Some(caller)))
        });
        let layer = self.tokens.layer().kinds(&["access", "sliding"]).unwrap();
        let request = Request::builder()
            .header("authorization", format!("Bearer {secret}"))
            .body(())
            .unwrap();
        let response = layer.layer(echo).oneshot(request).await.unwrap();
        match response.extensions().get::<Rejection>() {
            Some(rejection) => Err(rejection.reason().clone()),
            None => Ok(response.into_body().expect("is let in")),
        }
    }

    async fn ask(&self, secret: &str) {
        let token = BearerToken::parse(secret).unwrap();
        let before = self.uses().await;
        let told = self.tokens.introspect(&token).await;
        assert_eq!(self.uses().await, before, "a question is no use");
        match (told, self.request(secret).await) {
            (Ok(told), Ok(heard)) => {
                assert_eq!(told.record(), heard.record());
                assert_eq!(told.bound(), heard.bound());
            }
            (Err(told), Err(heard)) => assert_eq!(*told.reason(), heard),
            (told, heard) => panic!("{told:?}, but {heard:?}"),
        }
    }

    /// How many were written down, once all are.
    async fn uses(&self) -> usize {
        self.tokens.shutdown().await.unwrap();
        self.tokens.store().touched()
    }
}

fn authority(store: Store, clock: &ManualClock, minutes: u32, behind: bool) -> Tokens {
    let sliding = Lifetime::minutes(2 * minutes).idle(MINUTE * minutes / 3);
    let builder = TokenAuthority::builder(store)
        .expiry(Lifetime::minutes(minutes))
        .kind(TokenKind::new("sliding", "sld_"), sliding)
        .clock(clock.clone());
    let builder = match behind {
        true => builder.touch_behind(),
        false => builder,
    };
    builder.build().unwrap()
}

proptest! {
    #[test]
    fn a_token_is_active_exactly_when_a_request_with_it_is_let_in(
        steps in prop::collection::vec(step(), 1..60),
        behind: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(behind);
            for step in steps {
                world.step(step).await;
            }
            for (secret, ..) in &world.issued {
                world.ask(secret).await;
            }
        });
    }
}

#[tokio::test]
async fn what_opens_nothing_is_not_active() {
    let desk = Desk::new(FaultyStore::new(MemoryStore::new()));
    let issued = desk.login().await;
    let reason = async |text: &str| {
        let token = BearerToken::parse(text).unwrap();
        let told = desk.tokens.introspect(&token).await;
        told.err().map(|rejection| rejection.reason().clone())
    };
    assert_eq!(reason(issued.secret()).await, None);
    let refresh = issued.refresh_secret().unwrap();
    assert_eq!(reason(refresh).await, Some(Reason::UnknownToken));
    assert_eq!(reason("garbage").await, Some(Reason::UnknownToken));
    desk.tokens.store().fail();
    let told = reason(issued.secret()).await;
    assert_eq!(told, Some(Reason::StoreUnavailable), "no verdict");
}
