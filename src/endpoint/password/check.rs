use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::store::StoreError;
use crate::token::{Scopes, Subject};

/// Where logins are found, for whoever keeps password hashes: [`PhcPasswords`](super::PhcPasswords)
/// verifies them.
#[async_trait]
pub trait Logins: Send + Sync + 'static {
    /// The login of this person; none when there is no such person. Suspended people have one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the client gets 503.
    async fn find(&self, who: Who<'_>) -> Result<Option<Login>, StoreError>;
}

/// Whether a password is right, for whoever checks it elsewhere (LDAP, another service).
///
/// Then these are yours: that an unknown, a suspended and a known person take the same time and
/// differ in nothing that a client sees, that no more checks run at once than you can bear, and
/// that each call ends in a few seconds. Failed logins are slowed all the same.
#[async_trait]
pub trait CheckPassword: Send + Sync + 'static {
    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the client gets 503.
    async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError>;
}

/// Who is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Who<'a> {
    /// One who logs in, by the name that was typed.
    Name(&'a str),
    /// One who is logged in and proves it again.
    Subject(&'a Subject),
}

/// A person who can log in.
#[derive(Clone)]
pub struct Login {
    /// Whom the tokens speak for.
    pub subject: Subject,
    /// The password's hash, as a PHC string of Argon2 (`$argon2id$v=19$…`).
    pub phc: String,
    /// What the person's tokens may do.
    pub scopes: Scopes,
    /// Whether the person may not log in now.
    pub suspended: bool,
}

/// Somebody who has proved who he is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whom the tokens speak for.
    pub subject: Subject,
    /// What they may do.
    pub scopes: Scopes,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The password is right, and the person may log in.
    Right(Verified),
    /// It is not, or he may not, or there is no such person. Whom it was about, if he is known;
    /// nobody but the [events](crate::Events) hears of it.
    Wrong(Option<Subject>),
}

impl Who<'_> {
    /// The text to look for, where names are the subjects.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Subject(subject) => subject,
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .field("suspended", &self.suspended)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: Logins + ?Sized> Logins for Arc<T> {
    async fn find(&self, who: Who<'_>) -> Result<Option<Login>, StoreError> {
        (**self).find(who).await
    }
}

#[async_trait]
impl<T: CheckPassword + ?Sized> CheckPassword for Arc<T> {
    async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError> {
        (**self).check(who, password).await
    }
}
