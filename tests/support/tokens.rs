//! Tokens for stores, without an authority: any number of them, told apart by a number.

use std::time::Duration;

use tower_expiring_token::{
    NewSession, NewToken, Place, SessionId, Slot, Subject, Timestamp, TokenDigest, TokenRecord,
    TokenTimes,
};

pub(crate) const ADD: Slot = Slot {
    place: Place::Add,
    limit: None,
};

/// This many seconds after an instant of the year 2100.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_123_457) + Duration::from_secs(seconds)
}

/// From the beginning of that hour to its end.
pub(crate) fn hour() -> TokenTimes {
    TokenTimes::fixed(at(0), at(3_600))
}

/// A digest that lies where its subject's tokens lie.
pub(crate) fn own(subject: &str, number: u64) -> TokenDigest {
    let mut bytes = *foreign(number).as_bytes();
    let [high, low] = (Subject::new(subject).route() << 4).to_be_bytes();
    bytes[0] = high;
    bytes[1] = low | bytes[1] & 0x0F;
    TokenDigest::from_bytes(bytes)
}

/// A digest that lies anywhere.
pub(crate) fn foreign(number: u64) -> TokenDigest {
    let mut bytes = [0; 32];
    for (index, part) in bytes.chunks_mut(8).enumerate() {
        let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ (index as u64) << 17);
        part.copy_from_slice(
            &mixed
                .swap_bytes()
                .wrapping_mul(0xD6E8_FEB8_6659_FD93)
                .to_be_bytes(),
        );
    }
    TokenDigest::from_bytes(bytes)
}

pub(crate) fn session(number: u64) -> SessionId {
    SessionId::from_bytes(u128::from(number).to_be_bytes())
}

/// The only token of a session with its number.
pub(crate) fn login(
    digest: TokenDigest,
    subject: &str,
    number: u64,
    times: TokenTimes,
) -> NewSession {
    NewSession {
        access: NewToken {
            digest,
            record: TokenRecord::builder("access", session(number), subject, times).build(),
        },
        refresh: None,
    }
}
