use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::store::StoreError;
use crate::token::{InvalidDigits, InvalidScope, Scopes, Subject};

/// Where OAuth clients are looked up. An array of [`Client`]s is one; implement it for a table.
#[async_trait]
pub trait Clients: Send + Sync + 'static {
    /// The client of this id; none when there is no such client, or none any more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the caller gets 503.
    async fn find(&self, id: &str) -> Result<Option<Client>, StoreError>;
}

/// An application that asks for tokens (RFC 6749 section 2).
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) id: String,
    pub(super) secret: Option<ClientSecret>,
    pub(super) scopes: Scopes,
    pub(super) default_scopes: Option<Scopes>,
    pub(super) acts_as: Option<Subject>,
    pub(super) introspects: Introspects,
}

/// Of whose tokens a client may learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Introspects {
    Nothing,
    Own,
    All,
}

/// A client's secret as it is kept: its SHA-256. Prints nothing.
///
/// Draw it from at least 16 random bytes and hand it to the client: unlike a password, it can't be
/// guessed, so it needs neither a slow hash nor a limit on tries.
#[derive(Clone)]
pub struct ClientSecret([u8; 32]);

// === impl Client ===

impl Client {
    /// A client that can keep a secret: a server.
    #[must_use]
    pub fn confidential(id: impl Into<String>, secret: ClientSecret) -> Self {
        Self {
            secret: Some(secret),
            introspects: Introspects::Own,
            ..Self::public(id)
        }
    }

    /// A client that can't keep a secret: an app, a page. It says who it is, and nobody can tell.
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
            scopes: Scopes::none(),
            default_scopes: None,
            acts_as: None,
            introspects: Introspects::Nothing,
        }
    }

    /// The scopes that tokens issued to it may have, and have when it asks for none in particular;
    /// none, unless it is said. A session keeps those that it was issued with, also when it was
    /// issued to no client.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope (RFC 6749 section 3.3).
    pub fn scopes<I>(mut self, scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.scopes = Scopes::of(scopes)?;
        Ok(self)
    }

    /// The scopes of its tokens when it asks for none in particular, instead of all that they may
    /// have.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one can't be a scope (RFC 6749 section 3.3).
    pub fn default_scopes<I>(mut self, scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.default_scopes = Some(Scopes::of(scopes)?);
        Ok(self)
    }

    /// Grants it tokens of its own (`client_credentials`, RFC 6749 section 4.4), which speak for
    /// this subject. Take one that no user can have: whoever has the client's tokens is the
    /// subject, and whoever is the subject can end them. A public client gets none all the same.
    #[must_use]
    pub fn acts_as(mut self, subject: impl Into<Subject>) -> Self {
        self.acts_as = Some(subject.into());
        self
    }

    /// Lets it ask what lives of all tokens, not of its own alone: for services that check
    /// tokens by introspection.
    #[must_use]
    pub const fn introspects_all(mut self) -> Self {
        self.introspects = Introspects::All;
        self
    }

    /// The scopes to grant, of what is asked for: none when that is more than it may have, or
    /// when nothing is.
    pub(super) fn granted(&self, asked: Option<Scopes>) -> Option<Scopes> {
        let default = self.default_scopes.as_ref().unwrap_or(&self.scopes);
        let scopes = asked.unwrap_or_else(|| default.clone());
        (!scopes.is_empty() && self.scopes.includes(&scopes)).then_some(scopes)
    }
}

/// Of several clients with one id the last one counts.
#[async_trait]
impl<const N: usize> Clients for [Client; N] {
    async fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.iter().rev().find(|client| client.id == id).cloned())
    }
}

#[async_trait]
impl Clients for BTreeMap<String, Client> {
    async fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.get(id).cloned())
    }
}

// === impl ClientSecret ===

impl ClientSecret {
    /// What is kept of this secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// What was kept, as 64 hex digits ([`to_hex`](Self::to_hex)).
    ///
    /// # Errors
    ///
    /// [`InvalidDigits`] when it is something else.
    pub fn from_hex(digits: &str) -> Result<Self, InvalidDigits> {
        crate::token::digits::parse(digits).map(Self)
    }

    /// For your table to keep.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    pub(super) fn is(&self, shown: &str) -> bool {
        self.0.ct_eq(&Self::of(shown).0).into()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}
