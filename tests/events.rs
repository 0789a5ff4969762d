//! What listeners hear: everything that becomes of tokens, no secret, and of requests that are let
//! in nothing.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::{
    About, BearerToken, CheckPassword, Checked, Client, ClientSecret, Event, Events, IssuedToken,
    Json, Lifetime, LoginMode, MemoryStore, OAuth, PasswordGuard, RequireLayer, Revoked,
    RotatingStore, Scopes, ServerKey, StoreError, Subject, TokenAuthority, TracingEvents, Verified,
    Who, async_trait,
};

use crate::support::ask::{ask, form};
use crate::support::desk::{DAY, Desk, HOUR, refresh_of};
use crate::support::stores::{ALICE, BOB, on_every_store};

on_every_store!(
    every_step_of_a_life_is_heard_with_its_session,
    sessions_that_end_for_a_further_login_are_heard,
    refusals_say_why_and_whose,
);

/// What was heard, in words, and as `Debug` shows it.
#[derive(Clone, Default)]
struct Heard {
    words: Arc<Mutex<Vec<String>>>,
    shown: Arc<Mutex<String>>,
}

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.words.lock().unwrap())
    }
}

impl Events for Heard {
    fn event(&self, event: &Event<'_>) {
        self.words.lock().unwrap().push(words(event));
        *self.shown.lock().unwrap() += &format!("{event:?}");
    }
}

fn words(event: &Event<'_>) -> String {
    let of = |about: About<'_>| {
        let client = about.client.unwrap_or("-");
        format!("{} {} {client}", about.subject, about.kind)
    };
    let maybe = |about: Option<About<'_>>| about.map_or("nobody".to_owned(), of);
    match *event {
        Event::Issued(about) => format!("issued {}", of(about)),
        Event::ToldAgain(about) => format!("told again {}", of(about)),
        Event::Refreshed(about) => format!("refreshed {}", of(about)),
        Event::RefreshRefused { error, about } => {
            format!("refresh refused {}: {error:?}", maybe(about))
        }
        Event::ReuseDetected(about) => format!("reuse {}", of(about)),
        Event::SteppedUp(about) => format!("stepped up {}", of(about)),
        Event::Delegated(about) => format!("delegated {}", of(about)),
        Event::LoginFailed { subject, address } => {
            format!("login failed {subject:?} {address:?}")
        }
        Event::Refused { reason, about, .. } => format!("refused {}: {reason:?}", maybe(about)),
        Event::Revoked { what, tokens } => match what {
            Revoked::Token(about) => format!("revoked {tokens}: {}", of(about)),
            Revoked::Session { subject, .. } => format!("revoked {tokens}: session of {subject}"),
            Revoked::All { subject } => format!("revoked {tokens}: all of {subject}"),
            Revoked::Displaced { subject, .. } => format!("displaced {tokens} of {subject}"),
            Revoked::Others { subject, .. } => format!("revoked {tokens}: others of {subject}"),
            other => format!("{other:?}"),
        },
        Event::RevocationRefused { client, about } => {
            format!("revocation refused to {client}: {}", of(about))
        }
        Event::Purged { tokens } => format!("purged {tokens}"),
        ref other => format!("{other:?}"),
    }
}

