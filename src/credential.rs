//! `Authorization` fields → [`BearerToken`], or why not (RFC 9110 section 11.6.2, RFC 6750
//! section 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::rejection::{Challenges, Malformed, Reason, is_tchar};
use crate::token::BearerToken;

/// The bearer token of a request, with the place of the scheme that carried it.
///
/// The error is the reason and, again, the place of the scheme that was used.
pub(crate) fn parse<'a>(
    headers: &'a HeaderMap,
    schemes: &Challenges,
) -> Result<(BearerToken<'a>, usize), (Reason, usize)> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err((Reason::NoCredentials, 0));
    };
    if values.next().is_some() {
        return Err((Reason::DuplicateHeader, 0));
    }
    let value = trimmed(value.as_bytes());
    if value.is_empty() {
        return Err((Reason::NoCredentials, 0));
    }
    let end = value
        .iter()
        .position(|&byte| !is_tchar(byte))
        .unwrap_or(value.len());
    let (word, rest) = value.split_at(end);
    if word.is_empty() {
        return Err((Reason::Malformed(Malformed::Scheme), 0));
    }
    let Some(used) = schemes.position(word) else {
        return Err((Reason::OtherScheme, 0));
    };
    if rest.first().is_some_and(|&byte| byte != b' ') {
        return Err((Reason::Malformed(Malformed::Separator), used));
    }
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    match BearerToken::from_bytes(&rest[spaces..]) {
        Ok(token) => Ok((token, used)),
        Err(fault) => Err((Reason::Malformed(Malformed::Token(fault)), used)),
    }
}

/// Optional white space around a field's value is no part of it; nothing else is trimmed
/// (RFC 9110 section 5.5).
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
