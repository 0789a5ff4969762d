use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use async_trait::async_trait;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::hasher::Hasher;
use super::{CheckPassword, Checked, Logins, Verified, Who};
use crate::store::StoreError;

/// Verifies the hashes of [`Logins`] by Argon2, on threads that may block and never more at once
/// than the machine has processors.
///
/// An unknown and a suspended person are verified all the same, against a hash of
/// [`hash_password`]'s own cost: keep to it, or to one cost for all, and they take as long as
/// those who may log in. Needs a tokio runtime.
pub struct PhcPasswords<L> {
    logins: L,
    places: Arc<Semaphore>,
    dummy: Arc<str>,
}

/// A password that can't be hashed: the system gave no randomness, or it is longer than 4 GiB.
#[derive(Debug)]
pub struct HashError(argon2::password_hash::Error);

/// How long a check waits for a place before the client is told to try again.
const PATIENCE: Duration = Duration::from_secs(3);

impl<L: Logins> PhcPasswords<L> {
    /// Verifies the hashes of these.
    ///
    /// # Errors
    ///
    /// [`HashError`] when the system gives no randomness.
    pub fn new(logins: L) -> Result<Self, HashError> {
        let mut nobodys = Zeroizing::new([0; 32]);
        getrandom::fill(nobodys.as_mut_slice())
            .map_err(|_| HashError(argon2::password_hash::Error::Crypto))?;
        Ok(Self {
            logins,
            places: Arc::new(Semaphore::new(
                available_parallelism().map_or(1, NonZeroUsize::get),
            )),
            dummy: hash(nobodys.as_slice())?.into(),
        })
    }
}

/// A password's hash, to be kept: Argon2id with the costs that OWASP asks for, as a PHC string.
/// It takes tens of milliseconds and 19 MiB, which are kept for the next one (as many at most as
/// there are processors): call it on a thread that may block.
///
/// ```
/// let kept = tower_expiring_token::hash_password("wonderland")?;
/// assert!(kept.starts_with("$argon2id$"));
/// # Ok::<_, tower_expiring_token::HashError>(())
/// ```
///
/// # Errors
///
/// [`HashError`] when the system gives no randomness.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    hash(password.as_bytes())
}

fn hash(password: &[u8]) -> Result<String, HashError> {
    let hash: PasswordHash = Hasher.hash_password(password).map_err(HashError)?;
    Ok(hash.to_string())
}

/// Whether the hash is this password's. A hash that can't be verified is nobody's, and takes as
/// long as the dummy.
fn verifies(password: &str, phc: &str, dummy: &str) -> bool {
    let verify = |phc| {
        let hash = PasswordHash::new(phc)?;
        Hasher.verify_password(password.as_bytes(), &hash)
    };
    match verify(phc) {
        Ok(()) => true,
        Err(argon2::password_hash::Error::PasswordInvalid) => false,
        Err(_) => {
            let _ = verify(dummy);
            false
        }
    }
}

#[async_trait]
impl<L: Logins> CheckPassword for PhcPasswords<L> {
    async fn check(&self, who: Who<'_>, password: &str) -> Result<Checked, StoreError> {
        let login = self.logins.find(who).await?;
        let phc: Arc<str> = match &login {
            Some(login) => login.phc.as_str().into(),
            None => Arc::clone(&self.dummy),
        };
        let password = Zeroizing::new(password.to_owned());
        let dummy = Arc::clone(&self.dummy);
        let verify = move || verifies(&password, &phc, &dummy);
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place).await;
        let place = place
            .map_err(|_| StoreError::new("more passwords are to be verified than the machine can"))?
            .map_err(StoreError::new)?;
        // The place is given back when the work is done, also when nobody waits for it any more.
        let verified = tokio::task::spawn_blocking(move || {
            let verified = verify();
            drop(place);
            verified
        });
        let verified = verified.await.map_err(StoreError::new)?;
        Ok(match login {
            Some(login) if verified && !login.suspended => Checked::Right(Verified {
                subject: login.subject,
                scopes: login.scopes,
                phc: Some(login.phc),
            }),
            login => Checked::Wrong(login.map(|login| login.subject)),
        })
    }

    /// As long as the same person is found, with the same hash and no fewer scopes.
    async fn stands(
        &self,
        who: Who<'_>,
        _password: &str,
        verified: &Verified,
    ) -> Result<bool, StoreError> {
        Ok(self.logins.find(who).await?.is_some_and(|login| {
            login.subject == verified.subject
                && Some(login.phc) == verified.phc
                && login.scopes.includes(&verified.scopes)
                && !login.suspended
        }))
    }
}

impl<L> fmt::Debug for PhcPasswords<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhcPasswords(..)")
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a password's hash, found none: the system gave no randomness, or the password is too long")
    }
}

impl std::error::Error for HashError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
