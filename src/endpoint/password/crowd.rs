//! Who waits for his password to be checked: so many that nobody waits long, and of one address
//! not all of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many wait at most, those whose turn it is among them.
pub(super) const MOST: usize = 512;
/// How many of them are of one address.
pub(super) const MOST_OF_AN_ADDRESS: usize = 64;

/// Waiting logins by address.
#[derive(Default)]
pub(super) struct Crowd(Mutex<HashMap<u64, usize>>);

/// One of them, until this is dropped.
pub(super) struct Waiting<'a> {
    crowd: &'a Crowd,
    address: u64,
}

/// Why somebody may not wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Too many of his address do.
    OfAddress,
    /// Too many do.
    Altogether,
}

impl Crowd {
    /// Lets somebody wait, of whose address so many may.
    pub(super) fn join(&self, address: u64, most: usize) -> Result<Waiting<'_>, Full> {
        let mut waiting = self.waiting();
        if waiting.get(&address).is_some_and(|&own| own >= most) {
            return Err(Full::OfAddress);
        }
        if waiting.values().sum::<usize>() >= MOST {
            return Err(Full::Altogether);
        }
        *waiting.entry(address).or_default() += 1;
        Ok(Waiting {
            crowd: self,
            address,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.crowd.waiting();
        if let Some(own) = waiting.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leaves_room_for_others_and_all_together_end_somewhere() {
        let crowd = Crowd::default();
        let own: Vec<_> = (0..MOST_OF_AN_ADDRESS)
            .map(|_| crowd.join(1, MOST_OF_AN_ADDRESS).ok())
            .collect();
        assert!(own.iter().all(Option::is_some));
        let full = |address| crowd.join(address, MOST_OF_AN_ADDRESS).err();
        assert_eq!((full(1), full(2)), (Some(Full::OfAddress), None));
        let others: Vec<_> = (own.len()..MOST)
            .map(|index| crowd.join(100 + index as u64, MOST_OF_AN_ADDRESS).ok())
            .collect();
        assert!(others.iter().all(Option::is_some));
        assert_eq!(full(2), Some(Full::Altogether));
        drop((own, others));
        assert_eq!(full(1), None);
        assert!(crowd.waiting().is_empty());
    }
}
