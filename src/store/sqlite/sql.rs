//! Every statement, for the tables of one prefix.

use super::schema::PREFIX;

/// What [`row`](super::row) reads, in its order. Columns of a later version are left alone.
const COLUMNS: &str = "subject, session, kind, scopes, label, client, issued_at, authenticated_at, \
    last_used_at, expires_at, ends_at, seed, generation, rotated_at";

macro_rules! statements {
    ($($name:ident: $text:literal;)*) => {
        pub(super) struct Sql {
            $(pub(super) $name: Box<str>,)*
        }

        impl Sql {
            pub(super) fn new(prefix: &str) -> Self {
                let with_names =
                    |text: &str| text.replace("COLUMNS", COLUMNS).replace(PREFIX, prefix).into();
                Self {
                    $($name: with_names($text),)*
                }
            }
        }
    };
}

statements! {
    find: "SELECT COLUMNS FROM tet_tokens WHERE digest = ?1";
    list: "SELECT COLUMNS FROM tet_tokens WHERE subject = ?1";
    put: "INSERT OR REPLACE INTO tet_tokens (digest, COLUMNS)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    extend: "UPDATE tet_tokens SET last_used_at = max(last_used_at, ?2),
            expires_at = max(expires_at, min(?3, ends_at))
        WHERE digest = ?1 AND ?2 < expires_at";
    remove: "DELETE FROM tet_tokens WHERE digest = ?1";
    remove_session: "DELETE FROM tet_tokens WHERE subject = ?1 AND session = ?2";
    remove_subject: "DELETE FROM tet_tokens WHERE subject = ?1 AND session IS NOT ?2";
    purge: "DELETE FROM tet_tokens
        WHERE digest IN (SELECT digest FROM tet_tokens WHERE ends_at <= ?1 LIMIT ?2)";

    remove_logins: "DELETE FROM tet_tokens WHERE subject = ?1 AND session IN (
            SELECT session FROM tet_tokens WHERE subject = ?1 AND kind = ?2)";
    derived: "SELECT COLUMNS FROM tet_tokens
        WHERE subject = ?1 AND kind = ?2 AND seed IS NOT NULL AND generation IS NULL LIMIT 1";
    remove_dead_derived: "DELETE FROM tet_tokens
        WHERE subject = ?1 AND kind = ?2 AND seed IS NOT NULL AND generation IS NULL
            AND expires_at <= ?3";
    renew: "UPDATE tet_tokens SET scopes = ?3, label = ?4, issued_at = ?5, authenticated_at = ?6,
            last_used_at = ?7, expires_at = ?8, ends_at = ?9
        WHERE digest = (SELECT digest FROM tet_tokens
            WHERE subject = ?1 AND kind = ?2 AND seed IS NOT NULL AND generation IS NULL LIMIT 1)
        RETURNING COLUMNS";
    evict: "DELETE FROM tet_tokens WHERE subject = ?1 AND session IN (
            SELECT session FROM tet_tokens WHERE subject = ?1 AND kind = ?2 AND session <> ?3
            GROUP BY session HAVING max(expires_at) > ?4
            ORDER BY max(last_used_at) DESC, session DESC LIMIT -1 OFFSET ?5)";

    live_refresh: "SELECT COLUMNS FROM tet_tokens
        WHERE digest = ?1 AND generation IS NOT NULL AND expires_at > ?2";
    rotate: "UPDATE tet_tokens SET generation = min(generation + 1, 4294967295), rotated_at = ?2,
            last_used_at = max(last_used_at, ?2), expires_at = max(expires_at, min(?3, ends_at))
        WHERE digest = ?1";
    access: "SELECT COLUMNS FROM tet_tokens
        WHERE subject = ?1 AND session = ?2 AND kind = ?3 AND generation IS NULL LIMIT 1";
    remove_access: "DELETE FROM tet_tokens
        WHERE subject = ?1 AND session = ?2 AND kind = ?3 AND generation IS NULL";
}
