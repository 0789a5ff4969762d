//! Refresh tokens: a session has one row for them, whose generation goes up.

use rusqlite::{Transaction, params};
use tower_expiring_token::{Rotated, RotatingStore, Rotation, StoreError, async_trait};

use crate::{Failure, UserStore, row};

#[async_trait]
impl RotatingStore for UserStore {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.write(move |transaction| rotate(transaction, &rotation))
            .await
    }
}

fn rotate(transaction: &Transaction<'_>, rotation: &Rotation) -> Result<Rotated, Failure> {
    const LIVE: &str = "
        SELECT * FROM tokens WHERE digest = ?1 AND generation IS NOT NULL AND expires_at > ?2";
    const TURN: &str = "
        UPDATE tokens SET generation = generation + 1, rotated_at = ?2,
            last_used_at = max(last_used_at, ?2), expires_at = max(expires_at, min(?3, ends_at))
        WHERE digest = ?1";
    const ACCESS: &str = "user_id = ?1 AND session = ?2 AND kind = ?3 AND generation IS NULL";

    let (digest, at) = (rotation.digest.as_bytes(), rotation.at.as_micros());
    let Some(refresh) = row::first(transaction, LIVE, params![digest, at])? else {
        return Ok(Rotated::Unknown);
    };
    let current = refresh.generation().unwrap_or_default();
    let user = row::user_id(refresh.subject());
    let session = refresh.session().as_bytes();
    let kind = rotation.access.record.kind();

    if rotation.generation == current {
        let older = format!("DELETE FROM tokens WHERE {ACCESS}");
        transaction.execute(&older, params![user, session, kind])?;
        transaction.execute(TURN, params![digest, at, rotation.expires_at.as_micros()])?;
        row::put(transaction, &rotation.access)?;
        return Ok(Rotated::Rotated);
    }
    let last = rotation.generation.checked_add(1) == Some(current);
    let in_grace = |first| rotation.at.since(first) < rotation.grace;
    if last && refresh.rotated_at().is_some_and(in_grace) {
        let first = format!("SELECT * FROM tokens WHERE {ACCESS}");
        let first = row::first(transaction, &first, params![user, session, kind])?;
        return Ok(first.map_or(Rotated::Unknown, Rotated::Again));
    }
    if rotation.generation < current {
        let all = "DELETE FROM tokens WHERE user_id = ?1 AND session = ?2";
        transaction.execute(all, params![user, session])?;
        return Ok(Rotated::Reused);
    }
    Ok(Rotated::Unknown)
}
