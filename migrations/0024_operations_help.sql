-- What the columns say of servers, for those who read them.

SELECT rowcast.set_busy(true);

COMMENT ON COLUMN rowcast.server.name IS 'The machine and the port';
COMMENT ON COLUMN rowcast.server.seen_at IS 'When it last wrote this: every 5 s while somebody looks, else once a minute';
COMMENT ON COLUMN rowcast.server.state IS 'serving; draining, once it was told to stop; silent, when it does not write this any more';
COMMENT ON COLUMN rowcast.server.reads IS 'How it has what changes: from the log; from the log, and leads others; follows what another has read';
COMMENT ON COLUMN rowcast.server.lag_rows IS 'The most rows that one read of the log found since it last wrote this';
COMMENT ON COLUMN rowcast.server.lag_ms IS 'The longest that a row had waited in the log since it last wrote this, in milliseconds';
COMMENT ON COLUMN rowcast.server.delivery_p50_ms IS 'From when a row was written until a client''s connection had the change, in milliseconds: half took no longer';
COMMENT ON COLUMN rowcast.server.delivery_p99_ms IS 'The same: 99 of 100 took no longer';
COMMENT ON COLUMN rowcast.server.clients IS 'Clients that follow live queries';
COMMENT ON COLUMN rowcast.server.slow_clients IS 'Those that don''t take what they follow, now';
COMMENT ON COLUMN rowcast.server.queries IS 'Different live queries';
COMMENT ON COLUMN rowcast.server.windows IS 'Windows of live queries: what pages and programs show of them';
COMMENT ON COLUMN rowcast.server.resets IS 'Lists that were void and read again, since the start';
COMMENT ON COLUMN rowcast.server.memory_mib IS 'Memory in use, in MiB';
COMMENT ON COLUMN rowcast.server.followed_at IS 'When somebody last looked at this there';

COMMENT ON COLUMN rowcast.server_query.server IS 'The server''s number';
COMMENT ON COLUMN rowcast.server_query.number IS 'The server''s own number of the list';
COMMENT ON COLUMN rowcast.server_query.table_path IS 'What is followed';
COMMENT ON COLUMN rowcast.server_query.query IS 'Which of it, as addresses have it; NULL: it is not told';
COMMENT ON COLUMN rowcast.server_query.subscribers IS 'How many follow it';
COMMENT ON COLUMN rowcast.server_query.changes IS 'Steps within patches';
COMMENT ON COLUMN rowcast.server_query.patches IS 'Patches that were sent';
COMMENT ON COLUMN rowcast.server_query.questions IS 'Comparisons asked of PostgreSQL';
COMMENT ON COLUMN rowcast.server_query.reads IS 'Reads of its rows';
COMMENT ON COLUMN rowcast.server_query.micros IS 'Microseconds that it took PostgreSQL, and to make the patches';
COMMENT ON COLUMN rowcast.server_query.recent_micros IS 'The same of late: of each 10 s that pass, half is forgotten';

SELECT rowcast.set_busy(false);
