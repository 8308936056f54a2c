-- From PostgreSQL 18 on a column may be NOT NULL for the rows to come alone (NOT VALID): rows of
-- before may be without a value, so a unique index over it does not tell rows apart.

SELECT rowcast.set_busy(true);

-- The columns of the key: the primary key's, else those of the unique index over NOT NULL
-- columns that has the fewest. NULL where there is none.
CREATE OR REPLACE FUNCTION rowcast.key(relation regclass) RETURNS int2[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1]
      FROM pg_index i
     WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indimmediate
       AND i.indpred IS NULL AND i.indexprs IS NULL
       AND NOT EXISTS (
            SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (attnum)
              LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum
             WHERE k.attnum <= 0 OR a.attnotnull IS NOT TRUE OR a.attgenerated = 'v'
                OR EXISTS (SELECT FROM pg_constraint n
                            WHERE n.conrelid = relation AND n.contype = 'n'
                              AND NOT n.convalidated AND k.attnum = ANY (n.conkey)))
     ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
     LIMIT 1
$$;

-- What has another key by that, or none, is made to fit; what others hold is left to the next
-- comparison by a follower of the log.
SELECT rowcast.refresh_each();

SELECT rowcast.set_busy(false);
