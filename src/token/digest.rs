use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::sha256::sha256;
use super::{InvalidDigits, SessionId, digits};

/// What a store keeps of a token: 32 bytes, the key of its record. Who reads the table can't
/// make the token from it. Prints as 64 hex digits, which are no secret either.
///
/// For this crate's own tokens the first 12 bits are the subject's [route](Self::route), as the
/// token's text carries it; everything else is SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

/// A key for keyed digests (HMAC-SHA256): without it, whoever can write the table still can't
/// plant a token of his own making. 256 random bits need no key against guessing.
///
/// Prints nothing and is wiped on drop.
#[derive(Clone)]
pub struct DigestKey(Hmac<Sha256>);

impl TokenDigest {
    /// A digest of these bytes, as a store kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The subject's place among 4,096, [`Subject::route`](super::Subject::route); for tokens of
    /// a foreign form, whose text says nothing of their subject, an arbitrary one.
    #[must_use]
    pub const fn route(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]]) >> 4
    }

    /// The record of a session's refresh token is found by its session, not by its text.
    #[must_use]
    pub fn of_session(session: &SessionId, route: u16) -> Self {
        let hash = Sha256::new()
            .chain_update(b"refresh token of session ")
            .chain_update(session.as_bytes())
            .finalize();
        Self(hash.into()).routed(route)
    }

    #[inline(always)]
    pub(super) fn of_text(text: &[u8], key: Option<&DigestKey>) -> Self {
        Self(match key {
            None => sha256(text),
            Some(key) => key.sign(text),
        })
    }

    #[inline]
    pub(super) fn routed(mut self, route: u16) -> Self {
        const BITS: u32 = 12;
        let [first, ..] = self.0.as_chunks_mut().0 else {
            return self;
        };
        let rest = u64::from_be_bytes(*first) << BITS >> BITS;
        *first = (u64::from(route) << (u64::BITS - BITS) | rest).to_be_bytes();
        self
    }
}

impl FromStr for TokenDigest {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        digits::parse(text).map(Self)
    }
}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({self})")
    }
}

// === impl DigestKey ===

impl DigestKey {
    /// A key of these bytes. Draw them from the system's randomness and keep them apart from the
    /// database; without the key every token of its kind is unknown.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(hmac(&Zeroizing::new(bytes)))
    }

    fn sign(&self, text: &[u8]) -> [u8; 32] {
        self.0
            .clone()
            .chain_update(text)
            .finalize()
            .into_bytes()
            .into()
    }
}

pub(super) fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hmac::new((&*block).into())
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}
