-- Who may use the server: accounts, what they prove themselves by, and what they may be.
--
-- None of these tables is in the catalog (see is_followed), so no route that reads tables knows
-- them. What proves somebody is kept as a hash only.

SELECT rowcast.set_busy(true);

CREATE TABLE rowcast.account (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    email text CHECK (char_length(email) BETWEEN 3 AND 254),
    -- What rules may say of a user: $user.NAME.
    attributes jsonb NOT NULL DEFAULT '{}'
        CHECK (jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= 16384),
    -- Since when it may not be used; NULL: it may.
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX account_name ON rowcast.account (lower(name));

-- An account without one is signed in to by other means, or not yet.
CREATE TABLE rowcast.password (
    account int8 PRIMARY KEY REFERENCES rowcast.account ON DELETE CASCADE,
    -- Argon2id, in the PHC form, which holds its salt and parameters.
    hash text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rowcast.role (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    is_built_in boolean NOT NULL DEFAULT false,
    about text NOT NULL DEFAULT '' CHECK (char_length(about) <= 500)
);
INSERT INTO rowcast.role (name, is_built_in, about) VALUES
    ('administrator', true, 'May do everything, and sees to accounts'),
    ('member', true, 'Everybody who has signed in'),
    ('public', true, 'Everybody who has not');

-- Roles that an account was given. Two are had without: member by all accounts, public by none.
CREATE TABLE rowcast.account_role (
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    role text NOT NULL REFERENCES rowcast.role ON DELETE CASCADE ON UPDATE CASCADE
        CHECK (role NOT IN ('member', 'public')),
    PRIMARY KEY (account, role)
);
CREATE INDEX account_role_role ON rowcast.account_role (role);

-- Sign-ins that have not ended.
CREATE TABLE rowcast.session (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    -- SHA-256 of what is in the cookie.
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When it was last used, to the minute.
    seen_at timestamptz NOT NULL DEFAULT now(),
    -- When it ends, used or not.
    expires_at timestamptz NOT NULL,
    user_agent text NOT NULL DEFAULT '' CHECK (char_length(user_agent) <= 300),
    address inet
);
CREATE INDEX session_account ON rowcast.session (account);

-- API tokens.
CREATE TABLE rowcast.token (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ '{read,write,admin}'),
    -- NULL: never.
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When it was last used, to the minute.
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX token_name ON rowcast.token (account, name) WHERE revoked_at IS NULL;

-- Addresses that may be opened once.
CREATE TABLE rowcast.link (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('first_administrator', 'invitation', 'password')),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    -- Whose password it sets; NULL: it makes an account.
    account int8 REFERENCES rowcast.account ON DELETE CASCADE
        CHECK ((account IS NOT NULL) = (kind = 'password')),
    -- What the account that it makes will be.
    roles text[] NOT NULL DEFAULT '{}',
    created_by int8 REFERENCES rowcast.account ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX link_account ON rowcast.link (account) WHERE account IS NOT NULL;
CREATE INDEX link_created_by ON rowcast.link (created_by) WHERE created_by IS NOT NULL;

-- Browsers that have signed in to an account before: strangers' attempts don't slow them down.
CREATE TABLE rowcast.device (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX device_account ON rowcast.device (account, seen_at);

-- Sign-ins that failed, by a hash of whom and what they were about.
CREATE TABLE rowcast.attempt (
    subject bytea PRIMARY KEY CHECK (octet_length(subject) = 32),
    failures int4 NOT NULL,
    last_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX attempt_last_at ON rowcast.attempt (last_at);

-- Says to all servers that they have to look at an account again; without one, at all of them.
CREATE FUNCTION rowcast.tell_accounts() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := TG_ARGV[0];
BEGIN
    IF TG_LEVEL = 'STATEMENT' THEN
        PERFORM pg_notify('rowcast_accounts', '');
    ELSE
        IF TG_OP <> 'INSERT' THEN
            PERFORM pg_notify('rowcast_accounts', to_jsonb(OLD) ->> place);
        END IF;
        IF TG_OP <> 'DELETE' THEN
            PERFORM pg_notify('rowcast_accounts', to_jsonb(NEW) ->> place);
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER rowcast_tell AFTER UPDATE OR DELETE ON rowcast.account
    FOR EACH ROW EXECUTE FUNCTION rowcast.tell_accounts('id');
CREATE TRIGGER rowcast_tell AFTER INSERT OR UPDATE OR DELETE ON rowcast.account_role
    FOR EACH ROW EXECUTE FUNCTION rowcast.tell_accounts('account');
-- Not that one was used, nor that there is a new one: nobody knows it yet.
CREATE TRIGGER rowcast_tell AFTER UPDATE OF account, token_hash, expires_at OR DELETE ON rowcast.session
    FOR EACH ROW EXECUTE FUNCTION rowcast.tell_accounts('account');
CREATE TRIGGER rowcast_tell AFTER UPDATE OF account, token_hash, scopes, expires_at, revoked_at OR DELETE
    ON rowcast.token
    FOR EACH ROW EXECUTE FUNCTION rowcast.tell_accounts('account');
CREATE TRIGGER rowcast_tell_all AFTER TRUNCATE ON rowcast.account
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();
CREATE TRIGGER rowcast_tell_all AFTER TRUNCATE ON rowcast.account_role
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();
CREATE TRIGGER rowcast_tell_all AFTER TRUNCATE ON rowcast.session
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();
CREATE TRIGGER rowcast_tell_all AFTER TRUNCATE ON rowcast.token
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();

SELECT rowcast.set_busy(false);
