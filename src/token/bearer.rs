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
        if !bytes.is_empty() && are_common(bytes) {
            return None;
        }
        Self::of_uncommon(bytes)
    }

    #[cold]
    fn of_uncommon(bytes: &[u8]) -> Option<Self> {
        let padding = bytes.iter().rev().take_while(|&&byte| byte == b'=').count();
        let body = &bytes[..bytes.len() - padding];
        if !body.is_empty() && body.iter().all(is_b64token) {
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

/// A character of `b64token` (RFC 6750 section 2.1), but for its padding.
pub(super) const fn is_b64token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// Whether all are allowed, and none is `~` or `+`, which few tokens have.
#[inline(always)]
fn are_common(bytes: &[u8]) -> bool {
    const HALF: usize = 32;
    match (bytes.first_chunk::<HALF>(), bytes.last_chunk::<HALF>()) {
        // Two halves of a length known beforehand, which may overlap, take no loop.
        (Some(first), Some(last)) if bytes.len() <= 2 * HALF => {
            let pairs = first.iter().zip(last);
            pairs.fold(true, |are, (&a, &b)| are & (off(a) | off(b) == 0))
        }
        _ => bytes.iter().fold(true, |are, &byte| are & (off(byte) == 0)),
    }
}

/// How far a byte is from the common characters, 0 for those; without a branch, so that many are
/// looked at with one instruction. Between `-` and `9` are `.`, `/` and the digits.
fn off(byte: u8) -> u8 {
    let beyond =
        |byte: u8, first: u8, last: u8| byte.wrapping_sub(first).saturating_sub(last - first);
    beyond(byte | 0x20, b'a', b'z')
        .min(beyond(byte, b'-', b'9'))
        .min(byte ^ b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_token_of_whatever_length_if_each_of_its_characters_may_be_in_one() {
        // RFC 6750 section 2.1: `b64token`.
        let allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for length in [1, 31, 32, 33, 54, 63, 64, 65, 130] {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'x'; length];
                    text[place] = byte;
                    let padding = byte == b'=' && place > 0 && place + 1 == length;
                    assert_eq!(
                        MalformedToken::of(&text).is_none(),
                        allowed.contains(&byte) || padding,
                        "{byte:#04x} at {place} of {length}"
                    );
                }
            }
        }
    }
}