async fn every_step_of_a_life_is_heard_with_its_session<S: RotatingStore>(store: S) {
    let heard = Heard::default();
    let desk = Desk::with(store, |builder| {
        builder.events(heard.clone()).refresh_grace(HOUR / 60)
    });
    let says = |words: &[&str]| assert_eq!(heard.take(), words);
    let alice = Subject::new(ALICE);

    let request = desk.tokens.issue(ALICE).client("app").scopes(["read"]);
    let first = request.refresh().await.unwrap();
    says(&["issued 1 access app"]);
    let renew = async || {
        desk.tokens
            .issue(BOB)
            .login(LoginMode::Renew)
            .await
            .unwrap()
    };
    let (bobs, _) = (renew().await, renew().await);
    says(&["issued 2 access -", "told again 2 access -"]);

    let caller = desk.caller(&first).await.unwrap();
    let stepped = desk.tokens.step_up(&caller).await.unwrap();
    let made = desk.tokens.delegate(&caller, "export").await.unwrap();
    says(&["stepped up 1 access app", "delegated 1 export -"]);

    let refresh =
        async |shown: &IssuedToken| desk.tokens.refresh(&refresh_of(shown)).client("app").await;
    let second = refresh(&first).await.unwrap();
    refresh(&first).await.unwrap();
    says(&["refreshed 1 access app", "refreshed 1 access app"]);
    desk.later(HOUR / 2);
    refresh(&first).await.unwrap_err();
    says(&["reuse 1 access app"]);

    let third = desk
        .tokens
        .issue(ALICE)
        .client("app")
        .refresh()
        .await
        .unwrap();
    let token = BearerToken::parse(third.secret()).unwrap();
    assert!(!desk.tokens.revoke(&token).client("thief").await.unwrap());
    assert!(desk.tokens.revoke(&token).await.unwrap());
    assert!(desk.tokens.revoke(&refresh_of(&third)).await.unwrap());
    assert!(!desk.tokens.revoke(&token).await.unwrap());
    says(&[
        "issued 1 access app",
        "revocation refused to thief: 1 access app",
        "revoked 1: 1 access app",
        "revoked 1: session of 1",
    ]);

    let here = desk.login().await;
    desk.login().await;
    desk.tokens
        .revoke_others(&alice, here.session())
        .await
        .unwrap();
    desk.tokens.revoke_all(&alice).await.unwrap();
    desk.tokens.revoke_all(&alice).await.unwrap();
    says(&[
        "issued 1 access -",
        "issued 1 access -",
        "revoked 2: others of 1",
        "revoked 2: all of 1",
    ]);

    desk.later(3 * DAY);
    desk.tokens.purge().await.unwrap();
    desk.tokens.purge().await.unwrap();
    says(&["purged 1"]);
    desk.tokens.tell(&Event::LoginFailed {
        subject: Some(ALICE),
        address: None,
    });
    says(&["login failed Some(\"1\") None"]);

    let shown = heard.shown.lock().unwrap();
    assert!(
        shown.contains(&first.session().to_string()),
        "the session is named"
    );
    for issued in [&first, &second, &third, &here, &bobs, &stepped, &made] {
        for secret in [Some(issued.secret()), issued.refresh_secret()]
            .into_iter()
            .flatten()
        {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!shown.contains(&secret[30..secret.len() - 6]), "{shown}");
        }
    }
}

async fn sessions_that_end_for_a_further_login_are_heard<S: RotatingStore>(store: S) {
    let heard = Heard::default();
    let desk = Desk::with(store, |builder| builder.events(heard.clone()).limit(2));
    let says = |words: &[&str]| assert_eq!(heard.take(), words);

    desk.tokens.issue(ALICE).refresh().await.unwrap();
    for _ in 0..2 {
        desk.later(HOUR / 60);
        desk.tokens.issue(ALICE).await.unwrap();
    }
    let issued = "issued 1 access -";
    // With its refresh token.
    says(&[issued, issued, "displaced 2 of 1", issued]);

    let replace = desk.tokens.issue(ALICE).login(LoginMode::ReplaceAll);
    let last = replace.await.unwrap();
    says(&["displaced 2 of 1", issued]);
    assert!(desk.lives(&last).await);

    let renew = async || {
        desk.later(HOUR / 60);
        let renew = desk.tokens.issue(ALICE).login(LoginMode::Renew);
        renew.limit(1).await.unwrap()
    };
    renew().await;
    says(&["displaced 1 of 1", issued]);
    desk.tokens.issue(ALICE).await.unwrap();
    renew().await;
    says(&[issued, "displaced 1 of 1", "told again 1 access -"]);
}

