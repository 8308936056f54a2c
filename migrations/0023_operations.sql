-- What the servers of this database are at, and what keeps them busy: rows that each writes about
-- itself, for administrators, often while somebody looks at them and else once a minute.

SELECT rowcast.set_busy(true);

CREATE TABLE rowcast.server (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The machine and the port.
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    -- When it last wrote this.
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- serving or draining.
    state text COLLATE "C" NOT NULL DEFAULT 'serving',
    -- How it has what changes: log, leads or follows.
    reads text COLLATE "C" NOT NULL DEFAULT 'log',
    -- The most of any read of the log since it last wrote this; NULL: no read found anything.
    lag_rows int8,
    lag_ms float8,
    -- From when a row was written until a client's connection had the change, since then.
    delivery_p50_ms float8,
    delivery_p99_ms float8,
    clients int8 NOT NULL DEFAULT 0,
    -- Those that don't take what they follow, now.
    slow_clients int8 NOT NULL DEFAULT 0,
    queries int8 NOT NULL DEFAULT 0,
    windows int8 NOT NULL DEFAULT 0,
    -- Lists that were void, since the start.
    resets int8 NOT NULL DEFAULT 0,
    memory_mib int8,
    -- When somebody last followed these tables there: all servers write often then.
    followed_at timestamptz
);
COMMENT ON TABLE rowcast.server IS 'The servers of this database';

CREATE TABLE rowcast.server_query (
    server int8 NOT NULL REFERENCES rowcast.server ON DELETE CASCADE,
    -- The server's own number of the list, as long as it keeps it up to date.
    number int8 NOT NULL,
    table_path text COLLATE "C" NOT NULL,
    -- Without the table, as addresses have it; NULL: it is not told.
    query text COLLATE "C",
    subscribers int8 NOT NULL,
    -- Steps within patches, patches, comparisons asked of PostgreSQL, reads of rows, and the time that
    -- took, since the list is kept; of the time also what is not long ago.
    changes int8 NOT NULL,
    patches int8 NOT NULL,
    questions int8 NOT NULL,
    reads int8 NOT NULL,
    micros int8 NOT NULL,
    recent_micros int8 NOT NULL,
    PRIMARY KEY (server, number)
);
COMMENT ON TABLE rowcast.server_query IS 'The busiest live queries of each server';

-- Writes what a server is at, and returns its number, which it does not have at first. Servers that
-- were not heard of for three minutes are forgotten.
CREATE FUNCTION rowcast.tell_server(id int8, figures jsonb, queries jsonb) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told int8;
BEGIN
    DELETE FROM rowcast.server s
     WHERE s.id IN (SELECT o.id FROM rowcast.server o
                     WHERE o.seen_at < clock_timestamp() - interval '3 min'
                       AND o.id IS DISTINCT FROM tell_server.id
                       FOR UPDATE SKIP LOCKED);
    SELECT s.id INTO told FROM rowcast.server s WHERE s.id = tell_server.id FOR UPDATE;
    -- Also one that others had given up.
    IF told IS NULL THEN
        INSERT INTO rowcast.server AS s (name, version, started_at)
        VALUES (figures ->> 'name', figures ->> 'version',
                clock_timestamp() - make_interval(secs => (figures ->> 'uptime')::float8))
        RETURNING s.id INTO told;
    END IF;
    UPDATE rowcast.server s
       SET seen_at = clock_timestamp(), state = f.state, reads = f.reads, lag_rows = f.lag_rows,
           lag_ms = f.lag_ms, delivery_p50_ms = f.delivery_p50_ms, delivery_p99_ms = f.delivery_p99_ms,
           clients = f.clients, slow_clients = f.slow_clients, queries = f.queries, windows = f.windows,
           resets = f.resets, memory_mib = f.memory_mib,
           followed_at = CASE WHEN f.is_followed THEN clock_timestamp() ELSE s.followed_at END
      FROM jsonb_to_record(figures) AS f (
           state text, reads text, lag_rows int8, lag_ms float8, delivery_p50_ms float8,
           delivery_p99_ms float8, clients int8, slow_clients int8, queries int8, windows int8,
           resets int8, memory_mib int8, is_followed boolean)
     WHERE s.id = told;
    DELETE FROM rowcast.server_query q
     WHERE q.server = told
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(tell_server.queries) AS n
                        WHERE (n ->> 'number')::int8 = q.number);
    INSERT INTO rowcast.server_query AS q
           (server, number, table_path, query, subscribers, changes, patches, questions, reads, micros,
            recent_micros)
    SELECT told, n.*
      FROM jsonb_to_recordset(tell_server.queries) AS n (
           number int8, table_path text, query text, subscribers int8, changes int8, patches int8,
           questions int8, reads int8, micros int8, recent_micros int8)
        ON CONFLICT (server, number) DO UPDATE
       SET subscribers = excluded.subscribers, changes = excluded.changes, patches = excluded.patches,
           questions = excluded.questions, reads = excluded.reads, micros = excluded.micros,
           recent_micros = excluded.recent_micros
     WHERE (q.subscribers, q.micros, q.recent_micros, q.patches)
        IS DISTINCT FROM (excluded.subscribers, excluded.micros, excluded.recent_micros, excluded.patches);
    RETURN told;
END $$;

-- Whether a table of ours is read and followed like a user's.
CREATE OR REPLACE FUNCTION rowcast.is_followed(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = relation AND n.nspname = 'rowcast'
                      AND c.relname IN ('saved_view', 'presence', 'audit', 'notification', 'channel',
                                        'channel_member', 'post', 'reaction', 'typing', 'comment',
                                        'comment_count', 'server', 'server_query'))
$$;

SELECT rowcast.watch('rowcast.server'), rowcast.watch('rowcast.server_query');
-- Nobody followed them before, so nobody is told.
DELETE FROM rowcast.change_log l
 WHERE l.relation IN ('rowcast.server'::regclass, 'rowcast.server_query'::regclass);

SELECT rowcast.give_to_serving('rowcast.server', 'rowcast.server_query');

SELECT rowcast.set_busy(false);
