-- Who somebody is at an identity provider (OpenID Connect), and which of its answers were taken.

SELECT rowcast.set_busy(true);

-- An account is found by the provider's name and the one that it has for somebody, which it gives
-- to nobody else; never by an e-mail address or what they are called.
CREATE TABLE rowcast.identity (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    issuer text COLLATE "C" NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 500),
    subject text COLLATE "C" NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
    -- What they were called there last, for their owner to know them by.
    name text NOT NULL DEFAULT '' CHECK (char_length(name) <= 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When somebody signed in by it.
    used_at timestamptz,
    CONSTRAINT identity_subject UNIQUE (issuer, subject)
);
CREATE INDEX identity_account ON rowcast.identity (account);

-- Answers are taken once, by a hash of the sign-in that each is for.
CREATE TABLE rowcast.openid_answer (
    flow_hash bytea PRIMARY KEY CHECK (octet_length(flow_hash) = 32),
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX openid_answer_at ON rowcast.openid_answer (at);

-- By which provider it began; NULL: by a password or a link.
ALTER TABLE rowcast.session ADD COLUMN provider text;

CREATE OR REPLACE FUNCTION rowcast.note_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor jsonb := rowcast.actor();
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note('sign_in', subject => NEW.account, details => jsonb_strip_nulls(
            jsonb_build_object('session', NEW.id, 'by', NEW.provider)));
    ELSIF actor ->> 'means' IS DISTINCT FROM 'server' THEN
        PERFORM rowcast.note(
            CASE WHEN actor ->> 'means' = 'session' AND (actor ->> 'means_id')::int8 = OLD.id
                 THEN 'sign_out' ELSE 'session_ended' END,
            subject => OLD.account, details => jsonb_build_object('session', OLD.id));
    END IF;
    RETURN NULL;
END $$;

-- That somebody signed in by it is noted with their session.
CREATE FUNCTION rowcast.note_identity() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM rowcast.note('identity_unlinked', subject => OLD.account, details => jsonb_build_object(
            'by', OLD.issuer, 'subject', OLD.subject, 'name', OLD.name));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM rowcast.note('identity_linked', subject => NEW.account, details => jsonb_build_object(
            'by', NEW.issuer, 'subject', NEW.subject, 'name', NEW.name));
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rowcast.note_identity() FROM PUBLIC;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OF account, issuer, subject OR DELETE ON rowcast.identity
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_identity();

-- Roles that see to sessions get these rights too.
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
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rowcast.identity, rowcast.openid_answer TO %s',
                       serving);
    END LOOP;
END $$;

SELECT rowcast.set_busy(false);