#[tokio::test]
async fn what_a_login_replaces_that_can_not_be_told_again_is_heard() {
    let store = MemoryStore::new();
    let heard = Heard::default();
    let of_key = |key| {
        let tokens = TokenAuthority::builder(store.clone()).key(ServerKey::new([key; 32]));
        let tokens = tokens.expiry(Lifetime::hours(1)).login(LoginMode::Renew);
        tokens.events(heard.clone()).build().unwrap()
    };
    of_key(1).issue(ALICE).await.unwrap();
    of_key(2).issue(ALICE).await.unwrap();
    let issued = "issued 1 access -";
    assert_eq!(heard.take(), [issued, "displaced 1 of 1", issued]);
}

async fn refusals_say_why_and_whose<S: RotatingStore + Clone>(store: S) {
    let heard = Heard::default();
    let store = FaultyStore::new(store);
    let desk = Desk::with(store.clone(), |builder| builder.events(heard.clone()));
    let says = |words: &[&str]| assert_eq!(heard.take(), words);
    let issued = desk
        .tokens
        .issue(ALICE)
        .client("app")
        .refresh()
        .await
        .unwrap();
    heard.take();
    let token = BearerToken::parse(issued.secret()).unwrap();
    for _ in 0..3 {
        desk.tokens.authenticate(&token).await.unwrap();
        desk.tokens.introspect(&token).await.unwrap();
    }
    says(&[]);

    store.fail();
    desk.tokens.authenticate(&token).await.unwrap_err();
    desk.refresh(&issued).await.unwrap_err();
    store.heal();
    says(&[
        "refused nobody: StoreUnavailable",
        "refresh refused nobody: Store(StoreError(\"told to fail\"))",
    ]);
    desk.refresh(&issued).await.unwrap_err();
    desk.tokens.refresh(&token).await.unwrap_err();
    says(&[
        "refresh refused 1 access app: OtherClient",
        "refresh refused nobody: Unknown",
    ]);
    desk.later(HOUR);
    desk.tokens.authenticate(&token).await.unwrap_err();
    desk.tokens.introspect(&token).await.unwrap_err();
    let garbage = BearerToken::parse("garbage").unwrap();
    desk.tokens.authenticate(&garbage).await.unwrap_err();
    says(&[
        "refused 1 access app: Expired(Life)",
        "refused nobody: UnknownToken",
    ]);
}

#[tokio::test]
async fn a_layers_refusals_are_heard_and_what_it_lets_in_is_not() {
    let heard = Heard::default();
    let desk = Desk::with(MemoryStore::new(), |builder| {
        builder.events(Arc::new(heard.clone()))
    });
    let issued = desk.login().await;
    heard.take();
    let call = async |authorization: Option<&str>| {
        let service = desk
            .tokens
            .layer()
            .layer(service_fn(async |_: Request<()>| {
                Ok::<_, Infallible>(Response::new(()))
            }));
        let mut request = Request::builder();
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        service.oneshot(request.body(()).unwrap()).await.unwrap();
        heard.take()
    };
    let good = format!("Bearer {}", issued.secret());
    assert!(call(Some(&good)).await.is_empty());
    assert_eq!(call(None).await, ["refused nobody: NoCredentials"]);
    assert_eq!(
        call(Some("Bearer a b")).await,
        ["refused nobody: Malformed(Token(Space))"]
    );
    desk.later(HOUR);
    assert_eq!(
        call(Some(&good)).await,
        ["refused 1 access -: Expired(Life)"]
    );
}

