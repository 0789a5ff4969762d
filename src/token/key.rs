use std::fmt;
use std::io;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::digest::hmac;
use super::{DigestKey, InvalidDigits, Seed, SessionId, digits};

/// The server's secret, from which tokens are derived that must be told again: those of a login
/// that [renews](crate::LoginMode) and all refresh tokens. A store keeps their seeds; who has the
/// table but not this key can't make them, nor can who has the key but not the table.
///
/// Keep it apart from the database, the same on every node. With another key derived tokens that
/// were issued are good until they end, but can't be told again, and no refresh token is good.
/// Prints nothing and is wiped on drop.
///
/// ```
/// use tower_expiring_token::ServerKey;
///
/// let hex = "5e1f…"; // from the environment or a file
/// # let hex = "5e1f".repeat(16);
/// let key: ServerKey = hex.parse()?;
/// assert_eq!(format!("{key:?}"), "ServerKey(..)");
/// # Ok::<_, tower_expiring_token::InvalidDigits>(())
/// ```
#[derive(Clone)]
pub struct ServerKey(Zeroizing<[u8; 32]>);

impl ServerKey {
    /// A key of these bytes, which come from the system's randomness.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn random() -> io::Result<Self> {
        let mut key = Self(Zeroizing::default());
        getrandom::fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// The bytes, to be kept where nobody else reads them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for keyed digests that follows from this one, so that one secret serves both. When the
    /// server key is changed, keep the old one's digest key in what the kind was
    /// [formerly](crate::TokenKind::formerly).
    #[must_use]
    pub fn digest_key(&self) -> DigestKey {
        DigestKey::new(self.sign(&[b"digest key"]))
    }

    /// Fills a derived token's secret. No label begins another one, and what follows is of fixed
    /// length, so no two uses of the key ever sign the same.
    pub(super) fn derive(&self, seed: &Seed, generation: u32, secret: &mut [u8]) {
        for (block, part) in (0u8..).zip(secret.chunks_mut(32)) {
            let signed = Zeroizing::new(self.sign(&[
                b"access token",
                seed.as_bytes(),
                &generation.to_be_bytes(),
                &[block],
            ]));
            part.copy_from_slice(&signed[..part.len()]);
        }
    }

    /// What makes a refresh token's text authentic.
    pub(super) fn sign_refresh(
        &self,
        seed: &Seed,
        session: &SessionId,
        generation: u32,
    ) -> Hmac<Sha256> {
        self.over(&[
            b"refresh token",
            seed.as_bytes(),
            session.as_bytes(),
            &generation.to_be_bytes(),
        ])
    }

    fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.over(parts).finalize().into_bytes().into()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = hmac(&self.0);
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// 64 hex digits.
impl FromStr for ServerKey {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        digits::parse(text).map(Self::new)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(..)")
    }
}
