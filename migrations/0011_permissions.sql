-- What roles may do with tables.

SELECT rowcast.set_busy(true);

CREATE TABLE rowcast.permission (
    role text NOT NULL REFERENCES rowcast.role ON DELETE CASCADE ON UPDATE CASCADE
        CHECK (role <> 'administrator'),
    -- schema.table; * for every table that nothing else is said of for this role.
    table_path text NOT NULL CHECK (char_length(table_path) BETWEEN 1 AND 200),
    -- The table that it was said of: under another name it is not one of which nothing is said.
    relation oid,
    may_read boolean NOT NULL DEFAULT false,
    may_insert boolean NOT NULL DEFAULT false,
    may_update boolean NOT NULL DEFAULT false,
    may_delete boolean NOT NULL DEFAULT false,
    -- Which rows, in the grammar of queries; NULL: all.
    row_filter text CHECK (octet_length(row_filter) <= 16384),
    hidden text[] NOT NULL DEFAULT '{}' CHECK (cardinality(hidden) <= 1600),
    read_only text[] NOT NULL DEFAULT '{}' CHECK (cardinality(read_only) <= 1600),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role, table_path),
    -- Of every table there is no column and no row in particular.
    CHECK (table_path <> '*' OR (row_filter IS NULL AND hidden = '{}' AND read_only = '{}'))
);

-- Whoever has signed in could do everything before there were permissions. An administrator may
-- take that away.
INSERT INTO rowcast.permission (role, table_path, may_read, may_insert, may_update, may_delete)
    VALUES ('member', '*', true, true, true, true);

CREATE TRIGGER rowcast_tell_all AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON rowcast.permission
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();

-- A table may have another name or schema now, by which something else would be said of it. It
-- must not fail that statement.
CREATE FUNCTION rowcast.tell_renamed() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM rowcast.permission WHERE relation IS NOT NULL) THEN
        PERFORM pg_notify('rowcast_accounts', '');
    END IF;
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;

DO $$
BEGIN
    CREATE EVENT TRIGGER rowcast_renamed ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
                     'ALTER FOREIGN TABLE')
        EXECUTE FUNCTION rowcast.tell_renamed();
    ALTER EVENT TRIGGER rowcast_renamed ENABLE ALWAYS;
EXCEPTION WHEN insufficient_privilege THEN
    -- Only a superuser may: servers read permissions again once a minute anyway.
    NULL;
END $$;

SELECT rowcast.set_busy(false);
