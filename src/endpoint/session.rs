//! What a user sees of his logins, and how he ends them. These stand inside of a layer.

use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::answer;
use super::oauth::OAuthError;
use super::service::{Answer, Body, Endpoint, Handle};
use super::style::Style;
use crate::authority::{Authenticated, Session, TokenAuthority};
use crate::rejection::{Drf, Rejection};
use crate::store::{IssuingStore, StoreError};
use crate::token::SessionId;

/// What [`TokenAuthority::logout`] and its kin make an [`Endpoint`] of: one who does something
/// with his own sessions.
#[derive(Debug)]
pub struct Sessions<S> {
    authority: TokenAuthority<S>,
    does: Does,
    style: Style,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    LogOut,
    LogOutAll,
    List,
    End,
}

impl<S: IssuingStore> TokenAuthority<S> {
    /// Ends the caller's session with all of its tokens: `POST`, 204. Mount it, as the three that
    /// follow, inside of the [layer](Self::layer); tokens of other kinds than the authority's
    /// first are refused, so that what a third party was given can't end logins.
    ///
    /// ```
    /// use axum::Router;
    /// use tower_expiring_token::{Lifetime, MemoryStore, TokenAuthority};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenAuthority::builder(MemoryStore::new()).expiry(Lifetime::hours(24)).build()?;
    /// let app: Router = Router::new()
    ///     .route_service("/logout", tokens.logout())
    ///     .route_service("/logout-all", tokens.logout_all())
    ///     .route_service("/tokens", tokens.session_list())
    ///     .route_service("/tokens/{id}", tokens.session_end())
    ///     .layer(tokens.layer());
    /// # let _ = app;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn logout(&self) -> Endpoint<Sessions<S>> {
        self.sessions_door(Does::LogOut)
    }

    /// Ends all of the caller's sessions, or with `?keep=current` all but this one: `POST`, 204. His
    /// personal tokens are among them ([`TokenAuthority::revoke_all`] says how to keep those). Any
    /// other `keep` is a 400, and nothing ends.
    #[must_use]
    pub fn logout_all(&self) -> Endpoint<Sessions<S>> {
        self.sessions_door(Does::LogOutAll)
    }

    /// The caller's live sessions, without any secret: `GET`,
    /// `{"tokens":[{"id","name","kind","client","scopes","created","last_used","expires","current"}]}`, times in
    /// RFC 3339.
    #[must_use]
    pub fn session_list(&self) -> Endpoint<Sessions<S>> {
        self.sessions_door(Does::List)
    }

    /// Ends the session whose id is the last part of the path: `DELETE`, 204; 404 when the caller
    /// has no such session.
    #[must_use]
    pub fn session_end(&self) -> Endpoint<Sessions<S>> {
        self.sessions_door(Does::End)
    }

    fn sessions_door(&self, does: Does) -> Endpoint<Sessions<S>> {
        Endpoint::new(Sessions {
            authority: self.clone(),
            does,
            style: Style::OAuth,
        })
    }
}

impl<S: IssuingStore> Endpoint<Sessions<S>> {
    /// Refuses in the words of Django REST framework.
    #[must_use]
    pub fn drf(self, style: Drf) -> Self {
        self.with(|sessions| Sessions {
            authority: sessions.authority.clone(),
            does: sessions.does,
            style: Style::Drf(style),
        })
    }
}

impl<S: IssuingStore> Handle for Sessions<S> {
    fn methods(&self) -> &'static [Method] {
        match self.does {
            Does::LogOut | Does::LogOutAll => &[Method::POST],
            Does::List => &[Method::GET, Method::HEAD],
            Does::End => &[Method::DELETE],
        }
    }

    async fn answer(&self, head: Parts, _body: Body) -> Answer {
        let acted = self.act(&head).await;
        acted.unwrap_or_else(|rejection| self.style.refuse(rejection, &head.headers))
    }

    fn method_not_allowed(&self, method: &Method) -> Answer {
        self.style.method_not_allowed(method)
    }
}

impl<S: IssuingStore> Sessions<S> {
    async fn act(&self, head: &Parts) -> Result<Answer, Rejection> {
        let caller = Authenticated::of(&head.extensions);
        let caller = caller.map_err(|rejection| self.authority.told(rejection))?;
        let kind = caller.require_kind(self.authority.first_kind());
        self.authority.checked(caller, kind)?;
        let done = match self.does {
            Does::LogOut => self.log_out(caller).await,
            Does::LogOutAll => self.log_out_all(caller, head).await,
            Does::List => self.list(caller).await,
            Does::End => self.end(caller, head).await,
        };
        done.map_err(|error| self.authority.unavailable(error))
    }

    async fn log_out(&self, caller: &Authenticated) -> Result<Answer, StoreError> {
        let session = caller.session();
        self.authority
            .revoke_session(caller.subject(), session)
            .await?;
        Ok(answer::empty(StatusCode::NO_CONTENT))
    }

    async fn log_out_all(
        &self,
        caller: &Authenticated,
        head: &Parts,
    ) -> Result<Answer, StoreError> {
        let (authority, subject) = (&self.authority, caller.subject());
        match keeps_current(head.uri.query().unwrap_or_default()) {
            None => {
                let fault = "expected keep=current, found another value";
                return Ok(self.style.oauth(OAuthError::InvalidRequest(fault)));
            }
            Some(false) => authority.revoke_all(subject).await?,
            Some(true) => authority.revoke_others(subject, caller.session()).await?,
        };
        Ok(answer::empty(StatusCode::NO_CONTENT))
    }

    async fn list(&self, caller: &Authenticated) -> Result<Answer, StoreError> {
        let sessions = self.authority.sessions(caller.subject()).await?;
        let tokens = sessions
            .iter()
            .map(|session| Entry::of(session, caller))
            .collect();
        Ok(answer::json(StatusCode::OK, &List { tokens }))
    }

    async fn end(&self, caller: &Authenticated, head: &Parts) -> Result<Answer, StoreError> {
        let id = head.uri.path().rsplit('/').next().unwrap_or_default();
        let ended = match id.parse::<SessionId>() {
            Ok(id) => self.authority.revoke_session(caller.subject(), &id).await?,
            Err(_) => false,
        };
        Ok(match ended {
            true => answer::empty(StatusCode::NO_CONTENT),
            false => self.style.not_found(),
        })
    }
}

#[derive(Serialize)]
struct List<'a> {
    tokens: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: String,
    name: Option<&'a str>,
    kind: &'a str,
    client: Option<&'a str>,
    scopes: Vec<&'a str>,
    created: String,
    last_used: String,
    expires: String,
    current: bool,
}

impl<'a> Entry<'a> {
    fn of(session: &'a Session, caller: &Authenticated) -> Self {
        Self {
            id: session.id.to_string(),
            name: session.label.as_deref(),
            kind: &session.kind,
            client: session.client.as_deref(),
            scopes: session.scopes.iter().collect(),
            created: session.issued_at.to_string(),
            last_used: session.last_used_at.to_string(),
            expires: session.expires_at.to_string(),
            current: session.id == *caller.session(),
        }
    }
}

/// Whether `keep` stands in a query; none: with another value than `current`.
fn keeps_current(query: &str) -> Option<bool> {
    let mut keeps = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("keep", "current") => keeps = true,
            ("keep", _) => return None,
            _ => {}
        }
    }
    Some(keeps)
}
