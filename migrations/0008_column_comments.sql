-- A table is another one for those who show it when a column's comment is.

SELECT rowcast.set_busy(true);

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
            -- The comments: the table's own and those of its columns.
            (SELECT string_agg(concat(d.objsubid, ':', d.xmin), ',' ORDER BY d.objsubid)
               FROM pg_description d
              WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass),
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

SELECT rowcast.set_busy(false);
