use std::fmt;

use zeroize::Zeroizing;

use super::digest::DigestKey;
use super::text::Form;
use super::word::Word;
use super::{BearerToken, Lead, Seed, ServerKey, TokenDigest, TokenRecord};

/// A sort of token: its name, what its text looks like, and the digest function of its texts.
/// How long it lives is the policy that the authority gives it.
///
/// The text alone tells the kind, so a key or a digest function changes by adding a kind: tokens
/// of the old one stay good until they end, and nothing is rewritten.
///
/// ```
/// use tower_expiring_token::{DigestKey, TokenKind};
///
/// let personal = TokenKind::new("personal", "pat_");
/// let keyed = TokenKind::new("session", "ses_").keyed(DigestKey::new([7; 32]));
/// let from_django = TokenKind::hex("legacy", 40);
/// ```
#[derive(Clone)]
pub struct TokenKind {
    name: Word,
    form: Form,
    key: Option<DigestKey>,
}

type Drawn = (Zeroizing<String>, TokenDigest);

impl TokenKind {
    /// A kind whose tokens begin with `prefix` (secret scanners look for it), then two characters
    /// of route, 43 of secret and six of checksum. Four characters of prefix or fewer fit the
    /// whole text into one block of SHA-256; a longer prefix makes each digest cost two.
    #[must_use]
    pub fn new(name: &str, prefix: &str) -> Self {
        Self {
            name: Word::new(name),
            form: Form::Own {
                prefix: Lead::new(prefix),
            },
            key: None,
        }
    }

    /// A kind of a foreign form: exactly this many lower-case hex digits, neither prefix nor
    /// checksum. Django REST framework's tokens have 40, knox's 64. There is no other foreign form;
    /// [`adopt`](crate::IssueRequest::adopt) takes over tokens whose text the other system still
    /// has.
    #[must_use]
    pub fn hex(name: &str, digits: usize) -> Self {
        Self {
            name: Word::new(name),
            form: Form::Hex { digits },
            key: None,
        }
    }

    /// Keeps HMAC-SHA256 with this key of each token, instead of SHA-256.
    #[must_use]
    pub fn keyed(mut self, key: DigestKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The kind's name, as records say it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// What a store keeps of this token; none when its text is not of this kind (another prefix
    /// or length, a wrong checksum), and then no store need hear of it.
    #[must_use]
    pub fn digest(&self, token: &BearerToken<'_>) -> Option<TokenDigest> {
        self.recognise(token.expose().as_bytes())
    }

    /// The same of any bytes. Those with a good checksum need no look at their characters: no
    /// store has a digest of what was never issued.
    #[inline(always)]
    pub(crate) fn recognise(&self, text: &[u8]) -> Option<TokenDigest> {
        let route = self.form.recognise(text)?;
        let digest = TokenDigest::of_text(text, self.key.as_ref());
        Some(match route {
            Some(route) => digest.routed(route),
            None => digest,
        })
    }

    /// Whether this is the kind that the record names.
    pub(crate) fn is_of(&self, record: &TokenRecord) -> bool {
        self.name == record.kind
    }

    /// The text of a new token, from the system's randomness, and its digest.
    pub(crate) fn draw(&self, route: u16) -> Result<Drawn, getrandom::Error> {
        let mut secret = Zeroizing::new(vec![0; self.form.secret_len()]);
        getrandom::fill(&mut secret)?;
        Ok(self.of_secret(route, &secret))
    }

    /// The text of a derived token and its digest: the same whenever they are asked for. Those
    /// that a session's refresh token brings have its generation; all others have 0.
    pub(crate) fn derive(
        &self,
        route: u16,
        key: &ServerKey,
        seed: &Seed,
        generation: u32,
    ) -> Drawn {
        let mut secret = Zeroizing::new(vec![0; self.form.secret_len()]);
        key.derive(seed, generation, &mut secret);
        self.of_secret(route, &secret)
    }

    fn of_secret(&self, route: u16, secret: &[u8]) -> Drawn {
        let text = self.form.text(route, secret);
        let digest = TokenDigest::of_text(text.as_bytes(), self.key.as_ref());
        match self.form {
            Form::Own { .. } => (text, digest.routed(route)),
            Form::Hex { .. } => (text, digest),
        }
    }

    /// What makes the kind unusable, if anything does.
    pub(crate) fn fault(&self) -> Option<KindFault> {
        if self.name().is_empty() {
            return Some(KindFault::Name);
        }
        self.form.fault()
    }

    /// Whether one text could be of both kinds.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        self.form.collides(&other.form)
    }
}

impl fmt::Debug for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKind")
            .field("name", &self.name())
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a kind's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KindFault {
    Name,
    Prefix(String),
    Digits(usize),
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const TOKENS: usize = 2_000_000;
    const THREADS: usize = 4;
    /// Behind prefix and route, before the checksum: 256 bits, six to a character.
    const SECRET: std::ops::Range<usize> = 6..49;

    fn secrets(tokens: usize) -> Vec<[u8; 43]> {
        let kind = TokenKind::new("access", "tet_");
        let secret = |_| {
            let (text, _) = kind.draw(0).expect("the system has randomness");
            let secret = text.as_bytes()[SECRET].try_into();
            secret.expect("as long as the range")
        };
        (0..tokens).map(secret).collect()
    }

    /// RFC 6749 section 10.10.
    #[test]
    fn of_two_million_tokens_no_two_are_alike_and_no_character_is_likelier_than_another() {
        let threads = [(); THREADS].map(|()| thread::spawn(|| secrets(TOKENS / THREADS)));
        let secrets = threads.map(|thread| thread.join().expect("does not panic"));
        let mut secrets = secrets.concat();

        let mut counts = [[0u32; 128]; 43];
        for secret in &secrets {
            for (counts, character) in counts.iter_mut().zip(secret) {
                counts[usize::from(*character)] += 1;
            }
        }
        for (place, counts) in counts.iter().enumerate() {
            // The last character has the last four bits alone.
            let characters = if place == 42 { 16 } else { 64 };
            let seen: Vec<f64> = counts
                .iter()
                .filter(|count| **count > 0)
                .map(|count| f64::from(*count))
                .collect();
            assert_eq!(seen.len(), characters, "character {place}");
            let expected = TOKENS as f64 / characters as f64;
            let chi_square: f64 = seen
                .iter()
                .map(|seen| (seen - expected).powi(2) / expected)
                .sum();
            // Of 63 degrees of freedom: fair characters go beyond this once in 10^13 runs.
            assert!(chi_square < 180.0, "character {place}: {chi_square}");
        }

        secrets.sort_unstable();
        assert!(
            secrets.windows(2).all(|pair| pair[0] != pair[1]),
            "two are alike"
        );
    }
}
