//! A login's tokens beside those that its user has: called within one transaction.

use rusqlite::{Connection, params};
use tower_expiring_token::{Inserted, NewSession, NewToken, Place, Slot, TokenRecord};

use crate::row;

pub(crate) fn insert(
    tokens: &Connection,
    new: &NewSession,
    slot: Slot,
) -> Result<Inserted, rusqlite::Error> {
    let instead = make_place(tokens, &new.access.record, slot.place)?;
    if instead.is_none() {
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
        let stays = instead.as_ref().unwrap_or(&new.access.record);
        tokens.execute(
            LEAST_RECENTLY_USED,
            params![
                row::user_id(stays.subject()),
                stays.kind(),
                stays.session().as_bytes(),
                new.access.record.times().issued_at.as_micros(),
                i64::try_from(limit.get() - 1).unwrap_or(i64::MAX),
            ],
        )?;
    }
    Ok(instead.map_or(Inserted::New, Inserted::Instead))
}

/// Does with the user's other tokens of the kind what the place says. Which token is renewed or
/// kept instead of the new one, if one is.
fn make_place(
    tokens: &Connection,
    new: &TokenRecord,
    place: Place,
) -> Result<Option<TokenRecord>, rusqlite::Error> {
    const DERIVED: &str = "user_id = ?1 AND kind = ?2 AND seed IS NOT NULL AND generation IS NULL";
    let of_kind = (row::user_id(new.subject()), new.kind());
    let derived = || {
        let sql = format!("SELECT * FROM tokens WHERE {DERIVED} LIMIT 1");
        row::first(tokens, &sql, of_kind)
    };
    match place {
        Place::Add => Ok(None),
        Place::ReplaceAll => {
            let all = "
                DELETE FROM tokens WHERE user_id = ?1 AND session IN
                    (SELECT session FROM tokens WHERE user_id = ?1 AND kind = ?2)";
            tokens.execute(all, of_kind)?;
            Ok(None)
        }
        Place::Renew => {
            let Some(NewToken { digest, record }) = derived()? else {
                return Ok(None);
            };
            let record = record.renewed(new);
            row::put(
                tokens,
                &NewToken {
                    digest,
                    record: record.clone(),
                },
            )?;
            Ok(Some(record))
        }
        Place::KeepLive => {
            let dead = format!("DELETE FROM tokens WHERE {DERIVED} AND expires_at <= ?3");
            let (user, kind) = of_kind;
            tokens.execute(&dead, (user, kind, new.times().issued_at.as_micros()))?;
            Ok(derived()?.map(|live| live.record))
        }
    }
}
