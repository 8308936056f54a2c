-- Rules are also decided by whoever owns what decides; and what a browser was sent to a provider for
-- is kept here, and not by the browser.

SELECT rowcast.set_busy(true);

-- Gives the roles that serve, who see to sessions, the right to write these tables too.
CREATE FUNCTION rowcast.give_to_serving(VARIADIC relations regclass[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    serving regrole;
    relation regclass;
BEGIN
    FOR serving IN
        SELECT DISTINCT a.grantee::regrole
          FROM pg_class c, aclexplode(c.relacl) AS a
         WHERE c.oid = 'rowcast.session'::regclass AND a.privilege_type = 'DELETE'
           AND a.grantee NOT IN (0, c.relowner)
    LOOP
        FOREACH relation IN ARRAY relations LOOP
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s', relation, serving);
        END LOOP;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION rowcast.give_to_serving(regclass[]) FROM PUBLIC;

-- What a sign-in at a provider is for that does more than sign in: to use a link, or to have an
-- account found by the provider from now on. By a hash of the sign-in.
CREATE TABLE rowcast.openid_flow (
    flow_hash bytea PRIMARY KEY CHECK (octet_length(flow_hash) = 32),
    link_hash bytea CHECK (octet_length(link_hash) = 32),
    account int8 REFERENCES rowcast.account ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT now(),
    CHECK ((link_hash IS NULL) <> (account IS NULL))
);
CREATE INDEX openid_flow_at ON rowcast.openid_flow (at);
CREATE INDEX openid_flow_account ON rowcast.openid_flow (account);
SELECT rowcast.give_to_serving('rowcast.openid_flow');

-- As before, and what is decided by an operator or a domain.
CREATE OR REPLACE FUNCTION rowcast.ruling(relation oid) RETURNS TABLE (class oid, object oid, is_reached boolean)
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
             WHERE r.class IN ('pg_proc'::regclass, 'pg_constraint'::regclass)
               AND d.classid = r.class AND d.objid = r.object
            UNION ALL
            -- What an operator is computed by, and what a cast to a domain demands.
            SELECT 'pg_proc'::regclass, o.oprcode::oid FROM pg_operator o
             WHERE r.class = 'pg_operator'::regclass AND o.oid = r.object
            UNION ALL
            SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
             WHERE r.class = 'pg_type'::regclass AND k.contypid = r.object
          ) AS d (class, object)
         WHERE d.class IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass,
                           'pg_type'::regclass, 'pg_constraint'::regclass))
    SELECT r.class, r.object, r.is_reached FROM parts r;
END $$;

-- As before, and a cast by what a text says.
CREATE OR REPLACE FUNCTION rowcast.is_untold(tree text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(tree ~ '\{SQLVALUEFUNCTION :op [0-8] '
        -- A text that is read as a time or an object's name may be read as another one later.
        OR tree ~ '\{COERCEVIAIO ' AND tree ~ (':resulttype (1082|1083|1114|1184|1266|24|2202|2203|2204|2205|'
            '2206|3734|3769|4089|4096|4191)\M')
        OR EXISTS (
        SELECT FROM regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)\M', 'g') AS named
          JOIN pg_proc f ON f.oid = named[1]::oid
         WHERE f.provolatile <> 'i' AND f.prosqlbody IS NULL
           AND f.oid NOT IN ('current_setting(text)'::regprocedure,
                             'current_setting(text, boolean)'::regprocedure)), false)
$$;

-- A view asks what is under it as its owner, and so does a function that is its owner's to run: what
-- these are, and of which roles they are members, decides too.
CREATE OR REPLACE FUNCTION rowcast.ruling_fingerprint(role oid, relation oid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        WITH RECURSIVE ruling AS MATERIALIZED (SELECT * FROM rowcast.ruling(ruling_fingerprint.relation)),
        -- As whom anything is asked, and the roles that these are members of, inherited or not.
        member (oid) AS (
            SELECT o.oid
              FROM (SELECT ruling_fingerprint.role
                    UNION ALL
                    SELECT c.relowner FROM ruling u
                      JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.object
                    UNION ALL
                    SELECT f.proowner FROM ruling u
                      JOIN pg_proc f ON u.class = 'pg_proc'::regclass AND f.oid = u.object
                     WHERE f.prosecdef) AS o (oid)
            UNION
            SELECT m.roleid FROM member b JOIN pg_auth_members m ON m.member = b.oid)
        SELECT md5(concat_ws('/',
            r.oid,
            (SELECT string_agg(concat_ws(':', b.oid, o.rolsuper, o.rolbypassrls, o.rolinherit),
                               ',' ORDER BY b.oid)
               FROM member b LEFT JOIN pg_roles o ON o.oid = b.oid),
            (SELECT string_agg(concat(m.roleid, ':', m.member, ':', m.xmin), ',' ORDER BY m.roleid, m.member, m.ctid)
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
               FROM ruling u JOIN pg_proc f ON u.class = 'pg_proc'::regclass AND f.oid = u.object),
            (SELECT string_agg(concat(k.oid, ':', k.xmin, ':', k.ctid), ',' ORDER BY k.oid)
               FROM ruling u JOIN pg_constraint k ON u.class = 'pg_constraint'::regclass AND k.oid = u.object)))
          FROM pg_roles r WHERE r.oid = ruling_fingerprint.role AND rowcast.may_take_on(r.oid));
END $$;

SELECT rowcast.set_busy(false);
