use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use super::broken::{Broken, Report};
use super::spawn::{Job, Spawn};
use super::stage::{Local, Stage};
use super::token::ADD;
use super::{
    SUBJECTS, dropped, extend, find, insert, limit, meet, purge, remove, rotate, value, watch,
};
use crate::store::{IssuingStore, NewSession, NewToken, RotatingStore, TokenStore, WatchedStore};

/// The suite, about to run: await it.
#[must_use = "the suite runs when this is awaited"]
pub struct Contract<'a> {
    run: Box<dyn FnOnce(Settings) -> Local<'a, Report> + 'a>,
    settings: Settings,
}

/// How the suite runs.
pub(super) struct Settings {
    pub(super) subjects: Vec<String>,
    pub(super) spawn: Option<Spawn>,
    pub(super) rounds: Option<usize>,
}

/// The promises of [`TokenStore`], for a store that only looks tokens up.
///
/// It can't be given tokens by the suite, so `holding` makes a store that holds these and nothing
/// else: their digest, kind, session, subject, scopes and times. Nothing else is set. One that
/// keeps less, or writes no uses down, breaks those promises, and says so here.
pub fn token_store<'a, S, F>(holding: impl Fn(Vec<NewToken>) -> F + 'a) -> Contract<'a>
where
    S: TokenStore,
    F: Future<Output = S> + 'a,
{
    Contract::new(async move |settings| {
        let stage = Stage::new(
            |tokens| {
                let store = holding(tokens);
                async { Ok(store.await) }
            },
            settings,
        );
        let mut report = Report::default();
        looks_up(&stage, &mut report).await;
        report
    })
}

/// The promises of [`IssuingStore`], those of [`TokenStore`] included. `empty` makes a store
/// without any token.
pub fn issuing_store<'a, S, F>(empty: impl Fn() -> F + 'a) -> Contract<'a>
where
    S: IssuingStore,
    F: Future<Output = S> + 'a,
{
    Contract::new(async move |settings| {
        let stage = filled(&empty, |store| store, settings);
        let mut report = Report::default();
        looks_up(&stage, &mut report).await;
        issues(&stage, &mut report).await;
        report
    })
}

/// The promises of [`RotatingStore`], those of [`IssuingStore`] and [`TokenStore`] included.
/// `empty` makes a store without any token.
pub fn rotating_store<'a, S, F>(empty: impl Fn() -> F + 'a) -> Contract<'a>
where
    S: RotatingStore,
    F: Future<Output = S> + 'a,
{
    Contract::new(async move |settings| {
        let stage = filled(&empty, |store| store, settings);
        let mut report = Report::default();
        looks_up(&stage, &mut report).await;
        issues(&stage, &mut report).await;
        value::with_refresh(&stage, &mut report).await;
        rotate::promises(&stage, &mut report).await;
        rotate::with_others(&stage, &mut report).await;
        meet::rotating(&stage, &mut report).await;
        dropped::rotating(&stage, &mut report).await;
        report
    })
}

/// The promises of [`WatchedStore`] for a [`RotatingStore`], and none but those. `two` makes two
/// values of a store on the same data, without any token: what is done through the first is told
/// to watches of either.
pub fn watched_store<'a, S, F>(two: impl Fn() -> F + 'a) -> Contract<'a>
where
    S: RotatingStore + WatchedStore,
    F: Future<Output = (S, S)> + 'a,
{
    Contract::new(async move |settings| {
        let stage = filled(&two, |(one, _)| one, settings);
        let mut report = Report::default();
        if watch::issuing(&stage, &mut report).await {
            watch::rotating(&stage, &mut report).await;
        }
        report
    })
}

/// The promises of [`WatchedStore`] for an [`IssuingStore`] without refresh tokens, as
/// [`watched_store`].
pub fn watched_issuing_store<'a, S, F>(two: impl Fn() -> F + 'a) -> Contract<'a>
where
    S: IssuingStore + WatchedStore,
    F: Future<Output = (S, S)> + 'a,
{
    Contract::new(async move |settings| {
        let stage = filled(&two, |(one, _)| one, settings);
        let mut report = Report::default();
        watch::issuing(&stage, &mut report).await;
        report
    })
}

async fn looks_up<S: TokenStore>(stage: &Stage<'_, S>, report: &mut Report) {
    find::promises(stage, report).await;
    value::promises(stage, report).await;
    extend::promises(stage, report).await;
}

async fn issues<S: IssuingStore>(stage: &Stage<'_, S>, report: &mut Report) {
    value::with_all(stage, report).await;
    find::after_changes(stage, report).await;
    insert::promises(stage, report).await;
    limit::promises(stage, report).await;
    remove::promises(stage, report).await;
    purge::promises(stage, report).await;
    meet::issuing(stage, report).await;
    meet::look_ups(stage, report).await;
    dropped::issuing(stage, report).await;
}

/// `one` is the store of what `empty` makes.
fn filled<'a, T, S, F>(
    empty: &'a (impl Fn() -> F + 'a),
    one: fn(&T) -> &S,
    settings: Settings,
) -> Stage<'a, T>
where
    T: 'a,
    S: IssuingStore,
    F: Future<Output = T> + 'a,
{
    let filled = move |tokens: Vec<NewToken>| async move {
        let store = empty().await;
        for access in tokens {
            let login = NewSession {
                access,
                refresh: None,
            };
            one(&store).insert(login, ADD).await?;
        }
        Ok(store)
    };
    Stage::new(filled, settings)
}

impl<'a> Contract<'a> {
    fn new<F: Future<Output = Report> + 'a>(run: impl FnOnce(Settings) -> F + 'a) -> Self {
        Self {
            run: Box::new(|settings| Box::pin(run(settings))),
            settings: Settings {
                subjects: SUBJECTS.map(str::to_owned).into(),
                spawn: None,
                rounds: None,
            },
        }
    }

    /// Gives the tokens to these three subjects instead of [`SUBJECTS`].
    pub fn subjects(mut self, subjects: [impl Into<String>; 3]) -> Self {
        self.settings.subjects = subjects.map(Into::into).into();
        self
    }

    /// Calls that meet run in parallel, as jobs that `spawn` runs: on your runtime, or
    /// [`on_a_thread`](super::on_a_thread).
    pub fn spawn(mut self, spawn: impl Fn(Job) + 'static) -> Self {
        self.settings.spawn = Some(Arc::new(spawn));
        self
    }

    /// How often the same calls meet, instead of 3 times, or 25 times in parallel.
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.settings.rounds = Some(rounds);
        self
    }
}

impl<'a> IntoFuture for Contract<'a> {
    type Output = Result<(), Broken>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { (self.run)(self.settings).await.verdict() })
    }
}

impl fmt::Debug for Contract<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("subjects", &self.settings.subjects)
            .finish_non_exhaustive()
    }
}
