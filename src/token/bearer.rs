use std::fmt;

/// A secret that a client has shown: text of RFC 9110's `token68` form, borrowed from where it
/// arrived and never copied.
///
/// It can't be printed, and it can't be compared by `==`: look it up by its digest.
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
    /// There is a byte that is not ASCII.
    NotAscii,
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
        Self::from_bytes(text.as_bytes())
    }

    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Result<Self, MalformedToken> {
        let body = bytes
            .iter()
            .position(|&byte| !is_token68(byte))
            .unwrap_or(bytes.len());
        let padding = &bytes[body..];
        if body == 0 || padding.iter().any(|&byte| byte != b'=') {
            return Err(MalformedToken::of(bytes));
        }
        str::from_utf8(bytes)
            .map(Self)
            .map_err(|_| MalformedToken::NotAscii)
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
    fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else if bytes.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
            Self::Space
        } else if !bytes.is_ascii() {
            Self::NotAscii
        } else {
            Self::Character
        }
    }
}

impl fmt::Display for MalformedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "expected a token, found nothing",
            Self::Space => "expected one token, found several words",
            Self::Character => "expected letters, digits and -._~+/ with = at the end alone, found another character",
            Self::NotAscii => "expected letters, digits and -._~+/ with = at the end alone, found a byte beyond ASCII",
        })
    }
}

impl std::error::Error for MalformedToken {}

const fn is_token68(byte: u8) -> bool {
    TOKEN68[byte as usize]
}

const TOKEN68: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] =
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        byte += 1;
    }
    table
};
