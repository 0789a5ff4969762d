use std::fmt;

use zeroize::Zeroizing;

use super::word::Word;
use super::{Scopes, SessionId, Subject};
use crate::clock::Timestamp;

/// What a store knows of a token, but for the secret, which nobody knows.
///
/// Made with [`TokenRecord::builder`] from a row, or by the authority at issue. Texts are packed,
/// so that millions fit into memory.
// What each request reads comes first.
#[repr(C)]
pub struct TokenRecord {
    times: TokenTimes,
    rare: Option<Box<Rare>>,
    pub(super) kind: Word,
    scopes: Scopes,
    /// Its tail is the label.
    subject: Subject,
    session: SessionId,
}

/// All instants of a token's life. Every policy decides by them and `now` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    /// When it was issued, or last renewed by a login.
    pub issued_at: Timestamp,
    /// When its user last proved who he is (a password, not a token).
    pub authenticated_at: Timestamp,
    /// When it was last used, as far as that has been written down: at most a write interval old.
    pub last_used_at: Timestamp,
    /// When it ends if it is not used again: at this instant it is dead. A use may move it on, never
    /// beyond `ends_at`.
    pub expires_at: Timestamp,
    /// When it ends in any case. Purge goes by this one.
    pub ends_at: Timestamp,
}

/// What a derived token is derived from, beside the server's key. Prints nothing, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(Zeroizing<[u8; 32]>);

/// Makes a [`TokenRecord`]. Only the kind, the session, the subject and the times must be there.
#[derive(Debug)]
#[must_use = "a builder makes nothing until `build` is called"]
pub struct RecordBuilder<'a> {
    kind: &'a str,
    session: SessionId,
    subject: &'a str,
    times: TokenTimes,
    scopes: Scopes,
    label: &'a str,
    rare: Rare,
}

/// What most tokens have not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    client: Option<Box<str>>,
    seed: Option<Seed>,
    generation: Option<u32>,
    rotated_at: Option<Timestamp>,
}

// === impl TokenRecord ===

impl TokenRecord {
    /// Starts a record of a token of this kind.
    ///
    /// ```
    /// use tower_expiring_token::{Scopes, SessionId, Timestamp, TokenRecord, TokenTimes};
    ///
    /// let issued_at = Timestamp::from_micros(1_700_000_000_000_000);
    /// let times = TokenTimes::fixed(issued_at, issued_at + std::time::Duration::from_secs(3600));
    /// let record = TokenRecord::builder("access", SessionId::from_bytes([7; 16]), "alice", times)
    ///     .scopes(Scopes::parse("read write")?)
    ///     .label("phone")
    ///     .build();
    /// assert_eq!(record.subject().as_str(), "alice");
    /// assert_eq!(record.label(), Some("phone"));
    /// # Ok::<_, tower_expiring_token::InvalidScope>(())
    /// ```
    pub fn builder<'a>(
        kind: &'a str,
        session: SessionId,
        subject: &'a str,
        times: TokenTimes,
    ) -> RecordBuilder<'a> {
        RecordBuilder {
            kind,
            session,
            subject,
            times,
            scopes: Scopes::none(),
            label: "",
            rare: Rare::default(),
        }
    }

    /// The name of the token's kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind.as_str()
    }

    /// The login that it belongs to.
    #[must_use]
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// Who it speaks for.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The OAuth client that it was issued to, if any.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.rare.as_ref()?.client.as_deref()
    }

    /// What it may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// What people call it (`Alice's phone`). An empty label is none.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        Some(self.subject.tail()).filter(|label| !label.is_empty())
    }

    /// All instants of its life.
    #[must_use]
    pub const fn times(&self) -> &TokenTimes {
        &self.times
    }

    /// The seed, if the token is derived and not random.
    #[must_use]
    pub fn seed(&self) -> Option<&Seed> {
        self.rare.as_ref()?.seed.as_ref()
    }

    /// How often a refresh token has been rotated. None: this is no refresh token.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.rare.as_ref()?.generation
    }

    /// When a refresh token was last rotated, if ever.
    #[must_use]
    pub fn rotated_at(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.rotated_at
    }

    /// The same record with other times: what `extend` writes.
    #[must_use]
    pub fn at(&self, times: TokenTimes) -> Self {
        Self {
            times,
            ..self.clone()
        }
    }

    /// The same derived token after another login: the times, the scopes and the label are the
    /// new record's.
    #[must_use]
    pub fn renewed(&self, new: &Self) -> Self {
        Self {
            subject: new.subject.clone_with_tail(),
            scopes: new.scopes.clone(),
            times: new.times,
            ..self.clone()
        }
    }

    /// The same refresh token after a rotation.
    #[must_use]
    pub fn rotated(&self, at: Timestamp, times: TokenTimes) -> Self {
        let mut rare = self.rare.as_deref().cloned().unwrap_or_default();
        rare.generation = Some(rare.generation.unwrap_or(0).saturating_add(1));
        rare.rotated_at = Some(at);
        Self {
            rare: Some(Box::new(rare)),
            ..self.at(times)
        }
    }
}

