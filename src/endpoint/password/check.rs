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
    /// It is asked twice a login, and another hash the second time is a password that was changed.
    /// Let it end in any case: 32 that hang keep everybody else waiting.
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
///
/// With a directory, by any client for LDAP, for which a trait stands in here:
///
/// ```
/// use std::time::Duration;
/// use tokio::time::timeout;
/// use tower_expiring_token::{
///     CheckPassword, Checked, Scopes, StoreError, Subject, Verified, Who, async_trait,
/// };
///
/// #[async_trait]
/// trait Ldap: Send + Sync + 'static {
///     /// The one entry that a filter finds.
///     async fn find(&self, filter: &str) -> Result<Option<Entry>, StoreError>;
///     /// Whether a simple bind succeeds. `invalidCredentials` says no, all else is an error.
///     async fn bind(&self, dn: &str, password: &str) -> Result<bool, StoreError>;
/// }
///
/// struct Entry {
///     dn: String,
///     /// `entryUUID`: the same for `Alice` and `alice`, who are one to a directory.
///     id: String,
/// }
///
/// struct Directory<L>(L);
///
/// /// An entry that is there, with a password that nobody knows.
/// const NOBODY: &str = "cn=nobody,dc=example,dc=org";
/// const PATIENCE: Duration = Duration::from_secs(4);
///
/// #[async_trait]
/// impl<L: Ldap> CheckPassword for Directory<L> {
///     async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError> {
///         // A bind with a name and no password proves nothing, and succeeds (RFC 4513 section
///         // 5.1.2). The endpoints let none through; this is not to depend on them.
///         if password.is_empty() {
///             return Ok(Checked::Wrong(None));
///         }
///         let verified = timeout(PATIENCE, self.verify(who, password)).await;
///         verified.map_err(StoreError::new)?
///     }
/// }
///
/// impl<L: Ldap> Directory<L> {
///     async fn verify(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError> {
///         let (attribute, value) = match who {
///             Who::Subject(subject) => ("entryUUID", subject.as_str()),
///             who => ("uid", who.as_str()),
///         };
///         let entry = self.0.find(&format!("({attribute}={})", escaped(value))).await?;
///         // Whoever is unknown costs a bind too, and one for which a hash is computed.
///         let dn = entry.as_ref().map_or(NOBODY, |entry| &entry.dn);
///         let is_right = self.0.bind(dn, password).await?;
///         let subject = entry.map(|entry| Subject::new(&entry.id));
///         Ok(match subject {
///             Some(subject) if is_right => {
///                 let scopes = Scopes::parse("read").map_err(StoreError::new)?;
///                 Checked::Right(Verified::new(subject, scopes))
///             }
///             whose => Checked::Wrong(whose),
///         })
///     }
/// }
///
/// /// What was typed, as a value in a filter (RFC 4515 section 3) and in a DN (RFC 4514 section
/// /// 2.4), where `*`, `)` or `,` would else say something of their own: both take any octet as
/// /// two hex digits.
/// fn escaped(value: &str) -> String {
///     let octets = value.bytes().map(|octet| match octet {
///         b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(octet).to_string(),
///         _ => format!("\\{octet:02x}"),
///     });
///     octets.collect()
/// }
///
/// # struct Fake;
/// # #[async_trait]
/// # impl Ldap for Fake {
/// #     async fn find(&self, filter: &str) -> Result<Option<Entry>, StoreError> {
/// #         let is_alice = matches!(filter, "(uid=alice)" | r"(entryUUID=7\2d1)");
/// #         let (dn, id) = ("uid=alice,dc=example,dc=org".to_owned(), "7-1".to_owned());
/// #         Ok(is_alice.then_some(Entry { dn, id }))
/// #     }
/// #     async fn bind(&self, dn: &str, password: &str) -> Result<bool, StoreError> {
/// #         let is_hers = dn.starts_with("uid=alice,") && password == "wonderland";
/// #         Ok(is_hers || password.is_empty())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// assert_eq!(escaped("al*)(uid=*"), r"al\2a\29\28uid\3d\2a");
/// # let directory = Directory(Fake);
/// # let alice = Subject::new("7-1");
/// # for who in [Who::Name("alice"), Who::Subject(&alice)] {
/// #     let right = directory.check(who, "wonderland").await?;
/// #     assert!(matches!(right, Checked::Right(verified) if *verified.subject() == alice));
/// #     let wrong = directory.check(who, "looking glass").await?;
/// #     assert_eq!(wrong, Checked::Wrong(Some(alice.clone())));
/// # }
/// # for (name, password) in [("alice", ""), ("bob", "wonderland"), ("al*", "wonderland")] {
/// #     assert_eq!(directory.check(Who::Name(name), password).await?, Checked::Wrong(None));
/// # }
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait CheckPassword: Send + Sync + 'static {
    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the client gets 503.
    async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError>;

    /// Whether what a check found holds still. It is asked when the token of a login is kept, and
    /// before anybody is told the token: while a password was verified it may have been changed,
    /// or its owner suspended, and all tokens have ended but this one. Unless you know better, the
    /// password is checked again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the token ends, and the client gets 503.
    async fn stands(
        &self,
        who: Who<'_>,
        password: &str,
        verified: &Verified,
    ) -> Result<bool, StoreError> {
        let checked = self.check(who, password).await?;
        Ok(matches!(checked, Checked::Right(now)
            if now.subject == verified.subject && now.scopes.includes(&verified.scopes)))
    }
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
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    pub(in crate::endpoint) subject: Subject,
    pub(in crate::endpoint) scopes: Scopes,
    /// The hash that it was proved by.
    pub(super) phc: Option<String>,
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

impl<'a> Who<'a> {
    /// The text to look for, where names are the subjects.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Name(name) => name,
            Self::Subject(subject) => subject,
        }
    }

    pub(super) const fn subject(&self) -> Option<&'a Subject> {
        match self {
            Self::Name(_) => None,
            Self::Subject(subject) => Some(subject),
        }
    }
}

impl Verified {
    /// By a check of your own: whom the tokens speak for, and what they may do.
    #[must_use]
    pub const fn new(subject: Subject, scopes: Scopes) -> Self {
        Self {
            subject,
            scopes,
            phc: None,
        }
    }

    /// Whom the tokens speak for.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What they may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
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

    async fn stands(
        &self,
        who: Who<'_>,
        password: &str,
        verified: &Verified,
    ) -> Result<bool, StoreError> {
        (**self).stands(who, password, verified).await
    }
}
