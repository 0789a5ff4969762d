//! A login's tokens beside those that its user has: called within one transaction.

use rusqlite::{Connection, params};
use tower_expiring_token::{Inserted, NewSession, NewToken, Place, Slot, TokenRecord};

use crate::row;

pub(crate) fn insert(
    tokens: &Connection,
    new: &NewSession,
    slot: Slot,
) -> Result<Inserted, rusqlite::Error> {
    let mut inserted = make_place(tokens, &new.access.record, slot.place)?;
    if inserted.instead.is_none() {
        row::put(tokens, &new.access)?;
        if let Some(refresh) = &new.refresh {
            row::put(tokens, refresh)?;
        }
    }
    if let Some(limit) = slot.limit {
        const LEAST_RECENTLY_USED: &str = "
            DELETE FROM tokens WHERE user_id = ?1 AND session IN (
                SELECT session FROM tokens WHERE user_id = ?1 AND kind = ?2 AND session <> ?3
                GROUP BY session HAVING max(expires_at) > ?4
                ORDER BY max(last_used_at) DESC LIMIT -1 OFFSET ?5)";
        let stays = inserted.instead.as_ref().unwrap_or(&new.access.record);
        let ended = tokens.execute(
            LEAST_RECENTLY_USED,
            params![
                row::user_id(stays.subject()),
                stays.kind(),
                stays.session().as_bytes(),
                new.access.record.times().issued_at.as_micros(),
                i64::try_from(limit.get() - 1).unwrap_or(i64::MAX),
            ],
        )?;
        inserted.ended += ended as u64;
    }
    Ok(inserted)
}

/// Does with the user's other tokens of the kind what the place says.
fn make_place(
    tokens: &Connection,
    new: &TokenRecord,
    place: Place,
) -> Result<Inserted, rusqlite::Error> {
    const DERIVED: &str = "user_id = ?1 AND kind = ?2 AND seed IS NOT NULL AND generation IS NULL";
    let of_kind = (row::user_id(new.subject()), new.kind());
    let derived = || {
        let sql = format!("SELECT * FROM tokens WHERE {DERIVED} LIMIT 1");
        row::first(tokens, &sql, of_kind)
    };
    let instead = |instead| Inserted { instead, ended: 0 };
    match place {
        Place::Add => Ok(Inserted::default()),
        Place::ReplaceAll => {
            let all = "
                DELETE FROM tokens WHERE user_id = ?1 AND session IN
                    (SELECT session FROM tokens WHERE user_id = ?1 AND kind = ?2)";
            let ended = tokens.execute(all, of_kind)? as u64;
            Ok(Inserted {
                instead: None,
                ended,
            })
        }
        Place::Renew => {
            let Some(NewToken { digest, record }) = derived()? else {
                return Ok(Inserted::default());
            };
            let record = record.renewed(new);
            row::put(
                tokens,
                &NewToken {
                    digest,
                    record: record.clone(),
                },
            )?;
            Ok(instead(Some(record)))
        }
        Place::KeepLive => {
            let dead = format!("DELETE FROM tokens WHERE {DERIVED} AND expires_at <= ?3");
            let (user, kind) = of_kind;
            tokens.execute(&dead, (user, kind, new.times().issued_at.as_micros()))?;
            Ok(instead(derived()?.map(|live| live.record)))
        }
    }
}
