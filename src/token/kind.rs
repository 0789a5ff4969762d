use std::fmt;
use std::iter;

use zeroize::Zeroizing;

use super::digest::DigestKey;
use super::text::Form;
use super::word::Word;
use super::{BearerToken, Lead, Seed, ServerKey, TokenDigest, TokenRecord};

/// A sort of token: its name, what its text looks like, and the digest function of its texts.
/// How long it lives is the policy that the authority gives it.
///
/// The text alone tells how it was made, so a prefix, a key or a digest function
/// [changes](Self::formerly) without logging anybody out: tokens of the former one stay good until
/// they end, and nothing is rewritten. A record names its kind, so the name stays.
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
    way: Way,
    former: Vec<Way>,
}

/// What a token looks like, and how its digest is made.
#[derive(Clone)]
struct Way {
    form: Form,
    key: Option<DigestKey>,
}

/// A text that looks like a token of a kind.
pub(crate) struct Recognised<'a> {
    text: &'a [u8],
    key: Option<&'a DigestKey>,
    route: Option<u16>,
}

type Drawn = (Zeroizing<String>, TokenDigest);

impl TokenKind {
    /// A kind whose tokens begin with `prefix` (secret scanners look for it), then two characters
    /// of route, 43 of secret and six of checksum: the low 36 bits of XXH3-64 of all that stands
    /// before them. All of it but the prefix is base64url. Four characters of prefix or fewer fit
    /// the whole text into one block of SHA-256; a longer prefix makes each digest cost two.
    #[must_use]
    pub fn new(name: &str, prefix: &str) -> Self {
        let prefix = Lead::new(prefix);
        Self::of(name, Form::Own { prefix })
    }

    /// A kind of a foreign form: exactly this many lower-case hex digits, neither prefix nor
    /// checksum. Django REST framework's tokens have 40, knox's 64. There is no other foreign form;
    /// [`adopt`](crate::IssueRequest::adopt) takes over tokens whose text the other system still
    /// has.
    #[must_use]
    pub fn hex(name: &str, digits: usize) -> Self {
        Self::of(name, Form::Hex { digits })
    }

    fn of(name: &str, form: Form) -> Self {
        Self {
            name: Word::new(name),
            way: Way { form, key: None },
            former: Vec::new(),
        }
    }

    /// Keeps HMAC-SHA256 with this key of each token, instead of SHA-256.
    #[must_use]
    pub fn keyed(mut self, key: DigestKey) -> Self {
        self.way.key = Some(key);
        self
    }

    /// Takes tokens that were made as this kind was defined before, too. They are of this kind in
    /// all respects; new ones are made as it is defined now. The former texts must differ from
    /// today's: by their prefix, or as hex digits do.
    ///
    /// ```
    /// use tower_expiring_token::{DigestKey, TokenKind};
    ///
    /// let before = TokenKind::new("access", "tet_");
    /// let now = TokenKind::new("access", "acm_").keyed(DigestKey::new([7; 32])).formerly(before);
    /// ```
    #[must_use]
    pub fn formerly(mut self, before: Self) -> Self {
        self.former.push(before.way);
        self.former.extend(before.former);
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
        let recognised = self.recognise(token.expose().as_bytes())?;
        Some(recognised.digest())
    }

    /// The same of any bytes, but for the work of the digest. Those with a good checksum need no
    /// look at their characters: no store has a digest of what was never issued.
    #[inline(always)]
    pub(crate) fn recognise<'a>(&'a self, text: &'a [u8]) -> Option<Recognised<'a>> {
        match self.way.recognise(text) {
            None if !self.former.is_empty() => self.recognise_former(text),
            recognised => recognised,
        }
    }

    #[cold]
    fn recognise_former<'a>(&'a self, text: &'a [u8]) -> Option<Recognised<'a>> {
        self.former.iter().find_map(|way| way.recognise(text))
    }

    /// Whether this is the kind that the record names.
    pub(crate) fn is_of(&self, record: &TokenRecord) -> bool {
        self.name == record.kind
    }

    /// The text of a new token, from the system's randomness, and its digest.
    pub(crate) fn draw(&self, route: u16) -> Result<Drawn, getrandom::Error> {
        let mut secret = Zeroizing::new(vec![0; self.way.form.secret_len()]);
        getrandom::fill(&mut secret)?;
        Ok(self.way.of_secret(route, &secret))
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
        self.way.derive(route, key, seed, generation)
    }

    /// The same as it would have been derived before the kind was changed, the last change first.
    pub(crate) fn derive_formerly(
        &self,
        route: u16,
        key: &ServerKey,
        seed: &Seed,
        generation: u32,
    ) -> impl Iterator<Item = Drawn> {
        let former = self.former.iter();
        former.map(move |way| way.derive(route, key, seed, generation))
    }

    /// What makes the kind unusable, if anything does.
    pub(crate) fn fault(&self) -> Option<KindFault> {
        if self.name().is_empty() {
            return Some(KindFault::Name);
        }
        let alike = || {
            let mut pairs = self.ways().enumerate();
            pairs.any(|(index, way)| self.ways().take(index).any(|other| way.collides(other)))
        };
        self.ways()
            .find_map(|way| way.form.fault())
            .or_else(|| alike().then_some(KindFault::Former))
    }

    /// Whether one text could be of both kinds.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        self.ways()
            .any(|way| other.ways().any(|other| way.collides(other)))
    }

    fn ways(&self) -> impl Iterator<Item = &Way> {
        iter::once(&self.way).chain(&self.former)
    }
}

impl Way {
    #[inline(always)]
    fn recognise<'a>(&'a self, text: &'a [u8]) -> Option<Recognised<'a>> {
        let route = self.form.recognise(text)?;
        let key = self.key.as_ref();
        Some(Recognised { text, key, route })
    }

    fn derive(&self, route: u16, key: &ServerKey, seed: &Seed, generation: u32) -> Drawn {
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

    fn collides(&self, other: &Self) -> bool {
        self.form.collides(&other.form)
    }
}

impl Recognised<'_> {
    #[inline(always)]
    pub(crate) fn digest(&self) -> TokenDigest {
        let digest = TokenDigest::of_text(self.text, self.key);
        match self.route {
            Some(route) => digest.routed(route),
            None => digest,
        }
    }
}

impl fmt::Debug for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKind")
            .field("name", &self.name())
            .field("form", &self.way.form)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a kind's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KindFault {
    Name,
    Prefix(String),
    Digits(usize),
    /// Two ways of one kind, of which one text could be of both.
    Former,
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
