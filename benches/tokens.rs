//! Tokens of many users, as stores are filled with them.

use std::hash::Hasher;
use std::time::Duration;

use tower_expiring_token::{
    NewSession, NewToken, Place, Scopes, SessionId, Slot, Subject, Timestamp, TokenDigest,
    TokenRecord, TokenTimes,
};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const ADD: Slot = Slot {
    place: Place::Add,
    limit: None,
};

/// Every second token has ended on the second day.
pub(crate) fn login(number: u64) -> NewSession {
    let days = if number.is_multiple_of(2) { 1 } else { 3 };
    let session = SessionId::from_bytes(u128::from(number).to_be_bytes());
    let times = TokenTimes::fixed(now(), now() + days * DAY);
    let record = TokenRecord::builder("access", session, &subject(number), times)
        .scopes(Scopes::parse("read write").expect("two scopes"))
        .label("phone")
        .build();
    NewSession {
        access: NewToken {
            digest: digest(number),
            record,
        },
        refresh: None,
    }
}

/// Four tokens each.
fn subject(number: u64) -> String {
    format!("user-{:08}", number / 4)
}

/// One that lies where its subject's tokens lie, as those of our own texts do.
pub(crate) fn digest(number: u64) -> TokenDigest {
    use sha2::Digest;
    let mut bytes: [u8; 32] = sha2::Sha256::digest(number.to_be_bytes()).into();
    let [high, low] = (Subject::new(&subject(number)).route() << 4).to_be_bytes();
    bytes[0] = high;
    bytes[1] = low | bytes[1] & 0x0F;
    TokenDigest::from_bytes(bytes)
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(1_735_689_600_000_000)
}

/// The digest's own bytes are the hash.
#[derive(Default)]
pub(crate) struct Last(u64);

impl Hasher for Last {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_be_bytes(*last);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
