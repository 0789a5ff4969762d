-- tower-expiring-token, schema 1. PostgreSQL 12 or later.
--
-- `PostgresStore::migrate` runs this file, or your own migration tool does: it needs nothing but
-- a transaction. For another schema than `expiring_tokens`, replace that word wherever it stands.
--
-- A service needs these rights, and nothing else:
--   GRANT USAGE ON SCHEMA expiring_tokens TO service;
--   GRANT SELECT ON expiring_tokens.version TO service;
--   GRANT SELECT, INSERT, UPDATE, DELETE ON expiring_tokens.token TO service;
-- One that only lets requests in needs SELECT and UPDATE on the table of tokens.

DO $$ BEGIN
    IF to_regnamespace('expiring_tokens') IS NULL THEN
        CREATE SCHEMA expiring_tokens;
    END IF;
END $$;

CREATE TABLE expiring_tokens.version (
    version     integer NOT NULL,
    serves_from integer NOT NULL
);
COMMENT ON TABLE expiring_tokens.version IS
    'One row: which version of this schema it is, and the oldest that a service may have been built for.';
INSERT INTO expiring_tokens.version VALUES (1, 1);

-- Times stand first, so that nothing is lost to alignment. Only `last_used_at` and `expires_at`
-- change often: they are in no index, and a fifth of each page is left free, so that a use
-- rewrites neither indexes nor other pages.
CREATE TABLE expiring_tokens.token (
    issued_at        timestamptz NOT NULL,
    authenticated_at timestamptz NOT NULL,
    last_used_at     timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    ends_at          timestamptz NOT NULL,
    rotated_at       timestamptz,
    generation       bigint,
    digest           bytea NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32),
    session          bytea NOT NULL CHECK (octet_length(session) = 16),
    subject          text COLLATE "C" NOT NULL,
    kind             text COLLATE "C" NOT NULL,
    scopes           text COLLATE "C" NOT NULL,
    label            text,
    client           text,
    seed             bytea CHECK (octet_length(seed) = 32)
) WITH (fillfactor = 80);

CREATE INDEX token_subject ON expiring_tokens.token (subject);
CREATE INDEX token_ends_at ON expiring_tokens.token (ends_at);

COMMENT ON TABLE expiring_tokens.token IS
    'Bearer tokens. Nobody can make a token from what stands here.';
COMMENT ON COLUMN expiring_tokens.token.issued_at IS 'When it was issued, or last renewed by a login.';
COMMENT ON COLUMN expiring_tokens.token.authenticated_at IS 'When its user last proved who he is.';
COMMENT ON COLUMN expiring_tokens.token.last_used_at IS 'When it was last used, as far as that has been written down.';
COMMENT ON COLUMN expiring_tokens.token.expires_at IS 'When it ends if it is not used again.';
COMMENT ON COLUMN expiring_tokens.token.ends_at IS 'When it ends in any case. Purge goes by this one.';
COMMENT ON COLUMN expiring_tokens.token.rotated_at IS 'When a refresh token was last rotated.';
COMMENT ON COLUMN expiring_tokens.token.generation IS 'How often a refresh token has been rotated. NULL: it is none.';
COMMENT ON COLUMN expiring_tokens.token.digest IS 'SHA-256 of the token, but for twelve bits that tell its subject''s route.';
COMMENT ON COLUMN expiring_tokens.token.session IS 'The login that it belongs to.';
COMMENT ON COLUMN expiring_tokens.token.subject IS 'Whom it speaks for.';
COMMENT ON COLUMN expiring_tokens.token.kind IS 'The name of its kind.';
COMMENT ON COLUMN expiring_tokens.token.scopes IS 'What it may do: sorted, a space between.';
COMMENT ON COLUMN expiring_tokens.token.label IS 'What people call it.';
COMMENT ON COLUMN expiring_tokens.token.client IS 'The OAuth client that it was issued to.';
COMMENT ON COLUMN expiring_tokens.token.seed IS 'What a derived token is derived from, beside the server''s key.';

-- === Verbs ===
--
-- Each may be called by any client, also in a transaction of its own beside other changes:
--   BEGIN;
--   UPDATE users SET password = '...' WHERE name = 'alice';
--   SELECT expiring_tokens.remove_subject('alice');
--   COMMIT;

-- Whoever adds or removes several tokens of a subject holds its lock until his transaction ends.
-- It is a statement of its own, before any that reads: a statement does not see what was
-- committed while it waited.
CREATE FUNCTION expiring_tokens.hold(subject text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'expected a READ COMMITTED transaction, found %: in it a token would be missed that was inserted since it began',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('expiring_tokens'), hashtext(hold.subject));
END $$;
COMMENT ON FUNCTION expiring_tokens.hold IS 'Waits until nobody else adds or removes tokens of this subject.';

