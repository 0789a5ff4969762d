//! Texts with placeholders, as bytes.
//!
//! `{S}` and `{A}` are the first scheme and the other one, `{TOKEN}` and `{TOKEN2}` live tokens,
//! `{REP:text:n}` is a text n times. Changes follow behind bars: `{S|upper}`, `{TOKEN|flip:-1}`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// What the placeholders stand for.
pub(super) struct Words {
    pub(super) scheme: String,
    pub(super) alias: String,
    pub(super) token: String,
    pub(super) other_token: String,
}

/// A change left a token as it was, so that the case would say nothing.
#[derive(Debug)]
pub(super) struct Unchanged;

/// The text with all placeholders filled in.
pub(super) fn expand(text: &str, words: &Words) -> Result<Vec<u8>, Unchanged> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        bytes.extend(latin_1(&rest[..start]));
        rest = &rest[start..];
        match placeholder(rest) {
            Some((inside, after)) => {
                bytes.extend(fill_in(inside, words)?);
                rest = after;
            }
            None => {
                bytes.push(b'{');
                rest = &rest[1..];
            }
        }
    }
    bytes.extend(latin_1(rest));
    Ok(bytes)
}

/// The inside of the placeholder that a text begins with, and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (inside, after) = text[1..].split_once('}')?;
    let name = inside.split(['|', ':']).next()?;
    let known = matches!(name, "S" | "A" | "TOKEN" | "TOKEN2" | "REP");
    (known && !inside.contains('{')).then_some((inside, after))
}

fn fill_in(inside: &str, words: &Words) -> Result<Vec<u8>, Unchanged> {
    if let Some(repeated) = inside.strip_prefix("REP:") {
        let (text, times) = repeated.rsplit_once(':').expect("REP:text:n");
        return Ok(latin_1(text).repeat(number(times)));
    }
    let mut changes = inside.split('|');
    let (word, is_token) = match changes.next() {
        Some("S") => (&words.scheme, false),
        Some("A") => (&words.alias, false),
        Some("TOKEN") => (&words.token, true),
        Some("TOKEN2") => (&words.other_token, true),
        other => panic!("expected a placeholder, found {other:?}"),
    };
    let mut bytes = word.clone().into_bytes();
    let mut changed = false;
    for change in changes {
        bytes = apply(change, bytes);
        changed = true;
    }
    if changed && is_token && bytes == word.as_bytes() {
        return Err(Unchanged);
    }
    Ok(bytes)
}

fn apply(change: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    let (name, argument) = change.split_once(':').unwrap_or((change, ""));
    match name {
        "upper" => bytes.make_ascii_uppercase(),
        "lower" => bytes.make_ascii_lowercase(),
        "swap" => bytes.iter_mut().for_each(|byte| *byte = swapped(*byte)),
        "rev" => bytes.reverse(),
        "b64" => return STANDARD.encode(bytes).into(),
        "b64url" => return URL_SAFE_NO_PAD.encode(bytes).into(),
        "sha256" => return hex::encode(Sha256::digest(bytes)).into(),
        "urlenc" => return bytes.into_iter().flat_map(percent).collect(),
        "pct" => {
            let place = place(argument, &bytes);
            bytes.splice(place..=place, percent(bytes[place]));
        }
        "flip" => {
            let place = place(argument, &bytes);
            bytes[place] = next(bytes[place]);
        }
        "cut" => bytes.truncate(bytes.len() - number(argument)),
        "head" => {
            let share: f64 = argument.parse().expect("a share");
            bytes.truncate(((bytes.len() as f64 * share) as usize).max(1));
        }
        "drop" => drop(bytes.drain(..number(argument))),
        "add" => bytes.extend(latin_1(argument)),
        "dup" => return bytes.repeat(2),
        "ins" | "rep" => {
            let (at, what) = argument.split_once(':').expect("a place and a text");
            let place = place(at, &bytes);
            let end = if name == "rep" { place + 1 } else { place };
            bytes.splice(place..end, latin_1(what));
        }
        _ => panic!("expected a change, found {change:?}"),
    }
    bytes
}

/// Counted from the end, where it is negative.
fn place(argument: &str, bytes: &[u8]) -> usize {
    let place: i64 = argument.parse().expect("a place");
    place.rem_euclid(bytes.len() as i64) as usize
}

fn number(argument: &str) -> usize {
    argument.parse().expect("a number")
}

fn swapped(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte.to_ascii_uppercase(),
        _ => byte.to_ascii_lowercase(),
    }
}

/// Another character of the same class.
fn next(byte: u8) -> u8 {
    match byte {
        b'9' => b'0',
        b'z' => b'a',
        b'Z' => b'A',
        _ if byte.is_ascii_alphanumeric() => byte + 1,
        _ => b'x',
    }
}

fn percent(byte: u8) -> Vec<u8> {
    format!("%{byte:02X}").into()
}

fn latin_1(text: &str) -> Vec<u8> {
    let byte = |character| u8::try_from(character).expect("a byte");
    text.chars().map(byte).collect()
}
