-- Change capture: what triggers log of watched tables, and the functions that look after
-- the triggers.
--
-- Invariants
-- * Nothing here may ever fail a statement of a user's. What can't be imaged is logged as
--   unknown, and whoever follows the log reads the table again.
-- * Trigger functions run as their owner and qualify every name, so neither the writer's
--   rights nor the writer's search_path matter.
-- * Everything is in this schema or depends on it: DROP SCHEMA rowcast CASCADE removes all.

-- What tells this history of the log from that of a restored copy, and how far back it goes.
CREATE TABLE rowcast.state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch int8 NOT NULL DEFAULT ('x' || left(md5(gen_random_uuid()::text), 16))::bit(64)::int8,
    -- No change of a transaction at or above this id has been removed.
    purged_below xid8 NOT NULL DEFAULT '0',
    -- Transactions below this id had ended at the time beside it.
    settled_below xid8 NOT NULL DEFAULT '0',
    settled_at timestamptz NOT NULL DEFAULT now(),
    -- What had settled so long ago that every follower has had the time to read it.
    read_below xid8 NOT NULL DEFAULT '0',
    -- The cluster and the database that the log was written in: in a restored copy it means
    -- nothing, and transaction ids in it may lie in the future.
    cluster int8,
    database oid
);
INSERT INTO rowcast.state DEFAULT VALUES;

-- Bounds that are built into the trigger functions: SELECT rowcast.refresh(NULL) applies them.
CREATE TABLE rowcast.setting (
    name text PRIMARY KEY,
    value int8 NOT NULL CHECK (value >= 0),
    meaning text NOT NULL
);
INSERT INTO rowcast.setting VALUES
    ('value_bytes', 262144, 'A row with a value stored in more bytes is logged by its key.'),
    ('statement_rows', 10000, 'A statement that changed more rows is logged as unknown.'),
    ('statement_bytes', 16777216, 'A statement whose rows have more bytes is logged as unknown.');

-- The tables that are live.
CREATE TABLE rowcast.watched (
    relation regclass PRIMARY KEY,
    -- A hash of what its triggers were made for.
    definition text,
    since timestamptz NOT NULL DEFAULT now()
);

-- The log. Its order means nothing within a transaction, nor between those that overlap.
CREATE TABLE rowcast.change_log (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The watched table; for a partition, the one that it is part of.
    relation oid NOT NULL,
    -- i images, k images of keys alone, t truncated, r unknown, d definition changed
    kind "char" NOT NULL,
    -- The hash of the columns that the images are made of.
    layout int4 NOT NULL,
    -- Images as record_send makes them, one after another.
    old bytea,
    new bytea
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE rowcast.change_log ALTER old SET STORAGE EXTERNAL, ALTER new SET STORAGE EXTERNAL;
CREATE INDEX change_log_xid ON rowcast.change_log (xid);

-- The class of our advisory locks. In it, 1 is held by the tail that is awake and 2 by one of
-- those who hear the bell. Writers test them shared, so they are in nobody's way, least of all
-- in each other's.
CREATE FUNCTION rowcast.awake_class() RETURNS int4
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 1919907683;

-- Rings the bell at commit, if anybody hears it. A transaction that has notified can't be
-- prepared, so where that may happen the bell is silent and followers look by themselves.
CREATE FUNCTION rowcast.ring() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.pg_try_advisory_lock_shared(1919907683, 2)
       AND pg_catalog.pg_advisory_unlock_shared(1919907683, 2) THEN
        RETURN;
    END IF;
    IF pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.=) '0' THEN
        PERFORM pg_catalog.pg_notify('rowcast', '');
    END IF;
END $$;

-- The type itself, or what a domain is made of.
CREATE FUNCTION rowcast.base_type(type oid) RETURNS oid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE chain AS (
        SELECT t.oid, t.typtype, t.typbasetype FROM pg_type t WHERE t.oid = type
        UNION ALL
        SELECT t.oid, t.typtype, t.typbasetype
          FROM chain JOIN pg_type t ON t.oid = chain.typbasetype AND chain.typtype = 'd')
    SELECT oid FROM chain WHERE typtype <> 'd'
$$;

