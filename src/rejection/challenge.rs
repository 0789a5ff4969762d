use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use super::{ErrorCode, Reason};
use crate::token::Lead;

/// The challenges of one configuration, written once (RFC 9110 section 11.6.1, RFC 6750 section 3).
///
/// They live as long as the process: each accepted request points to them, and counting
/// references would cost every one of them a write to memory that all cores share.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenges {
    realm: Box<str>,
    explain: bool,
    schemes: Box<[Scheme]>,
    /// All fields of the common refusals, for each scheme that may be used: copied faster than
    /// written.
    written: Box<[Written]>,
}

#[derive(Debug, PartialEq, Eq)]
struct Scheme {
    word: Lead,
    alone: HeaderValue,
    bare: HeaderValue,
}

#[derive(Debug, PartialEq, Eq)]
struct Written {
    no_error: HeaderMap,
    invalid_request: HeaderMap,
    invalid_token: HeaderMap,
}

/// What can't stand in a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeFault {
    NoScheme,
    Scheme(String),
    SchemeTwice(String),
    Realm(String),
}

/// How long a client should wait when the store could not say.
pub(super) const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub(super) const AUTHORIZATION: HeaderValue = HeaderValue::from_static("authorization");

/// Each distinct configuration once, so that building an authority again leaks nothing more.
static WRITTEN: RwLock<Vec<&'static Challenges>> = RwLock::new(Vec::new());

impl Challenges {
    /// Writes the challenges of these scheme words, the best known first, and this realm.
    pub(crate) fn new(
        schemes: &[String],
        realm: &str,
        explain: bool,
    ) -> Result<&'static Self, ChallengeFault> {
        let mut challenges = Self::write(schemes, realm, explain)?;
        let mut written = WRITTEN.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = written.iter().find(|same| ***same == challenges) {
            return Ok(same);
        }
        for written in &mut challenges.written {
            keep(&mut written.no_error);
            keep(&mut written.invalid_request);
            keep(&mut written.invalid_token);
        }
        let kept: &'static Self = Box::leak(Box::new(challenges));
        written.push(kept);
        Ok(kept)
    }

    fn write(words: &[String], realm: &str, explain: bool) -> Result<Self, ChallengeFault> {
        if words.is_empty() {
            return Err(ChallengeFault::NoScheme);
        }
        let printable = |byte| matches!(byte, b' '..=b'~');
        if realm.is_empty() || !realm.bytes().all(printable) {
            return Err(ChallengeFault::Realm(realm.to_owned()));
        }
        let mut schemes: Vec<Scheme> = Vec::with_capacity(words.len());
        for word in words {
            if schemes
                .iter()
                .any(|scheme| scheme.word.eq_ignore_ascii_case(word))
            {
                return Err(ChallengeFault::SchemeTwice(word.clone()));
            }
            schemes.push(
                Scheme::write(word, realm).ok_or_else(|| ChallengeFault::Scheme(word.clone()))?,
            );
        }
        let mut challenges = Self {
            realm: realm.into(),
            explain,
            schemes: schemes.into(),
            written: Box::default(),
        };
        challenges.written = (0..words.len())
            .map(|used| Written {
                no_error: challenges.write_fields(used, &Reason::NoCredentials),
                invalid_request: challenges.write_fields(used, &Reason::DuplicateHeader),
                invalid_token: challenges.write_fields(used, &Reason::UnknownToken),
            })
            .collect();
        Ok(challenges)
    }

    /// The place among ours of the scheme that a field's value begins with, compared in any case
    /// (RFC 9110 section 11.1), and what follows its word.
    #[inline(always)]
    pub(crate) fn strip<'a>(&self, value: &'a [u8]) -> Option<(usize, &'a [u8])> {
        for (index, scheme) in self.schemes.iter().enumerate() {
            if let Some(rest) = scheme.strip(value)
                && !rest.first().is_some_and(|&byte| is_tchar(byte))
            {
                return Some((index, rest));
            }
        }
        None
    }

    /// The scheme that clients are told to send a token by (RFC 6749 section 7.1): `Bearer` wherever
    /// it is served, otherwise the first.
    #[cfg(feature = "endpoints")]
    pub(crate) fn token_type(&self) -> &str {
        let words = || self.schemes.iter().map(|scheme| &*scheme.word);
        let bearer = words().find(|word| word.eq_ignore_ascii_case("Bearer"));
        bearer.or(words().next()).unwrap_or("Bearer")
    }

    /// The first scheme word without anything.
    pub(super) fn alone(&self) -> HeaderValue {
        self.schemes[0].alone.clone()
    }

    /// All fields of a refusal for this reason, after this scheme was used.
    #[inline]
    pub(super) fn fields(&self, used: usize, reason: &Reason) -> HeaderMap {
        match self.written(used, reason) {
            Some(written) => written.clone(),
            None => self.write_fields(used, reason),
        }
    }

    /// Those of the common refusals.
    fn written(&self, used: usize, reason: &Reason) -> Option<&HeaderMap> {
        let written = &self.written[used];
        match reason.code() {
            None if reason.status() == StatusCode::UNAUTHORIZED => Some(&written.no_error),
            Some(ErrorCode::InvalidRequest) if !self.explains(reason) => {
                Some(&written.invalid_request)
            }
            Some(ErrorCode::InvalidToken) if !self.explains(reason) => Some(&written.invalid_token),
            _ => None,
        }
    }

    /// One challenge for each scheme. The error stands in that of the scheme that was used, the
    /// others are bare.
    fn write_fields(&self, used: usize, reason: &Reason) -> HeaderMap {
        let mut fields = without_challenge(reason);
        if !reason.status().is_client_error() {
            return fields;
        }
        for (index, scheme) in self.schemes.iter().enumerate() {
            let line = match reason.code() {
                Some(code) if index == used => self.with_error(scheme, code, reason),
                _ => scheme.bare.clone(),
            };
            fields.append(WWW_AUTHENTICATE, line);
        }
        fields
    }

    fn with_error(&self, scheme: &Scheme, code: ErrorCode, reason: &Reason) -> HeaderValue {
        let word = &*scheme.word;
        let realm = quoted(&self.realm);
        let description = self.description(reason);
        let mut line =
            format!("{word} realm={realm}, error=\"{code}\", error_description=\"{description}\"");
        match reason {
            Reason::InsufficientScope(needed) if !needed.is_empty() => {
                line += &format!(", scope=\"{needed}\"");
            }
            Reason::StaleLogin { max_age } => {
                line += &format!(", max_age=\"{}\"", max_age.as_secs());
            }
            _ => {}
        }
        HeaderValue::try_from(line).unwrap_or_else(|_| scheme.bare.clone())
    }

    /// How a token came says nothing of whether it was ever good.
    const fn explains(&self, reason: &Reason) -> bool {
        self.explain || matches!(reason, Reason::Cleartext)
    }

    /// What clients are told: one sentence for all that is wrong with a token, unless the
    /// authority is set to explain.
    pub(super) fn description(&self, reason: &Reason) -> &'static str {
        match reason.code() {
            Some(code) if !self.explains(reason) => code.description(),
            _ => reason.explanation(),
        }
    }
}

