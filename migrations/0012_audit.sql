-- What was done, by whom: the audit log.
--
-- An entry is written by the transaction that does what it tells of, so neither is there without
-- the other. What is done to accounts and permissions is noted by triggers, whoever does it; rows
-- of users' tables are in the change log with their values, so an entry tells of a request as a
-- whole. No entry holds a password, a hash, a token or a link.

SELECT rowcast.set_busy(true);

CREATE TABLE rowcast.audit (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- What was done: docs/audit.md has the words.
    action text COLLATE "C" NOT NULL,
    -- Who did it, called as they were then; NULL: nobody who has an account.
    name text,
    account int8,
    -- By what: session, token or link, with its number; terminal, server, or sql for whoever
    -- changed the tables themselves.
    means text COLLATE "C",
    means_id int8,
    address text COLLATE "C",
    -- To what: a table, the key of a row as the JSON array that messages name it by, an account
    -- called as it was then.
    table_path text COLLATE "C",
    row_key text COLLATE "C",
    subject_name text,
    subject int8,
    -- How many rows; of what is counted up, how often.
    rows int8,
    details jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE rowcast.audit IS 'What was done, by whom';
CREATE INDEX audit_at ON rowcast.audit (at);
CREATE INDEX audit_read ON rowcast.audit (at) WHERE action = 'audit_read';

-- Of entries about what strangers may do as often as they like, how often it was done within an
-- hour. Nobody follows this table, so counting costs no place in the change log.
CREATE TABLE rowcast.refusal (
    entry int8 PRIMARY KEY REFERENCES rowcast.audit ON DELETE CASCADE,
    action text NOT NULL,
    subject int8,
    address text,
    table_path text,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    times int8 NOT NULL DEFAULT 1,
    last_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- The beginning of a text that may be long.
CREATE FUNCTION rowcast.brief(words text, longest int4) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN char_length(words) > longest THEN left(words, longest) || '…' ELSE words END
$$;

-- Details of a bounded size: of a member that is too long the beginning is told.
CREATE FUNCTION rowcast.bounded(details jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN octet_length(details::text) <= 4096 THEN details ELSE (
        SELECT jsonb_object_agg(d.key, CASE WHEN octet_length(d.value::text) <= 2048 THEN d.value
                                            ELSE to_jsonb(rowcast.brief(d.value::text, 500)) END)
          FROM (SELECT * FROM jsonb_each(details) LIMIT 32) AS d) END
$$;

-- Who acts in this transaction, as the program says that acts for them; NULL where none does.
CREATE FUNCTION rowcast.actor() RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor jsonb;
BEGIN
    actor := nullif(current_setting('rowcast.actor', true), '')::jsonb;
    PERFORM (actor ->> 'account')::int8, (actor ->> 'means_id')::int8;
    RETURN CASE WHEN jsonb_typeof(actor) = 'object' THEN actor END;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- Writes an entry, and returns its number.
CREATE FUNCTION rowcast.note(action text, table_path text DEFAULT NULL, row_key text DEFAULT NULL,
                             rows int8 DEFAULT NULL, subject int8 DEFAULT NULL,
                             details jsonb DEFAULT NULL, subject_name text DEFAULT NULL)
    RETURNS int8 LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor jsonb := rowcast.actor();
    called text := note.subject_name;
    noted int8;
BEGIN
    IF note.subject IS NOT NULL AND called IS NULL THEN
        SELECT a.name INTO called FROM rowcast.account a WHERE a.id = note.subject;
    END IF;
    IF actor IS NULL THEN
        actor := '{"means": "sql"}';
        details := coalesce(note.details, '{}') || jsonb_build_object(
            'role', session_user, 'program', current_setting('application_name', true));
    ELSIF note.action = 'sign_in' THEN
        -- Who signs in has been nobody until then.
        actor := actor || jsonb_build_object('account', note.subject, 'name', called,
            'means', 'session', 'means_id', (note.details ->> 'session')::int8);
    END IF;
    INSERT INTO rowcast.audit AS a (action, name, account, means, means_id, address, table_path,
                                    row_key, subject_name, subject, rows, details)
    VALUES (note.action, rowcast.brief(actor ->> 'name', 100), (actor ->> 'account')::int8,
            actor ->> 'means', (actor ->> 'means_id')::int8, rowcast.brief(actor ->> 'address', 64),
            rowcast.brief(note.table_path, 200), rowcast.brief(note.row_key, 1000),
            rowcast.brief(called, 100), note.subject, note.rows,
            coalesce(rowcast.bounded(note.details), '{}'))
    RETURNING a.id INTO noted;
    RETURN noted;
END $$;

-- The same of rows, as whoever acts for a request.
CREATE FUNCTION rowcast.note_rows(actor text, action text, table_path text, row_key text, rows int8,
                                  details jsonb DEFAULT NULL)
    RETURNS int8 LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('rowcast.actor', note_rows.actor, true);
    RETURN rowcast.note(note_rows.action, note_rows.table_path, note_rows.row_key, note_rows.rows,
                        details => note_rows.details);
END $$;

-- Notes something that a stranger may do as often as they like: once an hour for each address,
-- account and table, with how often. Of more than 200 such in an hour only their number is told.
CREATE FUNCTION rowcast.note_counted(action text, subject int8, table_path text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    from_address text := rowcast.brief(rowcast.actor() ->> 'address', 64);
    told text := note_counted.action;
    whom int8 := note_counted.subject;
    of_table text := note_counted.table_path;
    counted rowcast.refusal;
BEGIN
    -- Two at a time would both find no entry.
    PERFORM pg_advisory_xact_lock(1919907683, 4);
    LOOP
        UPDATE rowcast.refusal r SET times = r.times + 1, last_at = clock_timestamp()
         WHERE r.since > clock_timestamp() - interval '1 h' AND r.action = told
           AND r.subject IS NOT DISTINCT FROM whom AND r.address IS NOT DISTINCT FROM from_address
           AND r.table_path IS NOT DISTINCT FROM of_table
        RETURNING r.* INTO counted;
        IF FOUND THEN
            -- The others are told within a minute.
            IF counted.times & (counted.times - 1) = 0 THEN
                PERFORM rowcast.tell_counts(counted.entry);
            END IF;
            RETURN;
        ELSIF told <> 'others' AND (
            SELECT count(*) FROM rowcast.refusal r
             WHERE r.since > clock_timestamp() - interval '1 h') >= 200
        THEN
            told := 'others';
            whom := NULL;
            of_table := NULL;
            from_address := NULL;
            -- They are nobody's in particular.
            PERFORM set_config('rowcast.actor', '{}', true);
        ELSE
            INSERT INTO rowcast.refusal (entry, action, subject, address, table_path)
            VALUES (rowcast.note(told, rows => 1, subject => whom, table_path => of_table),
                    told, whom, from_address, of_table);
            RETURN;
        END IF;
    END LOOP;
END $$;

-- Says in the entries, in that one or in all, how often it was, and forgets what is an hour old.
CREATE FUNCTION rowcast.tell_counts(entry int8 DEFAULT NULL) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE rowcast.audit a
       SET rows = r.times, details = jsonb_build_object('until', to_jsonb(r.last_at))
      FROM rowcast.refusal r
     WHERE a.id = r.entry AND a.rows < r.times AND r.entry = coalesce(tell_counts.entry, r.entry);
    DELETE FROM rowcast.refusal r
     WHERE tell_counts.entry IS NULL AND r.since < clock_timestamp() - interval '1 h';
$$;

-- Notes that the audit log is read: once an hour for each session, token or address.
CREATE FUNCTION rowcast.note_reading() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor jsonb := rowcast.actor();
BEGIN
    IF NOT EXISTS (
        SELECT FROM rowcast.audit o
         WHERE o.action = 'audit_read' AND o.at > clock_timestamp() - interval '1 h'
           AND o.account IS NOT DISTINCT FROM (actor ->> 'account')::int8
           AND o.means IS NOT DISTINCT FROM actor ->> 'means'
           AND o.means_id IS NOT DISTINCT FROM (actor ->> 'means_id')::int8
           AND o.address IS NOT DISTINCT FROM actor ->> 'address')
    THEN
        PERFORM rowcast.note('audit_read', table_path => 'rowcast.audit');
    END IF;
END $$;

-- Removes at most so many entries that are older than that, and returns how many.
CREATE FUNCTION rowcast.forget_audit(kept interval, batch int4) RETURNS int8
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH removed AS (
        DELETE FROM rowcast.audit a
         WHERE a.id IN (SELECT o.id FROM rowcast.audit o WHERE o.at < clock_timestamp() - kept
                         ORDER BY o.at LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING a.id)
    SELECT count(*) FROM removed
$$;

-- What is noted of each table of ours. The triggers run as their owner: whoever may change an
-- account in SQL need not be allowed to write entries.

CREATE FUNCTION rowcast.note_account() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note('account_made', subject => NEW.id);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM rowcast.note('account_removed', subject => OLD.id, subject_name => OLD.name);
    ELSE
        IF (OLD.disabled_at IS NULL) <> (NEW.disabled_at IS NULL) THEN
            PERFORM rowcast.note(CASE WHEN NEW.disabled_at IS NULL THEN 'account_enabled'
                                      ELSE 'account_disabled' END, subject => NEW.id);
        END IF;
        SELECT jsonb_object_agg(d.key, jsonb_build_array(o.value, d.value)) INTO changed
          FROM jsonb_each(to_jsonb(NEW)) AS d JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
         WHERE d.key IN ('name', 'email', 'attributes') AND d.value <> o.value;
        IF changed IS NOT NULL THEN
            PERFORM rowcast.note('account_changed', subject => NEW.id, details => changed);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.account
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_account();

CREATE FUNCTION rowcast.note_account_role() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM rowcast.note('role_taken', subject => OLD.account,
                             details => jsonb_build_object('role', OLD.role));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM rowcast.note('role_given', subject => NEW.account,
                             details => jsonb_build_object('role', NEW.role));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.account_role
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_account_role();

CREATE FUNCTION rowcast.note_password() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM rowcast.note(CASE TG_OP WHEN 'DELETE' THEN 'password_removed' ELSE 'password_set' END,
                         subject => CASE TG_OP WHEN 'DELETE' THEN OLD.account ELSE NEW.account END);
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.password
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_password();

-- That a session was used is not noted, nor that the server removes one that has expired.
CREATE FUNCTION rowcast.note_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor jsonb := rowcast.actor();
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note('sign_in', subject => NEW.account,
                             details => jsonb_build_object('session', NEW.id));
    ELSIF actor ->> 'means' IS DISTINCT FROM 'server' THEN
        PERFORM rowcast.note(
            CASE WHEN actor ->> 'means' = 'session' AND (actor ->> 'means_id')::int8 = OLD.id
                 THEN 'sign_out' ELSE 'session_ended' END,
            subject => OLD.account, details => jsonb_build_object('session', OLD.id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR DELETE ON rowcast.session
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_session();

CREATE FUNCTION rowcast.note_token() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note('token_made', subject => NEW.account, details => jsonb_build_object(
            'token', NEW.id, 'name', NEW.name, 'scopes', NEW.scopes, 'expires_at', NEW.expires_at));
    ELSIF OLD.revoked_at IS NULL AND (TG_OP = 'DELETE' OR NEW.revoked_at IS NOT NULL) THEN
        PERFORM rowcast.note('token_revoked', subject => OLD.account,
                             details => jsonb_build_object('token', OLD.id, 'name', OLD.name));
    ELSIF TG_OP = 'UPDATE' AND (OLD.account, OLD.scopes, OLD.expires_at, OLD.revoked_at)
              IS DISTINCT FROM (NEW.account, NEW.scopes, NEW.expires_at, NEW.revoked_at) THEN
        PERFORM rowcast.note('token_changed', subject => NEW.account, details => jsonb_build_object(
            'token', NEW.id, 'name', NEW.name, 'scopes', NEW.scopes, 'expires_at', NEW.expires_at));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note
    AFTER INSERT OR UPDATE OF account, scopes, expires_at, revoked_at OR DELETE ON rowcast.token
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_token();

-- That the server removes a link which can't be used any more is not noted.
CREATE FUNCTION rowcast.note_link() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note(
            CASE NEW.kind WHEN 'invitation' THEN 'invitation_made'
                          WHEN 'password' THEN 'password_link_made'
                          ELSE NEW.kind || '_link_made' END,
            subject => NEW.account, details => jsonb_build_object(
                'link', NEW.id, 'roles', NEW.roles, 'expires_at', NEW.expires_at));
    ELSIF TG_OP = 'UPDATE' AND OLD.used_at IS NULL AND NEW.used_at IS NOT NULL THEN
        PERFORM rowcast.note('link_used', subject => NEW.account, details => jsonb_build_object(
            'link', NEW.id, 'kind', NEW.kind, 'roles', NEW.roles));
    ELSIF TG_OP = 'DELETE' AND OLD.used_at IS NULL AND OLD.expires_at > now() THEN
        PERFORM rowcast.note('link_withdrawn', subject => OLD.account, details => jsonb_build_object(
            'link', OLD.id, 'kind', OLD.kind, 'roles', OLD.roles));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OF used_at OR DELETE ON rowcast.link
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_link();

CREATE FUNCTION rowcast.note_role() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note('role_made', details => jsonb_build_object('role', NEW.name));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM rowcast.note('role_removed', details => jsonb_build_object('role', OLD.name));
    ELSIF OLD.name <> NEW.name THEN
        PERFORM rowcast.note('role_renamed',
                             details => jsonb_build_object('role', OLD.name, 'to', NEW.name));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.role
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_role();

CREATE FUNCTION rowcast.note_permission() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unsaid text[] := '{role,table_path,relation,changed_at}';
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - unsaid END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - unsaid END;
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM rowcast.note('permission_removed', table_path => OLD.table_path,
            details => jsonb_build_object('role', OLD.role, 'before', before));
    ELSIF before IS DISTINCT FROM after OR (OLD.role, OLD.table_path) IS DISTINCT FROM (NEW.role, NEW.table_path) THEN
        PERFORM rowcast.note('permission_set', table_path => NEW.table_path,
            details => jsonb_build_object('role', NEW.role, 'before', before, 'after', after));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.permission
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_permission();

-- Whoever could hang one on a table of theirs could write entries.
REVOKE ALL ON FUNCTION rowcast.note_account(), rowcast.note_account_role(), rowcast.note_password(),
    rowcast.note_session(), rowcast.note_token(), rowcast.note_link(), rowcast.note_role(),
    rowcast.note_permission() FROM PUBLIC;

-- Whether a table of ours is read and followed like a user's.
CREATE OR REPLACE FUNCTION rowcast.is_followed(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = relation AND n.nspname = 'rowcast'
                      AND c.relname IN ('saved_view', 'presence', 'audit'))
$$;

SELECT rowcast.watch('rowcast.audit');
-- Nobody followed it before, so nobody is told.
DELETE FROM rowcast.change_log l WHERE l.relation = 'rowcast.audit'::regclass;

-- Roles that serve, who may write what is ours, get these rights too.
DO $$
DECLARE
    serving regrole;
BEGIN
    FOR serving IN
        SELECT DISTINCT a.grantee::regrole
          FROM pg_class c, aclexplode(c.relacl) AS a
         WHERE c.oid = 'rowcast.change_log'::regclass AND a.privilege_type = 'DELETE'
           AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rowcast.audit, rowcast.refusal TO %s',
                       serving);
    END LOOP;
END $$;

-- What the database knows of whoever wrote, whatever they say to be: the role that the session
-- belongs to, the one that it has taken (SET ROLE), and what the program calls itself. All three
-- are settings, so nothing is looked up and nothing can fail.
ALTER TABLE rowcast.change_log ADD COLUMN role text, ADD COLUMN acting_as text,
    ADD COLUMN program text;
ALTER TABLE rowcast.change_log
    ALTER role SET DEFAULT current_setting('session_authorization', true),
    ALTER acting_as SET DEFAULT nullif(current_setting('role', true), 'none'),
    ALTER program SET DEFAULT current_setting('application_name', true);

-- Whose a view is, and who is in a place: an account, where one has to sign in. Its number is
-- never another's. What was saved before, or without accounts, has none: it is whose it says.
ALTER TABLE rowcast.saved_view ADD COLUMN account int8;
ALTER TABLE rowcast.presence ADD COLUMN account int8;

CREATE FUNCTION rowcast.note_view() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_agg(d.key ORDER BY d.key) INTO changed
          FROM jsonb_each(to_jsonb(NEW)) AS d JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
         WHERE d.key <> 'updated_at' AND d.value <> o.value;
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        NEW := OLD;
    END IF;
    PERFORM rowcast.note(
        CASE TG_OP WHEN 'INSERT' THEN 'view_made' WHEN 'UPDATE' THEN 'view_changed' ELSE 'view_removed' END,
        table_path => NEW.table_path, details => jsonb_build_object(
            'view', NEW.id, 'name', NEW.name, 'owner', NEW.owner, 'changed', changed));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rowcast.note_view() FROM PUBLIC;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.saved_view
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_view();

-- Those who follow the two get their new columns.
SELECT rowcast.refresh(ARRAY['rowcast.saved_view'::regclass::oid, 'rowcast.presence'::regclass::oid]);

SELECT rowcast.set_busy(false);
