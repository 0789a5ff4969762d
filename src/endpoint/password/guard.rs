use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tokio::sync::Semaphore;

use super::crowd::{Crowd, Full};
use super::throttle::{Counted, Throttle};
use super::{CheckPassword, Checked, Verified, Who};
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::token::Subject;

/// Checks passwords for all endpoints that ask for one, and slows down who guesses: give the same
/// one to each. Cheap to clone.
///
/// At most 512 logins wait for their check at once, and 64 of one address: who would be one more is
/// told to try again, by 503 and by 429, before he waits longer than anybody stays.
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::ConnectInfo;
/// use tower_expiring_token::{Login, Logins, PasswordGuard, PhcPasswords, StoreError, Who, async_trait};
///
/// struct Users; // a table, in truth
///
/// #[async_trait]
/// impl Logins for Users {
///     async fn find(&self, _who: Who<'_>) -> Result<Option<Login>, StoreError> {
///         Ok(None)
///     }
/// }
///
/// // There if the router is served by `.into_make_service_with_connect_info::<SocketAddr>()`. Behind
/// // a proxy of yours, take what it writes into the request instead.
/// let passwords = PasswordGuard::new(PhcPasswords::new(Users)?, |head| {
///     head.extensions.get::<ConnectInfo<SocketAddr>>().map(|connection| connection.0.ip())
/// });
/// # let _ = passwords;
/// # Ok::<_, tower_expiring_token::HashError>(())
/// ```
#[derive(Clone)]
pub struct PasswordGuard {
    shared: Arc<Shared>,
}

struct Shared {
    passwords: Box<dyn CheckPassword>,
    address: Box<Address>,
    throttle: Throttle,
    crowd: Crowd,
    /// Those who may check at once; so many guesses at most get past a limit unseen.
    places: Semaphore,
}

type Address = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// How many tries may fail at once.
const PLACES: usize = 32;

/// When to try again who finds no room to wait.
pub(in crate::endpoint) const SOON: Duration = Duration::from_secs(1);

/// Why nobody was let in.
#[derive(Debug)]
pub(in crate::endpoint) enum Denied {
    /// The password is wrong.
    Wrong(Suspect),
    /// It was wrong too often, or too many of his address wait; how long to wait.
    TooOften(Suspect, Duration),
    /// Too many wait, whoever they are.
    Crowded(Suspect),
    /// Nobody can say.
    Unavailable(StoreError),
}

/// Who was denied, as far as he is known.
#[derive(Debug)]
pub(in crate::endpoint) struct Suspect {
    pub(in crate::endpoint) subject: Option<Subject>,
    pub(in crate::endpoint) address: Option<IpAddr>,
}

impl PasswordGuard {
    /// Checks by these, and counts failures by the address that this closure takes from a request.
    /// All requests of which it says none count as one address: then a stranger's guesses at a name
    /// keep its owner out, too.
    pub fn new(
        passwords: impl CheckPassword,
        address: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Self::with_throttle(passwords, address, Throttle::default())
    }

    /// The same, with other allowances.
    pub fn with_throttle(
        passwords: impl CheckPassword,
        address: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
        throttle: Throttle,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                passwords: Box::new(passwords),
                address: Box::new(address),
                throttle,
                crowd: Crowd::default(),
                places: Semaphore::new(PLACES),
            }),
        }
    }

    /// Checks a password that came with this request. `now` is read when the counter is.
    pub(in crate::endpoint) async fn check(
        &self,
        head: &Parts,
        who: Who<'_>,
        password: &str,
        now: impl Fn() -> Timestamp,
    ) -> Result<Verified, Denied> {
        let Shared {
            passwords,
            address,
            throttle,
            crowd,
            places,
        } = &*self.shared;
        let address = address(head);
        let suspect = |subject| Suspect { subject, address };
        let counted = throttle.count(who.as_str(), address);
        let admit = || match throttle.wait(counted, now()) {
            Duration::ZERO => Ok(()),
            wait => Err(Denied::TooOften(suspect(who.subject().cloned()), wait)),
        };
        admit()?;
        let waiting = crowd.join(counted.address, counted.most_waiting);
        let _waiting = waiting.map_err(|full| {
            let suspect = suspect(who.subject().cloned());
            match full {
                Full::OfAddress => Denied::TooOften(suspect, SOON),
                Full::Altogether => Denied::Crowded(suspect),
            }
        })?;
        let place = places.acquire().await;
        let _place = place.map_err(|closed| Denied::Unavailable(StoreError::new(closed)))?;
        // While this one waited, others may have failed.
        admit()?;
        let attempt = Attempt {
            throttle,
            counted,
            at: now(),
        };
        match passwords.check(who, password).await {
            Ok(Checked::Right(verified)) => {
                attempt.succeeds();
                Ok(verified)
            }
            Ok(Checked::Wrong(whose)) => Err(Denied::Wrong(suspect(whose))),
            Err(error) => {
                attempt.says_nothing();
                Err(Denied::Unavailable(error))
            }
        }
    }

    /// Whether a login that was verified holds still, now that its token is kept.
    pub(in crate::endpoint) async fn stands(
        &self,
        head: &Parts,
        who: Who<'_>,
        password: &str,
        verified: &Verified,
    ) -> Result<(), Denied> {
        match self.shared.passwords.stands(who, password, verified).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.wrong(head, Some(verified.subject.clone()))),
            Err(error) => Err(Denied::Unavailable(error)),
        }
    }

    /// Whether a password is in force that its owner has just changed to, now that his token is
    /// kept.
    pub(in crate::endpoint) async fn is_in_force(
        &self,
        head: &Parts,
        who: Who<'_>,
        password: &str,
    ) -> Result<(), Denied> {
        match self.shared.passwords.check(who, password).await {
            Ok(Checked::Right(_)) => Ok(()),
            Ok(Checked::Wrong(whose)) => Err(self.wrong(head, whose)),
            Err(error) => Err(Denied::Unavailable(error)),
        }
    }

    fn wrong(&self, head: &Parts, subject: Option<Subject>) -> Denied {
        Denied::Wrong(Suspect {
            subject,
            address: (self.shared.address)(head),
        })
    }
}

/// A try, which has failed unless it is said otherwise: also when its client does not wait for
/// the answer.
struct Attempt<'a> {
    throttle: &'a Throttle,
    counted: Counted,
    at: Timestamp,
}

impl Attempt<'_> {
    fn succeeds(self) {
        self.throttle.forgive(self.counted, self.at);
        std::mem::forget(self);
    }

    fn says_nothing(self) {
        std::mem::forget(self);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.throttle.charge(self.counted, self.at);
    }
}

impl fmt::Debug for PasswordGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordGuard(..)")
    }
}
