use std::fmt;

/// A secret that a client has shown: text of RFC 9110's `token68` form, borrowed from where it
/// arrived and never copied.
///
/// It can't be printed, and it can't be compared by `==`: look it up by its digest.
///
/// ```compile_fail,E0369
/// use tower_expiring_token::BearerToken;
///
/// fn same(one: BearerToken<'_>, other: BearerToken<'_>) -> bool {
///     one == other
/// }
/// ```
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a str);

/// Why a text is no bearer token (RFC 6750 section 2.1: `b64token`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MalformedToken {
    /// There is nothing.
    Empty,
    /// There is a space or a tab in it: more than one word.
    Space,
    /// There is a character that no token has.
    Character,
    /// There are bytes that are no text (not UTF-8).
    NotText,
}

impl<'a> BearerToken<'a> {
    /// Takes a text for a bearer token.
    ///
    /// # Errors
    ///
    /// [`MalformedToken`] when it is not `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
    ///
    /// ```
    /// use tower_expiring_token::BearerToken;
    ///
    /// let token = BearerToken::parse("mF_9.B5f-4.1JqM")?;
    /// assert_eq!(format!("{token:?}"), "BearerToken(..)");
    /// # Ok::<_, tower_expiring_token::MalformedToken>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, MalformedToken> {
        match MalformedToken::of(text.as_bytes()) {
            None => Ok(Self(text)),
            Some(fault) => Err(fault),
        }
    }

    /// The secret itself.
    #[must_use]
    pub const fn expose(&self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

// === impl MalformedToken ===

impl MalformedToken {
    /// What keeps these bytes from being a token, if anything does.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        // Most have none.
        if !bytes.is_empty() && are_token68(bytes) {
            return None;
        }
        let padding = bytes.iter().rev().take_while(|&&byte| byte == b'=').count();
        let body = &bytes[..bytes.len() - padding];
        if !body.is_empty() && are_token68(body) {
            return None;
        }
        Some(if bytes.is_empty() {
            Self::Empty
        } else if bytes.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
            Self::Space
        } else if str::from_utf8(bytes).is_err() {
            Self::NotText
        } else {
            Self::Character
        })
    }
}

impl fmt::Display for MalformedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "expected a token, found nothing",
            Self::Space => "expected one token, found several words",
            Self::Character => "expected letters, digits and -._~+/ with = at the end alone, found another character",
            Self::NotText => "expected letters, digits and -._~+/ with = at the end alone, found bytes that are no text",
        })
    }
}

impl std::error::Error for MalformedToken {}

/// Thirty-two at a time, which takes the compiler some fifty instructions.
fn are_token68(bytes: &[u8]) -> bool {
    let are = |chunk: &[u8; 32]| chunk.iter().fold(true, |are, &byte| are & is_token68(byte));
    match bytes.last_chunk() {
        Some(last) => bytes.as_chunks().0.iter().all(are) && are(last),
        None => bytes.iter().all(|&byte| is_token68(byte)),
    }
}

/// Without a branch: between `-` and `9` are `.`, `/` and the digits.
const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
        | matches!(byte, b'-'..=b'9')
        | (byte == b'_')
        | (byte == b'~')
        | (byte == b'+')
}
