-- Views: what is under them, when they are live, and that a materialized one changes at REFRESH.
--
-- A view is live if everything under it is, whether or not it was named itself. A materialized
-- view is a leaf like a table: what is under it does not change it, its REFRESH does.
-- That what follows changes definitions is no DDL of a user's.
SELECT set_config('rowcast.busy', 'on', true);

-- Watched relations may be views. Those that are watched only because a watched view reads
-- them were not asked for.
ALTER TABLE rowcast.watched ADD COLUMN is_asked boolean NOT NULL DEFAULT true;

-- What a view is made of, itself included: the views under it, and the tables, materialized
-- views and foreign tables that these read. Bodies of SQL functions are looked into where the
-- catalog knows them (BEGIN ATOMIC).
CREATE FUNCTION rowcast.parts(relation oid) RETURNS TABLE (part oid, kind "char")
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE parts (class, object) AS (
        VALUES ('pg_class'::regclass::oid, parts.relation)
        UNION
        SELECT d.class, d.object
          FROM parts p, LATERAL (
            SELECT d.refclassid, d.refobjid
              FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
              JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
             WHERE p.class = 'pg_class'::regclass AND c.oid = p.object AND c.oid >= 16384
               AND (c.relkind = 'v' OR c.oid = parts.relation)
            UNION ALL
            -- What belongs to PostgreSQL itself has no entries in pg_depend.
            SELECT 'pg_class'::regclass, named[1]::oid
              FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1',
                   regexp_matches(r.ev_action::text, ':relid (\d{1,5})\M', 'g') AS named
             WHERE p.class = 'pg_class'::regclass AND c.oid = p.object AND c.oid >= 16384
               AND (c.relkind = 'v' OR c.oid = parts.relation)
               AND named[1]::oid BETWEEN 1 AND 16383
            UNION ALL
            SELECT d.refclassid, d.refobjid FROM pg_depend d
             WHERE p.class = 'pg_proc'::regclass AND d.classid = p.class AND d.objid = p.object
          ) AS d (class, object)
         WHERE d.class IN ('pg_class'::regclass, 'pg_proc'::regclass))
    SELECT DISTINCT c.oid, c.relkind
      FROM parts p
      JOIN pg_class c ON c.oid = coalesce(pg_partition_root(p.object)::oid, p.object)
     WHERE p.class = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
$$;

-- The tables under a view: what has to be live so that it is. Those under a materialized view
-- are what it is made of at REFRESH.
CREATE FUNCTION rowcast.sources(relation oid) RETURNS SETOF oid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.part FROM rowcast.parts(sources.relation) p
     WHERE (p.kind <> 'v' OR p.part < 16384) AND p.part <> sources.relation
$$;

-- The views over any of these, directly or through others.
CREATE FUNCTION rowcast.readers(relations oid[]) RETURNS SETOF oid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE readers (view) AS (
        SELECT unnest(relations)
        UNION
        SELECT r.ev_class
          FROM readers v
          JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = v.view
                          AND d.classid = 'pg_rewrite'::regclass
          JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_type = '1')
    SELECT r.view FROM readers r JOIN pg_class c ON c.oid = r.view
     WHERE c.relkind IN ('v', 'm') AND r.view <> ALL (relations)
$$;

