use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::token::{Subject, TokenDigest};

/// How many routes there are.
pub(super) const ROUTES: u16 = 4096;

/// The names of all keys of one store:
///
/// - `<prefix>{AB}:<64 hex digits>` holds a token, packed;
/// - `<prefix>of:{AB}:<subject>` lists the digests of a subject, sorted by `ends_at`;
/// - `<prefix>ends:{AB}` lists the subjects of a route, sorted by when their first token ends or
///   earlier.
///
/// In the braces, a hash tag of Redis Cluster, stand the two characters of the route, as in a
/// token's text.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: Box<str>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// What the names of all keys begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the names of those keys begin with that hold tokens, and no others.
    pub(super) fn of_tokens(&self) -> String {
        format!("{}{{", self.prefix)
    }

    /// Where a token is kept.
    pub(super) fn token(&self, digest: &TokenDigest) -> String {
        format!("{}{{{}}}:{digest}", self.prefix, tag(digest.route()))
    }

    /// Where a subject's digests are listed.
    pub(super) fn list(&self, subject: &Subject) -> String {
        format!("{}of:{{{}}}:{subject}", self.prefix, tag(subject.route()))
    }

    /// The digest of the token that is kept there, if it is such a key.
    pub(super) fn digest(&self, key: &[u8]) -> Option<TokenDigest> {
        let rest = key.strip_prefix(self.prefix.as_bytes())?;
        let (_, digest) = std::str::from_utf8(rest).ok()?.split_once("}:")?;
        digest.parse().ok()
    }
}

/// A route as two characters of base64url.
pub(super) fn tag(route: u16) -> String {
    let mut tag = URL_SAFE_NO_PAD.encode((route << 4).to_be_bytes());
    tag.truncate(2);
    tag
}
