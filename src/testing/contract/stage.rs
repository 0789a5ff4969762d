//! What a promise is tried on.

use std::pin::Pin;
use std::sync::Arc;

use super::broken::{Fault, brief, same};
use super::run::Settings;
use super::spawn::{Call, together};
use super::token::Draft;
use crate::store::{Found, IssuingStore, NewToken, StoreError, TokenStore};
use crate::token::{Subject, TokenDigest, TokenRecord};

pub(super) type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

type Make<'a, S> = Box<dyn Fn(Vec<NewToken>) -> Local<'a, Result<S, StoreError>> + 'a>;

/// Makes stores that hold given tokens and nothing else.
pub(super) struct Stage<'a, S> {
    make: Make<'a, S>,
    settings: Settings,
}

impl<'a, S> Stage<'a, S> {
    pub(super) fn new<F: Future<Output = Result<S, StoreError>> + 'a>(
        make: impl Fn(Vec<NewToken>) -> F + 'a,
        settings: Settings,
    ) -> Self {
        Self {
            make: Box::new(move |tokens| Box::pin(make(tokens))),
            settings,
        }
    }

    pub(super) async fn empty(&self) -> Result<Arc<S>, Fault> {
        self.holding(&[]).await
    }

    pub(super) async fn holding(&self, tokens: &[NewToken]) -> Result<Arc<S>, Fault> {
        Ok(Arc::new((self.make)(tokens.to_vec()).await?))
    }

    /// A token of the first subject, which most promises are about.
    pub(super) fn token(&self, number: u64) -> Draft {
        Draft::new(&self.settings.subjects[0], number)
    }

    /// A token of somebody else.
    pub(super) fn others(&self, number: u64) -> Draft {
        Draft::new(&self.settings.subjects[1], number)
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::new(&self.settings.subjects[0])
    }

    pub(super) fn other(&self) -> Subject {
        Subject::new(&self.settings.subjects[1])
    }

    /// Who has no tokens.
    pub(super) fn third(&self) -> Subject {
        Subject::new(&self.settings.subjects[2])
    }

    pub(super) fn subjects(&self) -> &[String] {
        &self.settings.subjects
    }

    /// How often calls meet: in parallel they do so differently each time.
    pub(super) fn rounds(&self) -> usize {
        let usual = if self.settings.spawn.is_some() { 25 } else { 3 };
        self.settings.rounds.unwrap_or(usual)
    }

    pub(super) async fn together<T: Send + 'static>(
        &self,
        calls: Vec<Call<T>>,
    ) -> Result<Vec<T>, Fault> {
        together(self.settings.spawn.as_ref(), calls).await
    }
}

/// The record that is found, if any.
pub(super) async fn find<S: TokenStore>(
    store: &S,
    digest: &TokenDigest,
) -> Result<Option<TokenRecord>, Fault> {
    Ok(store
        .find(digest)
        .await?
        .map(|found| found.record().clone()))
}

/// Holds unless the token is found just as it is given.
pub(super) async fn kept<S: TokenStore>(
    store: &S,
    what: &str,
    token: &NewToken,
) -> Result<(), Fault> {
    let found = find(store, &token.digest).await?;
    same(what, &found.as_ref(), &Some(&token.record))
}

/// Holds unless the token is not found.
pub(super) async fn gone<S: TokenStore>(
    store: &S,
    what: &str,
    digest: &TokenDigest,
) -> Result<(), Fault> {
    same(what, &find(store, digest).await?, &None)
}

/// Holds unless a subject's records are these, in any order.
pub(super) async fn lists<S: IssuingStore>(
    store: &S,
    what: &str,
    subject: &Subject,
    expected: &[&TokenRecord],
) -> Result<(), Fault> {
    let found = store.list(subject).await?;
    let mut missing = expected.to_vec();
    let mut unexpected: Vec<&TokenRecord> = Vec::new();
    for record in &found {
        match missing.iter().position(|expected| *expected == record) {
            Some(index) => drop(missing.swap_remove(index)),
            None => unexpected.push(record),
        }
    }
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(());
    }
    let (missing, unexpected) = (brief(&missing), brief(&unexpected));
    Err(Fault::new(format!(
        "{what}: missing {missing}, unexpected {unexpected}"
    )))
}

/// Holds unless `find_now` has nothing to say, or says what `find` says.
pub(super) async fn agree<S: TokenStore>(
    store: &S,
    when: &str,
    digest: &TokenDigest,
) -> Result<(), Fault> {
    let Some(now) = store.find_now(digest) else {
        return Ok(());
    };
    let seen = |found: Option<Found<S::Principal>>| {
        found.map(|found| (found.record().clone(), found.principal().is_some()))
    };
    same(when, &seen(now?), &seen(store.find(digest).await?))
}