#[tokio::test]
async fn what_a_good_token_lacks_is_heard_where_an_authority_was_named() {
    let heard = Heard::default();
    let desk = Desk::with(MemoryStore::new(), |builder| builder.events(heard.clone()));
    let issued = desk.login().await;
    let caller = desk.caller(&issued).await.unwrap();
    let made = desk.tokens.delegate(&caller, "export").await.unwrap();
    desk.later(HOUR / 2);
    heard.take();
    let layer = || desk.tokens.layer().kinds(&["access", "export"]).unwrap();
    let call = async |needs: RequireLayer, issued: &IssuedToken| {
        let service = needs
            .respond(Json)
            .layer(service_fn(async |_: Request<Full<Bytes>>| {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }));
        let answered = ask("GET", "/")
            .bearer(issued.secret())
            .of(layer().layer(service))
            .await;
        (answered.status.as_u16(), heard.take())
    };
    let [admin, read] = ["admin", "read"].map(|scope| RequireLayer::all([scope]).unwrap());
    assert_eq!(
        call(admin.clone(), &issued).await,
        (403, vec![]),
        "nobody was named"
    );
    let refused = |status: u16, words: &str| (status, vec![words.to_owned()]);
    assert_eq!(
        call(admin.told_to(&desk.tokens), &issued).await,
        refused(
            403,
            r#"refused 1 access -: InsufficientScope(Scopes("admin"))"#
        )
    );
    assert_eq!(
        call(read.told_to(&desk.tokens), &issued).await,
        (200, vec![])
    );
    assert_eq!(
        call(desk.tokens.require_recent(HOUR / 4), &issued).await,
        refused(401, "refused 1 access -: StaleLogin { max_age: 900s }")
    );
    let logins = RequireLayer::new(|caller| caller.require_kind("access"));
    assert_eq!(
        call(logins.told_to(&desk.tokens), &made).await,
        refused(401, "refused 1 export -: WrongKind")
    );
    let asked = ask("POST", "/logout").bearer(made.secret());
    let answered = asked.of(layer().layer(desk.tokens.logout())).await;
    assert_eq!(answered.status, 401);
    assert_eq!(heard.take(), ["refused 1 export -: WrongKind"]);
}

