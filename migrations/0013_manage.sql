-- Who may set a table's permissions, and names of tables that mean one table each.

SELECT rowcast.set_busy(true);

-- Who sets what others may see of a table sees all of it: nothing could be kept from them.
ALTER TABLE rowcast.permission
    ADD COLUMN may_manage boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT permission_manage CHECK (NOT may_manage
        OR (may_read AND row_filter IS NULL AND hidden = '{}' AND read_only = '{}')),
    DROP CONSTRAINT permission_table_path_check,
    ADD CONSTRAINT permission_table_path_check CHECK (char_length(table_path) BETWEEN 1 AND 300);

-- A part that holds a dot or a quote is quoted, so that no path is of two tables. Those that were
-- kept without quotes are of the table that they were said of, if that has this name still.
UPDATE rowcast.permission p
   SET table_path = concat_ws('.',
           CASE WHEN n.nspname ~ '[."]' THEN '"' || replace(n.nspname, '"', '""') || '"' ELSE n.nspname END,
           CASE WHEN c.relname ~ '[."]' THEN '"' || replace(c.relname, '"', '""') || '"' ELSE c.relname END)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = p.relation AND p.table_path = concat_ws('.', n.nspname, c.relname)
   AND (n.nspname ~ '[."]' OR c.relname ~ '[."]');

SELECT rowcast.set_busy(false);
