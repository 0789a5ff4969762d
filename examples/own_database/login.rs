//! A login beside the user's other tokens: called within the transaction that inserts it.

use std::num::NonZeroUsize;

use rusqlite::{Transaction, params};
use tower_expiring_token::{Place, SessionId, TokenRecord};

use crate::{Failure, row};

/// Does with the user's other tokens of the kind what the place says. Which token is renewed or
/// kept instead of the new one, if one is.
pub(crate) fn make_place(
    transaction: &Transaction<'_>,
    new: &TokenRecord,
    place: Place,
) -> Result<Option<TokenRecord>, Failure> {
    const DERIVED: &str = "user_id = ?1 AND kind = ?2 AND seed IS NOT NULL AND generation IS NULL";
    let (user, kind, times) = (row::user_id(new.subject()), new.kind(), new.times());
    let now = times.issued_at.as_micros();
    match place {
        Place::Add => Ok(None),
        Place::ReplaceAll => {
            let sql = "DELETE FROM tokens WHERE user_id = ?1
                AND session IN (SELECT session FROM tokens WHERE user_id = ?1 AND kind = ?2)";
            transaction.execute(sql, params![user, kind])?;
            Ok(None)
        }
        Place::Renew => {
            let sql = format!(
                "UPDATE tokens SET scopes = ?3, label = ?4, issued_at = ?5, authenticated_at = ?6,
                    last_used_at = ?7, expires_at = ?8, ends_at = ?9
                WHERE digest = (SELECT digest FROM tokens WHERE {DERIVED} LIMIT 1) RETURNING *"
            );
            row::first(
                transaction,
                &sql,
                params![
                    user,
                    kind,
                    new.scopes().as_str(),
                    new.label().unwrap_or_default(),
                    now,
                    times.authenticated_at.as_micros(),
                    times.last_used_at.as_micros(),
                    times.expires_at.as_micros(),
                    times.ends_at.as_micros(),
                ],
            )
        }
        Place::KeepLive => {
            let dead = format!("DELETE FROM tokens WHERE {DERIVED} AND expires_at <= ?3");
            transaction.execute(&dead, params![user, kind, now])?;
            let live = format!("SELECT * FROM tokens WHERE {DERIVED} LIMIT 1");
            row::first(transaction, &live, params![user, kind])
        }
    }
}

/// Ends the user's least recently used live sessions of the kind, all but one and `limit - 1`.
pub(crate) fn evict(
    transaction: &Transaction<'_>,
    new: &TokenRecord,
    stays: &SessionId,
    limit: NonZeroUsize,
) -> Result<(), Failure> {
    const SQL: &str = "
        DELETE FROM tokens WHERE user_id = ?1 AND session IN (
            SELECT session FROM tokens WHERE user_id = ?1 AND kind = ?2 AND session <> ?3
            GROUP BY session HAVING max(expires_at) > ?4
            ORDER BY max(last_used_at) DESC LIMIT -1 OFFSET ?5)";
    let others = i64::try_from(limit.get() - 1).unwrap_or(i64::MAX);
    let now = new.times().issued_at.as_micros();
    let user = row::user_id(new.subject());
    transaction.execute(
        SQL,
        params![user, new.kind(), stays.as_bytes(), now, others],
    )?;
    Ok(())
}
