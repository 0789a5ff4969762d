use std::sync::{PoisonError, RwLock};

use http::HeaderValue;

use super::{ErrorCode, Reason};

/// The challenges of one configuration, written once (RFC 9110 section 11.6.1, RFC 6750 section 3).
///
/// They live as long as the process: each accepted request points to them, and counting
/// references would cost every one of them a write to memory that all cores share.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenges {
    realm: Box<str>,
    explain: bool,
    schemes: Box<[Scheme]>,
}

#[derive(Debug, PartialEq, Eq)]
struct Scheme {
    word: Box<str>,
    alone: HeaderValue,
    bare: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

/// What can't stand in a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeFault {
    NoScheme,
    Scheme(String),
    SchemeTwice(String),
    Realm(String),
}

/// Each distinct configuration once, so that building an authority again leaks nothing more.
static WRITTEN: RwLock<Vec<&'static Challenges>> = RwLock::new(Vec::new());

impl Challenges {
    /// Writes the challenges of these scheme words, the best known first, and this realm.
    pub(crate) fn new(
        schemes: &[String],
        realm: &str,
        explain: bool,
    ) -> Result<&'static Self, ChallengeFault> {
        let challenges = Self::write(schemes, realm, explain)?;
        let mut written = WRITTEN.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = written.iter().find(|same| ***same == challenges) {
            return Ok(same);
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
        Ok(Self {
            realm: realm.into(),
            explain,
            schemes: schemes.into(),
        })
    }

    /// The place of this scheme word among ours, compared in any case (RFC 9110 section 11.1).
    pub(crate) fn position(&self, word: &[u8]) -> Option<usize> {
        self.schemes
            .iter()
            .position(|scheme| scheme.word.as_bytes().eq_ignore_ascii_case(word))
    }

    /// The first scheme word without anything.
    pub(super) fn alone(&self) -> HeaderValue {
        self.schemes[0].alone.clone()
    }

    /// One line for each scheme. The error stands in the line of the scheme that was used, the
    /// other lines are bare.
    pub(super) fn lines(&self, used: usize, reason: &Reason) -> impl Iterator<Item = HeaderValue> {
        let code = reason.code();
        self.schemes
            .iter()
            .enumerate()
            .map(move |(index, scheme)| match code {
                Some(code) if index == used => self.with_error(scheme, code, reason),
                _ => scheme.bare.clone(),
            })
    }

    fn with_error(&self, scheme: &Scheme, code: ErrorCode, reason: &Reason) -> HeaderValue {
        let parameter = match (code, reason) {
            (ErrorCode::InvalidRequest, _) if !self.explain => {
                return scheme.invalid_request.clone();
            }
            (ErrorCode::InvalidToken, _) if !self.explain => return scheme.invalid_token.clone(),
            (_, Reason::InsufficientScope(needed)) => format!(", scope=\"{needed}\""),
            _ => String::new(),
        };
        let description = if self.explain {
            reason.explanation()
        } else {
            code.description()
        };
        let line = error_line(&scheme.word, &self.realm, code, description) + &parameter;
        HeaderValue::try_from(line).unwrap_or_else(|_| scheme.bare.clone())
    }

    /// What clients are told: one sentence for all that is wrong with a token, unless the
    /// authority is set to explain.
    pub(super) fn description(&self, reason: &Reason) -> &'static str {
        match reason.code() {
            Some(code) if !self.explain => code.description(),
            _ => reason.explanation(),
        }
    }
}

impl Scheme {
    fn write(word: &str, realm: &str) -> Option<Self> {
        if word.is_empty() || !word.bytes().all(is_tchar) {
            return None;
        }
        let value = |text: String| HeaderValue::try_from(text).ok();
        let error = |code: ErrorCode| value(error_line(word, realm, code, code.description()));
        Some(Self {
            alone: value(word.to_owned())?,
            bare: value(format!("{word} realm={}", quoted(realm)))?,
            invalid_request: error(ErrorCode::InvalidRequest)?,
            invalid_token: error(ErrorCode::InvalidToken)?,
            word: word.into(),
        })
    }
}

fn error_line(word: &str, realm: &str, code: ErrorCode, description: &str) -> String {
    format!(
        "{word} realm={}, error=\"{code}\", error_description=\"{description}\"",
        quoted(realm)
    )
}

/// RFC 9110 section 5.6.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A character of a token, in the sense of RFC 9110 section 5.6.2.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
