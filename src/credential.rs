//! `Authorization` fields → the text where a token should be, or why there is none (RFC 9110
//! section 11.6.2, RFC 6750 section 2.1).

use http::HeaderMap;
use http::header::{AUTHORIZATION, Entry};

use crate::rejection::{Challenges, Malformed, Reason, is_tchar};

/// What stands where a request's token should, with the place of the scheme that carried it. The
/// field is marked as sensitive, whatever is in it.
///
/// The error is the reason and, again, the place of the scheme that was used.
#[inline(always)]
pub(crate) fn parse<'a>(
    headers: &'a mut HeaderMap,
    schemes: &Challenges,
) -> Result<(&'a [u8], usize), (Reason, usize)> {
    // Where no field is there twice, this one need not be searched for a second time.
    if headers.len() > headers.keys_len() && is_repeated(headers) {
        return Err((Reason::DuplicateHeader, 0));
    }
    let Some(value) = headers.get_mut(AUTHORIZATION) else {
        return Err((Reason::NoCredentials, 0));
    };
    value.set_sensitive(true);
    let value = trimmed(value.as_bytes());
    let Some(&first) = value.first() else {
        return Err((Reason::NoCredentials, 0));
    };
    let Some((used, rest)) = schemes.strip(value) else {
        let reason = if is_tchar(first) {
            Reason::OtherScheme
        } else {
            Reason::Malformed(Malformed::Scheme)
        };
        return Err((reason, 0));
    };
    if rest.first().is_some_and(|&byte| byte != b' ') {
        return Err((Reason::Malformed(Malformed::Separator), used));
    }
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    Ok((&rest[spaces..], used))
}

/// Whether the field is there more than once; then all of it is marked as sensitive.
#[cold]
fn is_repeated(headers: &mut HeaderMap) -> bool {
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_none() {
        return false;
    }
    mark(headers);
    true
}

/// Marks credentials as sensitive, for who looks at the fields of a request.
pub(crate) fn mark(headers: &mut HeaderMap) {
    if let Entry::Occupied(mut values) = headers.entry(AUTHORIZATION) {
        let values = values.iter_mut();
        values.for_each(|value| value.set_sensitive(true));
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
