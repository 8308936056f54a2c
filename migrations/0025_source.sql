-- Where changes come from: from triggers, as ever, or from the write-ahead log, by a publication
-- and a slot, for those whose writers can't afford any trigger.
--
-- Invariants
-- * With either, a row of the log has the number of the transaction that made the change, and a
--   reader's place is a snapshot. With triggers, what a snapshot shows is in the log. With
--   replication it is there once it was copied: `copied.version` is the newest snapshot of which
--   that is known, and nobody reads further.
-- * A transaction that a snapshot shows has written its commit before that snapshot's mark is
--   written. So whoever has copied all up to the mark has copied all that the snapshot shows.
-- * A table of this schema has its triggers in any case.

SELECT rowcast.set_busy(true);

ALTER TABLE rowcast.state
    ADD COLUMN source text NOT NULL DEFAULT 'triggers' CHECK (source IN ('triggers', 'replication')),
    -- What `works_from` was with triggers.
    ADD COLUMN worked_from int4,
    -- Whether the publication is ours.
    ADD COLUMN has_publication boolean NOT NULL DEFAULT false;

-- How far changes were copied from the write-ahead log; all NULL while it is not known.
CREATE TABLE rowcast.copied (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Transactions whose commit ends at or before this are in the log.
    lsn pg_lsn,
    version pg_snapshot,
    -- What was committed by then is in the log, too.
    at timestamptz
) WITH (fillfactor = 10);
INSERT INTO rowcast.copied DEFAULT VALUES;

-- Whether changes come from the write-ahead log.
CREATE FUNCTION rowcast.is_replicated() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.source = 'replication' FROM rowcast.state s
$$;

-- The version up to which the log is whole. NULL while that is not known.
CREATE FUNCTION rowcast.version() RETURNS pg_snapshot
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE s.source WHEN 'replication' THEN (SELECT c.version FROM rowcast.copied c)
                         ELSE pg_current_snapshot() END
      FROM rowcast.state s
$$;

-- What shows that a mark is of somebody who may read the secret.
CREATE FUNCTION rowcast.marked(words text) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(s.bus_secret || convert_to(words, 'UTF8') || s.bus_secret), 'hex')
      FROM rowcast.state s
$$;

-- Marks the write-ahead log with what this statement sees, and when that was; says what it is.
CREATE FUNCTION rowcast.mark() RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Before all that is not seen any more.
    moment int8 := extract(epoch FROM statement_timestamp()) * 1000000;
    seen text := pg_current_snapshot();
    words text := seen || ' ' || moment;
BEGIN
    PERFORM pg_logical_emit_message(true, 'rowcast', words || ' ' || rowcast.marked(words));
    RETURN seen;
END $$;

-- Whether this statement sees what a transaction did, whose number is said without what goes beyond
-- 32 bits. The write-ahead log tells what was committed before others see it.
CREATE FUNCTION rowcast.is_seen(xid int8) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Its number may be on either side of the first that is not given out as others see it.
    SELECT pg_visible_in_snapshot((n.next + distance - CASE WHEN distance < 2147483648 THEN 0 ELSE 4294967296 END)::text::xid8,
                                  pg_current_snapshot())
      FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS next) AS n,
   LATERAL (SELECT ((is_seen.xid - n.next) % 4294967296 + 4294967296) % 4294967296 AS distance) AS d
$$;