CREATE FUNCTION expiring_tokens.put(new expiring_tokens.token) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO expiring_tokens.token SELECT new.*
    ON CONFLICT (digest) DO UPDATE SET
        issued_at = excluded.issued_at, authenticated_at = excluded.authenticated_at,
        last_used_at = excluded.last_used_at, expires_at = excluded.expires_at,
        ends_at = excluded.ends_at, rotated_at = excluded.rotated_at,
        generation = excluded.generation, session = excluded.session,
        subject = excluded.subject, kind = excluded.kind, scopes = excluded.scopes,
        label = excluded.label, client = excluded.client, seed = excluded.seed;
END $$;
COMMENT ON FUNCTION expiring_tokens.put IS 'Keeps a token, in the place of one with the same digest if there is one.';

CREATE FUNCTION expiring_tokens.insert_session(
    access expiring_tokens.token, refresh expiring_tokens.token, place text, most bigint,
    OUT ended bigint, OUT instead expiring_tokens.token
) LANGUAGE plpgsql AS $$
DECLARE
    over bigint;
BEGIN
    ended := 0;
    PERFORM expiring_tokens.hold(access.subject);
    IF place <> 'add' OR most IS NOT NULL THEN
        -- In the order of their keys, as everybody who takes several rows.
        PERFORM FROM expiring_tokens.token t
        WHERE t.subject = access.subject ORDER BY t.digest FOR UPDATE;
    END IF;
    CASE place
    WHEN 'add' THEN
        NULL;
    WHEN 'replace_all' THEN
        DELETE FROM expiring_tokens.token t
        WHERE t.subject = access.subject AND t.session IN (
            SELECT s.session FROM expiring_tokens.token s
            WHERE s.subject = access.subject AND s.kind = access.kind);
        GET DIAGNOSTICS ended = ROW_COUNT;
    WHEN 'renew' THEN
        UPDATE expiring_tokens.token t SET
            issued_at = access.issued_at, authenticated_at = access.authenticated_at,
            last_used_at = access.last_used_at, expires_at = access.expires_at,
            ends_at = access.ends_at, scopes = access.scopes, label = access.label
        WHERE t.digest = (
            SELECT d.digest FROM expiring_tokens.token d
            WHERE d.subject = access.subject AND d.kind = access.kind
                AND d.seed IS NOT NULL AND d.generation IS NULL LIMIT 1)
        RETURNING * INTO instead;
    WHEN 'keep_live' THEN
        DELETE FROM expiring_tokens.token t
        WHERE t.subject = access.subject AND t.kind = access.kind
            AND t.seed IS NOT NULL AND t.generation IS NULL
            AND t.expires_at <= access.issued_at;
        SELECT * INTO instead FROM expiring_tokens.token t
        WHERE t.subject = access.subject AND t.kind = access.kind
            AND t.seed IS NOT NULL AND t.generation IS NULL LIMIT 1;
    END CASE;
    IF instead.digest IS NULL THEN
        PERFORM expiring_tokens.put(access);
        IF refresh.digest IS NOT NULL THEN
            PERFORM expiring_tokens.put(refresh);
        END IF;
    END IF;
    IF most IS NOT NULL THEN
        DELETE FROM expiring_tokens.token t
        WHERE t.subject = access.subject AND t.session IN (
            SELECT s.session FROM expiring_tokens.token s
            WHERE s.subject = access.subject AND s.kind = access.kind
                AND s.session <> coalesce(instead.session, access.session)
            GROUP BY s.session HAVING max(s.expires_at) > access.issued_at
            ORDER BY max(s.last_used_at) DESC, s.session DESC OFFSET most - 1);
        GET DIAGNOSTICS over = ROW_COUNT;
        ended := ended + over;
    END IF;
END $$;
COMMENT ON FUNCTION expiring_tokens.insert_session IS
    'Keeps a login''s tokens beside those of its kind, as the place says: add, renew, keep_live or replace_all. At most so many live sessions are left, unless that is NULL. Gives back how many tokens ended for it, and the token that was renewed or kept instead.';

CREATE FUNCTION expiring_tokens.remove_session(subject text, session bytea)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    many bigint;
BEGIN
    PERFORM expiring_tokens.hold(remove_session.subject);
    DELETE FROM expiring_tokens.token WHERE digest IN (
        SELECT t.digest FROM expiring_tokens.token t
        WHERE t.subject = remove_session.subject AND t.session = remove_session.session
        ORDER BY t.digest FOR UPDATE);
    GET DIAGNOSTICS many = ROW_COUNT;
    RETURN many;
END $$;
COMMENT ON FUNCTION expiring_tokens.remove_session IS
    'Removes the tokens of one session, if it is this subject''s. How many there were.';

