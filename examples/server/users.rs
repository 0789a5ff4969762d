//! The demo's users, kept in the process. Yours are a table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_expiring_token::{
    ChangePassword, HashError, Login, Logins, Principals, Scopes, StoreError, Subject, Who,
    async_trait, hash_password,
};

/// Who calls: a user, or a client on its own behalf.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
}

#[derive(Clone)]
pub(crate) struct Users(Arc<Mutex<HashMap<String, Account>>>);

struct Account {
    phc: String,
    active: bool,
}

/// The subject of the OAuth client's own tokens: no user has its name.
pub(crate) const CLIENT: &str = "app";

impl Users {
    /// `alice` with `wonderland`, `bob` with `builder`.
    pub(crate) fn demo() -> Result<Self, HashError> {
        let account = |password| {
            Ok(Account {
                phc: hash_password(password)?,
                active: true,
            })
        };
        let alice = ("alice".to_owned(), account("wonderland")?);
        let bob = ("bob".to_owned(), account("builder")?);
        Ok(Self(Arc::new(Mutex::new([alice, bob].into()))))
    }

    /// Whether there is such a user.
    pub(crate) fn set_active(&self, name: &str, active: bool) -> bool {
        let mut accounts = self.accounts();
        let account = accounts.get_mut(name);
        account.map(|account| account.active = active).is_some()
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Logins for Users {
    async fn find(&self, who: Who<'_>) -> Result<Option<Login>, StoreError> {
        let scopes = Scopes::parse("read write").map_err(StoreError::new)?;
        let accounts = self.accounts();
        Ok(accounts.get(who.as_str()).map(|account| Login {
            subject: Subject::new(who.as_str()),
            phc: account.phc.clone(),
            scopes,
            suspended: !account.active,
        }))
    }
}

#[async_trait]
impl Principals for Users {
    type Principal = User;

    async fn load(&self, subject: &Subject) -> Result<Option<Arc<User>>, StoreError> {
        self.load_now(subject).unwrap_or(Ok(None))
    }

    fn load_now(&self, subject: &Subject) -> Option<Result<Option<Arc<User>>, StoreError>> {
        let accounts = self.accounts();
        let known = accounts.get(subject.as_str());
        let may = known.map_or(subject.as_str() == CLIENT, |account| account.active);
        let name = subject.as_str().to_owned();
        Some(Ok(may.then(|| Arc::new(User { name }))))
    }
}

#[async_trait]
impl ChangePassword for Users {
    async fn fault(
        &self,
        subject: &Subject,
        _new: &str,
    ) -> Result<Option<&'static str>, StoreError> {
        let known = self.accounts().contains_key(subject.as_str());
        Ok((!known).then_some("expected a user with a password, found none"))
    }

    async fn change(&self, subject: &Subject, new: &str) -> Result<(), StoreError> {
        let new = new.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash_password(&new)).await;
        let phc = hashed.map_err(StoreError::new)?.map_err(StoreError::new)?;
        let mut accounts = self.accounts();
        let account = accounts.get_mut(subject.as_str());
        account
            .ok_or_else(|| StoreError::new("the user is gone"))?
            .phc = phc;
        Ok(())
    }
}