impl Clone for TokenRecord {
    fn clone(&self) -> Self {
        Self {
            subject: self.subject.clone_with_tail(),
            kind: self.kind.clone(),
            scopes: self.scopes.clone(),
            session: self.session,
            times: self.times,
            rare: self.rare.clone(),
        }
    }
}

impl PartialEq for TokenRecord {
    fn eq(&self, other: &Self) -> bool {
        self.subject == other.subject
            && self.label() == other.label()
            && self.kind == other.kind
            && self.scopes == other.scopes
            && self.session == other.session
            && self.times == other.times
            && self.rare == other.rare
    }
}

impl Eq for TokenRecord {}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("kind", &self.kind())
            .field("session", &self.session)
            .field("subject", &self.subject.as_str())
            .field("client", &self.client())
            .field("scopes", &self.scopes.as_str())
            .field("label", &self.label())
            .field("times", &self.times)
            .field("seed", &self.seed())
            .field("generation", &self.generation())
            .field("rotated_at", &self.rotated_at())
            .finish()
    }
}

// === impl TokenTimes ===

impl TokenTimes {
    /// The times of a token that ends at one instant, however it is used.
    #[must_use]
    pub const fn fixed(issued_at: Timestamp, ends_at: Timestamp) -> Self {
        Self {
            issued_at,
            authenticated_at: issued_at,
            last_used_at: issued_at,
            expires_at: ends_at,
            ends_at,
        }
    }

    /// The same life after a use at `used_at` that moves its end to `expires_at`: only forward,
    /// never beyond `ends_at`, and not at all when the token had ended by then.
    #[must_use]
    pub fn extended(self, used_at: Timestamp, expires_at: Timestamp) -> Self {
        if used_at >= self.expires_at {
            return self;
        }
        Self {
            last_used_at: self.last_used_at.max(used_at),
            expires_at: self.expires_at.max(expires_at.min(self.ends_at)),
            ..self
        }
    }
}

// === impl Seed ===

impl Seed {
    /// A seed of these bytes, as a store kept them.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for a store to keep.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut seed = Self(Zeroizing::default());
        getrandom::fill(seed.0.as_mut_slice())?;
        Ok(seed)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

// === impl RecordBuilder ===

impl<'a> RecordBuilder<'a> {
    /// What the token may do; nothing, unless it is said.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// What people call it. An empty label is none.
    pub fn label(mut self, label: &'a str) -> Self {
        self.label = label;
        self
    }

    /// The OAuth client that it is issued to.
    pub fn client(mut self, client: Option<&str>) -> Self {
        self.rare.client = client.map(Into::into);
        self
    }

    /// The seed of a derived token.
    pub fn seed(mut self, seed: Option<Seed>) -> Self {
        self.rare.seed = seed;
        self
    }

    /// Makes it a session's refresh token, rotated so often, and when last.
    pub fn refresh(mut self, generation: u32, rotated_at: Option<Timestamp>) -> Self {
        self.rare.generation = Some(generation);
        self.rare.rotated_at = rotated_at;
        self
    }

    /// The record.
    #[must_use]
    pub fn build(self) -> TokenRecord {
        TokenRecord {
            subject: Subject::with_tail(self.subject, self.label),
            kind: Word::new(self.kind),
            scopes: self.scopes,
            session: self.session,
            times: self.times,
            rare: (self.rare != Rare::default()).then(|| Box::new(self.rare)),
        }
    }
}
