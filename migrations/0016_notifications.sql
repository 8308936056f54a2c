-- What people are told, and wait to read: a table like any other to those who follow it, of
-- which each account sees its own rows.

SELECT rowcast.set_busy(true);

-- Whether a page may lead there: a path of this server, an https address, or nothing. A browser
-- reads a backslash as a slash and passes over spaces, and two slashes begin a host.
CREATE FUNCTION rowcast.is_link(link text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT octet_length(link) <= 2000 AND link !~ '[[:cntrl:][:space:]\\]'
       AND link ~ '^(|/([^/].*)?|https://[^/?#@]+([/?#].*)?)$'
$$;

-- A row refers to no account by a foreign key: one that is removed is tidied up after, and no
-- writer waits for it.
CREATE TABLE rowcast.notification (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Whose it is.
    account int8 NOT NULL,
    title text NOT NULL,
    body text NOT NULL DEFAULT '',
    -- Where it leads: a path of this server, or an address of another; empty: nowhere.
    link text NOT NULL DEFAULT '',
    -- Who told it: the account's name, or the database's role and program.
    sender text NOT NULL CHECK (char_length(sender) <= 200),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it was read; NULL: it was not.
    read_at timestamptz,
    CHECK (char_length(title) BETWEEN 1 AND 200 AND char_length(body) <= 2000),
    CHECK (rowcast.is_link(link))
);
COMMENT ON TABLE rowcast.notification IS 'What you were told';
CREATE INDEX notification_account ON rowcast.notification (account, id);
CREATE INDEX notification_unread ON rowcast.notification (account, id) WHERE read_at IS NULL;

-- How an account wants to be told.
CREATE TABLE rowcast.notification_setting (
    account int8 PRIMARY KEY REFERENCES rowcast.account ON DELETE CASCADE,
    -- From when to when no browser shows them by itself, by the clock of the reader.
    quiet_from time,
    quiet_to time,
    -- How many were removed that nobody had read, for there were too many; until somebody says
    -- that they know.
    lost int8 NOT NULL DEFAULT 0,
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL))
);

-- The account of that name, or of that number: `#7`.
CREATE FUNCTION rowcast.account_of("user" text) RETURNS int8
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id FROM rowcast.account a
     WHERE CASE WHEN account_of."user" ~ '^#[0-9]{1,18}$'
                THEN a.id = substr(account_of."user", 2)::int8
                ELSE lower(a.name) = lower(btrim(account_of."user")) END
$$;

-- Tells an account something, as whoever may write the table; returns its number. What is wrong is
-- looked at before, for to catch an error of each call takes a subtransaction.
CREATE FUNCTION rowcast.deliver(sender text, "user" text, title text, body text, link text) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose int8 := rowcast.account_of(deliver."user");
    line text := coalesce(btrim(deliver.title), '');
    more text := coalesce(deliver.body, '');
    leads text := coalesce(deliver.link, '');
    told int8;
BEGIN
    IF whose IS NULL THEN
        RAISE EXCEPTION 'there is no such user'
            USING ERRCODE = 'no_data_found', HINT = 'the name of an account, or # and its number';
    ELSIF line = '' OR char_length(line) > 200 OR line ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'the title is empty, too long, or holds control characters'
            USING ERRCODE = 'invalid_parameter_value', HINT = '1 to 200 characters on one line';
    ELSIF char_length(more) > 2000 OR translate(more, E'\n\r\t', '') ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'the body is too long, or holds control characters'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'at most 2000 characters, in which lines may end';
    ELSIF NOT rowcast.is_link(leads) THEN
        RAISE EXCEPTION 'the link leads nowhere'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'a path of this server, such as /tables/orders?id=eq.7, or an https:// address';
    END IF;
    INSERT INTO rowcast.notification AS n (account, title, body, link, sender)
    VALUES (whose, line, more, leads, rowcast.brief(deliver.sender, 190))
    RETURNING n.id INTO told;
    RETURN told;
END $$;

-- The same for whoever was given the right to call it, in the caller's own transaction.
CREATE FUNCTION rowcast.notify("user" text, title text, body text DEFAULT '', link text DEFAULT '')
    RETURNS int8 LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT rowcast.deliver(
        session_user || coalesce(' (' || nullif(current_setting('application_name', true), '') || ')', ''),
        notify."user", notify.title, notify.body, notify.link)
$$;
-- It writes into what others read.
REVOKE ALL ON FUNCTION rowcast.notify(text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION rowcast.notify(text, text, text, text) IS
    'Tells the user something, once this transaction commits; returns the notification''s number';

-- Removes at most so many: what was read so long ago, what is of accounts that are gone, and of
-- accounts that have more than that the oldest, those first that were read. Returns how many.
CREATE FUNCTION rowcast.forget_notifications(kept interval, most int4, batch int4) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone int8;
    beyond int8;
BEGIN
    -- Two servers at a time would count the same ones.
    PERFORM pg_advisory_xact_lock(1919907683, 5);
    DELETE FROM rowcast.notification n
     WHERE n.id IN (
        SELECT o.id FROM rowcast.notification o
         WHERE o.read_at < clock_timestamp() - kept
            OR NOT EXISTS (SELECT FROM rowcast.account a WHERE a.id = o.account)
         LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;
    WITH ranked AS (
        SELECT o.id, row_number() OVER (PARTITION BY o.account
                                        ORDER BY o.read_at IS NOT NULL, o.id DESC) AS place
          FROM rowcast.notification o
         WHERE o.account IN (SELECT c.account FROM rowcast.notification c
                              GROUP BY c.account HAVING count(*) > most)
    ), removed AS (
        DELETE FROM rowcast.notification n
         USING (SELECT r.id FROM ranked r WHERE r.place > most ORDER BY r.id LIMIT batch) AS r
         WHERE n.id = r.id
        RETURNING n.account, n.read_at
    ), told AS (
        INSERT INTO rowcast.notification_setting AS s (account, lost)
        SELECT r.account, count(*) FROM removed r
         WHERE r.read_at IS NULL AND EXISTS (SELECT FROM rowcast.account a WHERE a.id = r.account)
         GROUP BY r.account
        ON CONFLICT (account) DO UPDATE SET lost = s.lost + excluded.lost
    )
    SELECT count(*) INTO beyond FROM removed;
    RETURN gone + beyond;
END $$;

-- Whether a table of ours is read and followed like a user's.
CREATE OR REPLACE FUNCTION rowcast.is_followed(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = relation AND n.nspname = 'rowcast'
                      AND c.relname IN ('saved_view', 'presence', 'audit', 'notification'))
$$;

SELECT rowcast.watch('rowcast.notification');
-- Nobody followed it before, so nobody is told.
DELETE FROM rowcast.change_log l WHERE l.relation = 'rowcast.notification'::regclass;

-- Roles that serve, who may write what is ours, get these rights too.
DO $$
DECLARE
    serving regrole;
BEGIN
    FOR serving IN
        SELECT DISTINCT a.grantee::regrole
          FROM pg_class c, aclexplode(c.relacl) AS a
         WHERE c.oid = 'rowcast.session'::regclass AND a.privilege_type = 'DELETE'
           AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE '
                       'ON rowcast.notification, rowcast.notification_setting TO %s', serving);
    END LOOP;
END $$;

SELECT rowcast.set_busy(false);