impl Scheme {
    #[inline(always)]
    fn strip<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        // Nearly all clients write it as we do.
        self.word
            .strip(value)
            .or_else(|| self.strip_in_any_case(value))
    }

    #[cold]
    fn strip_in_any_case<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let (word, rest) = value.split_at_checked(self.word.len())?;
        word.eq_ignore_ascii_case(self.word.as_bytes())
            .then_some(rest)
    }

    fn write(word: &str, realm: &str) -> Option<Self> {
        if word.is_empty() || !word.bytes().all(is_tchar) {
            return None;
        }
        let value = |text: String| HeaderValue::try_from(text).ok();
        Some(Self {
            alone: value(word.to_owned())?,
            bare: value(format!("{word} realm={}", quoted(realm)))?,
            word: Lead::new(word),
        })
    }
}

/// The fields that keep a refusal out of caches, or at least from other clients, and when to try
/// again.
pub(super) fn without_challenge(reason: &Reason) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(CACHE_CONTROL, NO_STORE);
    fields.insert(VARY, AUTHORIZATION);
    if reason.status() == StatusCode::SERVICE_UNAVAILABLE {
        fields.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    fields
}

/// Makes values live as long as the process, too: their copies count no references either.
fn keep(fields: &mut HeaderMap) {
    for value in fields.values_mut() {
        let bytes: &'static [u8] = value.as_bytes().to_vec().leak();
        if let Ok(kept) = HeaderValue::from_maybe_shared(Bytes::from_static(bytes)) {
            *value = kept;
        }
    }
}

/// RFC 9110 section 5.6.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A character of a token, in the sense of RFC 9110 section 5.6.2.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    TCHARS[byte as usize]
}

const TCHARS: [bool; 256] = {
    let marks = b"!#$%&'*+-.^_`|~";
    let mut tchars = [false; 256];
    let mut index = 0;
    while index < marks.len() {
        tchars[marks[index] as usize] = true;
        index += 1;
    }
    let mut byte = 0;
    while byte < 128u8 {
        tchars[byte as usize] |= byte.is_ascii_alphanumeric();
        byte += 1;
    }
    tchars
};
