//! A token as a row: each value as the database keeps it best, and back.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use tower_expiring_token::{
    NewToken, Scopes, Seed, SessionId, Subject, Timestamp, TokenDigest, TokenRecord, TokenTimes,
};

/// The id that a subject is the text of: `7` and not `007` or `+7`. None equals no user's.
pub(crate) fn user_id(subject: &Subject) -> Option<i64> {
    let id: i64 = subject.parse().ok()?;
    (id.to_string() == subject.as_str()).then_some(id)
}

/// Keeps a token, in the place of one with the same digest if there is one.
pub(crate) fn put(tokens: &Connection, token: &NewToken) -> Result<(), rusqlite::Error> {
    const SQL: &str = "
        INSERT OR REPLACE INTO tokens (digest, user_id, session, kind, label, client, scopes,
            issued_at, authenticated_at, last_used_at, expires_at, ends_at,
            seed, generation, rotated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let (record, times) = (&token.record, token.record.times());
    tokens.prepare_cached(SQL)?.execute(params![
        token.digest.as_bytes(),
        user_id(record.subject()), // the table refuses none
        record.session().as_bytes(),
        record.kind(),
        record.label(),
        record.client(),
        record.scopes().as_str(),
        times.issued_at.as_micros(),
        times.authenticated_at.as_micros(),
        times.last_used_at.as_micros(),
        times.expires_at.as_micros(),
        times.ends_at.as_micros(),
        record.seed().map(Seed::as_bytes),
        record.generation(),
        record.rotated_at().map(Timestamp::as_micros),
    ])?;
    Ok(())
}

pub(crate) fn record(row: &Row<'_>) -> Result<TokenRecord, rusqlite::Error> {
    let at = |column| row.get(column).map(Timestamp::from_micros);
    let times = TokenTimes {
        issued_at: at("issued_at")?,
        authenticated_at: at("authenticated_at")?,
        last_used_at: at("last_used_at")?,
        expires_at: at("expires_at")?,
        ends_at: at("ends_at")?,
    };
    let (kind, scopes): (String, String) = (row.get("kind")?, row.get("scopes")?);
    let (label, client): (Option<String>, Option<String>) = (row.get("label")?, row.get("client")?);
    let seed: Option<[u8; 32]> = row.get("seed")?;
    let subject = row.get::<_, i64>("user_id")?.to_string();
    let session = SessionId::from_bytes(row.get("session")?);
    let mut record = TokenRecord::builder(&kind, session, &subject, times)
        .scopes(Scopes::parse(&scopes).map_err(FromSqlError::other)?)
        .label(label.as_deref().unwrap_or_default())
        .client(client.as_deref())
        .seed(seed.map(Seed::from_bytes));
    if let Some(generation) = row.get("generation")? {
        let rotated_at: Option<i64> = row.get("rotated_at")?;
        record = record.refresh(generation, rotated_at.map(Timestamp::from_micros));
    }
    Ok(record.build())
}

/// The first token that a statement gives.
pub(crate) fn first(
    tokens: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Option<NewToken>, rusqlite::Error> {
    let token = |row: &Row<'_>| {
        Ok(NewToken {
            digest: TokenDigest::from_bytes(row.get("digest")?),
            record: record(row)?,
        })
    };
    let mut statement = tokens.prepare_cached(sql)?;
    statement.query_row(values, token).optional()
}
