//! What RFC 9110 section 11.6.2 and RFC 6750 section 2.1 say of `Authorization`, word by word:
//! what the crate must amount to.

/// What a request says by its `Authorization` fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Nothing,
    Twice,
    OtherScheme,
    Malformed,
    Token(&'a [u8]),
}

/// What these values say to who takes these schemes.
pub(crate) fn read<'a>(values: &'a [Vec<u8>], schemes: &[&str]) -> Said<'a> {
    let value = match values {
        [] => return Said::Nothing,
        [value] => value,
        _ => return Said::Twice,
    };
    let is_white = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let Some(start) = value.iter().position(|byte| !is_white(byte)) else {
        return Said::Nothing;
    };
    let end = value
        .iter()
        .rposition(|byte| !is_white(byte))
        .expect("there is one");
    let value = &value[start..=end];

    let end = value
        .iter()
        .position(|byte| !is_tchar(*byte))
        .unwrap_or(value.len());
    let (word, rest) = value.split_at(end);
    if word.is_empty() {
        return Said::Malformed;
    }
    if !schemes
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
    {
        return Said::OtherScheme;
    }
    let Some(start) = rest
        .iter()
        .position(|byte| *byte != b' ')
        .filter(|spaces| *spaces > 0)
    else {
        return Said::Malformed;
    };
    let token = &rest[start..];
    if is_token68(token) {
        Said::Token(token)
    } else {
        Said::Malformed
    }
}

impl Said<'_> {
    /// Status and error code, where these tokens alone are live.
    pub(crate) fn answer(self, live: &[&str]) -> (u16, Option<&'static str>) {
        match self {
            Self::Nothing | Self::OtherScheme => (401, None),
            Self::Twice | Self::Malformed => (400, Some("invalid_request")),
            Self::Token(token) if live.iter().any(|live| live.as_bytes() == token) => (200, None),
            Self::Token(_) => (401, Some("invalid_token")),
        }
    }
}

/// RFC 9110 section 5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 section 11.2.
fn is_token68(text: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let length = text
        .iter()
        .position(|byte| !is_char(byte))
        .unwrap_or(text.len());
    length > 0 && text[length..].iter().all(|byte| *byte == b'=')
}
