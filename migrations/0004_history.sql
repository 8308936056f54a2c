-- Who wrote, in the log; and from when on the log is whole.
SELECT set_config('rowcast.busy', 'on', true);

-- Whom the writer says to be, else the session's role and program. A claim, no proof: any role
-- may set what it says. What is longer than that is passed over, for to cut text can fail; that
-- a role was dropped can't, for it is not looked up.
ALTER TABLE rowcast.change_log ADD COLUMN author text;
ALTER TABLE rowcast.change_log ALTER author SET DEFAULT
    CASE WHEN octet_length(current_setting('rowcast.author', true)) BETWEEN 1 AND 256
         THEN current_setting('rowcast.author', true)
         ELSE current_setting('session_authorization', true) || ' ('
              || current_setting('application_name', true) || ')' END;

-- When it was watched, not when the transaction began that did it.
ALTER TABLE rowcast.watched ALTER since SET DEFAULT clock_timestamp();

-- No change that was logged later has been removed. NULL if none has been.
ALTER TABLE rowcast.state ADD COLUMN purged_until timestamptz;
UPDATE rowcast.state
   SET purged_until = coalesce((SELECT l.at FROM rowcast.change_log l ORDER BY l.xid LIMIT 1), now())
 WHERE purged_below > '0';

-- Removes at most so many of the oldest changes, if they are older than that and any follower
-- has had a while to read them. Returns how many there were.
CREATE OR REPLACE FUNCTION rowcast.purge(kept interval, batch int4) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound xid8;
    removed int8;
    newest xid8;
    latest timestamptz;
BEGIN
    UPDATE rowcast.state
       SET read_below = settled_below,
           settled_below = pg_snapshot_xmin(pg_current_snapshot()), settled_at = now()
     WHERE settled_at < now() - interval '30 s';
    SELECT read_below INTO bound FROM rowcast.state;
    WITH removed AS (
        DELETE FROM rowcast.change_log l
         WHERE l.ctid IN (SELECT o.ctid FROM rowcast.change_log o WHERE o.xid < bound
                           ORDER BY o.xid LIMIT batch FOR UPDATE SKIP LOCKED)
           AND l.at < clock_timestamp() - kept
        RETURNING l.xid, l.at)
    SELECT count(*), max(xid::text::numeric)::text::xid8, max(at)
      INTO removed, newest, latest FROM removed;
    IF removed > 0 THEN
        UPDATE rowcast.state
           SET purged_below = greatest(purged_below::text::numeric,
                                       newest::text::numeric + 1)::text::xid8,
               purged_until = greatest(purged_until, latest)
         WHERE purged_below <= newest OR purged_until < latest OR purged_until IS NULL;
    END IF;
    RETURN removed;
END $$;

-- Makes the log this database's own: a copy that was restored elsewhere begins anew.
CREATE OR REPLACE FUNCTION rowcast.adopt() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here_cluster int8 := (SELECT system_identifier FROM pg_control_system());
    here_database oid := (SELECT oid FROM pg_database WHERE datname = current_database());
BEGIN
    PERFORM FROM rowcast.state WHERE cluster = here_cluster AND database = here_database;
    IF FOUND THEN
        RETURN;
    END IF;
    IF (SELECT cluster FROM rowcast.state) IS NOT NULL THEN
        TRUNCATE rowcast.change_log;
        UPDATE rowcast.state SET epoch = ('x' || left(md5(gen_random_uuid()::text), 16))::bit(64)::int8,
            purged_below = '0', settled_below = '0', read_below = '0', settled_at = now(),
            purged_until = now();
        PERFORM rowcast.refresh(NULL);
    END IF;
    UPDATE rowcast.state SET cluster = here_cluster, database = here_database;
END $$;
