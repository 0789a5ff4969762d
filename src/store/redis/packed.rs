//! A token as it is kept: one value, whose times can be changed where they stand.
//!
//! | bytes | hold |
//! |---|---|
//! | 1 | the version of this form: 1 |
//! | 5 × 8 | `issued_at`, `authenticated_at`, `last_used_at`, `expires_at`, `ends_at` |
//! | 1 | which of the optional parts there are |
//! | 4 + 8 | of refresh tokens: the generation, `rotated_at` |
//! | 16 | the session |
//! | 2 | the subject's route |
//! | 2 texts | kind, subject |
//! | 1 text | the client, if there is one |
//! | 32 | the seed, if there is one |
//! | 2 texts | scopes, label |
//!
//! Numbers are big-endian, times microseconds since 1970, a text is its length in four bytes and
//! its UTF-8. `lua/head.lua` reads the same.

use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::redis::keys::tag;
use crate::token::{Scopes, Seed, SessionId, TokenRecord, TokenTimes};

const VERSION: u8 = 1;

const REFRESH: u8 = 1;
const ROTATED: u8 = 2;
const CLIENT: u8 = 4;
const SEED: u8 = 8;

pub(super) fn pack(record: &TokenRecord) -> Result<Vec<u8>, StoreError> {
    let TokenTimes {
        issued_at,
        authenticated_at,
        last_used_at,
        expires_at,
        ends_at,
    } = *record.times();
    let flags = [
        record.generation().map(|_| REFRESH),
        record.rotated_at().map(|_| ROTATED),
        record.client().map(|_| CLIENT),
        record.seed().map(|_| SEED),
    ];
    let mut value = Vec::with_capacity(160);
    value.push(VERSION);
    for time in [
        issued_at,
        authenticated_at,
        last_used_at,
        expires_at,
        ends_at,
    ] {
        value.extend(time.as_micros().to_be_bytes());
    }
    value.push(flags.into_iter().flatten().sum());
    if let Some(generation) = record.generation() {
        let rotated_at = record.rotated_at().unwrap_or_default();
        value.extend(generation.to_be_bytes());
        value.extend(rotated_at.as_micros().to_be_bytes());
    }
    value.extend(record.session().as_bytes());
    value.extend(tag(record.subject().route()).bytes());
    push_text(&mut value, record.kind())?;
    push_text(&mut value, record.subject())?;
    if let Some(client) = record.client() {
        push_text(&mut value, client)?;
    }
    if let Some(seed) = record.seed() {
        value.extend(seed.as_bytes());
    }
    push_text(&mut value, record.scopes().as_str())?;
    push_text(&mut value, record.label().unwrap_or_default())?;
    Ok(value)
}

pub(super) fn unpack(value: &[u8]) -> Result<TokenRecord, StoreError> {
    read(&mut Rest(value)).ok_or_else(|| {
        let found = match value.first() {
            Some(&VERSION) => "one that is cut off or was changed".to_owned(),
            Some(version) => format!("one that begins with {version}"),
            None => "an empty one".to_owned(),
        };
        StoreError::new(format!(
            "expected a token's value of version {VERSION}, found {found}: does another program \
             use the same prefix, or a newer version of this one?"
        ))
    })
}

fn push_text(value: &mut Vec<u8>, text: &str) -> Result<(), StoreError> {
    let length = u32::try_from(text.len()).map_err(StoreError::new)?;
    value.extend(length.to_be_bytes());
    value.extend(text.bytes());
    Ok(())
}

/// What is left to be read of a value.
struct Rest<'a>(&'a [u8]);

fn read(rest: &mut Rest<'_>) -> Option<TokenRecord> {
    if rest.array()? != [VERSION] {
        return None;
    }
    let times = TokenTimes {
        issued_at: rest.time()?,
        authenticated_at: rest.time()?,
        last_used_at: rest.time()?,
        expires_at: rest.time()?,
        ends_at: rest.time()?,
    };
    let [flags] = rest.array()?;
    let has = |flag| flags & flag != 0;
    let refresh = if has(REFRESH) {
        let generation = u32::from_be_bytes(rest.array()?);
        let rotated_at = rest.time()?;
        Some((generation, has(ROTATED).then_some(rotated_at)))
    } else {
        None
    };
    let session = SessionId::from_bytes(rest.array()?);
    let _route: [u8; 2] = rest.array()?;
    let (kind, subject) = (rest.text()?, rest.text()?);
    let client = if has(CLIENT) {
        Some(rest.text()?)
    } else {
        None
    };
    let seed = if has(SEED) {
        Some(Seed::from_bytes(rest.array()?))
    } else {
        None
    };
    let (scopes, label) = (rest.text()?, rest.text()?);
    if !rest.0.is_empty() {
        return None;
    }
    let mut record = TokenRecord::builder(kind, session, subject, times)
        .scopes(Scopes::parse(scopes).ok()?)
        .label(label)
        .client(client)
        .seed(seed);
    if let Some((generation, rotated_at)) = refresh {
        record = record.refresh(generation, rotated_at);
    }
    Some(record.build())
}

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.array()
            .map(|micros| Timestamp::from_micros(i64::from_be_bytes(micros)))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_be_bytes(self.array()?);
        let (text, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}