-- Whether a relation's changes are to come from the write-ahead log.
CREATE FUNCTION rowcast.is_to_be_published(relation oid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rowcast.is_replicated() AND c.relnamespace <> 'rowcast'::regnamespace
           AND c.relkind IN ('r', 'p')
      FROM pg_class c WHERE c.oid = relation
$$;

-- Whether it is in our publication.
CREATE FUNCTION rowcast.is_published(relation oid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                    WHERE p.pubname = 'rowcast' AND r.prrelid = relation)
$$;

-- The partitions of published tables, as they were when that was last looked at.
CREATE TABLE rowcast.part (
    relation oid PRIMARY KEY,
    root oid NOT NULL
);
-- Those of which what the log does not have yet may be another table's than what comes later, until it
-- has this transaction.
CREATE TABLE rowcast.parted (
    relation oid NOT NULL,
    root oid NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- Notes which partitions a table has now, of one that is not published none.
CREATE FUNCTION rowcast.note_parts(whole oid) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH now AS MATERIALIZED (
        SELECT t.relid::oid AS relation FROM pg_partition_tree(whole) t
         WHERE t.relid::oid <> whole AND rowcast.is_published(whole)),
    gone AS (
        DELETE FROM rowcast.part p
         WHERE p.root = whole AND p.relation NOT IN (SELECT n.relation FROM now n)
        RETURNING p.relation),
    come AS (
        INSERT INTO rowcast.part AS p (relation, root) SELECT n.relation, whole FROM now n
            ON CONFLICT ON CONSTRAINT part_pkey DO UPDATE SET root = excluded.root
            WHERE p.root <> excluded.root)
    INSERT INTO rowcast.parted (relation, root) SELECT g.relation, whole FROM gone g WHERE rowcast.is_replicated()
$$;

-- What the copier needs to know of relations that the write-ahead log names: of which watched table
-- each is a part, or was when what is copied was written, and how that one is imaged. Where it is not
-- sure whose a change is, it may be of any of them.
CREATE FUNCTION rowcast.copied_shape(relation oid)
    RETURNS TABLE (root oid, is_sure boolean, layout int4, names text[], types oid[], typmods int4[],
                   codecs text[], is_stored boolean[], key int4[])
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH owner AS MATERIALIZED (
        SELECT o.root, bool_or(o.is_now) AS is_now, bool_or(o.was) AS was
          FROM (SELECT pg_partition_root(copied_shape.relation)::oid, true, false
                UNION ALL SELECT copied_shape.relation, true, false
                UNION ALL SELECT p.root, false, false FROM rowcast.part p WHERE p.relation = copied_shape.relation
                UNION ALL SELECT p.root, false, true FROM rowcast.parted p WHERE p.relation = copied_shape.relation
               ) AS o (root, is_now, was)
          JOIN rowcast.watched w ON w.relation::oid = o.root
         WHERE rowcast.is_published(o.root)
         GROUP BY o.root)
    SELECT o.root,
           (SELECT count(*) = 1 AND NOT (bool_or(a.is_now) AND bool_or(a.was)) FROM owner a),
           rowcast.layout(o.root),
           array_agg(c.name::text ORDER BY c.place), array_agg(c.type ORDER BY c.place),
           array_agg(c.typmod ORDER BY c.place), array_agg(c.codec ORDER BY c.place),
           array_agg(c.is_stored ORDER BY c.place),
           array_agg(c.place - 1 ORDER BY array_position(k.key, c.attnum))
               FILTER (WHERE c.attnum = ANY (k.key))
      FROM owner o
     CROSS JOIN LATERAL (SELECT rowcast.key(o.root) AS key) AS k
     CROSS JOIN LATERAL rowcast.columns(o.root) AS c
     GROUP BY o.root, k.key
$$;

-- What was copied of a relation before others saw its transaction, which may have changed whose it is:
-- looked at again before anybody reads so far.
CREATE TABLE rowcast.owed (
    xid xid8 NOT NULL,
    relation oid NOT NULL,
    -- A table of which what it did is in the log; 0: it is of none.
    root oid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (xid, relation, root)
);

-- Tells of the transactions that this version shows, as of unknown changes, in tables of which the log
-- does not tell what they did to them.
CREATE FUNCTION rowcast.pay(shown pg_snapshot) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH due AS (
        DELETE FROM rowcast.owed o WHERE pg_visible_in_snapshot(o.xid, shown) RETURNING o.xid, o.relation, o.root, o.at)
    INSERT INTO rowcast.change_log (xid, at, relation, kind, layout, author, role, acting_as, program)
    SELECT DISTINCT d.xid, d.at, s.root, 'r'::"char", s.layout, NULL, NULL, NULL, NULL
      FROM due d CROSS JOIN LATERAL rowcast.copied_shape(d.relation) s
     WHERE NOT EXISTS (SELECT FROM due t
                        WHERE t.xid = d.xid AND t.relation = d.relation AND t.root = s.root);
    RETURN FOUND;
END $$;

-- Tells whoever sleeps of what was copied, if that is `due` or some of these transactions are seen by now;
-- says which are not yet. By itself, for to notify is to wait for others who do and have not ended.
CREATE FUNCTION rowcast.rouse_for(xids int8[], due boolean) RETURNS int8[]
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rest int8[] := (SELECT coalesce(array_agg(x.xid), '{}') FROM unnest(xids) AS x (xid)
                     WHERE NOT rowcast.is_seen(x.xid));
BEGIN
    IF (due OR cardinality(rest) < cardinality(xids))
       AND pg_try_advisory_lock_shared(1919907683, 1) AND pg_advisory_unlock_shared(1919907683, 1) THEN
        PERFORM rowcast.ring();
    END IF;
    RETURN rest;
END $$;

-- Adds to the log what was copied of the write-ahead log since `before`, and says whether the log has more
-- by it. NULL if it was not added: somebody else has copied it.
CREATE FUNCTION rowcast.append(before pg_lsn, reached pg_lsn, shown pg_snapshot, shown_at int8, xids int8[],
        moments int8[], relations oid[], kinds text[], layouts int4[], olds bytea[], news bytea[],
        owed_xids int8[], owed_moments int8[], owed_relations oid[], owed_roots oid[])
    RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next int8;
    is_paid boolean;
BEGIN
    UPDATE rowcast.copied
       SET lsn = reached, version = shown, at = 'epoch'::timestamptz + shown_at * interval '1 microsecond'
     WHERE lsn = before;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Above the numbers of all that is copied: those had theirs before. A snapshot's end may not be, for
    -- a commit that is copied may not be visible yet. The write-ahead log says a number without what
    -- goes beyond 32 bits.
    next := pg_current_xact_id()::text::int8;
    INSERT INTO rowcast.change_log (xid, at, relation, kind, layout, old, new,
                                    author, role, acting_as, program)
    SELECT (next - (next - r.xid) % 4294967296)::text::xid8,
           'epoch'::timestamptz + r.moment * interval '1 microsecond', r.relation,
           r.kind::"char", r.layout, r.old, r.new, NULL, NULL, NULL, NULL
      FROM unnest(xids, moments, relations, kinds, layouts, olds, news)
        AS r (xid, moment, relation, kind, layout, old, new);
    INSERT INTO rowcast.owed (xid, relation, root, at)
    SELECT (next - (next - o.xid) % 4294967296)::text::xid8, o.relation, o.root,
           'epoch'::timestamptz + o.moment * interval '1 microsecond'
      FROM unnest(owed_xids, owed_moments, owed_relations, owed_roots) AS o (xid, moment, relation, root)
        ON CONFLICT DO NOTHING;
    -- While it is known what was a part of what.
    is_paid := rowcast.pay(shown);
    DELETE FROM rowcast.parted p WHERE pg_visible_in_snapshot(p.xid, shown);
    RETURN is_paid OR cardinality(xids) > 0;
END $$;

-- Whether a table's writers would be stopped by being published: what PostgreSQL publishes it
-- must be able to name.
CREATE FUNCTION rowcast.is_nameless(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_or(CASE p.relreplident
               WHEN 'f' THEN false
               WHEN 'd' THEN NOT EXISTS (SELECT FROM pg_index i
                                          WHERE i.indrelid = p.oid AND i.indisprimary AND i.indimmediate)
               WHEN 'i' THEN NOT EXISTS (SELECT FROM pg_index i
                                          WHERE i.indrelid = p.oid AND i.indisreplident)
               ELSE true END), false)
      FROM rowcast.tree(relation) t JOIN pg_class p ON p.oid = t AND p.relkind = 'r'
$$;

-- Whether they would be by partitions to come: these have the table's primary key, and no other
-- replica identity.
CREATE FUNCTION rowcast.is_to_be_nameless(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'p')
           AND NOT EXISTS (SELECT FROM pg_index i
                            WHERE i.indrelid = relation AND i.indisprimary AND i.indimmediate)
$$;

-- Whether they would be from PostgreSQL 18 on: it names nothing by a generated column, which it
-- would have to publish for that.
CREATE FUNCTION rowcast.is_named_by_generated(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT current_setting('server_version_num')::int4 >= 180000 AND EXISTS (
        SELECT FROM rowcast.tree(relation) t
          JOIN pg_class p ON p.oid = t AND p.relkind = 'r'
          JOIN pg_attribute a ON a.attrelid = p.oid AND a.attnum > 0 AND a.attgenerated <> ''
                             AND NOT a.attisdropped
         WHERE p.relreplident = 'f' OR EXISTS (
               SELECT FROM pg_index i
                WHERE i.indrelid = p.oid
                  AND CASE p.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END
                  AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
$$;

-- Why a table can't be in a publication, or NULL.
CREATE FUNCTION rowcast.publication_refusal(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN rowcast.is_nameless(relation)
            THEN 'it has no replica identity: it needs a PRIMARY KEY, or ALTER TABLE … REPLICA IDENTITY FULL'
        WHEN rowcast.is_to_be_nameless(relation)
            THEN 'partitions that are added to it would have no replica identity: it needs a PRIMARY KEY'
        WHEN rowcast.is_named_by_generated(relation)
            THEN 'its replica identity has a generated column, which PostgreSQL does not publish: '
                 'it needs a PRIMARY KEY over other columns, and ALTER TABLE … REPLICA IDENTITY DEFAULT'
        END
$$;

ALTER FUNCTION rowcast.table_refusal(regclass) RENAME TO trigger_refusal;
-- Why a table can't be made live, or NULL.
CREATE FUNCTION rowcast.table_refusal(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(rowcast.trigger_refusal(relation),
        CASE WHEN rowcast.is_to_be_published(relation) THEN rowcast.publication_refusal(relation) END)
$$;

ALTER FUNCTION rowcast.table_definition(regclass) RENAME TO trigger_definition;
-- A hash of all that the capture of a table's changes relies on.
CREATE FUNCTION rowcast.table_definition(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN rowcast.is_to_be_published(relation) OR rowcast.is_published(relation)
        THEN md5(concat_ws('/', rowcast.trigger_definition(relation), rowcast.is_to_be_published(relation),
            rowcast.is_published(relation), rowcast.publication_refusal(relation),
            (SELECT string_agg(concat(c.oid, ':', c.relreplident), ',' ORDER BY c.oid)
               FROM rowcast.tree(relation) t JOIN pg_class c ON c.oid = t)))
        ELSE rowcast.trigger_definition(relation) END
$$;

ALTER FUNCTION rowcast.detach(oid) RENAME TO detach_triggers;

-- Takes a relation out of the publication.
CREATE FUNCTION rowcast.withdraw(relation oid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF rowcast.is_published(relation) THEN
        EXECUTE format('ALTER PUBLICATION rowcast DROP TABLE %s', relation::regclass);
    END IF;
END $$;

-- Has the changes of a table captured as it is now.
CREATE FUNCTION rowcast.capture(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT rowcast.is_to_be_published(relation) THEN
        PERFORM rowcast.attach(relation);
        PERFORM rowcast.withdraw(relation);
    ELSE
        -- Who has written to it has ended, and who will write does so after this has: of a
        -- transaction that writes to it, all is published or nothing.
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
        PERFORM rowcast.detach_triggers(relation);
        IF NOT rowcast.is_published(relation) THEN
            EXECUTE format('ALTER PUBLICATION rowcast ADD TABLE %s', relation);
        ELSIF current_setting('server_version_num')::int4 < 150000 THEN
            -- Before 15, whoever sends the write-ahead log does not find out by itself that a table they
            -- have sent of, or not, is a partition now, or is none any more.
            ALTER PUBLICATION rowcast SET (publish = 'insert, update, delete, truncate');
        END IF;
    END IF;
    PERFORM rowcast.note_parts(relation);
    UPDATE rowcast.watched w SET definition = rowcast.definition(capture.relation)
     WHERE w.relation = capture.relation;
END $$;

-- Has them captured no more.
CREATE FUNCTION rowcast.detach(relation oid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM rowcast.detach_triggers(relation);
    -- It may have become a part of another one.
    INSERT INTO rowcast.parted (relation, root)
        SELECT detach.relation, r FROM (SELECT pg_partition_root(detach.relation)::oid) AS p (r)
         WHERE r <> detach.relation AND rowcast.is_published(detach.relation);
    PERFORM rowcast.withdraw(relation);
    DELETE FROM rowcast.part p WHERE p.root = detach.relation;
END $$;

-- As before, but that it does not decide how changes are captured.
CREATE OR REPLACE FUNCTION rowcast.enlist(relation regclass, asked boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind "char" := (SELECT c.relkind FROM pg_class c WHERE c.oid = relation);
    source regclass;
BEGIN
    INSERT INTO rowcast.watched AS w (relation, is_asked) VALUES (relation, asked)
        ON CONFLICT ON CONSTRAINT watched_pkey
        DO UPDATE SET is_asked = true WHERE asked AND NOT w.is_asked;
    IF kind = 'v' THEN
        FOR source IN SELECT s FROM rowcast.sources(relation) s ORDER BY s LOOP
            PERFORM rowcast.enlist(source, false);
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM rowcast.watched w WHERE w.relation = enlist.relation
                AND w.definition IS NOT DISTINCT FROM rowcast.definition(enlist.relation)) THEN
        RETURN;
    END IF;
    IF kind IN ('r', 'p') THEN
        PERFORM rowcast.capture(relation);
    ELSE
        UPDATE rowcast.watched w SET definition = rowcast.definition(enlist.relation)
         WHERE w.relation = enlist.relation;
    END IF;
    PERFORM rowcast.log_definition(relation);
END $$;

-- Begins another history: cursors of before mean nothing in it, and what was not in the log by now
-- may never be.
CREATE FUNCTION rowcast.begin_anew() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE rowcast.state
       SET epoch = ('x' || left(md5(gen_random_uuid()::text), 16))::bit(64)::int8,
           purged_until = greatest(purged_until, clock_timestamp());
    -- Watch rules that are not there yet miss nothing by it. Who serves without accounts has none.
    IF has_table_privilege('rowcast.watch_rule', 'SELECT') AND has_table_privilege('rowcast.watch_cursor', 'UPDATE')
       AND NOT EXISTS (SELECT FROM rowcast.watch_rule) THEN
        UPDATE rowcast.watch_cursor
           SET epoch = (SELECT s.epoch FROM rowcast.state s), seen = pg_current_snapshot(), looked_at = clock_timestamp();
    END IF;
END $$;

-- Whether somebody else has a publication of our name.
CREATE FUNCTION rowcast.is_publication_taken() RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT s.has_publication AND EXISTS (SELECT FROM pg_publication WHERE pubname = 'rowcast')
      FROM rowcast.state s
$$;

-- Live tables, and each one's partitions, in an order to lock them in.
CREATE FUNCTION rowcast.live_members() RETURNS TABLE (member regclass)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.relid FROM rowcast.watched w
      JOIN pg_class c ON c.oid = w.relation AND c.relkind IN ('r', 'p')
       AND c.relnamespace <> 'rowcast'::regnamespace
     CROSS JOIN LATERAL (SELECT c.oid::regclass AS relid, 0 AS level
                         UNION SELECT p.relid, p.level FROM pg_partition_tree(c.oid) p) AS t
     ORDER BY c.oid, t.level, t.relid
$$;

-- Has nobody else use live tables until this transaction ends, so that it waits for nobody after.
-- Who waits for one of them is not kept for as long as PostgreSQL takes until it looks for a
-- deadlock, of which it might be the victim: that this one fails and is tried again hurts nobody.
CREATE FUNCTION rowcast.seize(wanted text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    deadline timestamptz;
    member regclass;
BEGIN
    -- An autovacuum gives way to whoever waits for it for long enough. In this mode that stops
    -- nobody who reads or writes.
    FOR member IN
        SELECT m.member FROM rowcast.live_members() m
         WHERE EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                        WHERE d.datname = current_database() AND l.relation = m.member
                          AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted)
    LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', member);
    END LOOP;
    PERFORM set_config('lock_timeout', '50ms', true);
    deadline := clock_timestamp() + interval '500 ms';
    FOR member IN SELECT m.member FROM rowcast.live_members() m LOOP
        IF clock_timestamp() > deadline THEN
            RAISE lock_not_available;
        END IF;
        -- Triggers are dropped while nobody reads; they are made while nobody writes.
        EXECUTE format('LOCK TABLE ONLY %s IN %s MODE', member,
            CASE wanted WHEN 'replication' THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END);
    END LOOP;
END $$;

-- Has changes come from there; says whether they did not before. Where tables are busy it fails
-- (55P03), to be tried again.
CREATE FUNCTION rowcast.set_source(wanted text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
    PERFORM FROM rowcast.state s WHERE s.source <> wanted FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF wanted = 'replication' AND rowcast.is_publication_taken() THEN
        RAISE EXCEPTION 'there is a publication named rowcast that Rowcast did not make'
            USING ERRCODE = 'duplicate_object',
                  HINT = 'ALTER PUBLICATION rowcast RENAME TO …';
    END IF;
    PERFORM rowcast.set_busy(true);
    PERFORM rowcast.seize(wanted);
    -- Programs of before know triggers alone.
    UPDATE rowcast.state
       SET source = wanted,
           worked_from = CASE wanted WHEN 'replication' THEN works_from END,
           works_from = CASE WHEN wanted = 'replication' THEN greatest(works_from, 25)
                             -- What was not raised since is as it was.
                             WHEN works_from = 25 THEN coalesce(worked_from, works_from)
                             ELSE works_from END;
    UPDATE rowcast.copied SET lsn = NULL, version = NULL, at = NULL;
    DELETE FROM rowcast.parted;
    DELETE FROM rowcast.owed;
    IF wanted = 'replication' THEN
        IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'rowcast') THEN
            CREATE PUBLICATION rowcast WITH (publish = 'insert, update, delete, truncate',
                                             publish_via_partition_root = false);
        END IF;
        UPDATE rowcast.state SET has_publication = true;
        -- Who serves adds to the log what they copy.
        PERFORM rowcast.give_to_serving('rowcast.change_log', 'rowcast.copied', 'rowcast.parted', 'rowcast.owed');
    END IF;
    PERFORM rowcast.begin_anew();
    PERFORM rowcast.refresh(NULL);
    IF wanted = 'triggers' AND (SELECT s.has_publication FROM rowcast.state s) THEN
        DROP PUBLICATION IF EXISTS rowcast;
        UPDATE rowcast.state SET has_publication = false;
    END IF;
    PERFORM rowcast.set_busy(false);
    RETURN true;
END $$;

-- The slot is made: what it brings leads on from this version, for all who ran at its making
-- have ended.
CREATE FUNCTION rowcast.begin_copying(from_lsn pg_lsn) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE rowcast.copied SET lsn = from_lsn, version = pg_current_snapshot(), at = statement_timestamp();
    DELETE FROM rowcast.parted;
    DELETE FROM rowcast.owed;
    PERFORM rowcast.begin_anew();
END $$;

SELECT rowcast.give_to_serving('rowcast.copied', 'rowcast.part', 'rowcast.parted', 'rowcast.owed');

SELECT rowcast.set_busy(false);
