-- The database's own rules: as whom it is asked for an account, and whether what they make of a
-- relation for a role is still what it was.

SELECT rowcast.set_busy(true);

-- The role under which the account's user reads and writes, where the server is set to have the
-- database decide; NULL: the one that it is set to give to those without.
ALTER TABLE rowcast.account
    ADD COLUMN database_role text CHECK (octet_length(database_role) BETWEEN 1 AND 63);

CREATE OR REPLACE FUNCTION rowcast.note_account() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM rowcast.note('account_made', subject => NEW.id);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM rowcast.note('account_removed', subject => OLD.id, subject_name => OLD.name);
    ELSE
        IF (OLD.disabled_at IS NULL) <> (NEW.disabled_at IS NULL) THEN
            PERFORM rowcast.note(CASE WHEN NEW.disabled_at IS NULL THEN 'account_enabled'
                                      ELSE 'account_disabled' END, subject => NEW.id);
        END IF;
        SELECT jsonb_object_agg(d.key, jsonb_build_array(o.value, d.value)) INTO changed
          FROM jsonb_each(to_jsonb(NEW)) AS d JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
         WHERE d.key IN ('name', 'email', 'attributes', 'database_role') AND d.value <> o.value;
        IF changed IS NOT NULL THEN
            PERFORM rowcast.note('account_changed', subject => NEW.id, details => changed);
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- What decides which rows of a relation somebody sees: the relation, what is under it if it is a
-- view, the policies of these, and the tables and functions that those look at, with their policies
-- in turn. The relation itself is also told as reached where one of them looks at it.
--
-- It is asked with every read under a role, so it is planned once a session.
CREATE FUNCTION rowcast.ruling(relation oid) RETURNS TABLE (class oid, object oid, is_reached boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE parts (class, object, is_reached) AS (
        SELECT 'pg_class'::regclass::oid, ruling.relation, false
        UNION
        SELECT d.class, d.object, true
          FROM parts r, LATERAL (
            SELECT d.refclassid, d.refobjid
              FROM pg_class c JOIN pg_rewrite w ON w.ev_class = c.oid AND w.ev_type = '1'
              JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
             WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.relkind = 'v'
               AND d.refobjid <> c.oid
            UNION ALL
            SELECT d.refclassid, d.refobjid
              FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid AND p.polcmd IN ('r', '*')
              JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
             WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.relrowsecurity
               -- Each depends on its own table, whether or not it looks at other rows of it.
               AND d.refobjid <> c.oid
            UNION ALL
            -- That a policy looks at other rows of its own table, and what belongs to PostgreSQL
            -- itself, which has no entries in pg_depend.
            SELECT 'pg_class'::regclass, named[1]::oid
              FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid AND p.polcmd IN ('r', '*'),
                   regexp_matches(p.polqual::text, ':relid (\d+)\M', 'g') AS named
             WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.relrowsecurity
               AND (named[1]::oid = c.oid OR named[1]::oid BETWEEN 1 AND 16383)
            UNION ALL
            SELECT 'pg_class'::regclass, named[1]::oid
              FROM pg_class c JOIN pg_rewrite w ON w.ev_class = c.oid AND w.ev_type = '1',
                   regexp_matches(w.ev_action::text, ':relid (\d{1,5})\M', 'g') AS named
             WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.relkind = 'v'
               AND named[1]::oid BETWEEN 1 AND 16383
            UNION ALL
            SELECT d.refclassid, d.refobjid FROM pg_depend d
             WHERE r.class = 'pg_proc'::regclass AND d.classid = r.class AND d.objid = r.object
          ) AS d (class, object)
         WHERE d.class IN ('pg_class'::regclass, 'pg_proc'::regclass))
    SELECT r.class, r.object, r.is_reached FROM parts r;
END $$;

-- Whether what an expression says may change though no table does: it asks for the time, or calls a
-- function of which nothing is known. Settings are those of whoever asks.
CREATE FUNCTION rowcast.is_untold(tree text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(tree ~ '\{SQLVALUEFUNCTION :op [0-8] ' OR EXISTS (
        SELECT FROM regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)\M', 'g') AS named
          JOIN pg_proc f ON f.oid = named[1]::oid
         WHERE f.provolatile <> 'i' AND f.prosqlbody IS NULL
           AND f.oid NOT IN ('current_setting(text)'::regprocedure,
                             'current_setting(text, boolean)'::regprocedure)), false)
$$;

-- Whether the rows of a relation that somebody sees may be others though none of the tables has
-- changed that are known to decide about it.
CREATE FUNCTION rowcast.is_ruled_untold(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM rowcast.ruling(relation) r JOIN pg_class c ON c.oid = r.object
         WHERE r.class = 'pg_class'::regclass
           AND (r.is_reached AND c.oid < 16384
                OR c.relrowsecurity AND EXISTS (
                    SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*')
                       AND rowcast.is_untold(p.polqual::text))
                OR c.relkind = 'v' AND EXISTS (
                    SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type = '1'
                       AND rowcast.is_untold(w.ev_action::text))))
        OR EXISTS (
        SELECT FROM rowcast.ruling(relation) r JOIN pg_proc f ON f.oid = r.object
         WHERE r.class = 'pg_proc'::regclass AND f.provolatile <> 'i'
           AND (f.prosqlbody IS NULL OR rowcast.is_untold(f.prosqlbody::text)))
$$;

-- The tables whose changes may change which rows of a relation somebody sees, or what is in them.
CREATE FUNCTION rowcast.ruling_tables(relation oid) RETURNS SETOF oid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT c.oid
      FROM rowcast.ruling(relation) r
      JOIN pg_class c ON c.oid = coalesce(pg_partition_root(r.object)::oid, r.object)
     WHERE r.class = 'pg_class'::regclass AND r.is_reached AND c.oid >= 16384
       AND c.relkind IN ('r', 'p', 'f', 'm')
$$;

-- Whether the session may take on a role.
CREATE FUNCTION rowcast.may_take_on(role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.pg_has_role(role,
        CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4
                      OPERATOR(pg_catalog.>=) 160000 THEN 'SET' ELSE 'MEMBER' END)
$$;

-- A hash of all that a role may see of a relation is decided by, but for rows: the same text means
-- that nothing of it was altered. NULL if there is no such role, or the session may not take it on.
--
-- It is asked with every read under a role, so it is planned once a session.
CREATE FUNCTION rowcast.ruling_fingerprint(role oid, relation oid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        WITH ruling AS MATERIALIZED (SELECT * FROM rowcast.ruling(ruling_fingerprint.relation))
        SELECT md5(concat_ws('/',
            r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit,
            -- The roles that it is a member of.
            (WITH RECURSIVE member (oid) AS (
                 SELECT r.oid
                 UNION
                 SELECT m.roleid FROM member b JOIN pg_auth_members m ON m.member = b.oid)
             SELECT string_agg(concat(m.roleid, ':', m.member, ':', m.xmin), ',' ORDER BY m.roleid, m.member, m.ctid)
               FROM member b JOIN pg_auth_members m ON m.member = b.oid),
            -- Rights, row security and policies of all relations that decide.
            (SELECT string_agg(concat_ws(':', c.oid, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
                        c.reloptions, c.relacl, n.oid, n.nspowner, n.nspacl,
                        (SELECT string_agg(concat(a.attnum, '=', a.attacl), ',' ORDER BY a.attnum)
                           FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL),
                        (SELECT string_agg(concat(p.oid, '=', p.xmin, '=', p.ctid), ',' ORDER BY p.oid)
                           FROM pg_policy p WHERE p.polrelid = c.oid),
                        (SELECT string_agg(concat(w.oid, '=', w.xmin, '=', w.ctid), ',' ORDER BY w.oid)
                           FROM pg_rewrite w WHERE w.ev_class = c.oid AND c.relkind = 'v')),
                    ',' ORDER BY c.oid, u.is_reached)
               FROM ruling u
               JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.object
               JOIN pg_namespace n ON n.oid = c.relnamespace),
            (SELECT string_agg(concat(f.oid, ':', f.xmin, ':', f.ctid), ',' ORDER BY f.oid)
               FROM ruling u JOIN pg_proc f ON u.class = 'pg_proc'::regclass AND f.oid = u.object)))
          FROM pg_roles r WHERE r.oid = ruling_fingerprint.role AND rowcast.may_take_on(r.oid));
END $$;

SELECT rowcast.set_busy(false);
