//! How often a password may be wrong: a counter of our own, since kept limiters charge every
//! login when they look, the right ones too, and give nothing back.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::crowd;
use crate::clock::Timestamp;

/// Slows down who guesses passwords: by user and address strictly, by address loosely. Only
/// failures count, and nobody can lock a user out from another address.
///
/// A user is the name that is typed, or the subject where a token has said who he is. Whom several
/// names find has as many allowances, and that of the address bounds them all. A try that its client
/// does not wait for has failed, since he may guess as fast as he hangs up.
///
/// IPv6 addresses count by their first 64 bits, which one customer has. It remembers some 100,000
/// failures of the last time; where there are more, those are forgotten first that weigh least.
///
/// A try counts once it has failed. Of those that are under way at once, 32 in a process at most, some
/// more than the allowance may so be answered; they are charged all the same, and the next wait longer.
#[derive(Debug)]
pub struct Throttle {
    per_user: Allowance,
    per_address: Allowance,
    hasher: RandomState,
    /// By a hash of what counts.
    debts: Mutex<HashMap<u64, Debt>>,
}

/// Failures that are not forgiven yet.
#[derive(Clone, Copy, Debug)]
struct Debt {
    /// When all of them are.
    until: Timestamp,
    /// When that was reckoned.
    at: Timestamp,
}

/// So many failures at once, and one more each time that this much time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many may follow one another.
    pub failures: u32,
    /// After which one is forgiven.
    pub every: Duration,
}

/// What a login counts as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    user: u64,
    /// The name as it was typed: what a right password forgives.
    exact: u64,
    pub(super) address: u64,
    /// How many may wait that count as this address.
    pub(super) most_waiting: usize,
}

const MOST_DEBTS: usize = 100_000;

impl Default for Throttle {
    /// Ten failures of a user from an address and one more a minute; 100 of an address, and one
    /// more every six seconds.
    fn default() -> Self {
        let per_user = Allowance {
            failures: 10,
            every: Duration::from_secs(60),
        };
        let per_address = Allowance {
            failures: 100,
            every: Duration::from_secs(6),
        };
        Self::new(per_user, per_address)
    }
}

impl Throttle {
    /// With these allowances, by user and address, and by address.
    #[must_use]
    pub fn new(per_user: Allowance, per_address: Allowance) -> Self {
        Self {
            per_user,
            per_address,
            hasher: RandomState::new(),
            debts: Mutex::default(),
        }
    }

    /// What somebody's tries from an address count as. Case and white space tell nobody apart.
    pub(super) fn count(&self, who: &str, address: Option<IpAddr>) -> Counted {
        let address = address.map(network);
        let exact = self.hasher.hash_one(("exact", who.trim(), address));
        let who = who.trim().to_lowercase();
        Counted {
            user: self.hasher.hash_one((&who, address)),
            exact,
            address: self.hasher.hash_one(address),
            most_waiting: match address {
                Some(_) => crowd::MOST_OF_AN_ADDRESS,
                None => crowd::MOST,
            },
        }
    }

    /// How long to wait before the next try; zero: it may be now.
    pub(super) fn wait(&self, counted: Counted, now: Timestamp) -> Duration {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = |key, allowance: Allowance| {
            let owed = debts.get_mut(&key).map(|debt| debt.owed(now));
            owed.unwrap_or_default().saturating_sub(allowance.borne())
        };
        wait(counted.user, self.per_user).max(wait(counted.address, self.per_address))
    }

    /// A try has failed.
    pub(super) fn charge(&self, counted: Counted, now: Timestamp) {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, allowance) in [
            (counted.user, self.per_user),
            (counted.exact, self.per_user),
            (counted.address, self.per_address),
        ] {
            let nothing = Debt {
                until: now,
                at: now,
            };
            let debt = debts.entry(key).or_insert(nothing);
            debt.until = now + debt.owed(now) + allowance.every;
        }
        if debts.len() > MOST_DEBTS {
            forget(&mut debts, now);
        }
    }

    /// A try was right: what has failed from there by this very name is forgiven. Somebody else's
    /// may differ in case alone.
    pub(super) fn forgive(&self, counted: Counted, now: Timestamp) {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut forgiven) = debts.remove(&counted.exact) else {
            return;
        };
        if let Some(debt) = debts.get_mut(&counted.user) {
            debt.until = debt.until - forgiven.owed(now);
        }
    }
}

impl Allowance {
    /// So much may be owed while the next try is let in.
    fn borne(self) -> Duration {
        self.every.saturating_mul(self.failures.saturating_sub(1))
    }
}

