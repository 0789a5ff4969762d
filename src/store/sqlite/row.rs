//! A row is a token's record: each value as SQLite keeps it best, and back.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Params, Row, params};

use super::Failure;
use super::sql::Sql;
use crate::clock::Timestamp;
use crate::store::NewToken;
use crate::token::{Scopes, Seed, SessionId, TokenRecord, TokenTimes};

/// The record of a row of the statements' columns.
pub(super) fn record(row: &Row<'_>) -> Result<TokenRecord, Failure> {
    let text = |column| Ok::<_, Failure>(row.get_ref(column)?.as_str()?);
    let time = |column| row.get(column).map(Timestamp::from_micros);
    let times = TokenTimes {
        issued_at: time(6)?,
        authenticated_at: time(7)?,
        last_used_at: time(8)?,
        expires_at: time(9)?,
        ends_at: time(10)?,
    };
    let session = SessionId::from_bytes(bytes(row, 1)?.ok_or(FromSqlError::InvalidType)?);
    let mut record = TokenRecord::builder(text(2)?, session, text(0)?, times)
        .scopes(Scopes::parse(text(3)?)?)
        .label(text(4)?)
        .client(row.get_ref(5)?.as_str_or_null()?)
        .seed(bytes(row, 11)?.map(Seed::from_bytes));
    if let Some(generation) = row.get(12)? {
        let rotated_at: Option<i64> = row.get(13)?;
        record = record.refresh(generation, rotated_at.map(Timestamp::from_micros));
    }
    Ok(record.build())
}

fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> Result<Option<[u8; N]>, Failure> {
    let blob = row.get_ref(column)?.as_blob_or_null()?;
    Ok(blob.map(TryInto::try_into).transpose()?)
}

/// The record of the first row that a statement gives.
pub(super) fn first(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Option<TokenRecord>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(record).transpose()
}

/// The records of all rows that a statement gives.
pub(super) fn all(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Vec<TokenRecord>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

/// How many rows a statement changes.
pub(super) fn change(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

/// Keeps a token, in the place of one with the same digest if there is one.
pub(super) fn put(connection: &Connection, sql: &Sql, token: &NewToken) -> Result<(), Failure> {
    let (record, times) = (&token.record, token.record.times());
    let values = params![
        token.digest.as_bytes(),
        record.subject().as_str(),
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
    ];
    change(connection, &sql.put, values)?;
    Ok(())
}
