use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Finding, Inserted, IssuingStore, NewSession, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch,
};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// Who a subject is, in your own type, for stores that know subjects as text alone.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
///
/// use tower_expiring_token::{
///     Authenticated, Lifetime, MemoryStore, Principals, Rejection, StoreError, Subject,
///     TokenAuthority, WithPrincipals, async_trait,
/// };
///
/// struct User {
///     name: String,
///     suspended: bool,
/// }
///
/// struct Users(HashMap<String, Arc<User>>); // a table, in truth
///
/// #[async_trait]
/// impl Principals for Users {
///     type Principal = User;
///
///     async fn load(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
///         let user = self.0.get(subject.as_str());
///         Ok(user.filter(|user| !user.suspended).cloned())
///     }
/// }
///
/// async fn greet(caller: Authenticated) -> Result<String, Rejection> {
///     let user: &User = caller.principal()?;
///     Ok(format!("hello, {}", user.name))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let alice = User { name: "Alice".to_owned(), suspended: false };
/// let users = Users(HashMap::from([("1".to_owned(), Arc::new(alice))]));
/// let tokens = TokenAuthority::builder(WithPrincipals::new(MemoryStore::new(), users))
///     .expiry(Lifetime::hours(24))
///     .build()?;
/// let app = axum::Router::new().route("/", axum::routing::get(greet)).layer(tokens.layer());
/// # let _: axum::Router = app;
/// # let issued = tokens.issue("1").await?;
/// # let token = tower_expiring_token::BearerToken::parse(issued.secret())?;
/// # assert_eq!(greet(tokens.authenticate(&token).await?).await?, "hello, Alice");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Principals: Send + Sync + 'static {
    /// Your type.
    type Principal: Send + Sync + 'static;

    /// The principal of this name; none when he is suspended or gone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when you can't say: the client gets 503, never 401.
    async fn load(&self, subject: &Subject) -> Result<Option<Arc<Self::Principal>>, StoreError>;

    /// The same answer at once, from memory. None: ask [`load`](Self::load). It must not block.
    fn load_now(
        &self,
        subject: &Subject,
    ) -> Option<Result<Option<Arc<Self::Principal>>, StoreError>> {
        let _ = subject;
        None
    }
}

/// Any store, with your own principals: made by [`WithPrincipals::new`].
#[derive(Clone, Debug)]
pub struct WithPrincipals<S, L> {
    store: S,
    principals: L,
}

impl<S: TokenStore, L: Principals> WithPrincipals<S, L> {
    /// Each token that `store` finds speaks for whom `principals` knows by its subject.
    pub const fn new(store: S, principals: L) -> Self {
        Self { store, principals }
    }
}

#[async_trait]
impl<S: TokenStore, L: Principals> TokenStore for WithPrincipals<S, L> {
    type Principal = L::Principal;

    async fn find(&self, digest: &TokenDigest) -> Finding<L::Principal> {
        let Some(found) = self.store.find(digest).await? else {
            return Ok(None);
        };
        let principal = match found.principal() {
            Some(_) => self.principals.load(found.record().subject()).await?,
            None => None,
        };
        Ok(Some(found.with_principal(principal)))
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<L::Principal>> {
        let found = match self.store.find_now(digest)? {
            Ok(Some(found)) => found,
            Ok(None) => return Some(Ok(None)),
            Err(error) => return Some(Err(error)),
        };
        let principal = match found.principal() {
            Some(_) => self.principals.load_now(found.record().subject())?,
            None => Ok(None),
        };
        Some(principal.map(|principal| Some(found.with_principal(principal))))
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.store.extend(touches).await
    }
}

#[async_trait]
impl<S: IssuingStore, L: Principals> IssuingStore for WithPrincipals<S, L> {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        self.store.insert(new, slot).await
    }

    async fn holds(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.store.holds(digest).await
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        self.store.remove(digest).await
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        self.store.remove_session(subject, session).await
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        self.store.remove_subject(subject, but).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        self.store.list(subject).await
    }

    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError> {
        self.store.purge(ended_by, most).await
    }
}

#[async_trait]
impl<S: RotatingStore, L: Principals> RotatingStore for WithPrincipals<S, L> {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.store.rotate(rotation).await
    }
}
