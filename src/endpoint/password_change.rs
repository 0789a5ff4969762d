use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use http::{Method, StatusCode};
use zeroize::Zeroizing;

use super::answer;
use super::login::{LoggedIn, tell_while_it_stands};
use super::login_form::{self, fields};
use super::oauth::OAuthError;
use super::password::{Denied, PasswordGuard, Who};
use super::service::{Answer, Body, Endpoint, Handle};
use super::step_up::caller;
use super::style::Style;
use crate::authority::TokenAuthority;
use crate::store::{IssuingStore, StoreError};
use crate::token::Subject;

/// Where a changed password is kept.
#[async_trait]
pub trait ChangePassword: Send + Sync + 'static {
    /// Why a new password is not good enough (too short, known from a leak), in words for its user:
    /// ASCII without `"` and `\`. None if it is. It is asked before anything ends or changes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the client gets 503.
    async fn fault(&self, subject: &Subject, new: &str)
    -> Result<Option<&'static str>, StoreError>;

    /// Keeps the new password of this subject. From then on it is the right one: it is checked
    /// again before its owner is told a token, since another change may have overtaken this one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say whether it is kept: the client gets 503.
    async fn change(&self, subject: &Subject, new: &str) -> Result<(), StoreError>;
}

/// What [`TokenAuthority::password_change`] makes an [`Endpoint`] of.
pub struct PasswordChange<S> {
    authority: TokenAuthority<S>,
    passwords: PasswordGuard,
    change: Arc<dyn ChangePassword>,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Changes the caller's password: `POST`, a form or JSON of `old` and `new`, answered as a
    /// [login](Self::login) with a fresh token. All other tokens of the user end, those that were
    /// issued while it was being changed too. Mount it inside of the [layer](Self::layer).
    ///
    /// Tokens end before the password changes, and again after it: whatever fails in between,
    /// nobody keeps a session that the user wanted to end. Where both are rows of one database,
    /// end them in the transaction of the change instead ([`PostgresStore`](crate::PostgresStore)
    /// says how).
    #[must_use]
    pub fn password_change(
        &self,
        passwords: &PasswordGuard,
        change: impl ChangePassword,
    ) -> Endpoint<PasswordChange<S>> {
        Endpoint::new(PasswordChange {
            authority: self.clone(),
            passwords: passwords.clone(),
            change: Arc::new(change),
        })
    }
}

impl<S: IssuingStore> Handle for PasswordChange<S> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn tell_unavailable(&self, error: &StoreError) {
        self.authority.tell_unavailable(error);
    }

    async fn answer(&self, head: Parts, body: Body) -> Answer {
        match self.change(&head, body).await {
            Ok(answer) | Err(answer) => answer,
        }
    }
}

impl<S: IssuingStore> PasswordChange<S> {
    async fn change(&self, head: &Parts, body: Body) -> Result<Answer, Answer> {
        let caller = caller(&self.authority, head)?;
        let subject = caller.subject();
        let fields = fields(head, body, Style::OAuth).await?;
        let old = login_form::password(&fields, "old")?;
        let new = login_form::password(&fields, "new")?;
        let now = || self.authority.now();
        let who = Who::Subject(subject);
        let checked = self.passwords.check(head, who, &old, now).await;
        let verified = checked.map_err(|denied| denied.answer(&self.authority, Style::OAuth))?;
        // Somebody may have reset it meanwhile.
        let stands = async || self.passwords.stands(head, who, &old, &verified).await;
        self.replace(subject, &new, stands)
            .await
            .map_err(OAuthError::answer)?;
        let issue = self.authority.issue(subject).scopes(caller.scopes().iter());
        let issued = issue
            .label(caller.record().label().unwrap_or_default())
            .await;
        let issued = issued.map_err(|error| OAuthError::from(error).answer())?;
        // Another change may have overtaken this one, or somebody may have suspended him.
        let in_force = self.passwords.is_in_force(head, who, &new).await;
        let told = tell_while_it_stands(&self.authority, &issued, in_force).await;
        told.map_err(OAuthError::answer)?;
        Ok(answer::json(StatusCode::OK, &LoggedIn::of(&issued)))
    }

    async fn replace(
        &self,
        subject: &Subject,
        new: &Zeroizing<String>,
        stands: impl AsyncFnOnce() -> Result<(), Denied>,
    ) -> Result<(), OAuthError> {
        let fault = self.change.fault(subject, new).await;
        if let Some(fault) = fault.map_err(OAuthError::Unavailable)? {
            return Err(OAuthError::InvalidRequest(fault));
        }
        let revoke = async || {
            let revoked = self.authority.revoke_all(subject).await;
            revoked.map_err(OAuthError::Unavailable)
        };
        stands()
            .await
            .map_err(|denied| denied.tell(&self.authority))?;
        revoke().await?;
        let changed = self.change.change(subject, new).await;
        changed.map_err(OAuthError::Unavailable)?;
        revoke().await?;
        Ok(())
    }
}

impl<S> std::fmt::Debug for PasswordChange<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange(..)")
    }
}
