-- What writers could do to the log, or with our rights, and what the log could do to them.
--
-- That what follows changes definitions is no DDL of a user's: so far this is how on_ddl is told.
SELECT set_config('rowcast.busy', 'on', true);

-- Where the database publishes all its tables, for logical replication, rows of one without a key
-- can't be removed unless it says how to tell them. Nobody replicates the log, but it is purged.
ALTER TABLE rowcast.change_log REPLICA IDENTITY FULL;

-- Known to those alone who may read this table.
ALTER TABLE rowcast.state ADD COLUMN token text NOT NULL DEFAULT gen_random_uuid()::text;

-- Says to on_ddl, until the end of the transaction at most, that what is defined is ours. A
-- writer can set any setting, but not to the token.
CREATE FUNCTION rowcast.set_busy(busy boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('rowcast.busy',
                       CASE WHEN busy THEN (SELECT token FROM rowcast.state) ELSE '' END, true);
END $$;

CREATE FUNCTION rowcast.is_busy() RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(current_setting('rowcast.busy', true) = (SELECT token FROM rowcast.state), false)
$$;

-- Whether nobody but a superuser and the owner of this schema has a say in what a type is, nor
-- in what it is made of. The owner of a type can give it a cast to json at any time, which
-- to_jsonb calls, and in a trigger function of ours it would do so with our rights.
CREATE FUNCTION rowcast.is_ours(type oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE parts (type) AS (
        SELECT is_ours.type
        UNION
        SELECT d.part
          FROM parts p JOIN pg_type t ON t.oid = p.type, LATERAL (
            SELECT t.typbasetype WHERE t.typtype = 'd'
            UNION ALL
            SELECT t.typelem WHERE t.typelem <> 0
            UNION ALL
            SELECT a.atttypid FROM pg_attribute a
             WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
               AND NOT a.attisdropped
          ) AS d (part))
    SELECT coalesce(bool_and(r.rolsuper OR r.oid = n.nspowner), true)
      FROM parts p JOIN pg_type t ON t.oid = p.type JOIN pg_roles r ON r.oid = t.typowner,
           pg_namespace n
     WHERE t.oid >= 16384 AND n.nspname = 'rowcast'
$$;

-- The expression that a trigger images of a column of this type. A function of ours that is
-- older than the table it writes down must not find another type there than the one that was
-- judged: that is an error, and what changed is logged as unknown.
CREATE FUNCTION rowcast.safe_image_of(codec text, reference text, type oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE codec
        WHEN 'jsonb_of' THEN
            format('CASE 1 OPERATOR(pg_catalog./) (pg_catalog.pg_typeof(%1$s)::pg_catalog.oid '
                   'OPERATOR(pg_catalog.=) %2$s::pg_catalog.oid)::pg_catalog.int4 WHEN 1 THEN %3$s END',
                   reference, type, rowcast.image_of(codec, reference))
        ELSE rowcast.image_of(codec, reference)
    END
$$;

-- The columns of a table, in table order: those of which an image is made.
CREATE OR REPLACE FUNCTION rowcast.columns(relation regclass)
    RETURNS TABLE (place int4, attnum int2, name name, type oid, typmod int4, codec text,
                   -- Whether a trigger can see its value, and safely.
                   is_stored boolean,
                   -- Whether a value takes a number of bytes that the definition doesn't say.
                   is_unbounded boolean)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT row_number() OVER (ORDER BY a.attnum)::int4, a.attnum, a.attname, a.atttypid,
           a.atttypmod, rowcast.codec(a.atttypid),
           a.attgenerated <> 'v' AND NOT (
               rowcast.codec(a.atttypid) = 'jsonb_of' AND (
                   NOT rowcast.is_ours(a.atttypid) OR EXISTS (
                       SELECT FROM pg_cast c
                        WHERE c.casttarget = 'json'::regtype AND c.castmethod = 'f'
                          AND rowcast.is_foreign_cast(c.oid)))),
           a.attlen = -1 AND a.attstorage <> 'p'
               AND (rowcast.base_type(a.atttypid) NOT IN
                        ('bpchar'::regtype, 'varchar'::regtype, 'numeric'::regtype)
                    OR a.atttypmod NOT BETWEEN 4 AND 8192)
      FROM pg_attribute a
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum
$$;

-- The body of a table's trigger function for one operation.
--
-- Most statements change one row. That case takes one query over the transition tables and
-- the fewest possible expressions beside it, each of which PL/pgSQL sets up anew in every
-- transaction; STRICT sends all others the long way, and so does too_many_rows with rows that
-- are too large and with sessions of another encoding.
-- The guarded blocks write nothing, so they cost no transaction id.
CREATE OR REPLACE FUNCTION rowcast.source(relation regclass, operation text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    key int2[] := rowcast.key(relation);
    value_bytes int8 := (SELECT value FROM rowcast.setting WHERE name = 'value_bytes');
    statement_rows int8 := (SELECT value FROM rowcast.setting WHERE name = 'statement_rows');
    statement_bytes int8 := (SELECT value FROM rowcast.setting WHERE name = 'statement_bytes');
    -- What images are made of if all goes well: whole rows, or keys alone.
    by_key boolean := (SELECT bool_or(NOT c.is_stored) FROM rowcast.columns(relation) c);
    -- Beyond this a row of the log could not be stored, and making it would take the memory of
    -- whoever writes. Values count by their length when read, which may be many times that
    -- when stored.
    image_bytes int8 := LEAST(4 * statement_bytes, 536870912);
    usual text := CASE WHEN by_key THEN 'k' ELSE 'i' END;
    targets text[] := '{}'; sources text[] := '{}'; images text[] := '{}'; keys text[] := '{}';
    singles text[] := '{}'; tests text[] := '{}'; sizes text[] := '{}';
    side record; image text; test text; size text; many text := ''; few text := '';
    save text; too_large text;
BEGIN
    too_large := format('coalesce(pg_catalog.octet_length(before), 0) OPERATOR(pg_catalog.+) '
        'coalesce(pg_catalog.octet_length(after), 0) OPERATOR(pg_catalog.>) %s', image_bytes);
    save := format($$
    INSERT INTO rowcast.change_log (relation, kind, layout, old, new)
    VALUES (%s, %%s, %s, %%s, %%s);
    IF pg_catalog.pg_try_advisory_lock_shared(1919907683, 1)
       AND pg_catalog.pg_advisory_unlock_shared(1919907683, 1) THEN
        PERFORM rowcast.ring();
    END IF;
    RETURN NULL;
END$$, relation::oid, rowcast.layout(relation));
    IF operation = 'truncate' THEN
        -- A part of the table that is emptied is not the table.
        RETURN 'BEGIN' || format(save, format(
            'CASE WHEN TG_RELID OPERATOR(pg_catalog.=) %s::pg_catalog.oid THEN ''t'' ELSE ''r'' END::pg_catalog."char"',
            relation::oid), 'NULL', 'NULL');
    END IF;
    IF key IS NULL THEN
        RETURN 'BEGIN' || format(save, '''r''', 'NULL', 'NULL');
    END IF;

    FOR side IN
        SELECT * FROM (VALUES ('before', 'o', 'OLD', 'insert'), ('after', 'n', 'NEW', 'delete'))
            AS s (target, rows, record, without)
         WHERE s.without <> operation
    LOOP
        IF operation = 'row' THEN
            side.rows := side.record;
        END IF;
        SELECT format('pg_catalog.record_send(ROW(%s))',
                   string_agg(rowcast.safe_image_of(c.codec, format('%s.%I', side.rows, c.name), c.type), ', '
                              ORDER BY array_position(key, c.attnum))
                   FILTER (WHERE c.attnum = ANY (key))),
               format('pg_catalog.record_send(ROW(%s))',
                   string_agg(rowcast.safe_image_of(c.codec, format('%s.%I', side.rows, c.name), c.type), ', '
                              ORDER BY c.place) FILTER (WHERE c.is_stored)),
               string_agg(format('(pg_catalog.pg_column_size(%s.%I) OPERATOR(pg_catalog.>) %s) IS NOT TRUE',
                                 side.rows, c.name, value_bytes), ' AND ' ORDER BY c.place)
                   FILTER (WHERE c.is_unbounded AND NOT by_key),
               string_agg(format('coalesce(pg_catalog.%s(%s.%I), 0)',
                                 -- Of text the head tells it, compressed or not.
                                 CASE WHEN rowcast.base_type(c.type) IN
                                          ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype)
                                      THEN 'octet_length' ELSE 'pg_column_size' END,
                                 side.rows, c.name),
                          ' OPERATOR(pg_catalog.+) ' ORDER BY c.place)
                   FILTER (WHERE c.is_unbounded AND NOT by_key)
          INTO STRICT few, image, test, size FROM rowcast.columns(relation) c;
        keys := keys || few;
        targets := targets || side.target;
        sources := sources || side.rows;
        images := images || CASE WHEN by_key THEN few ELSE image END;
        singles := singles || CASE WHEN by_key THEN few WHEN test IS NULL THEN image
                                   ELSE format('CASE WHEN %s THEN %s END', test, image) END;
        tests := tests || coalesce(test, 'true');
        sizes := sizes || coalesce(size, '0');
    END LOOP;

    IF operation = 'row' THEN
        RETURN format($$
DECLARE
    before pg_catalog.bytea;
    after pg_catalog.bytea;
    kind pg_catalog."char" := '%s';
    encoding pg_catalog.text := pg_catalog.pg_client_encoding();
BEGIN
    BEGIN
        PERFORM pg_catalog.set_config('client_encoding', 'UTF8', true);
        IF TG_OP OPERATOR(pg_catalog.<>) 'INSERT' AND NOT (%s)
           OR TG_OP OPERATOR(pg_catalog.<>) 'DELETE' AND NOT (%s) THEN
            kind := 'k';
        END IF;
        IF TG_OP OPERATOR(pg_catalog.<>) 'INSERT' THEN
            before := CASE WHEN kind OPERATOR(pg_catalog.=) 'i' THEN %s ELSE %s END;
        END IF;
        IF TG_OP OPERATOR(pg_catalog.<>) 'DELETE' THEN
            after := CASE WHEN kind OPERATOR(pg_catalog.=) 'i' THEN %s ELSE %s END;
        END IF;
        PERFORM pg_catalog.set_config('client_encoding', encoding, true);
        IF %s THEN
            RAISE program_limit_exceeded;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        kind := 'r';
        before := NULL;
        after := NULL;
    END;
    IF kind OPERATOR(pg_catalog.=) 'i' AND before OPERATOR(pg_catalog.=) after THEN
        RETURN NULL;
    END IF;$$, usual, tests[1], tests[2], images[1], keys[1], images[2], keys[2], too_large)
            || format(save, 'kind', 'before', 'after');
    END IF;

    few := '';
    FOR n IN 1..cardinality(targets) LOOP
        -- What stands on both sides is no change: a multiset difference.
        many := many || format($$
                    SELECT pg_catalog.string_agg(d.i, '') INTO %s FROM (SELECT %s AS i FROM %s%s) AS d;$$,
            targets[n], images[n], sources[n],
            CASE WHEN operation = 'update' AND NOT by_key
                 THEN format(' EXCEPT ALL SELECT %s FROM %s', images[3 - n], sources[3 - n])
                 ELSE '' END);
        few := few || format($$
                    SELECT pg_catalog.string_agg(%s, '') INTO %s FROM %s;$$,
            keys[n], targets[n], sources[n]);
    END LOOP;
    RETURN format($$
DECLARE
    before pg_catalog.bytea;
    after pg_catalog.bytea;
    kind pg_catalog."char";
    encoding pg_catalog.text;
BEGIN
    BEGIN
        SELECT %1$s INTO STRICT %2$s FROM %3$s;%4$s
    EXCEPTION
        WHEN no_data_found OR too_many_rows OR untranslatable_character THEN
            before := NULL;
            after := NULL;
            BEGIN
                encoding := pg_catalog.pg_client_encoding();
                PERFORM pg_catalog.set_config('client_encoding', 'UTF8', true);
                SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) %5$s
                              OR pg_catalog.sum(%6$s) OPERATOR(pg_catalog.>) %7$s THEN 'r'
                            WHEN pg_catalog.bool_and(%8$s) THEN '%9$s' ELSE 'k' END
                  INTO kind FROM %10$s;%11$s
                IF kind OPERATOR(pg_catalog.=) '%9$s' THEN%12$s
                ELSIF kind OPERATOR(pg_catalog.=) 'k' THEN%13$s
                END IF;
                IF %14$s THEN
                    RAISE program_limit_exceeded;
                END IF;
                PERFORM pg_catalog.set_config('client_encoding', encoding, true);
            EXCEPTION WHEN OTHERS THEN
                kind := 'r';
                before := NULL;
                after := NULL;
            END;
            IF before IS NULL AND after IS NULL AND kind OPERATOR(pg_catalog.<>) 'r' THEN
                RETURN NULL;
            END IF;
        WHEN OTHERS THEN
            kind := 'r';
            before := NULL;
            after := NULL;
    END;$$,
        array_to_string(singles, ', '), array_to_string(targets, ', '),
        array_to_string(sources, ', '),
        CASE
            WHEN operation = 'update' AND NOT by_key THEN format($$
        IF (before OPERATOR(pg_catalog.=) after
            OR pg_catalog.pg_client_encoding() OPERATOR(pg_catalog.<>) 'UTF8'
            OR %s) IS NOT FALSE THEN
            IF before OPERATOR(pg_catalog.=) after THEN
                RETURN NULL;
            END IF;
            RAISE too_many_rows;
        END IF;$$, too_large)
            ELSE format($$
        IF %s IS NULL OR pg_catalog.pg_client_encoding() OPERATOR(pg_catalog.<>) 'UTF8' OR %s THEN
            RAISE too_many_rows;
        END IF;$$, targets[1], too_large) END,
        statement_rows, sizes[cardinality(sizes)], CASE
            WHEN operation = 'update' AND NOT by_key THEN format(
                '%s OR (SELECT pg_catalog.sum(%s) FROM o) OPERATOR(pg_catalog.>) %s',
                statement_bytes, sizes[1], statement_bytes)
            ELSE statement_bytes::text END, tests[cardinality(tests)], usual,
        sources[cardinality(sources)],
        CASE WHEN operation = 'update' AND tests[1] <> 'true' THEN format($$
                IF kind OPERATOR(pg_catalog.=) 'i' AND EXISTS (SELECT FROM o WHERE NOT (%s)) THEN
                    kind := 'k';
                END IF;$$, tests[1]) ELSE '' END,
        many, few, too_large)
        || format(save, format('coalesce(kind, ''%s'')', usual), 'before', 'after');
END $body$;

-- Makes the triggers fit the table as it is now.
CREATE OR REPLACE FUNCTION rowcast.attach(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_subscribed boolean := rowcast.is_subscribed(relation);
    -- Whether images have values whose text depends on the session.
    is_dependent boolean := (SELECT bool_or(c.codec IN ('textual', 'jsonb_of'))
                               FROM rowcast.columns(relation) c);
    function text;
    operation text;
    member regclass;
    wanted record;
    stale record;
BEGIN
    FOREACH operation IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate', 'row'] LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION rowcast.capture_%s_%s() RETURNS trigger '
                       'LANGUAGE plpgsql SECURITY DEFINER %s AS %L', relation::oid, operation,
                       CASE WHEN is_dependent THEN
                           'SET search_path = pg_catalog, pg_temp SET TimeZone = ''UTC'' '
                           'SET DateStyle = ''ISO'' SET IntervalStyle = ''postgres'' '
                           'SET bytea_output = ''hex'' SET extra_float_digits = ''1'' '
                           'SET xmloption = ''content'' SET quote_all_identifiers = ''off'' '
                           'SET lc_monetary = ''C'''
                       ELSE '' END, rowcast.source(relation, operation));
        -- Whoever could hang it on a table of their own could write into the log.
        EXECUTE format('REVOKE ALL ON FUNCTION rowcast.capture_%s_%s() FROM PUBLIC',
                       relation::oid, operation);
    END LOOP;
    FOR member IN SELECT rowcast.tree(relation) LOOP
        FOR wanted IN
            SELECT * FROM (VALUES
                ('insert', 'INSERT', 'REFERENCING NEW TABLE AS n', false),
                ('update', 'UPDATE', 'REFERENCING OLD TABLE AS o NEW TABLE AS n', false),
                ('delete', 'DELETE', 'REFERENCING OLD TABLE AS o', false),
                ('truncate', 'TRUNCATE', '', NULL),
                ('row', 'INSERT OR UPDATE OR DELETE', '', true))
                AS w (operation, event, tables, by_row),
                LATERAL (SELECT 'rowcast_' || w.operation AS name) AS n
        LOOP
            function := format('rowcast.capture_%s_%s', relation::oid, wanted.operation);
            IF wanted.by_row IS DISTINCT FROM is_subscribed AND wanted.by_row IS NOT NULL
               OR wanted.by_row AND (SELECT relkind <> 'r' FROM pg_class WHERE oid = member) THEN
                IF EXISTS (SELECT FROM pg_trigger
                            WHERE tgrelid = member AND tgname = wanted.name) THEN
                    EXECUTE format('DROP TRIGGER %I ON %s', wanted.name, member);
                END IF;
                CONTINUE;
            END IF;
            IF NOT EXISTS (SELECT FROM pg_trigger
                            WHERE tgrelid = member AND tgname = wanted.name
                              AND tgfoid = function::regproc) THEN
                EXECUTE format(
                    'CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH %s EXECUTE FUNCTION %s()',
                    wanted.name, wanted.event, member, wanted.tables,
                    CASE WHEN wanted.by_row THEN 'ROW' ELSE 'STATEMENT' END, function);
            END IF;
            -- ALWAYS: also where the session takes the part of a replica.
            IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = member AND tgname = wanted.name
                                                AND tgenabled <> 'A') THEN
                EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', member, wanted.name);
            END IF;
        END LOOP;
    END LOOP;
    FOR stale IN
        SELECT g.tgname, g.tgrelid::regclass AS relation FROM pg_trigger g
         WHERE g.tgfoid IN (SELECT rowcast.functions(attach.relation)) AND NOT g.tgisinternal
           AND g.tgrelid NOT IN (SELECT rowcast.tree(attach.relation))
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', stale.tgname, stale.relation);
    END LOOP;
    UPDATE rowcast.watched w SET definition = rowcast.definition(attach.relation)
     WHERE w.relation = attach.relation;
END $$;

-- Makes a table live, or a view by what is under it; once more does no harm. A table that is
-- busy for longer than the lock timeout is an error (55P03), to be tried again, rather than a
-- wait that stops its writers.
CREATE OR REPLACE FUNCTION rowcast.watch(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    reason text := rowcast.refusal(relation);
BEGIN
    PERFORM rowcast.set_busy(true);
    IF relation IS NULL THEN
        RAISE EXCEPTION 'rowcast.watch needs a table' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION '% can''t be live: %', relation, reason
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM rowcast.enlist(relation, true);
    PERFORM rowcast.set_busy(false);
END $$;

-- Ends that; of a relation that is not watched, nothing. With a view go those tables under it
-- that were watched for its sake alone.
CREATE OR REPLACE FUNCTION rowcast.unwatch(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning AS $$
BEGIN
    PERFORM rowcast.set_busy(true);
    PERFORM rowcast.dismiss(ARRAY[relation::oid]);
    PERFORM rowcast.release();
    PERFORM rowcast.set_busy(false);
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
    PERFORM rowcast.set_busy(true);
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
    PERFORM rowcast.set_busy(false);
END $$;

-- The same of all, each by itself, so that one that can't be made to fit keeps no other from
-- it. What is not done, or not within a second, is marked, which followers of the log see.
CREATE FUNCTION rowcast.refresh_each() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '1 s';
    this oid;
BEGIN
    FOR this IN SELECT w.relation FROM rowcast.watched w ORDER BY w.relation LOOP
        BEGIN
            IF clock_timestamp() > deadline THEN
                RAISE lock_not_available;
            END IF;
            PERFORM rowcast.refresh(ARRAY[this]);
        EXCEPTION WHEN OTHERS THEN
            BEGIN
                UPDATE rowcast.watched w SET definition = NULL
                 WHERE w.relation = this AND w.definition <> rowcast.definition(this);
            EXCEPTION WHEN OTHERS THEN
                -- Whoever holds it makes it fit or marks it.
                NULL;
            END;
        END;
    END LOOP;
END $$;

-- What a statement of DDL did to watched tables and to views, which are live without being
-- watched themselves. It must not fail that statement: what goes wrong here is left to the
-- next comparison by a follower of the log.
CREATE OR REPLACE FUNCTION rowcast.on_ddl() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms' AS $$
BEGIN
    IF rowcast.is_busy() OR NOT EXISTS (SELECT FROM rowcast.watched) THEN
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
        PERFORM rowcast.refresh_each();
    END;
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;

REVOKE ALL ON FUNCTION rowcast.on_ddl() FROM PUBLIC;

-- What is watched gets the new functions.
SELECT rowcast.set_busy(true);
SELECT rowcast.attach(w.relation)
  FROM rowcast.watched w JOIN pg_class c ON c.oid = w.relation AND c.relkind IN ('r', 'p');
SELECT rowcast.set_busy(false);
