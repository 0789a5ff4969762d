//! What writes do, each within a transaction of the writer's.

use std::num::NonZeroUsize;

use rusqlite::{Connection, params};

use super::Failure;
use super::row::{change, first, put};
use super::sql::Sql;
use crate::clock::Timestamp;
use crate::store::{Inserted, NewSession, Place, Rotated, Rotation, Slot, Touch};
use crate::token::{SessionId, TokenRecord};

pub(super) fn extend(connection: &Connection, sql: &Sql, touches: &[Touch]) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(&sql.extend)?;
    for touch in touches {
        let (used_at, expires_at) = (touch.used_at.as_micros(), touch.expires_at.as_micros());
        statement.execute(params![touch.digest.as_bytes(), used_at, expires_at])?;
    }
    Ok(())
}

pub(super) fn insert(
    connection: &Connection,
    sql: &Sql,
    new: &NewSession,
    slot: Slot,
) -> Result<Inserted, Failure> {
    let record = &new.access.record;
    let mut inserted = make_place(connection, sql, record, slot.place)?;
    if inserted.instead.is_none() {
        put(connection, sql, &new.access)?;
        if let Some(refresh) = &new.refresh {
            put(connection, sql, refresh)?;
        }
    }
    if let Some(limit) = slot.limit {
        let stays = inserted.instead.as_ref().unwrap_or(record).session();
        inserted.ended += evict(connection, sql, record, stays, limit)?;
    }
    Ok(inserted)
}

/// Does with the subject's other tokens of the kind what the place says.
fn make_place(
    connection: &Connection,
    sql: &Sql,
    new: &TokenRecord,
    place: Place,
) -> Result<Inserted, Failure> {
    let (subject, kind, times) = (new.subject().as_str(), new.kind(), new.times());
    let now = times.issued_at.as_micros();
    let mut ended = 0;
    let instead = match place {
        Place::Add => None,
        Place::ReplaceAll => {
            ended = change(connection, &sql.remove_logins, params![subject, kind])? as u64;
            None
        }
        Place::Renew => {
            let values = params![
                subject,
                kind,
                new.scopes().as_str(),
                new.label().unwrap_or_default(),
                now,
                times.authenticated_at.as_micros(),
                times.last_used_at.as_micros(),
                times.expires_at.as_micros(),
                times.ends_at.as_micros(),
            ];
            first(connection, &sql.renew, values)?
        }
        Place::KeepLive => {
            let dead = params![subject, kind, now];
            change(connection, &sql.remove_dead_derived, dead)?;
            first(connection, &sql.derived, params![subject, kind])?
        }
    };
    Ok(Inserted { instead, ended })
}

/// Ends the subject's least recently used live sessions of the kind, all but one and `limit - 1`.
/// How many tokens they had.
fn evict(
    connection: &Connection,
    sql: &Sql,
    new: &TokenRecord,
    stays: &SessionId,
    limit: NonZeroUsize,
) -> Result<u64, Failure> {
    let values = params![
        new.subject().as_str(),
        new.kind(),
        stays.as_bytes(),
        new.times().issued_at.as_micros(),
        i64::try_from(limit.get() - 1).unwrap_or(i64::MAX),
    ];
    Ok(change(connection, &sql.evict, values)? as u64)
}

pub(super) fn purge(
    connection: &Connection,
    sql: &Sql,
    ended_by: Timestamp,
    most: usize,
) -> Result<usize, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    change(connection, &sql.purge, params![ended_by.as_micros(), most])
}

pub(super) fn rotate(
    connection: &Connection,
    sql: &Sql,
    rotation: &Rotation,
) -> Result<Rotated, Failure> {
    let (digest, at) = (rotation.digest.as_bytes(), rotation.at.as_micros());
    let Some(refresh) = first(connection, &sql.live_refresh, params![digest, at])? else {
        return Ok(Rotated::Unknown);
    };
    let current = refresh.generation().unwrap_or_default();
    let (subject, session) = (refresh.subject().as_str(), refresh.session().as_bytes());
    let access = params![subject, session, rotation.access.record.kind()];

    if rotation.generation == current {
        change(connection, &sql.remove_access, access)?;
        let turn = params![digest, at, rotation.expires_at.as_micros()];
        change(connection, &sql.rotate, turn)?;
        put(connection, sql, &rotation.access)?;
        return Ok(Rotated::Rotated);
    }
    let last = rotation.generation.checked_add(1) == Some(current);
    let in_grace = |first| rotation.at.since(first) < rotation.grace;
    if last && refresh.rotated_at().is_some_and(in_grace) {
        let told = first(connection, &sql.access, access)?;
        return Ok(told.map_or(Rotated::Unknown, Rotated::Again));
    }
    if rotation.generation < current {
        change(connection, &sql.remove_session, params![subject, session])?;
        return Ok(Rotated::Reused);
    }
    Ok(Rotated::Unknown)
}