impl Debt {
    /// How much is not forgiven yet. A clock that was set back forgives nothing, and makes nobody
    /// wait for it: time goes on from what it says now.
    fn owed(&mut self, now: Timestamp) -> Duration {
        if now < self.at {
            self.until = now + self.until.since(self.at);
        }
        self.at = now;
        self.until.since(now)
    }
}

/// Forgets what is forgiven, and else the half that weighs less.
fn forget(debts: &mut HashMap<u64, Debt>, now: Timestamp) {
    debts.retain(|_, debt| now < debt.until);
    if debts.len() > MOST_DEBTS / 2 {
        let mut all: Vec<Timestamp> = debts.values().map(|debt| debt.until).collect();
        let middle = all.len() / 2;
        let (_, &mut median, _) = all.select_nth_unstable(middle);
        debts.retain(|_, debt| median < debt.until);
    }
}

/// What one customer has of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let kept = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(kept).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    fn wait(throttle: &Throttle, who: &str, address: &str, now: Timestamp) -> u64 {
        let counted = throttle.count(who, address.parse().ok());
        throttle.wait(counted, now).as_secs()
    }

    fn fail(throttle: &Throttle, who: &str, address: &str, times: usize) {
        let counted = throttle.count(who, address.parse().ok());
        (0..times).for_each(|_| throttle.charge(counted, NOW));
    }

    #[test]
    fn a_user_may_fail_ten_times_from_an_address_and_once_more_a_minute() {
        let throttle = Throttle::default();
        fail(&throttle, "alice", "10.0.0.1", 9);
        assert_eq!(wait(&throttle, "alice", "10.0.0.1", NOW), 0);
        fail(&throttle, "alice", "10.0.0.1", 1);
        assert_eq!(wait(&throttle, "alice", "10.0.0.1", NOW), 60);
        assert_eq!(wait(&throttle, " ALICE", "::ffff:10.0.0.1", NOW), 60);
        let later = NOW + Duration::from_secs(60);
        assert_eq!(wait(&throttle, "alice", "10.0.0.1", later), 0);
    }

    #[test]
    fn nobody_locks_a_user_out_from_elsewhere_nor_others_from_there() {
        let throttle = Throttle::default();
        fail(&throttle, "alice", "10.0.0.1", 50);
        assert_eq!(wait(&throttle, "alice", "10.0.0.2", NOW), 0);
        assert_eq!(wait(&throttle, "bob", "10.0.0.1", NOW), 0);
    }

    #[test]
    fn an_address_may_fail_a_hundred_times_whoever_it_says_it_is() {
        let throttle = Throttle::default();
        (0..100).for_each(|user| fail(&throttle, &format!("user {user}"), "2001:db8::1", 1));
        assert_eq!(wait(&throttle, "alice", "2001:db8::ffff:1", NOW), 6);
        assert_eq!(wait(&throttle, "alice", "2001:db8:0:1::1", NOW), 0);
    }

    #[test]
    fn a_right_password_forgives_its_user_and_not_his_address() {
        let throttle = Throttle::default();
        fail(&throttle, "alice", "10.0.0.1", 100);
        let alice = throttle.count("alice", "10.0.0.1".parse().ok());
        throttle.forgive(alice, NOW);
        assert_eq!(wait(&throttle, "alice", "10.0.0.1", NOW), 6);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_it_and_failures_count_on() {
        for back in [1, 600, 1_800, 3_600, 86_400] {
            let before = NOW - Duration::from_secs(back);
            let throttle = Throttle::default();
            fail(&throttle, "bob", "10.0.0.1", 1);
            fail(&throttle, "alice", "10.0.0.1", 11);
            assert_eq!(wait(&throttle, "bob", "10.0.0.1", before), 0);
            assert_eq!(wait(&throttle, "alice", "10.0.0.1", before), 120);
            let later = before + Duration::from_secs(120);
            assert_eq!(wait(&throttle, "alice", "10.0.0.1", later), 0);
        }
    }

    #[test]
    fn a_flood_forgets_what_weighs_least() {
        let throttle = Throttle::default();
        fail(&throttle, "alice", "10.0.0.1", 10);
        for number in 0..2 * MOST_DEBTS as u32 {
            let address = IpAddr::V4((0x0b00_0000 + number).into());
            throttle.charge(throttle.count("x", Some(address)), NOW);
        }
        assert!(throttle.debts.lock().unwrap().len() <= MOST_DEBTS);
        assert_eq!(wait(&throttle, "alice", "10.0.0.1", NOW), 60);
    }
}
