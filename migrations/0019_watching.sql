-- Rules by which people are told of rows, up to where in the log they were looked at, and what
-- is sent beside the page.

SELECT rowcast.set_busy(true);

CREATE TABLE rowcast.watch_rule (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Whose it is: what they may see decides which rows it is about.
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    -- Whose accounts are told instead: each of rows that they may see themselves.
    role text,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- The table, as addresses name it, and which of its rows.
    table_path text NOT NULL CHECK (char_length(table_path) BETWEEN 1 AND 200),
    query text NOT NULL CHECK (octet_length(query) <= 16384),
    kind text NOT NULL CHECK (kind IN ('enters', 'leaves', 'changes', 'total')),
    -- Whose value changes, or is summed up; NULL of a total: rows are counted.
    column_name text CHECK (octet_length(column_name) BETWEEN 1 AND 256),
    -- What a total crosses, and which way.
    bound numeric,
    direction text CHECK (direction IN ('above', 'below')),
    -- For how long what follows is told together with what was first.
    group_seconds int4 NOT NULL DEFAULT 300 CHECK (group_seconds BETWEEN 0 AND 86400),
    -- Whether e-mail is sent, too.
    mail boolean NOT NULL DEFAULT false,
    paused_at timestamptz,
    expires_at timestamptz,
    -- What this shows was before the rule.
    since pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
    -- Pauses that were over before what came ahead of them had been looked at: from when, and what
    -- had happened at their end.
    gap_from timestamptz[] NOT NULL DEFAULT '{}',
    gap_to pg_snapshot[] NOT NULL DEFAULT '{}',
    -- What the table was made of when it was looked at last, itself first; NULL: nobody has looked.
    relations oid[],
    -- On which side of its bound a total was last; NULL: nobody has looked.
    is_beyond boolean,
    hits int8 NOT NULL DEFAULT 0,
    last_hit_at timestamptz,
    -- When something happened that could not be looked at row by row, and what.
    missed_at timestamptz,
    missed text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'total') = (bound IS NOT NULL) AND (bound IS NULL) = (direction IS NULL)),
    CHECK (kind <> 'changes' OR column_name IS NOT NULL),
    CHECK (cardinality(gap_from) = cardinality(gap_to)),
    -- What many are told is told together.
    CHECK (role IS NULL OR group_seconds >= 60)
);
CREATE INDEX watch_rule_account ON rowcast.watch_rule (account, id);