-- The state of a view's definition, and of those under it: which rules they have. The place of
-- a rule tells two states of one transaction apart.
CREATE FUNCTION rowcast.rules(relation oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(concat(r.oid, ':', r.xmin, ':', r.ctid), ',' ORDER BY r.oid)
      FROM rowcast.parts(rules.relation) p JOIN pg_rewrite r ON r.ev_class = p.part
     WHERE p.kind IN ('v', 'm')
$$;

ALTER FUNCTION rowcast.definition(regclass) RENAME TO table_definition;

-- A hash of all that those who watch a relation rely on.
CREATE FUNCTION rowcast.definition(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN c.relkind IN ('v', 'm')
                THEN md5(concat_ws('/', rowcast.table_definition(relation), rowcast.rules(c.oid)))
                ELSE rowcast.table_definition(relation) END
      FROM pg_class c WHERE c.oid = relation
$$;

-- Whether REFRESH of a materialized view reaches the log: only event triggers see it.
CREATE FUNCTION rowcast.is_refresh_told() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pg_event_trigger e JOIN pg_proc f ON f.oid = e.evtfoid
         WHERE f.pronamespace = 'rowcast'::regnamespace AND e.evtenabled IN ('O', 'A')
           AND 'REFRESH MATERIALIZED VIEW' = ANY (e.evttags))
$$;

-- Whether row security hides rows of a table from those who read it through a view of that
-- role's.
CREATE FUNCTION rowcast.is_hidden(relation oid, owner oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT row_security_active(c.oid)
           OR c.relrowsecurity AND NOT o.rolsuper AND NOT o.rolbypassrls
              AND (c.relforcerowsecurity OR NOT pg_has_role(o.oid, c.relowner, 'USAGE'))
      FROM pg_class c, pg_roles o WHERE c.oid = relation AND o.oid = owner
$$;

-- Whether commits that change what a relation shows arrive, and all that this role may see of
-- it can be told from them.
CREATE FUNCTION rowcast.is_live(relation oid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this record;
    is_watched boolean := EXISTS (SELECT FROM rowcast.watched w
                                   WHERE w.relation = is_live.relation);
BEGIN
    SELECT c.relkind AS kind, c.relowner AS owner INTO this FROM pg_class c WHERE c.oid = relation;
    IF this.kind IN ('r', 'p') THEN
        RETURN is_watched AND NOT row_security_active(relation);
    END IF;
    IF this.kind = 'm' AND (is_watched OR NOT rowcast.is_refresh_told()) THEN
        RETURN rowcast.is_refresh_told();
    END IF;
    IF this.kind NOT IN ('v', 'm') THEN
        RETURN false;
    END IF;
    RETURN coalesce((SELECT bool_and(rowcast.is_live(s) AND NOT rowcast.is_hidden(s, this.owner))
                       FROM rowcast.sources(relation) s), false);
END $$;

-- Why a relation can't be made live, or NULL.
CREATE OR REPLACE FUNCTION rowcast.refusal(relation regclass) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this pg_class;
    source regclass;
    reason text;
BEGIN
    SELECT * INTO this FROM pg_class c WHERE c.oid = relation;
    IF this.oid IS NULL THEN
        RETURN NULL;
    ELSIF this.relkind = 'm' AND this.oid >= 16384 THEN
        RETURN CASE
            WHEN this.relpersistence = 'u' THEN 'it is unlogged: a crash empties it without a trace'
            WHEN NOT rowcast.is_refresh_told()
                THEN 'it is a materialized view: only event triggers see its REFRESH, and those take a superuser'
        END;
    ELSIF this.relkind <> 'v' OR this.oid < 16384 THEN
        RETURN rowcast.table_refusal(relation);
    ELSIF this.relpersistence = 't' THEN
        RETURN 'it is a temporary view';
    END IF;
    FOR source IN SELECT s FROM rowcast.sources(relation) s ORDER BY s LOOP
        reason := rowcast.refusal(source);
        IF reason IS NULL AND rowcast.is_hidden(source, this.relowner) THEN
            reason := 'row security hides rows of it';
        END IF;
        IF reason IS NOT NULL THEN
            RETURN format('it reads %s, which can''t be: %s', source, reason);
        END IF;
    END LOOP;
    RETURN CASE WHEN source IS NULL THEN 'it reads no table' END;
END $$;

-- Why a table can't be made live, or NULL.
CREATE FUNCTION rowcast.table_refusal(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN c.relnamespace IN ('rowcast'::regnamespace, 'pg_catalog'::regnamespace,
                                'information_schema'::regnamespace) OR c.oid < 16384
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

-- Has a relation watched, and what is under it, and tells of it where it was not fit already.
-- Always in the same order, so that two who do this wait for each other at most.
CREATE FUNCTION rowcast.enlist(relation regclass, asked boolean) RETURNS void
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
        PERFORM rowcast.attach(relation);
    ELSE
        UPDATE rowcast.watched w SET definition = rowcast.definition(enlist.relation)
         WHERE w.relation = enlist.relation;
    END IF;
    PERFORM rowcast.log_definition(relation);
END $$;

-- No longer has these relations watched.
CREATE FUNCTION rowcast.dismiss(relations oid[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dismissed oid;
BEGIN
    FOR dismissed IN
        DELETE FROM rowcast.watched w WHERE w.relation = ANY (relations) RETURNING w.relation
    LOOP
        PERFORM rowcast.detach(dismissed);
        PERFORM rowcast.log_definition(dismissed);
    END LOOP;
END $$;

-- Dismisses what nobody asked for and no watched view reads any more.
CREATE FUNCTION rowcast.release() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT rowcast.dismiss(array_agg(w.relation::oid))
      FROM rowcast.watched w
     WHERE NOT w.is_asked AND w.relation::oid NOT IN (
        SELECT s FROM rowcast.watched v JOIN pg_class c ON c.oid = v.relation AND c.relkind = 'v',
               rowcast.sources(v.relation) s)
    HAVING count(*) > 0
$$;

-- Makes a table live, or a view by what is under it; once more does no harm. A table that is
-- busy for longer than the lock timeout is an error (55P03), to be tried again, rather than a
-- wait that stops its writers.
CREATE OR REPLACE FUNCTION rowcast.watch(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    reason text := rowcast.refusal(relation);
BEGIN
    PERFORM set_config('rowcast.busy', 'on', true);
    IF relation IS NULL THEN
        RAISE EXCEPTION 'rowcast.watch needs a table' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION '% can''t be live: %', relation, reason
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM rowcast.enlist(relation, true);
    PERFORM set_config('rowcast.busy', '', true);
END $$;

-- Ends that; of a relation that is not watched, nothing. With a view go those tables under it
-- that were watched for its sake alone.
CREATE OR REPLACE FUNCTION rowcast.unwatch(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning AS $$
BEGIN
    PERFORM set_config('rowcast.busy', 'on', true);
    PERFORM rowcast.dismiss(ARRAY[relation::oid]);
    PERFORM rowcast.release();
    PERFORM set_config('rowcast.busy', '', true);
END $$;

-- Makes triggers fit again where a definition changed: of these relations (watched ones or
-- partitions of theirs; others are passed over), or of all. Returns the watched relations that
-- had changed. One that is gone, or can no longer be live, is no longer watched.
CREATE OR REPLACE FUNCTION rowcast.refresh(relations oid[]) RETURNS SETOF oid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning AS $$
DECLARE
    watched record;
    reason text;
BEGIN
    PERFORM set_config('rowcast.busy', 'on', true);
    FOR watched IN
        SELECT w.relation, w.definition, w.is_asked, c.oid IS NOT NULL AS exists
          FROM rowcast.watched w LEFT JOIN pg_class c ON c.oid = w.relation
         WHERE relations IS NULL OR w.relation = ANY (relations) OR EXISTS (
            SELECT FROM rowcast.tree(w.relation) t WHERE t = ANY (relations))
         ORDER BY w.relation
    LOOP
        IF watched.exists THEN
            CONTINUE WHEN watched.definition = rowcast.definition(watched.relation);
            reason := rowcast.refusal(watched.relation);
        END IF;
        IF watched.exists AND reason IS NULL THEN
            -- One that was dismissed since the list of them was made stays so.
            PERFORM 1 FROM rowcast.watched w WHERE w.relation = watched.relation FOR UPDATE;
            CONTINUE WHEN NOT FOUND;
            PERFORM rowcast.enlist(watched.relation, watched.is_asked);
        ELSE
            IF watched.exists THEN
                RAISE WARNING '% is no longer live: %', watched.relation, reason;
            END IF;
            PERFORM rowcast.dismiss(ARRAY[watched.relation::oid]);
        END IF;
        RETURN NEXT watched.relation::oid;
    END LOOP;
    PERFORM rowcast.release();
    PERFORM set_config('rowcast.busy', '', true);
END $$;

-- Logs that a relation's rows are others now. Its kind says that no images tell which.
CREATE FUNCTION rowcast.log_unknown(relation oid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rowcast.change_log (relation, kind, layout) VALUES (relation, 'r', 0);
    IF pg_try_advisory_lock_shared(1919907683, 1) AND pg_advisory_unlock_shared(1919907683, 1) THEN
        PERFORM rowcast.ring();
    END IF;
END $$;

-- What a statement of DDL did to watched tables and to views, which are live without being
-- watched themselves. It must not fail that statement: what goes wrong here is left to the
-- next comparison by a follower of the log.
CREATE OR REPLACE FUNCTION rowcast.on_ddl() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms' AS $$
BEGIN
    IF current_setting('rowcast.busy', true) = 'on'
       OR NOT EXISTS (SELECT FROM rowcast.watched) THEN
        RETURN;
    END IF;
    IF TG_EVENT = 'sql_drop' THEN
        IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d
                        WHERE NOT d.is_temporary AND d.schema_name IS DISTINCT FROM 'rowcast') THEN
            RETURN;
        END IF;
        PERFORM rowcast.log_definition(d.objid) FROM pg_event_trigger_dropped_objects() d
          WHERE d.object_type IN ('view', 'materialized view') AND NOT d.is_temporary;
    ELSIF TG_TAG = 'REFRESH MATERIALIZED VIEW' THEN
        PERFORM rowcast.log_unknown(d.objid) FROM pg_event_trigger_ddl_commands() d;
        RETURN;
    ELSIF TG_TAG LIKE 'CREATE%TABLE' AND NOT EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() d
          JOIN pg_inherits i ON i.inhrelid = d.objid) THEN
        RETURN;
    ELSE
        PERFORM rowcast.log_definition(v.oid)
           FROM (SELECT array_agg(d.objid) AS altered
                   FROM pg_event_trigger_ddl_commands() d JOIN pg_class c ON c.oid = d.objid
                  WHERE d.classid = 'pg_class'::regclass AND c.relkind IN ('v', 'm')
                    AND c.relpersistence <> 't') AS a,
                LATERAL (SELECT unnest(a.altered) UNION SELECT rowcast.readers(a.altered)) AS v (oid);
    END IF;
    BEGIN
        PERFORM rowcast.refresh(NULL);
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;

DO $$
BEGIN
    DROP EVENT TRIGGER IF EXISTS rowcast_ddl;
    CREATE EVENT TRIGGER rowcast_ddl ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER TYPE',
                     'ALTER DOMAIN', 'ALTER SCHEMA', 'CREATE CAST', 'CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION',
                     'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW',
                     'REFRESH MATERIALIZED VIEW')
        EXECUTE FUNCTION rowcast.on_ddl();
    ALTER EVENT TRIGGER rowcast_ddl ENABLE ALWAYS;
EXCEPTION WHEN insufficient_privilege THEN
    -- Only a superuser may: followers of the log compare the catalog instead.
    NULL;
END $$;

-- A hash of everything that a server remembers of a relation: of a view also what is under it.
-- NULL if there is no such relation.
CREATE OR REPLACE FUNCTION rowcast.fingerprint(relation oid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        SELECT md5(concat_ws('/',
            -- Not when its row was last written: TRUNCATE writes it, too.
            c.oid, c.relname, n.nspname, c.relkind, c.relrowsecurity, c.relforcerowsecurity,
            -- Columns and their types.
            (SELECT string_agg(concat(a.attnum, ':', a.xmin, ':', t.xmin), ',' ORDER BY a.attnum)
               FROM pg_attribute a LEFT JOIN pg_type t ON t.oid = a.atttypid
              WHERE a.attrelid = c.oid AND a.attnum > 0),
            -- Keys.
            (SELECT string_agg(concat(i.indexrelid, ':', i.xmin), ',' ORDER BY i.indexrelid)
               FROM pg_index i WHERE i.indrelid = c.oid),
            -- Foreign keys and the names of what they refer to.
            (SELECT string_agg(concat(f.oid, ':', f.xmin, ':', f.confrelid::regclass), ',' ORDER BY f.oid)
               FROM pg_constraint f
              WHERE f.conrelid = c.oid),
            -- Labels of enums.
            (SELECT string_agg(concat(e.oid, ':', e.xmin), ',' ORDER BY e.oid)
               FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
               JOIN pg_enum e ON e.enumtypid =
                    CASE t.typtype WHEN 'd' THEN rowcast.base_type(t.oid) ELSE t.oid END
              WHERE a.attrelid = c.oid AND a.attnum > 0),
            -- The comment.
            (SELECT d.xmin::text FROM pg_description d
              WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0),
            -- Partitions.
            (SELECT string_agg(h.inhrelid::text, ',' ORDER BY h.inhrelid)
               FROM pg_inherits h WHERE h.inhparent = c.oid),
            -- Live or not.
            (SELECT count(*) FROM rowcast.watched w WHERE w.relation = c.oid),
            -- What is under a view.
            CASE WHEN c.relkind IN ('v', 'm') THEN concat_ws(':',
                rowcast.rules(c.oid), rowcast.is_refresh_told(),
                (SELECT string_agg(rowcast.fingerprint(s), ',' ORDER BY s)
                   FROM rowcast.sources(c.oid) s)) END))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = fingerprint.relation);
END $$;
