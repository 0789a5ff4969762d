-- Version 1: tokens. All times are microseconds since 1970-01-01T00:00:00Z.
--
-- Run these files in their order, each in one transaction, or let SqliteStore::migrate do it.
-- For another prefix than tet_, write it in its place.

CREATE TABLE tet_tokens (
    digest           BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    subject          TEXT    NOT NULL,
    session          BLOB    NOT NULL CHECK (length(session) = 16),
    kind             TEXT    NOT NULL,
    scopes           TEXT    NOT NULL, -- sorted, a space between
    label            TEXT    NOT NULL, -- '': none
    client           TEXT,
    issued_at        INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_used_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    ends_at          INTEGER NOT NULL,
    seed             BLOB    CHECK (length(seed) = 32),
    generation       INTEGER,          -- of refresh tokens alone
    rotated_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tet_tokens_by_subject ON tet_tokens (subject);

-- For purges. What a use moves, expires_at and last_used_at, is in no index.
CREATE INDEX tet_tokens_by_end ON tet_tokens (ends_at);

CREATE TABLE tet_schema (
    version    INTEGER NOT NULL PRIMARY KEY,
    applied_at TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

INSERT INTO tet_schema (version) VALUES (1);