-- Whether a cast runs a function of a role that is not a superuser. to_jsonb calls casts to
-- json, and in a trigger function of ours it would do so with our rights.
CREATE FUNCTION rowcast.is_foreign_cast("cast" oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT r.rolsuper AND r.oid <> (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'rowcast')
      FROM pg_cast c JOIN pg_proc f ON f.oid = c.castfunc JOIN pg_roles r ON r.oid = f.proowner
     WHERE c.oid = "cast"
$$;

-- How a value of this type is imaged. It is decided as to_jsonb decides, so that what is
-- made of an image is what to_jsonb gives.
CREATE FUNCTION rowcast.codec(type oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN t.oid IN ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype,
                       'float4'::regtype, 'float8'::regtype, 'numeric'::regtype,
                       'bpchar'::regtype, 'bytea'::regtype, 'date'::regtype, 'time'::regtype,
                       'timestamp'::regtype, 'timestamptz'::regtype, 'uuid'::regtype,
                       'json'::regtype, 'jsonb'::regtype) THEN t.typname::text
        WHEN t.oid IN ('text'::regtype, 'varchar'::regtype, 'name'::regtype) THEN 'text'
        WHEN t.typtype = 'e' THEN 'enum'
        WHEN t.typtype = 'c' OR t.oid = 'record'::regtype THEN 'jsonb_of'
        WHEN t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc
            THEN 'jsonb_of'
        WHEN t.oid >= 16384 AND EXISTS (
            SELECT FROM pg_cast c
             WHERE c.castsource = t.oid AND c.casttarget = 'json'::regtype AND c.castmethod = 'f'
               AND NOT rowcast.is_foreign_cast(c.oid))
            THEN 'jsonb_of'
        ELSE 'textual'
    END FROM pg_type t WHERE t.oid = rowcast.base_type(type)
$$;

-- The expression that is imaged of a column.
CREATE FUNCTION rowcast.image_of(codec text, reference text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE codec
        WHEN 'textual' THEN
            -- The type's output, which a cast to text is not always.
            format('CASE WHEN %1$s IS NOT NULL THEN pg_catalog.format(''%%s'', %1$s) END', reference)
        WHEN 'jsonb_of' THEN format('pg_catalog.to_jsonb(%s)', reference)
        ELSE reference
    END
$$;

-- The columns of a table, in table order: those of which an image is made.
CREATE FUNCTION rowcast.columns(relation regclass)
    RETURNS TABLE (place int4, attnum int2, name name, type oid, typmod int4, codec text,
                   -- Whether a trigger can see its value, and safely.
                   is_stored boolean,
                   -- Whether a value takes a number of bytes that the definition doesn't say.
                   is_unbounded boolean)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT row_number() OVER (ORDER BY a.attnum)::int4, a.attnum, a.attname, a.atttypid,
           a.atttypmod, rowcast.codec(a.atttypid),
           a.attgenerated <> 'v' AND NOT (
               rowcast.codec(a.atttypid) = 'jsonb_of' AND EXISTS (
                   SELECT FROM pg_cast c
                    WHERE c.casttarget = 'json'::regtype AND c.castmethod = 'f'
                      AND rowcast.is_foreign_cast(c.oid))),
           a.attlen = -1 AND a.attstorage <> 'p'
               AND (rowcast.base_type(a.atttypid) NOT IN
                        ('bpchar'::regtype, 'varchar'::regtype, 'numeric'::regtype)
                    OR a.atttypmod NOT BETWEEN 4 AND 8192)
      FROM pg_attribute a
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum
$$;

-- The columns of the key: the primary key's, else those of the unique index over NOT NULL
-- columns that has the fewest. NULL where there is none.
CREATE FUNCTION rowcast.key(relation regclass) RETURNS int2[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1]
      FROM pg_index i
     WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indimmediate
       AND i.indpred IS NULL AND i.indexprs IS NULL
       AND NOT EXISTS (
            SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (attnum)
              LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum
             WHERE k.attnum <= 0 OR a.attnotnull IS NOT TRUE OR a.attgenerated = 'v')
     ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
     LIMIT 1
$$;

-- The table and all partitions below it.
CREATE FUNCTION rowcast.tree(relation regclass) RETURNS SETOF regclass
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT relation UNION SELECT relid FROM pg_partition_tree(relation)
$$;

-- Whether logical replication writes into the table: it fires row triggers only.
CREATE FUNCTION rowcast.is_subscribed(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_subscription_rel s
                    WHERE s.srrelid IN (SELECT rowcast.tree(relation)))
$$;

-- A table's trigger functions.
CREATE FUNCTION rowcast.functions(relation oid) RETURNS SETOF oid
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_regproc(format('rowcast.capture_%s_%s', relation, operation))::oid
      FROM unnest(ARRAY['insert', 'update', 'delete', 'truncate', 'row']) AS operation
$$;

-- Removes them, and the triggers with them.
CREATE FUNCTION rowcast.detach(relation oid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    function oid;
BEGIN
    FOR function IN SELECT f FROM rowcast.functions(relation) f WHERE f IS NOT NULL LOOP
        EXECUTE format('DROP FUNCTION %s() CASCADE', function::regproc);
    END LOOP;
END $$;

-- The hash of the columns that images of a table are made of.
CREATE FUNCTION rowcast.layout(relation regclass) RETURNS int4
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT hashtext(string_agg(concat_ws(':', attnum, name, type, typmod, codec, is_stored), ','
                               ORDER BY place))
      FROM rowcast.columns(relation)
$$;

-- A hash of all that triggers and those who follow the log rely on. The transaction that last
-- wrote a column's definition is part of it, for ALTER … TYPE … USING may leave all else as it
-- was and yet give every row another value.
CREATE FUNCTION rowcast.definition(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(concat_ws('/', c.oid, c.relname, c.relnamespace::regnamespace, c.relkind,
        c.relpersistence, rowcast.layout(relation), rowcast.key(relation),
        rowcast.is_subscribed(relation),
        (SELECT string_agg(concat(value), ',' ORDER BY name) FROM rowcast.setting),
        (SELECT string_agg(concat(a.attrelid, ':', a.attnum, ':', a.xmin, ':', a.attcollation), ','
                           ORDER BY a.attrelid, a.attnum)
           FROM pg_attribute a
          WHERE a.attrelid IN (SELECT rowcast.tree(relation)) AND a.attnum > 0),
        (SELECT string_agg(concat(e.oid, ':', e.xmin), ',' ORDER BY e.oid)
           FROM rowcast.columns(relation) k
           JOIN pg_enum e ON e.enumtypid = rowcast.base_type(k.type)),
        -- A trigger of ours that is gone or disabled is made again.
        (SELECT string_agg(concat(g.tgrelid, ':', g.tgname, ':', g.tgenabled), ','
                           ORDER BY g.tgrelid, g.tgname)
           FROM pg_trigger g
          WHERE g.tgfoid IN (SELECT rowcast.functions(c.oid)))))
      FROM pg_class c WHERE c.oid = relation
$$;

-- The body of a table's trigger function for one operation.
--
-- Most statements change one row. That case takes one query over the transition tables and
-- the fewest possible expressions beside it, each of which PL/pgSQL sets up anew in every
-- transaction; STRICT sends all others the long way, and so does too_many_rows with rows that
-- are too large and with sessions of another encoding.
-- The guarded blocks write nothing, so they cost no transaction id.
CREATE FUNCTION rowcast.source(relation regclass, operation text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    key int2[] := rowcast.key(relation);
    value_bytes int8 := (SELECT value FROM rowcast.setting WHERE name = 'value_bytes');
    statement_rows int8 := (SELECT value FROM rowcast.setting WHERE name = 'statement_rows');
    statement_bytes int8 := (SELECT value FROM rowcast.setting WHERE name = 'statement_bytes');
    -- What images are made of if all goes well: whole rows, or keys alone.
    by_key boolean := (SELECT bool_or(NOT c.is_stored) FROM rowcast.columns(relation) c);
    usual text := CASE WHEN by_key THEN 'k' ELSE 'i' END;
    targets text[] := '{}'; sources text[] := '{}'; images text[] := '{}'; keys text[] := '{}';
    singles text[] := '{}'; tests text[] := '{}'; sizes text[] := '{}';
    side record; image text; test text; size text; many text := ''; few text := '';
    save text;
BEGIN
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
                   string_agg(rowcast.image_of(c.codec, format('%s.%I', side.rows, c.name)), ', '
                              ORDER BY array_position(key, c.attnum))
                   FILTER (WHERE c.attnum = ANY (key))),
               format('pg_catalog.record_send(ROW(%s))',
                   string_agg(rowcast.image_of(c.codec, format('%s.%I', side.rows, c.name)), ', '
                              ORDER BY c.place) FILTER (WHERE c.is_stored)),
               string_agg(format('(pg_catalog.pg_column_size(%s.%I) OPERATOR(pg_catalog.>) %s) IS NOT TRUE',
                                 side.rows, c.name, value_bytes), ' AND ' ORDER BY c.place)
                   FILTER (WHERE c.is_unbounded AND NOT by_key),
               string_agg(format('coalesce(pg_catalog.pg_column_size(%s.%I), 0)', side.rows, c.name),
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
    EXCEPTION WHEN OTHERS THEN
        kind := 'r';
        before := NULL;
        after := NULL;
    END;
    IF kind OPERATOR(pg_catalog.=) 'i' AND before OPERATOR(pg_catalog.=) after THEN
        RETURN NULL;
    END IF;$$, usual, tests[1], tests[2], images[1], keys[1], images[2], keys[2])
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
            WHEN operation = 'update' AND NOT by_key THEN $$
        IF (before OPERATOR(pg_catalog.=) after
            OR pg_catalog.pg_client_encoding() OPERATOR(pg_catalog.<>) 'UTF8') IS NOT FALSE THEN
            IF before OPERATOR(pg_catalog.=) after THEN
                RETURN NULL;
            END IF;
            RAISE too_many_rows;
        END IF;$$
            ELSE format($$
        IF %s IS NULL OR pg_catalog.pg_client_encoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
            RAISE too_many_rows;
        END IF;$$, targets[1]) END,
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
        many, few)
        || format(save, format('coalesce(kind, ''%s'')', usual), 'before', 'after');
END $body$;

-- Why a table can't be made live, or NULL.
CREATE FUNCTION rowcast.refusal(relation regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN c.relnamespace IN ('rowcast'::regnamespace, 'pg_catalog'::regnamespace,
                                'information_schema'::regnamespace) OR c.oid < 16384
            THEN 'it is part of the system'
        WHEN c.relkind IN ('v', 'm') THEN 'it is a view: watch the tables that it reads'
        WHEN c.relkind = 'f' THEN 'it is a foreign table: its changes are made elsewhere'
        WHEN c.relkind NOT IN ('r', 'p') THEN 'it is not a table'
        WHEN c.relpersistence = 't' THEN 'it is a temporary table'
        WHEN c.relpersistence = 'u' THEN 'it is unlogged: a crash empties it without a trace'
        WHEN c.relispartition THEN format('it is a partition: watch %s',
            (SELECT min(a.relid::text) FROM pg_partition_ancestors(c.oid) a
              WHERE NOT (SELECT p.relispartition FROM pg_class p WHERE p.oid = a.relid)))
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

-- Makes the triggers fit the table as it is now.
CREATE FUNCTION rowcast.attach(relation regclass) RETURNS void
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

-- Logs that a table's definition changed.
CREATE FUNCTION rowcast.log_definition(relation oid) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rowcast.change_log (relation, kind, layout) VALUES (relation, 'd', 0);
    IF pg_try_advisory_lock_shared(1919907683, 1) AND pg_advisory_unlock_shared(1919907683, 1) THEN
        PERFORM rowcast.ring();
    END IF;
END $$;

-- What watch, unwatch and refresh do is no DDL of a user's: rowcast.busy tells on_ddl.

-- Makes a table live; once more does no harm. A table that is busy for longer than the lock
-- timeout is an error (55P03), to be tried again, rather than a wait that stops its writers.
CREATE FUNCTION rowcast.watch(relation regclass) RETURNS void
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
    IF NOT EXISTS (SELECT FROM rowcast.watched w
                    WHERE w.relation = watch.relation
                      AND w.definition = rowcast.definition(watch.relation)) THEN
        INSERT INTO rowcast.watched (relation) VALUES (relation) ON CONFLICT DO NOTHING;
        PERFORM rowcast.attach(relation);
        PERFORM rowcast.log_definition(relation);
    END IF;
    PERFORM set_config('rowcast.busy', '', true);
END $$;

-- Ends that; of a table that is not live, nothing.
CREATE FUNCTION rowcast.unwatch(relation regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning AS $$
BEGIN
    PERFORM set_config('rowcast.busy', 'on', true);
    DELETE FROM rowcast.watched w WHERE w.relation = unwatch.relation;
    IF FOUND THEN
        PERFORM rowcast.detach(relation);
        PERFORM rowcast.log_definition(relation);
    END IF;
    PERFORM set_config('rowcast.busy', '', true);
END $$;

-- Makes triggers fit again where a definition changed: of these relations (watched ones or
-- partitions of theirs; others are passed over), or of all. Returns the watched tables that
-- had changed. One that is gone, or can no longer be live, is no longer watched.
CREATE FUNCTION rowcast.refresh(relations oid[]) RETURNS SETOF oid
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning AS $$
DECLARE
    watched record;
    reason text;
BEGIN
    PERFORM set_config('rowcast.busy', 'on', true);
    FOR watched IN
        SELECT w.relation, w.definition, c.oid IS NOT NULL AS exists
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
            PERFORM rowcast.attach(watched.relation);
            PERFORM rowcast.log_definition(watched.relation);
        ELSE
            IF watched.exists THEN
                RAISE WARNING '% is no longer live: %', watched.relation, reason;
            END IF;
            DELETE FROM rowcast.watched w WHERE w.relation = watched.relation;
            PERFORM rowcast.detach(watched.relation);
            PERFORM rowcast.log_definition(watched.relation);
        END IF;
        RETURN NEXT watched.relation::oid;
    END LOOP;
    PERFORM set_config('rowcast.busy', '', true);
END $$;

-- Makes the log this database's own: a copy that was restored elsewhere begins anew.
CREATE FUNCTION rowcast.adopt() RETURNS void
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
            purged_below = '0', settled_below = '0', read_below = '0', settled_at = now();
        PERFORM rowcast.refresh(NULL);
    END IF;
    UPDATE rowcast.state SET cluster = here_cluster, database = here_database;
END $$;

-- Removes at most so many of the oldest changes, if they are older than that and any follower
-- has had a while to read them. Returns how many there were.
CREATE FUNCTION rowcast.purge(kept interval, batch int4) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound xid8;
    removed int8;
    newest xid8;
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
        RETURNING l.xid)
    SELECT count(*), max(xid::text::numeric)::text::xid8 INTO removed, newest FROM removed;
    IF removed > 0 THEN
        UPDATE rowcast.state
           SET purged_below = (newest::text::numeric + 1)::text::xid8
         WHERE purged_below <= newest;
    END IF;
    RETURN removed;
END $$;

-- What a statement of DDL did to watched tables. It must not fail that statement: what goes
-- wrong here is left to the next comparison by a follower of the log.
CREATE FUNCTION rowcast.on_ddl() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms' AS $$
BEGIN
    IF current_setting('rowcast.busy', true) = 'on' THEN
        RETURN;
    END IF;
    IF TG_EVENT = 'sql_drop' THEN
        IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d
                        WHERE NOT d.is_temporary AND d.schema_name IS DISTINCT FROM 'rowcast') THEN
            RETURN;
        END IF;
    ELSIF TG_TAG LIKE 'CREATE%TABLE' AND NOT EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() d
          JOIN pg_inherits i ON i.inhrelid = d.objid) THEN
        RETURN;
    END IF;
    PERFORM rowcast.refresh(NULL);
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;

DO $$
BEGIN
    CREATE EVENT TRIGGER rowcast_ddl ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER TYPE',
                     'ALTER DOMAIN', 'ALTER SCHEMA', 'CREATE CAST', 'CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION')
        EXECUTE FUNCTION rowcast.on_ddl();
    CREATE EVENT TRIGGER rowcast_drop ON sql_drop EXECUTE FUNCTION rowcast.on_ddl();
    ALTER EVENT TRIGGER rowcast_ddl ENABLE ALWAYS;
    ALTER EVENT TRIGGER rowcast_drop ENABLE ALWAYS;
EXCEPTION WHEN insufficient_privilege THEN
    -- Only a superuser may: followers of the log compare the catalog instead.
    NULL;
END $$;
