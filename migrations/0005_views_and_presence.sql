-- What people keep and show beside rows: saved views, and who looks at which table. Both are
-- tables like any other to those who follow them: watched, and read by live queries.
SELECT set_config('rowcast.busy', 'on', true);

-- A table's state under a name, as the query of its page's address.
CREATE TABLE rowcast.saved_view (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The table, as addresses name it.
    table_path text NOT NULL CHECK (char_length(table_path) BETWEEN 1 AND 200),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- Whose it is; NULL: everybody's.
    owner text CHECK (char_length(owner) BETWEEN 1 AND 64),
    -- Whether the table opens with it: for its owner, or for all.
    is_default boolean NOT NULL DEFAULT false,
    query text NOT NULL CHECK (octet_length(query) <= 16384),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX saved_view_shared_name ON rowcast.saved_view (table_path, name)
    WHERE owner IS NULL;
CREATE UNIQUE INDEX saved_view_own_name ON rowcast.saved_view (table_path, owner, name)
    WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX saved_view_shared_default ON rowcast.saved_view (table_path)
    WHERE is_default AND owner IS NULL;
CREATE UNIQUE INDEX saved_view_own_default ON rowcast.saved_view (table_path, owner)
    WHERE is_default AND owner IS NOT NULL;

-- Who looks at which table, and at which of its cells. One row for each open page, written
-- again while it is open: what was not for a while is of a page that is gone.
CREATE TABLE rowcast.presence (
    session text PRIMARY KEY CHECK (char_length(session) BETWEEN 1 AND 64),
    table_path text NOT NULL CHECK (char_length(table_path) BETWEEN 1 AND 200),
    name text NOT NULL CHECK (char_length(name) <= 64),
    -- The key of the row, as the JSON array that messages name it by; NULL: no row.
    row_key text CHECK (octet_length(row_key) <= 4096),
    -- The column of the cell that is being edited; NULL: none.
    column_name text CHECK (octet_length(column_name) <= 256),
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Whether a table of ours is read and followed like a user's.
CREATE FUNCTION rowcast.is_followed(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = relation AND n.nspname = 'rowcast'
                      AND c.relname IN ('saved_view', 'presence'))
$$;

-- Why a table can't be made live, or NULL.
CREATE OR REPLACE FUNCTION rowcast.table_refusal(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN (c.relnamespace IN ('rowcast'::regnamespace, 'pg_catalog'::regnamespace,
                                 'information_schema'::regnamespace) OR c.oid < 16384)
             AND NOT rowcast.is_followed(c.oid)
            THEN 'it is part of the system'
        WHEN c.relkind = 'f' THEN 'it is a foreign table: its changes are made elsewhere'
        WHEN c.relkind NOT IN ('r', 'p') THEN 'it is not a table'
        WHEN c.relpersistence = 't' THEN 'it is a temporary table'
        WHEN c.relpersistence = 'u' THEN 'it is unlogged: a crash empties it without a trace'
        WHEN c.relispartition THEN format('it is a partition: watch %s',
            pg_partition_root(c.oid)::text)
        WHEN c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid))
            THEN 'it inherits or is inherited from: of those, only partitioned tables can be live'
        WHEN EXISTS (SELECT FROM rowcast.tree(c.oid) t JOIN pg_class p ON p.oid = t
                      WHERE p.relkind = 'f' OR p.relpersistence <> 'p')
            THEN 'it has a partition that is a foreign or an unlogged table'
        WHEN rowcast.key(relation) IS NULL
            THEN 'it has no key: it needs a PRIMARY KEY, or a UNIQUE constraint over NOT NULL columns'
        WHEN row_security_active(c.oid)
            THEN format('row security hides rows of it from %I', current_user)
    END FROM pg_class c WHERE c.oid = relation
$$;

SELECT rowcast.watch('rowcast.saved_view');
SELECT rowcast.watch('rowcast.presence');
-- Nobody followed them before, so nobody is told.
DELETE FROM rowcast.change_log l
 WHERE l.relation IN ('rowcast.saved_view'::regclass, 'rowcast.presence'::regclass);
