//! A refresh token's text: its session, its generation, and the proof that the server made both.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use zeroize::Zeroizing;

use super::text::{compose, dissect};
use super::{Lead, Seed, ServerKey, SessionId, TokenDigest};

/// prefix · 2 of route · 64 of session, generation and MAC · 6 of checksum.
#[derive(Clone, Debug)]
pub(crate) struct RefreshForm {
    prefix: Lead,
}

/// A refresh token that somebody shows. Whether it is authentic takes its session's seed.
pub(crate) struct ShownRefresh {
    /// By which its session's record is found.
    pub(crate) digest: TokenDigest,
    pub(crate) generation: u32,
    session: SessionId,
    mac: Zeroizing<[u8; MAC]>,
}

/// 224 bits: the text's 48 bytes then fill their 64 characters, so that each token has one text.
const MAC: usize = 28;
const BYTES: usize = 16 + 4 + MAC;

impl RefreshForm {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: Lead::new(prefix),
        }
    }

    /// The text of this generation.
    pub(crate) fn text(
        &self,
        route: u16,
        key: &ServerKey,
        seed: &Seed,
        session: &SessionId,
        generation: u32,
    ) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..16].copy_from_slice(session.as_bytes());
        bytes[16..20].copy_from_slice(&generation.to_be_bytes());
        let mac = key.sign_refresh(seed, session, generation).finalize();
        bytes[20..].copy_from_slice(&mac.into_bytes()[..MAC]);
        compose(&self.prefix, route, bytes.as_slice())
    }

    /// None when the text is not of this form, and then no store need hear of it.
    pub(crate) fn parse(&self, text: &str) -> Option<ShownRefresh> {
        let (route, encoded) = dissect(text.as_bytes(), &self.prefix, BYTES / 3 * 4)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        URL_SAFE_NO_PAD
            .decode_slice(encoded, bytes.as_mut_slice())
            .ok()?;
        let (session, rest) = bytes.split_first_chunk()?;
        let (generation, mac) = rest.split_first_chunk()?;
        let session = SessionId::from_bytes(*session);
        Some(ShownRefresh {
            digest: TokenDigest::of_session(&session, route),
            generation: u32::from_be_bytes(*generation),
            session,
            mac: Zeroizing::new(mac.try_into().ok()?),
        })
    }
}

impl ShownRefresh {
    /// Whether the server has made it.
    pub(crate) fn is_authentic(&self, key: &ServerKey, seed: &Seed) -> bool {
        key.sign_refresh(seed, &self.session, self.generation)
            .verify_truncated_left(self.mac.as_slice())
            .is_ok()
    }
}
