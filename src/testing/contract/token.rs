//! The suite's tokens, told apart by a number.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::store::{NewSession, NewToken, Place, Slot, Touch};
use crate::token::{Scopes, Seed, SessionId, Subject, TokenDigest, TokenRecord, TokenTimes};

pub(super) const KIND: &str = "access";
pub(super) const OTHER_KIND: &str = "other";

pub(super) const ADD: Slot = slot(Place::Add);

pub(super) const fn slot(place: Place) -> Slot {
    Slot { place, limit: None }
}

/// This many seconds after an instant in the year 2100 that is no whole millisecond.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_123_457) + Duration::from_secs(seconds)
}

pub(super) const MICROSECOND: Duration = Duration::from_micros(1);

/// A token to be: issued at 0, alone in its session, ends at 60 unless used and at 600 in any
/// case.
#[derive(Clone)]
pub(super) struct Draft {
    subject: String,
    number: u64,
    session: u64,
    kind: &'static str,
    times: TokenTimes,
    scopes: &'static str,
    label: String,
    client: Option<String>,
    seed: Option<u8>,
}

impl Draft {
    pub(super) fn new(subject: &str, number: u64) -> Self {
        let expires_at = at(60);
        Self {
            subject: subject.to_owned(),
            number,
            session: number,
            kind: KIND,
            times: TokenTimes {
                expires_at,
                ..TokenTimes::fixed(at(0), at(600))
            },
            scopes: "",
            label: String::new(),
            client: None,
            seed: None,
        }
    }

    pub(super) fn session(self, session: u64) -> Self {
        Self { session, ..self }
    }

    pub(super) fn numbered(self, number: u64) -> Self {
        Self { number, ..self }
    }

    pub(super) fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn times(self, times: TokenTimes) -> Self {
        Self { times, ..self }
    }

    /// Another one, this many seconds later.
    pub(super) fn later(mut self, seconds: u64) -> Self {
        let by = Duration::from_secs(seconds);
        let times = &mut self.times;
        times.issued_at = times.issued_at + by;
        times.authenticated_at = times.authenticated_at + by;
        times.last_used_at = times.last_used_at + by;
        times.expires_at = times.expires_at + by;
        times.ends_at = times.ends_at + by;
        self
    }

    pub(super) fn issued(mut self, seconds: u64) -> Self {
        self.times.issued_at = at(seconds);
        self
    }

    pub(super) fn used(mut self, seconds: u64) -> Self {
        self.times.last_used_at = at(seconds);
        self
    }

    pub(super) fn expires(mut self, seconds: u64) -> Self {
        self.times.expires_at = at(seconds);
        self
    }

    pub(super) fn ends(mut self, seconds: u64) -> Self {
        self.times.ends_at = at(seconds);
        self
    }

    pub(super) fn scopes(self, scopes: &'static str) -> Self {
        Self { scopes, ..self }
    }

    pub(super) fn label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        Self { label, ..self }
    }

    pub(super) fn client(self, client: impl Into<String>) -> Self {
        let client = Some(client.into());
        Self { client, ..self }
    }

    /// Makes it a derived one.
    pub(super) fn seed(self, seed: u8) -> Self {
        let seed = Some(seed);
        Self { seed, ..self }
    }

    pub(super) fn token(&self) -> NewToken {
        let record =
            TokenRecord::builder(self.kind, session(self.session), &self.subject, self.times)
                .scopes(scopes(self.scopes))
                .label(&self.label)
                .client(self.client.as_deref())
                .seed(self.seed.map(|byte| Seed::from_bytes([byte; 32])))
                .build();
        NewToken {
            digest: self.digest(),
            record,
        }
    }

    /// A login with this token alone.
    pub(super) fn login(&self) -> NewSession {
        NewSession {
            access: self.token(),
            refresh: None,
        }
    }

    /// The refresh token of this one's session, which ends at 600 unless used and at 6,000.
    pub(super) fn refresh(&self, generation: u32, rotated_at: Option<Timestamp>) -> NewToken {
        let times = TokenTimes {
            expires_at: at(600),
            ends_at: at(6_000),
            ..self.times
        };
        let session = session(self.session);
        let record = TokenRecord::builder(self.kind, session, &self.subject, times)
            .scopes(scopes(self.scopes))
            .seed(Some(Seed::from_bytes([7; 32])))
            .refresh(generation, rotated_at)
            .build();
        let route = Subject::new(&self.subject).route();
        NewToken {
            digest: TokenDigest::of_session(&session, route),
            record,
        }
    }

    /// A login with this token and a refresh token.
    pub(super) fn refreshable(&self) -> NewSession {
        NewSession {
            access: self.token(),
            refresh: Some(self.refresh(0, None)),
        }
    }

    /// With its subject's route, or, every other one, of a foreign form.
    pub(super) fn digest(&self) -> TokenDigest {
        let mut bytes: [u8; 32] = Sha256::digest(self.number.to_be_bytes()).into();
        if self.number.is_multiple_of(2) {
            let [high, low] = (Subject::new(&self.subject).route() << 4).to_be_bytes();
            bytes[0] = high;
            bytes[1] = low | bytes[1] & 0x0F;
        }
        TokenDigest::from_bytes(bytes)
    }
}

pub(super) fn session(number: u64) -> SessionId {
    let hash = Sha256::digest(number.to_le_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    SessionId::from_bytes(bytes)
}

pub(super) fn touch(digest: TokenDigest, used: u64, expires: u64) -> Touch {
    Touch {
        digest,
        used_at: at(used),
        expires_at: at(expires),
    }
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap_or_default()
}