CREATE FUNCTION expiring_tokens.remove_subject(subject text, but bytea DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    many bigint;
BEGIN
    PERFORM expiring_tokens.hold(remove_subject.subject);
    DELETE FROM expiring_tokens.token WHERE digest IN (
        SELECT t.digest FROM expiring_tokens.token t
        WHERE t.subject = remove_subject.subject AND t.session IS DISTINCT FROM but
        ORDER BY t.digest FOR UPDATE);
    GET DIAGNOSTICS many = ROW_COUNT;
    RETURN many;
END $$;
COMMENT ON FUNCTION expiring_tokens.remove_subject IS
    'Removes all tokens of a subject, but for one session if it is named. How many there were.';

CREATE FUNCTION expiring_tokens.rotate_session(
    digest bytea, generation bigint, at timestamptz, again_after timestamptz,
    expires_at timestamptz, access expiring_tokens.token,
    OUT outcome text, OUT again expiring_tokens.token
) LANGUAGE plpgsql AS $$
DECLARE
    whose text;
    refresh expiring_tokens.token;
BEGIN
    outcome := 'unknown';
    SELECT t.subject INTO whose FROM expiring_tokens.token t
    WHERE t.digest = rotate_session.digest;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM expiring_tokens.hold(whose);
    SELECT * INTO refresh FROM expiring_tokens.token t
    WHERE t.digest = rotate_session.digest AND t.subject = whose
        AND t.generation IS NOT NULL AND t.expires_at > at FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF rotate_session.generation = refresh.generation THEN
        DELETE FROM expiring_tokens.token t
        WHERE t.subject = whose AND t.session = refresh.session
            AND t.kind = access.kind AND t.generation IS NULL;
        UPDATE expiring_tokens.token t SET
            generation = least(t.generation + 1, 4294967295), rotated_at = at,
            last_used_at = greatest(t.last_used_at, at),
            expires_at = greatest(t.expires_at, least(rotate_session.expires_at, t.ends_at))
        WHERE t.digest = refresh.digest;
        PERFORM expiring_tokens.put(access);
        outcome := 'rotated';
    ELSIF rotate_session.generation = refresh.generation - 1
        AND refresh.rotated_at > again_after AND at > again_after
    THEN
        SELECT * INTO again FROM expiring_tokens.token t
        WHERE t.subject = whose AND t.session = refresh.session
            AND t.kind = access.kind AND t.generation IS NULL LIMIT 1;
        IF FOUND THEN
            outcome := 'again';
        END IF;
    ELSIF rotate_session.generation < refresh.generation THEN
        DELETE FROM expiring_tokens.token t WHERE t.subject = whose AND t.session = refresh.session;
        outcome := 'reused';
    END IF;
END $$;
COMMENT ON FUNCTION expiring_tokens.rotate_session IS
    'Turns a session''s refresh token to its next generation: rotated, again (with the access token of a rotation after again_after), reused, or unknown.';

-- === What caches hear ===
--
-- On the channel `expiring_tokens`, at commit: digests in hexadecimal, one after the other, or
-- `all`. Told is what was removed, replaced or renewed, whoever did it, but for refresh tokens
-- and what had ended, by a clock that may be an hour off. Commits that notify wait for one
-- another; where nobody listens, `ALTER TABLE expiring_tokens.token DISABLE TRIGGER USER` saves that.

CREATE FUNCTION expiring_tokens.tell_removed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- A notification holds less than 8,000 bytes.
    part CONSTANT integer := 120;
    most CONSTANT integer := 12000;
    told bytea[] := ARRAY(
        SELECT digest FROM removed
        WHERE generation IS NULL AND ends_at > now() - interval '1 hour' LIMIT most + 1);
BEGIN
    IF cardinality(told) > most THEN
        PERFORM pg_notify('expiring_tokens', 'all');
    ELSE
        PERFORM pg_notify('expiring_tokens', string_agg(encode(digest, 'hex'), ''))
        FROM unnest(told) WITH ORDINALITY AS live (digest, number) GROUP BY (number - 1) / part;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER tell_removed AFTER DELETE ON expiring_tokens.token
REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION expiring_tokens.tell_removed();

CREATE FUNCTION expiring_tokens.tell_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('expiring_tokens', encode(OLD.digest, 'hex'));
    RETURN NULL;
END $$;

-- A use moves `last_used_at` and `expires_at` forward and is told to nobody.
CREATE TRIGGER tell_changed AFTER UPDATE ON expiring_tokens.token
FOR EACH ROW WHEN (
    OLD.generation IS NULL AND (
        NEW.expires_at < OLD.expires_at
        OR (NEW.issued_at, NEW.authenticated_at, NEW.ends_at, NEW.digest, NEW.session, NEW.subject,
            NEW.kind, NEW.scopes, NEW.label, NEW.client)
        IS DISTINCT FROM
           (OLD.issued_at, OLD.authenticated_at, OLD.ends_at, OLD.digest, OLD.session, OLD.subject,
            OLD.kind, OLD.scopes, OLD.label, OLD.client)))
EXECUTE FUNCTION expiring_tokens.tell_changed();

CREATE FUNCTION expiring_tokens.tell_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('expiring_tokens', 'all');
    RETURN NULL;
END $$;

CREATE TRIGGER tell_all AFTER TRUNCATE ON expiring_tokens.token
FOR EACH STATEMENT EXECUTE FUNCTION expiring_tokens.tell_all();
