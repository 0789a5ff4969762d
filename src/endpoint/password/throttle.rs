//! How often a password may be wrong: a counter of our own, since kept limiters charge every
//! login when they look, the right ones too, and give nothing back.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// Slows down who guesses passwords: by user and address strictly, by address loosely. Only
/// failures count, and nobody can lock a user out from another address.
///
/// IPv6 addresses count by their first 64 bits, which one customer has. It remembers some 100,000
/// failures of the last time; where there are more, those are forgotten first that weigh least.
#[derive(Debug)]
pub struct Throttle {
    per_user: Allowance,
    per_address: Allowance,
    hasher: RandomState,
    /// By a hash of what counts: when all of its failures are forgiven.
    debts: Mutex<HashMap<u64, Timestamp>>,
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
    address: u64,
}

/// How many tries may fail at once.
pub(super) const PLACES: u32 = 32;

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
        }
    }

    /// How long to wait before the next try; zero: it may be now.
    pub(super) fn wait(&self, counted: Counted, now: Timestamp) -> Duration {
        let debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |key, allowance: Allowance| allowance.wait(debts.get(&key).copied(), now);
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
            let debt = debts.entry(key).or_insert(now);
            *debt = now + allowance.owed(*debt, now) + allowance.every;
        }
        if debts.len() > MOST_DEBTS {
            forget(&mut debts, now);
        }
    }

    /// A try was right: what has failed from there by this very name is forgiven. Somebody else's
    /// may differ in case alone.
    pub(super) fn forgive(&self, counted: Counted, now: Timestamp) {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = debts.remove(&counted.exact) else {
            return;
        };
        if let Some(debt) = debts.get_mut(&counted.user) {
            *debt = *debt - self.per_user.owed(until, now);
        }
    }
}

impl Allowance {
    fn wait(self, debt: Option<Timestamp>, now: Timestamp) -> Duration {
        let Some(until) = debt else {
            return Duration::ZERO;
        };
        let borne = self.every.saturating_mul(self.failures.saturating_sub(1));
        self.owed(until, now).saturating_sub(borne)
    }

    /// How much is not forgiven yet. Nobody owes more than he may and all places at once: a clock
    /// that was set back would have everybody wait for as long, and he begins anew instead.
    fn owed(self, until: Timestamp, now: Timestamp) -> Duration {
        let most = self
            .every
            .saturating_mul(self.failures.saturating_add(PLACES));
        match until.since(now) {
            owed if owed <= most => owed,
            _ => Duration::ZERO,
        }
    }
}

/// Forgets what is forgiven, and else the half that weighs less.
fn forget(debts: &mut HashMap<u64, Timestamp>, now: Timestamp) {
    debts.retain(|_, until| now < *until);
    if debts.len() > MOST_DEBTS / 2 {
        let mut all: Vec<Timestamp> = debts.values().copied().collect();
        let middle = all.len() / 2;
        let (_, &mut median, _) = all.select_nth_unstable(middle);
        debts.retain(|_, until| median < *until);
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
    fn a_clock_that_is_set_back_makes_nobody_wait_for_it_and_failures_count_from_then() {
        let throttle = Throttle::default();
        fail(&throttle, "alice", "10.0.0.1", 1);
        let before = NOW - Duration::from_secs(86_400);
        for who in ["alice", "bob"] {
            assert_eq!(wait(&throttle, who, "10.0.0.1", before), 0);
        }
        let alice = throttle.count("alice", "10.0.0.1".parse().ok());
        (0..10).for_each(|_| throttle.charge(alice, before));
        assert_eq!(wait(&throttle, "alice", "10.0.0.1", before), 60);
        assert_eq!(wait(&throttle, "bob", "10.0.0.1", before), 0);
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
