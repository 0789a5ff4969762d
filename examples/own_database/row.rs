//! A row is a token's record: each value as the database keeps it best, and back.

use rusqlite::{Params, Row, Transaction, params};
use tower_expiring_token::{
    NewToken, Scopes, Seed, SessionId, Subject, Timestamp, TokenRecord, TokenTimes,
};

use crate::Failure;

/// The id that a subject is the text of. None, which equals no id, if it is another text.
pub(crate) fn user_id(subject: &Subject) -> Option<i64> {
    // "+7" and "007" read as 7 too, but 7 is another subject.
    let id: i64 = subject.parse().ok()?;
    (id.to_string() == subject.as_str()).then_some(id)
}

pub(crate) fn record(row: &Row<'_>) -> Result<TokenRecord, Failure> {
    let time = |column| row.get(column).map(Timestamp::from_micros);
    let times = TokenTimes {
        issued_at: time("issued_at")?,
        authenticated_at: time("authenticated_at")?,
        last_used_at: time("last_used_at")?,
        expires_at: time("expires_at")?,
        ends_at: time("ends_at")?,
    };
    let (kind, label): (String, String) = (row.get("kind")?, row.get("label")?);
    let (scopes, client): (String, Option<String>) = (row.get("scopes")?, row.get("client")?);
    let seed: Option<[u8; 32]> = row.get("seed")?;
    let subject = row.get::<_, i64>("user_id")?.to_string();
    let session = SessionId::from_bytes(row.get("session")?);
    let mut record = TokenRecord::builder(&kind, session, &subject, times)
        .scopes(Scopes::parse(&scopes)?)
        .label(&label)
        .client(client.as_deref())
        .seed(seed.map(Seed::from_bytes));
    if let Some(generation) = row.get("generation")? {
        let rotated_at: Option<i64> = row.get("rotated_at")?;
        record = record.refresh(generation, rotated_at.map(Timestamp::from_micros));
    }
    Ok(record.build())
}

/// The record of the first row that a statement gives.
pub(crate) fn first(
    transaction: &Transaction<'_>,
    sql: &str,
    values: impl Params,
) -> Result<Option<TokenRecord>, Failure> {
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(record).transpose()
}

/// Keeps a token, in the place of one with the same digest if there is one.
pub(crate) fn put(transaction: &Transaction<'_>, token: &NewToken) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT OR REPLACE INTO tokens (digest, user_id, session, kind, scopes, label, client,
            issued_at, authenticated_at, last_used_at, expires_at, ends_at,
            seed, generation, rotated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let (record, times) = (&token.record, token.record.times());
    let user = user_id(record.subject()).ok_or("expected a user's id as subject")?;
    transaction.prepare_cached(SQL)?.execute(params![
        token.digest.as_bytes(),
        user,
        record.session().as_bytes(),
        record.kind(),
        record.scopes().as_str(),
        record.label().unwrap_or_default(),
        record.client(),
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
