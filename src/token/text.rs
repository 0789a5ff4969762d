//! A token's text: how it is drawn, and how it is told from garbage.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use twox_hash::XxHash3_64;
use zeroize::Zeroizing;

use super::bearer::is_b64token;
use super::{KindFault, Lead};

/// What texts of one kind look like.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// prefix · 2 of route · 43 of secret · 6 of checksum, all base64url but for the prefix.
    Own { prefix: Lead },
    /// Lower-case hex digits, as many as this.
    Hex { digits: usize },
}

const ROUTE: usize = 2;
const SECRET: usize = 43;
const CHECKSUM: usize = 6;
const LONGEST_PREFIX: usize = 32;
/// 128 bits, RFC 6749 section 10.10's least.
const FEWEST_DIGITS: usize = 32;
const MOST_DIGITS: usize = 512;

/// prefix · route · these bytes · checksum.
pub(super) fn compose(prefix: &str, route: u16, secret: &[u8]) -> Zeroizing<String> {
    let length = prefix.len() + ROUTE + secret.len().div_ceil(3) * 4 + CHECKSUM;
    let mut text = Zeroizing::new(String::with_capacity(length));
    text.push_str(prefix);
    text.push(char::from(ALPHABET[usize::from(route >> 6 & 63)]));
    text.push(char::from(ALPHABET[usize::from(route & 63)]));
    URL_SAFE_NO_PAD.encode_string(secret, &mut text);
    let sum = characters(checksum(text.as_bytes()));
    text.extend(sum.map(char::from));
    text
}

/// The route and the secret's characters of a text that [`compose`] has made, if it is one.
#[inline(always)]
pub(super) fn dissect<'a>(text: &'a [u8], prefix: &Lead, secret: usize) -> Option<(u16, &'a [u8])> {
    let rest = prefix.strip(text)?;
    if rest.len() != ROUTE + secret + CHECKSUM {
        return None;
    }
    let (summed, sum) = text.split_last_chunk::<CHECKSUM>()?;
    let expected = checksum(summed);
    // Of garbage, the first character tells nearly always.
    if character(expected, 0) != sum[0] || characters(expected) != *sum {
        return None;
    }
    let high = VALUES[usize::from(rest[0])];
    let low = VALUES[usize::from(rest[1])];
    let route = u16::from(high) << 6 | u16::from(low);
    (high < 64 && low < 64).then_some((route, &rest[ROUTE..ROUTE + secret]))
}

impl Form {
    /// How many bytes the secret of a text takes.
    pub(super) fn secret_len(&self) -> usize {
        match self {
            Self::Own { .. } => 32,
            Self::Hex { digits } => digits.div_ceil(2),
        }
    }

    /// The text with this secret.
    pub(super) fn text(&self, route: u16, secret: &[u8]) -> Zeroizing<String> {
        match self {
            Self::Own { prefix } => compose(prefix, route, secret),
            Self::Hex { digits } => {
                let mut text = Zeroizing::new(hex::encode(secret));
                text.truncate(*digits);
                text
            }
        }
    }

    /// None: not of this form. Otherwise the route that the text carries, if the form has one.
    #[expect(
        clippy::option_option,
        reason = "the outer is the verdict, the inner the form's"
    )]
    #[inline(always)]
    pub(super) fn recognise(&self, text: &[u8]) -> Option<Option<u16>> {
        match self {
            Self::Own { prefix } => dissect(text, prefix, SECRET).map(|(route, _)| Some(route)),
            Self::Hex { digits } => {
                (text.len() == *digits && text.iter().all(is_hex)).then_some(None)
            }
        }
    }

    pub(super) fn fault(&self) -> Option<KindFault> {
        match self {
            Self::Own { prefix } => {
                let good = (1..=LONGEST_PREFIX).contains(&prefix.len())
                    && prefix.as_bytes().iter().all(is_b64token);
                (!good).then(|| KindFault::Prefix(prefix.to_string()))
            }
            Self::Hex { digits } => (!(FEWEST_DIGITS..=MOST_DIGITS).contains(digits))
                .then_some(KindFault::Digits(*digits)),
        }
    }

    /// Whether one text could be of both forms.
    pub(super) fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own { prefix: a }, Self::Own { prefix: b }) => {
                a.starts_with(&**b) || b.starts_with(&**a)
            }
            (Self::Hex { digits: a }, Self::Hex { digits: b }) => a == b,
            (Self::Own { prefix }, Self::Hex { digits })
            | (Self::Hex { digits }, Self::Own { prefix }) => {
                prefix.bytes().all(|byte| is_hex(&byte))
                    && prefix.len() + ROUTE + SECRET + CHECKSUM == *digits
            }
        }
    }
}

/// Its low 36 bits are the checksum.
#[inline(never)]
fn checksum(text: &[u8]) -> u64 {
    XxHash3_64::oneshot(text)
}

/// A checksum in base64url, most significant bit first.
#[inline(always)]
fn characters(sum: u64) -> [u8; CHECKSUM] {
    [0, 1, 2, 3, 4, 5].map(|place| character(sum, place))
}

#[inline(always)]
fn character(sum: u64, place: usize) -> u8 {
    ALPHABET[(sum >> (6 * (CHECKSUM - 1 - place)) & 63) as usize]
}

const fn is_hex(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// RFC 4648 section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What each character of the alphabet stands for; 64 for all others.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_beyond_the_alphabet_is_none_though_its_checksum_is_right() {
        let prefix = Lead::new("tet_");
        let text = compose(&prefix, 0xabc, &[7; 32]);
        let dissected = dissect(text.as_bytes(), &prefix, SECRET);
        assert!(dissected.is_some_and(|(route, _)| route == 0xabc));
        for (place, other) in [(0, b'.'), (1, b'~'), (0, b'+'), (1, 0xff)] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[prefix.len() + place] = other;
            let end = bytes.len() - CHECKSUM;
            let sum = characters(checksum(&bytes[..end]));
            bytes[end..].copy_from_slice(&sum);
            assert!(dissect(&bytes, &prefix, SECRET).is_none(), "{other}");
        }
    }
}