#[tokio::test]
async fn who_asks_an_endpoint_without_being_anybody_is_heard() {
    let heard = Heard::default();
    let desk = Desk::with(MemoryStore::new(), |builder| builder.events(heard.clone()));
    let says = |words: &str| assert_eq!(heard.take(), [words]);

    let nobody = desk.tokens.layer().optional();
    let answered = ask("POST", "/logout").of(nobody.layer(desk.tokens.logout()));
    assert_eq!(answered.await.status, 401);
    says("refused nobody: NoCredentials");
    let answered = ask("POST", "/logout").of(desk.tokens.logout()).await;
    assert_eq!(answered.status, 500);
    says("refused nobody: LayerMissing");
    let inner = service_fn(async |_request: Request<Full<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let answered = ask("GET", "/")
        .of(desk.tokens.end_streams().layer(inner))
        .await;
    assert_eq!(answered.status, 500);
    says("refused nobody: LayerMissing");
}

#[tokio::test]
async fn a_store_that_cant_say_is_heard_of_at_each_endpoint_once() {
    let heard = Heard::default();
    let store = FaultyStore::new(MemoryStore::new());
    let desk = Desk::with(store.clone(), |builder| builder.events(heard.clone()));
    let passwords = PasswordGuard::new(Right, |_| None);
    let app = Client::confidential("app", ClientSecret::of("s")).introspects_all();
    let oauth = OAuth::new(&desk.tokens, [app]);
    let issued = desk.login().await;
    heard.take();
    store.fail();
    let token = [("token", issued.secret())];
    for answered in [
        form("/login", &[("username", "a"), ("password", "b")])
            .of(desk.tokens.login(&passwords))
            .await,
        form("/revoke", &token)
            .basic("app", "s")
            .of(oauth.revocation())
            .await,
        form("/introspect", &token)
            .basic("app", "s")
            .of(oauth.introspection())
            .await,
    ] {
        assert_eq!(answered.status, 503, "{answered:?}");
    }
    assert_eq!(heard.take(), ["refused nobody: StoreUnavailable"; 3]);
}

/// Any password is alice's.
struct Right;

#[async_trait]
impl CheckPassword for Right {
    async fn check(&self, _who: Who<'_>, _password: &str) -> Result<Checked, StoreError> {
        Ok(Checked::Right(Verified::new(ALICE.into(), Scopes::none())))
    }
}

#[tokio::test]
async fn a_handler_may_tell_whom_it_has_refused() {
    let heard = Heard::default();
    let desk = Desk::with(MemoryStore::new(), |builder| builder.events(heard.clone()));
    let caller = desk.caller(&desk.login().await).await.unwrap();
    heard.take();
    let rejection = caller.require_kind("export").unwrap_err();
    assert!(heard.take().is_empty(), "a check tells nobody");
    desk.tokens.tell(&Event::Refused {
        reason: rejection.reason(),
        about: Some(About::of(caller.record())),
        error: None,
    });
    assert_eq!(heard.take(), ["refused 1 access -: WrongKind"]);
}

#[test]
fn tracing_writes_down_the_session_and_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let issued = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let store = FaultyStore::new(MemoryStore::new());
            let desk = Desk::with(store.clone(), |builder| {
                builder.events(TracingEvents).expiry(Lifetime::hours(1))
            });
            let issued = desk
                .tokens
                .issue("alice")
                .client("app")
                .refresh()
                .await
                .unwrap();
            let refresh = async || {
                desk.tokens
                    .refresh(&refresh_of(&issued))
                    .client("app")
                    .await
            };
            refresh().await.unwrap();
            refresh().await.unwrap_err();
            refresh().await.unwrap_err();
            let token = BearerToken::parse(issued.secret()).unwrap();
            desk.tokens.authenticate(&token).await.unwrap_err();
            store.fail();
            desk.tokens.authenticate(&token).await.unwrap_err();
            let (subject, address) = (None, Some([10, 0, 0, 7].into()));
            desk.tokens.tell(&Event::LoginFailed { subject, address });
            desk.tokens.tell(&Event::LoginThrottled {
                subject,
                address,
                retry_after: HOUR,
            });
            let client = Some("app");
            desk.tokens.tell(&Event::ClientRefused { client });
            issued
        })
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let whose = format!(
        "subject=\"alice\" session={} kind=\"access\" client=\"app\"",
        issued.session()
    );
    for line in [
        format!(" INFO tower_expiring_token: token issued {whose}"),
        format!(" INFO tower_expiring_token: token refreshed {whose}"),
        format!(" WARN tower_expiring_token: refresh token reused, session ended {whose}"),
        " INFO tower_expiring_token: refresh refused reason=the refresh token is unknown".into(),
        "DEBUG tower_expiring_token: request refused reason=the token is unknown".into(),
        " WARN tower_expiring_token: the token store could not answer cause=\"told to fail\""
            .into(),
        " INFO tower_expiring_token: login failed address=10.0.0.7".into(),
        "DEBUG tower_expiring_token: login throttled address=10.0.0.7".into(),
        " INFO tower_expiring_token: client refused client=\"app\"".into(),
    ] {
        assert!(log.contains(&line), "{line:?} is not in {log}");
    }
    for secret in [issued.secret(), issued.refresh_secret().unwrap()] {
        assert!(!log.contains(&secret[30..secret.len() - 6]), "{log}");
    }
}

#[test]
fn a_subject_forges_no_line_of_the_log() {
    let forged = "eve\n INFO tower_expiring_token: all tokens revoked subject=\"root\"";
    let log = logged(async |desk| {
        desk.tokens.issue(forged).await.unwrap();
        let issued = desk.tokens.issue(forged).await.unwrap();
        let (subject, session) = (Subject::new(forged), issued.session());
        desk.tokens.revoke_others(&subject, session).await.unwrap();
        let replace = desk.tokens.issue(forged).login(LoginMode::ReplaceAll);
        replace.await.unwrap();
        desk.tokens.revoke_all(&subject).await.unwrap();
        desk.tokens.tell(&Event::LoginFailed {
            subject: Some(forged),
            address: None,
        });
        let client = Some(forged);
        desk.tokens.tell(&Event::ClientRefused { client });
    });
    let lines = "issued, issued, others, displaced, issued, all, failed, client refused";
    assert_eq!(log.lines().count(), lines.split(", ").count(), "{log}");
}

/// What is logged meanwhile.
fn logged(act: impl AsyncFnOnce(Desk<MemoryStore>)) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    tracing::subscriber::with_default(subscriber, || {
        let desk = Desk::with(MemoryStore::new(), |builder| builder.events(TracingEvents));
        runtime.unwrap().block_on(act(desk));
    });
    String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
