//! All that is asked of the database, for the schema's name.

use super::row::COLUMNS;
use super::schema::Schema;

pub(super) struct Statements {
    pub(super) find_one: String,
    pub(super) find_many: String,
    pub(super) extend: String,
    pub(super) insert: String,
    pub(super) remove: String,
    pub(super) remove_session: String,
    pub(super) remove_subject: String,
    pub(super) list: String,
    pub(super) purge_free: String,
    pub(super) purge_all: String,
    pub(super) rotate: String,
}

/// Rows in the order of their keys, so that nobody waits for who waits for him, and without
/// those that somebody else holds: these are told, if the use would move them, to be tried again.
const EXTEND: &str = "
    WITH touch AS (
        SELECT * FROM unnest($1::bytea[], $2::timestamptz[], $3::timestamptz[])
            AS touch (digest, used_at, expires_at)
    ), free AS (
        SELECT t.digest FROM expiring_tokens.token t
        WHERE t.digest = ANY ($1) ORDER BY t.digest FOR NO KEY UPDATE SKIP LOCKED
    ), written AS (
        UPDATE expiring_tokens.token t SET
            last_used_at = greatest(t.last_used_at, touch.used_at),
            expires_at = greatest(t.expires_at, least(touch.expires_at, t.ends_at))
        FROM free JOIN touch ON touch.digest = free.digest
        WHERE t.digest = free.digest AND touch.used_at < t.expires_at
    )
    SELECT t.digest FROM expiring_tokens.token t JOIN touch ON touch.digest = t.digest
    WHERE t.digest = ANY ($1) AND t.digest NOT IN (SELECT free.digest FROM free)
        AND touch.used_at < t.expires_at
        AND (t.last_used_at < touch.used_at
            OR t.expires_at < least(touch.expires_at, t.ends_at))";

/// Those that nobody holds, the oldest first.
const PURGE_FREE: &str = "
    DELETE FROM expiring_tokens.token WHERE digest IN (
        SELECT digest FROM expiring_tokens.token WHERE ends_at <= $1
        ORDER BY ends_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Those that somebody held a moment ago: few, and in the order of their keys.
const PURGE_ALL: &str = "
    DELETE FROM expiring_tokens.token WHERE digest IN (
        SELECT digest FROM expiring_tokens.token WHERE ends_at <= $1
        ORDER BY digest LIMIT $2 FOR UPDATE)";

impl Statements {
    pub(super) fn new(schema: &Schema) -> Self {
        let sql = |sql: &str| schema.sql(sql);
        let select = |from: &str| sql(&format!("SELECT {COLUMNS} FROM expiring_tokens.{from}"));
        let of = |value: &str| {
            let columns = COLUMNS.split(", ");
            let columns = columns.map(|column| format!("({value}).{}", column.trim()));
            columns.collect::<Vec<_>>().join(", ")
        };
        let (again, instead) = (of("again"), of("instead"));
        Self {
            find_one: select("token WHERE digest = $1"),
            find_many: select("token WHERE digest = ANY ($1)"),
            extend: sql(EXTEND),
            insert: sql(&format!(
                "SELECT ended, {instead} FROM expiring_tokens.insert_session($1, $2, $3, $4)"
            )),
            remove: sql("DELETE FROM expiring_tokens.token WHERE digest = $1"),
            remove_session: sql("SELECT expiring_tokens.remove_session($1, $2)"),
            remove_subject: sql("SELECT expiring_tokens.remove_subject($1, $2)"),
            list: select("token WHERE subject = $1"),
            purge_free: sql(PURGE_FREE),
            purge_all: sql(PURGE_ALL),
            rotate: sql(&format!(
                "SELECT outcome, {again}
                FROM expiring_tokens.rotate_session($1, $2, $3, $4, $5, $6)"
            )),
        }
    }
}
