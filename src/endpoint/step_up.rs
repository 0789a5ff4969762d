use http::request::Parts;
use http::{Method, StatusCode};

use super::answer;
use super::login::LoggedIn;
use super::login_form::{self, fields};
use super::oauth::OAuthError;
use super::password::{PasswordGuard, Who};
use super::service::{Answer, Body, Endpoint, Handle};
use super::style::Style;
use crate::authority::{Authenticated, IssueError, TokenAuthority};
use crate::rejection::Reason;
use crate::store::{IssuingStore, StoreError};

/// What [`TokenAuthority::step_up_endpoint`] makes an [`Endpoint`] of.
#[derive(Debug)]
pub struct StepUp<S> {
    authority: TokenAuthority<S>,
    passwords: PasswordGuard,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Proves again who the caller is (RFC 9470 section 4): `POST`, a form or JSON of `password`,
    /// answered as a [login](Self::login) with the token of [`step_up`](Self::step_up). Mount it
    /// inside of the [layer](Self::layer); routes that [need a recent login](Self::require_recent)
    /// send callers there.
    #[must_use]
    pub fn step_up_endpoint(&self, passwords: &PasswordGuard) -> Endpoint<StepUp<S>> {
        Endpoint::new(StepUp {
            authority: self.clone(),
            passwords: passwords.clone(),
        })
    }
}

impl<S: IssuingStore> Handle for StepUp<S> {
    fn methods(&self) -> &'static [Method] {
        &[Method::POST]
    }

    fn tell_unavailable(&self, error: &StoreError) {
        self.authority.tell_unavailable(error);
    }

    async fn answer(&self, head: Parts, body: Body) -> Answer {
        match self.step_up(&head, body).await {
            Ok(answer) | Err(answer) => answer,
        }
    }
}

impl<S: IssuingStore> StepUp<S> {
    async fn step_up(&self, head: &Parts, body: Body) -> Result<Answer, Answer> {
        let caller = caller(&self.authority, head)?;
        let fields = fields(head, body, Style::OAuth).await?;
        let password = login_form::password(&fields, "password")?;
        let now = || self.authority.now();
        let who = Who::Subject(caller.subject());
        let checked = self.passwords.check(head, who, &password, now).await;
        checked.map_err(|denied| denied.answer(&self.authority, Style::OAuth))?;
        let issued = self.authority.step_up(caller).await;
        let issued = issued.map_err(|error| match error {
            IssueError::Ended => {
                let ended = self.authority.reject(Reason::UnknownToken, caller.used());
                Style::OAuth.refuse(ended, &head.headers)
            }
            error => OAuthError::from(error).answer(),
        })?;
        Ok(answer::json(StatusCode::OK, &LoggedIn::of(&issued)))
    }
}

/// The caller, by a token of the authority's first kind.
pub(super) fn caller<'a, S>(
    authority: &TokenAuthority<S>,
    head: &'a Parts,
) -> Result<&'a Authenticated, Answer> {
    let caller = Authenticated::of(&head.extensions);
    let caller = caller.map_err(|rejection| authority.told(rejection));
    let caller = caller.and_then(|caller| {
        let kind = caller.require_kind(authority.first_kind());
        authority.checked(caller, kind)?;
        Ok(caller)
    });
    caller.map_err(|rejection| Style::OAuth.refuse(rejection, &head.headers))
}