-- Up to which version of the database all rules have been looked at. It is moved by the transaction
-- that tells of what was found, so nothing is told twice and nothing is passed over.
CREATE TABLE rowcast.watch_cursor (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Of which database: a copy that was restored has another.
    epoch int8 NOT NULL,
    seen pg_snapshot NOT NULL,
    -- When all that had been committed had been looked at.
    looked_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO rowcast.watch_cursor (epoch, seen) SELECT s.epoch, pg_current_snapshot() FROM rowcast.state s;

-- What was told somebody last of a rule, as long as more is told together with it.
CREATE TABLE rowcast.watch_group (
    rule int8 NOT NULL REFERENCES rowcast.watch_rule ON DELETE CASCADE,
    account int8 NOT NULL,
    -- NULL: what is sent goes to a receiver alone.
    notification int8,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    rows int8 NOT NULL,
    -- Why that number is no more than a bound; NULL: it is exact.
    unsure text,
    PRIMARY KEY (rule, account)
);

-- Where a rule's hits are sent. The secret signs them, so it is kept as it is, in a table that
-- nothing shows.
CREATE TABLE rowcast.webhook (
    rule int8 PRIMARY KEY REFERENCES rowcast.watch_rule ON DELETE CASCADE,
    url text NOT NULL CHECK (octet_length(url) BETWEEN 1 AND 2000),
    secret text NOT NULL CHECK (octet_length(secret) BETWEEN 16 AND 200)
);

-- Where an account gets e-mail, once it has said that this is so. What counts the letters stays when
-- there is no address any more.
CREATE TABLE rowcast.account_mail (
    account int8 PRIMARY KEY REFERENCES rowcast.account ON DELETE CASCADE,
    address text CHECK (octet_length(address) BETWEEN 3 AND 254),
    confirmed_at timestamptz CHECK (confirmed_at IS NULL OR address IS NOT NULL),
    -- Of the link by which it is confirmed.
    token_hash bytea CHECK (octet_length(token_hash) = 32),
    asked_at timestamptz NOT NULL DEFAULT now(),
    -- How many letters were asked for within a day, and since when that is.
    letters int4 NOT NULL DEFAULT 1,
    letters_since timestamptz NOT NULL DEFAULT now()
);

-- What is sent and was: a queue, and the log of it.
CREATE TABLE rowcast.delivery (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- By which a receiver tells what it has got before.
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    -- NULL: it is of no rule.
    rule int8 REFERENCES rowcast.watch_rule ON DELETE CASCADE,
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    channel text NOT NULL CHECK (channel IN ('mail', 'webhook')),
    -- Where to, as far as it is shown: an address of e-mail, a host.
    target text NOT NULL,
    -- What is said: words that are no secret.
    content jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    attempts int4 NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it is due first.
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Until when somebody is at it, and who: nobody else writes down what became of it.
    leased_until timestamptz,
    lease uuid,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz
);
CREATE INDEX delivery_waiting ON rowcast.delivery (next_at) WHERE state = 'waiting';
CREATE INDEX delivery_waiting_rule ON rowcast.delivery (rule, account, channel, id) WHERE state = 'waiting';
CREATE INDEX delivery_old ON rowcast.delivery (created_at) WHERE state <> 'waiting';
CREATE INDEX delivery_rule ON rowcast.delivery (rule, id);
CREATE INDEX delivery_account ON rowcast.delivery (account, id);

-- What waits for a receiver that is none any more is never sent, to another one least of all.
CREATE FUNCTION rowcast.give_up_deliveries() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'webhook' THEN
        UPDATE rowcast.delivery d
           SET state = 'failed', last_error = 'the webhook was changed or removed', done_at = clock_timestamp(),
               lease = NULL, leased_until = NULL
         WHERE d.rule = OLD.rule AND d.channel = 'webhook' AND d.state = 'waiting';
    ELSE
        UPDATE rowcast.delivery d
           SET state = 'failed', last_error = 'the address is not the account''s any more', done_at = clock_timestamp(),
               lease = NULL, leased_until = NULL
         WHERE d.account = OLD.account AND d.channel = 'mail' AND d.state = 'waiting'
           AND d.target IS DISTINCT FROM NEW.address;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION rowcast.give_up_deliveries() FROM PUBLIC;
CREATE TRIGGER changed AFTER UPDATE ON rowcast.webhook
    FOR EACH ROW WHEN (OLD.url <> NEW.url) EXECUTE FUNCTION rowcast.give_up_deliveries();
CREATE TRIGGER removed AFTER DELETE ON rowcast.webhook
    FOR EACH ROW EXECUTE FUNCTION rowcast.give_up_deliveries();
CREATE TRIGGER changed AFTER UPDATE ON rowcast.account_mail
    FOR EACH ROW WHEN (OLD.address IS DISTINCT FROM NEW.address) EXECUTE FUNCTION rowcast.give_up_deliveries();

-- What is asked for is noted; what is found is not.
CREATE FUNCTION rowcast.note_watch() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_agg(d.key ORDER BY d.key) INTO changed
          FROM jsonb_each(to_jsonb(NEW)) AS d JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
         WHERE d.key NOT IN ('updated_at', 'since', 'is_beyond', 'gap_from', 'gap_to', 'relations') AND d.value <> o.value;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        NEW := OLD;
    END IF;
    PERFORM rowcast.note(
        CASE TG_OP WHEN 'INSERT' THEN 'watch_made' WHEN 'UPDATE' THEN 'watch_changed' ELSE 'watch_removed' END,
        table_path => NEW.table_path, details => jsonb_build_object(
            'watch', NEW.id, 'name', NEW.name, 'kind', NEW.kind, 'role', NEW.role, 'changed', changed));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rowcast.note_watch() FROM PUBLIC;
CREATE TRIGGER rowcast_note
    AFTER INSERT OR DELETE OR UPDATE OF name, query, kind, role, paused_at, expires_at, group_seconds, mail
    ON rowcast.watch_rule FOR EACH ROW EXECUTE FUNCTION rowcast.note_watch();

-- What happens while a rule is paused or expired is not told afterwards; what happened before that
-- and was not looked at yet is.
CREATE FUNCTION rowcast.begin_watch_anew() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended timestamptz := least(OLD.paused_at, OLD.expires_at);
    ends timestamptz := least(NEW.paused_at, NEW.expires_at);
BEGIN
    IF ended > clock_timestamp() OR ends <= clock_timestamp() OR ended IS NULL THEN
        RETURN NEW;
    END IF;
    NEW.is_beyond := NULL;
    NEW.relations := NULL;
    -- Rules are looked at for a minute after their end.
    IF EXISTS (SELECT FROM rowcast.watch_cursor c WHERE c.looked_at > ended + interval '1 min') THEN
        NEW.since := pg_current_snapshot();
        NEW.gap_from := '{}';
        NEW.gap_to := '{}';
    ELSE
        NEW.gap_from := OLD.gap_from || ended;
        NEW.gap_to := OLD.gap_to || pg_current_snapshot();
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION rowcast.begin_watch_anew() FROM PUBLIC;
CREATE TRIGGER rowcast_begin BEFORE UPDATE OF paused_at, expires_at ON rowcast.watch_rule
    FOR EACH ROW EXECUTE FUNCTION rowcast.begin_watch_anew();

-- What happens while an account is disabled is not told it afterwards.
CREATE FUNCTION rowcast.begin_watches_anew() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE rowcast.watch_rule
       SET since = pg_current_snapshot(), gap_from = '{}', gap_to = '{}', relations = NULL, is_beyond = NULL
     WHERE account = NEW.id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rowcast.begin_watches_anew() FROM PUBLIC;
CREATE TRIGGER rowcast_watches AFTER UPDATE OF disabled_at ON rowcast.account
    FOR EACH ROW WHEN (OLD.disabled_at IS NOT NULL AND NEW.disabled_at IS NULL)
    EXECUTE FUNCTION rowcast.begin_watches_anew();

-- That what a rule finds is sent elsewhere is noted, with the host alone: an address may hold a secret.
CREATE FUNCTION rowcast.note_webhook() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        NEW := OLD;
    END IF;
    PERFORM rowcast.note(CASE TG_OP WHEN 'DELETE' THEN 'webhook_removed' ELSE 'webhook_set' END,
        details => jsonb_build_object('watch', NEW.rule, 'host', substring(NEW.url from '^[a-z]+://([^/?#]*)')));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rowcast.note_webhook() FROM PUBLIC;
CREATE TRIGGER rowcast_note AFTER INSERT OR DELETE OR UPDATE ON rowcast.webhook
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_webhook();

SELECT rowcast.give_to_serving('rowcast.watch_rule', 'rowcast.watch_cursor', 'rowcast.watch_group',
                               'rowcast.webhook', 'rowcast.account_mail', 'rowcast.delivery');

SELECT rowcast.set_busy(false);
