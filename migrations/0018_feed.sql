-- What people write to each other: channels, and the posts in them. Tables like any other to those who
-- follow them, of which each account sees the rows of the channels that it is in.

SELECT rowcast.set_busy(true);

CREATE TABLE rowcast.channel (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- As its address has it.
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    -- In announcements some post, and all are told; in a discussion whoever is in it posts.
    kind text NOT NULL CHECK (kind IN ('announcements', 'discussion')),
    -- Everybody with an account is in one that is not. What it was made it stays: the rows of what is
    -- in it say so too, so that who sees them is told by the row alone.
    is_private boolean NOT NULL DEFAULT false,
    topic text NOT NULL DEFAULT '' CHECK (char_length(topic) <= 500),
    -- Since when nobody posts any more; NULL: they do.
    archived_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, is_private)
);
COMMENT ON TABLE rowcast.channel IS 'Where posts are written';
CREATE UNIQUE INDEX channel_name ON rowcast.channel (name);

-- Who is in a private channel, and how an account has a channel of either kind.
CREATE TABLE rowcast.channel_member (
    channel int8 NOT NULL REFERENCES rowcast.channel ON DELETE CASCADE,
    account int8 NOT NULL REFERENCES rowcast.account ON DELETE CASCADE,
    -- In announcements, where not everybody does.
    may_post boolean NOT NULL DEFAULT false,
    -- Not told of what is posted there.
    is_muted boolean NOT NULL DEFAULT false,
    -- The last post that was read.
    read_to int8 NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, account)
);
COMMENT ON TABLE rowcast.channel_member IS 'How you have the channels that you are in';
CREATE INDEX channel_member_account ON rowcast.channel_member (account);

-- A row refers to no account by a foreign key: what somebody wrote stays when they go.
CREATE TABLE rowcast.post (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel int8 NOT NULL,
    is_private boolean NOT NULL,
    -- Who wrote it; NULL: a program.
    author int8,
    -- What they were called then; of a program the database's role and its name.
    author_name text NOT NULL CHECK (char_length(author_name) BETWEEN 1 AND 200),
    -- Markdown; empty once it was deleted.
    body text NOT NULL CHECK (char_length(body) <= 10000),
    -- The post that it answers; NULL: none.
    reply_to int8,
    -- Which reactions it has, a line each: which, how many, and who the first of them are, between tabs.
    reactions text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    edited_at timestamptz,
    deleted_at timestamptz,
    FOREIGN KEY (channel, is_private) REFERENCES rowcast.channel (id, is_private) ON DELETE CASCADE
);
COMMENT ON TABLE rowcast.post IS 'What was posted in the channels that you are in';
CREATE INDEX post_channel ON rowcast.post (channel, id);

CREATE TABLE rowcast.reaction (
    post int8 NOT NULL REFERENCES rowcast.post ON DELETE CASCADE,
    account int8 NOT NULL,
    emoji text NOT NULL CHECK (emoji IN ('👍', '❤️', '😄', '🎉', '👀', '✅', '🙏', '👎')),
    PRIMARY KEY (post, account, emoji)
);
COMMENT ON TABLE rowcast.reaction IS 'Your reactions to posts';
CREATE INDEX reaction_account ON rowcast.reaction (account, post);

-- Who is writing a post at the moment: what was not said again for a while does not hold any more.
CREATE TABLE rowcast.typing (
    channel int8 NOT NULL,
    account int8 NOT NULL,
    is_private boolean NOT NULL,
    name text NOT NULL CHECK (char_length(name) <= 64),
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, account),
    FOREIGN KEY (channel, is_private) REFERENCES rowcast.channel (id, is_private) ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE rowcast.typing IS 'Who is writing in the channels that you are in';
CREATE INDEX typing_at ON rowcast.typing (at);

-- Who was told of a post, and by which notification. Nobody follows these: who reads a post need not
-- know, and an announcement has as many as there are accounts.
CREATE TABLE rowcast.post_told (
    post int8 NOT NULL REFERENCES rowcast.post ON DELETE CASCADE,
    account int8 NOT NULL,
    notification int8 NOT NULL,
    -- Who wrote the post; NULL: a program.
    author int8,
    -- Whether it was because the post names them.
    is_mention boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (post, account)
);
CREATE INDEX post_told_mentions ON rowcast.post_told (author, at) WHERE is_mention;

-- Images in posts. Nobody follows these.
CREATE TABLE rowcast.post_image (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel int8 NOT NULL REFERENCES rowcast.channel ON DELETE CASCADE,
    account int8 NOT NULL,
    -- The post that shows it; NULL: none yet, and if that stays so it is removed.
    post int8 REFERENCES rowcast.post ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('image/png', 'image/jpeg', 'image/webp', 'image/gif')),
    bytes bytea NOT NULL CHECK (octet_length(bytes) <= 4194304),
    at timestamptz NOT NULL DEFAULT now()
);
-- They are compressed already.
ALTER TABLE rowcast.post_image ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX post_image_account ON rowcast.post_image (account, at);
CREATE INDEX post_image_post ON rowcast.post_image (post) WHERE post IS NOT NULL;
CREATE INDEX post_image_loose ON rowcast.post_image (at) WHERE post IS NULL;
CREATE INDEX post_image_channel ON rowcast.post_image (channel);

-- Whether an account is in a channel.
CREATE FUNCTION rowcast.is_in_channel(account int8, channel int8) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM rowcast.channel c
                    WHERE c.id = is_in_channel.channel
                      AND (NOT c.is_private
                           OR EXISTS (SELECT FROM rowcast.channel_member m
                                       WHERE m.channel = c.id AND m.account = is_in_channel.account)))
$$;

-- The names that a body names, outside code: @ann, or @"Ann Lee". Who posts by a route has them
-- found by what shows the body; this is for a program's posts, and goes through a body once.
CREATE FUNCTION rowcast.named_in(body text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line text;
    mark text[];
    -- What the code began with that the line is in; NULL: it is in none.
    fence text;
    kept text[] := '{}';
BEGIN
    IF position('@' IN named_in.body) = 0 THEN
        RETURN '{}';
    END IF;
    FOREACH line IN ARRAY string_to_array(named_in.body, E'\n') LOOP
        mark := regexp_match(line, '^ {0,3}(`{3,}|~{3,})(.*)$');
        IF fence IS NULL THEN
            IF mark IS NOT NULL AND NOT (starts_with(mark[1], '`') AND position('`' IN mark[2]) > 0) THEN
                fence := mark[1];
            ELSIF position('@' IN line) > 0 THEN
                kept := kept || line;
            END IF;
        ELSIF starts_with(mark[1], fence) AND btrim(mark[2], E' \t') = '' THEN
            fence := NULL;
        END IF;
    END LOOP;
    RETURN ARRAY(
        SELECT n.name FROM (
            SELECT coalesce(f.found[2], f.found[3]) AS name
              FROM regexp_matches(
                       regexp_replace(array_to_string(kept, E'\n'), E'`[^`\n]*`', ' ', 'g'),
                       '(^|[^[:alnum:]_@/.])@(?:"([^"[:cntrl:]]{1,64})"|((?:[^[:space:][:cntrl:][:punct:]]|_)(?:[^[:space:][:cntrl:][:punct:]]|[_.-]){0,63}))', 'g')
                   AS f (found)
             LIMIT 200
        ) AS named, LATERAL (VALUES (named.name), (rtrim(named.name, '.-'))) AS n (name));
END $$;

-- The accounts of these names; not of more than the first 50.
CREATE FUNCTION rowcast.mentioned(named text[]) RETURNS SETOF int8
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id FROM (SELECT lower(n.name) AS name FROM unnest(mentioned.named) WITH ORDINALITY AS n (name, place)
                       GROUP BY 1 ORDER BY min(n.place) LIMIT 50) AS n
      JOIN rowcast.account a ON lower(a.name) = n.name
$$;

-- How many others an account may still tell within this hour by naming them. Whoever asks is the only
-- one who tells as that account until this transaction ends.
CREATE FUNCTION rowcast.tellings_left(author int8) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told int8;
BEGIN
    -- Two at a time would count the same ones.
    PERFORM pg_advisory_xact_lock(hashtextextended('rowcast.post_told ' || tellings_left.author, 0));
    SELECT count(*) INTO told FROM rowcast.post_told t
     WHERE t.author = tellings_left.author AND t.is_mention AND t.at > now() - interval '1 hour';
    RETURN greatest(0, 200 - told);
END $$;

-- Tells those of a post who are to hear of it: whom it names, whose post it answers, and in
-- announcements everybody; but nobody of their own, nor twice of the same post, and not who wants to
-- hear nothing of that channel. Whoever has named 200 within an hour names nobody further. `named`: the
-- names in it; `is_new`: it was not there before.
CREATE FUNCTION rowcast.tell_of_post(post int8, named text[], is_new boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told rowcast.post;
    place rowcast.channel;
    -- How many may be named still; NULL: all.
    room int8;
BEGIN
    SELECT * INTO told FROM rowcast.post p WHERE p.id = tell_of_post.post;
    SELECT * INTO place FROM rowcast.channel c WHERE c.id = told.channel;
    IF told.author IS NOT NULL AND cardinality(tell_of_post.named) > 0 THEN
        room := rowcast.tellings_left(told.author);
    END IF;
    WITH named AS MATERIALIZED (
        SELECT n.account FROM rowcast.mentioned(tell_of_post.named) AS n (account)
          LEFT JOIN rowcast.channel_member m ON m.channel = place.id AND m.account = n.account
         WHERE n.account IS DISTINCT FROM told.author
           AND (NOT place.is_private OR m.account IS NOT NULL)
           AND NOT coalesce(m.is_muted, false)
           AND NOT EXISTS (SELECT FROM rowcast.post_told t WHERE t.post = told.id AND t.account = n.account)
         ORDER BY n.account LIMIT room
    ), wanted AS MATERIALIZED (
        SELECT DISTINCT ON (e.account) e.account, e.why FROM (
            SELECT n.account, 1 FROM named n
            UNION ALL
            SELECT p.author, 2 FROM rowcast.post p
             WHERE tell_of_post.is_new AND p.id = told.reply_to AND p.author IS NOT NULL
            UNION ALL
            SELECT a.id, 3 FROM rowcast.account a
             WHERE tell_of_post.is_new AND place.kind = 'announcements' AND a.disabled_at IS NULL
               AND NOT place.is_private
            UNION ALL
            SELECT m.account, 3 FROM rowcast.channel_member m JOIN rowcast.account a ON a.id = m.account
             WHERE tell_of_post.is_new AND place.kind = 'announcements' AND a.disabled_at IS NULL
               AND place.is_private AND m.channel = place.id
        ) AS e (account, why) ORDER BY e.account, e.why
    ), heard AS (
        INSERT INTO rowcast.notification AS n (account, title, body, link, sender)
        SELECT w.account,
               rowcast.brief(told.author_name, 100)
                   || CASE w.why WHEN 1 THEN ' mentioned you in ' WHEN 2 THEN ' answered you in '
                                 ELSE ' announced in ' END || place.name,
               rowcast.brief(told.body, 300),
               '/feed/' || place.name || '?post=' || told.id || '#post-' || told.id,
               rowcast.brief(told.author_name, 190)
          FROM wanted w
          LEFT JOIN rowcast.channel_member m ON m.channel = place.id AND m.account = w.account
         WHERE w.account IS DISTINCT FROM told.author
           AND (NOT place.is_private OR m.account IS NOT NULL)
           AND NOT coalesce(m.is_muted, false)
        RETURNING n.account, n.id
    )
    INSERT INTO rowcast.post_told (post, account, notification, author, is_mention)
    SELECT told.id, h.account, h.id, told.author, w.why = 1 FROM heard h JOIN wanted w ON w.account = h.account;
END $$;

-- A body as it is kept; what can't be one raises an error.
CREATE FUNCTION rowcast.post_body(body text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept text := rtrim(replace(coalesce(post_body.body, ''), E'\r\n', E'\n'), E' \n\t');
BEGIN
    IF btrim(kept, E' \n\t') = '' OR char_length(kept) > 10000
       OR translate(kept, E'\n\t', '') ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'the body is empty, too long, or holds control characters'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = '1 to 10000 characters, in which lines may end';
    END IF;
    RETURN kept;
END $$;

-- Whether an account is in a channel, which holds until this transaction ends; an error if it may
-- change nothing there or, `to_post`, not post.
CREATE FUNCTION rowcast.take_part(account int8, channel int8, to_post boolean) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place rowcast.channel;
    mine rowcast.channel_member;
BEGIN
    SELECT * INTO place FROM rowcast.channel c WHERE c.id = take_part.channel FOR SHARE;
    SELECT * INTO mine FROM rowcast.channel_member m
     WHERE m.channel = take_part.channel AND m.account = take_part.account FOR SHARE;
    IF place.id IS NULL OR (place.is_private AND mine.account IS NULL) THEN
        RETURN false;
    ELSIF place.archived_at IS NOT NULL THEN
        RAISE EXCEPTION 'the channel is archived: nobody posts in it any more'
            USING ERRCODE = 'RC403', HINT = 'an administrator may open it again';
    ELSIF take_part.to_post AND place.kind = 'announcements' AND NOT coalesce(mine.may_post, false)
          AND NOT EXISTS (SELECT FROM rowcast.account_role r
                           WHERE r.account = take_part.account AND r.role = 'administrator') THEN
        RAISE EXCEPTION 'only some may post in this channel'
            USING ERRCODE = 'RC403', HINT = 'an administrator may allow it';
    END IF;
    RETURN true;
END $$;

-- Posts into a channel as whoever may write the table; returns the post's number. `named`: the names in
-- the body; NULL: they are found here.
CREATE FUNCTION rowcast.put_post(channel int8, author int8, author_name text, body text,
                                 reply_to int8 DEFAULT NULL, named text[] DEFAULT NULL) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place rowcast.channel;
    kept text := rowcast.post_body(put_post.body);
    made int8;
BEGIN
    SELECT * INTO place FROM rowcast.channel c WHERE c.id = put_post.channel;
    IF NOT FOUND OR (put_post.author IS NOT NULL
                     AND NOT rowcast.take_part(put_post.author, place.id, true)) THEN
        RAISE EXCEPTION 'there is no such channel'
            USING ERRCODE = 'no_data_found', HINT = 'the name of a channel';
    ELSIF place.archived_at IS NOT NULL THEN
        RAISE EXCEPTION 'the channel is archived: nobody posts in it any more'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'an administrator may open it again';
    ELSIF put_post.reply_to IS NOT NULL AND NOT EXISTS (
            SELECT FROM rowcast.post p
             WHERE p.id = put_post.reply_to AND p.channel = place.id AND p.deleted_at IS NULL) THEN
        RAISE EXCEPTION 'what it answers is not there'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'the number of a post of the same channel';
    END IF;
    INSERT INTO rowcast.post AS p (channel, is_private, author, author_name, body, reply_to)
    VALUES (place.id, place.is_private, put_post.author, rowcast.brief(put_post.author_name, 190), kept,
            put_post.reply_to)
    RETURNING p.id INTO made;
    UPDATE rowcast.post_image i SET post = made
     WHERE i.account = put_post.author AND i.channel = place.id AND i.post IS NULL
       AND i.id IN (SELECT rowcast.images_in(kept));
    DELETE FROM rowcast.typing t WHERE t.channel = place.id AND t.account = put_post.author;
    PERFORM rowcast.tell_of_post(made, coalesce(put_post.named, rowcast.named_in(kept)), true);
    RETURN made;
END $$;

-- The images that a body shows.
CREATE FUNCTION rowcast.images_in(body text) RETURNS SETOF int8
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (f.found[1])::int8
      FROM regexp_matches(images_in.body, '/feed/images/([0-9]{1,18})', 'g') AS f (found) LIMIT 100
$$;

-- Posts into a channel for whoever was given the right to call it, in the caller's own transaction.
CREATE FUNCTION rowcast.post(channel text, body text) RETURNS int8
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT rowcast.put_post(
        coalesce((SELECT c.id FROM rowcast.channel c WHERE c.name = lower(btrim(post.channel))), 0), NULL,
        session_user || coalesce(' (' || nullif(current_setting('application_name', true), '') || ')', ''),
        post.body)
$$;
-- It writes into what others read.
REVOKE ALL ON FUNCTION rowcast.post(text, text) FROM PUBLIC;
COMMENT ON FUNCTION rowcast.post(text, text) IS
    'Posts into the channel, once this transaction commits; returns the post''s number';

-- Changes what somebody wrote; whether there was such a post of theirs. `named`: the names in the body.
CREATE FUNCTION rowcast.edit_post(post int8, author int8, body text, named text[]) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept text := rowcast.post_body(edit_post.body);
    was rowcast.post;
BEGIN
    SELECT * INTO was FROM rowcast.post p
     WHERE p.id = edit_post.post AND p.author = edit_post.author AND p.deleted_at IS NULL;
    IF NOT FOUND OR NOT rowcast.take_part(edit_post.author, was.channel, true) THEN
        RETURN false;
    END IF;
    SELECT * INTO was FROM rowcast.post p WHERE p.id = was.id AND p.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF was.body = kept THEN
        RETURN true;
    END IF;
    UPDATE rowcast.post p SET body = kept, edited_at = clock_timestamp() WHERE p.id = was.id;
    DELETE FROM rowcast.post_image i
     WHERE i.post = was.id AND i.id NOT IN (SELECT rowcast.images_in(kept));
    UPDATE rowcast.post_image i SET post = was.id
     WHERE i.account = edit_post.author AND i.channel = was.channel AND i.post IS NULL
       AND i.id IN (SELECT rowcast.images_in(kept));
    PERFORM rowcast.tell_of_post(was.id, edit_post.named, false);
    PERFORM rowcast.note('post_changed', details => jsonb_build_object('post', was.id, 'channel', was.channel));
    RETURN true;
END $$;

-- Takes away what somebody wrote; its place stays. Whether there was such a post of theirs.
CREATE FUNCTION rowcast.delete_post(post int8, author int8) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place int8;
BEGIN
    UPDATE rowcast.post p SET body = '', reactions = '', deleted_at = clock_timestamp()
     WHERE p.id = delete_post.post AND p.author = delete_post.author AND p.deleted_at IS NULL
       AND rowcast.is_in_channel(delete_post.author, p.channel)
    RETURNING p.channel INTO place;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM rowcast.reaction r WHERE r.post = delete_post.post;
    DELETE FROM rowcast.post_image i WHERE i.post = delete_post.post;
    -- What it said is not kept by those who were told of it.
    UPDATE rowcast.notification n SET body = ''
     WHERE n.id IN (SELECT t.notification FROM rowcast.post_told t WHERE t.post = delete_post.post)
       AND n.body <> '';
    PERFORM rowcast.note('post_deleted', details => jsonb_build_object('post', delete_post.post, 'channel', place));
    RETURN true;
END $$;

-- Adds somebody's reaction to a post, or takes it away; whether there is such a post for them.
CREATE FUNCTION rowcast.react(post int8, account int8, emoji text, wanted boolean) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    all_of_it text;
    place int8;
BEGIN
    SELECT p.channel INTO place FROM rowcast.post p WHERE p.id = react.post AND p.deleted_at IS NULL;
    IF NOT FOUND OR NOT rowcast.take_part(react.account, place, false) THEN
        RETURN false;
    END IF;
    -- Whoever reacts at the same time counts after this one.
    PERFORM FROM rowcast.post p WHERE p.id = react.post AND p.deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF react.wanted THEN
        INSERT INTO rowcast.reaction AS r (post, account, emoji)
        VALUES (react.post, react.account, react.emoji) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM rowcast.reaction r
         WHERE r.post = react.post AND r.account = react.account AND r.emoji = react.emoji;
    END IF;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    SELECT string_agg(g.emoji || E'\t' || g.number || E'\t' || coalesce(g.names, ''), E'\n' ORDER BY g.emoji)
      INTO all_of_it
      FROM (SELECT r.emoji, count(*) AS number,
                   (SELECT string_agg(n.name, ', ')
                      FROM (SELECT a.name FROM rowcast.reaction o JOIN rowcast.account a ON a.id = o.account
                             WHERE o.post = react.post AND o.emoji = r.emoji ORDER BY a.id LIMIT 10) AS n) AS names
              FROM rowcast.reaction r WHERE r.post = react.post GROUP BY r.emoji) AS g;
    UPDATE rowcast.post p SET reactions = coalesce(all_of_it, '') WHERE p.id = react.post;
    RETURN true;
END $$;

-- Removes what does not hold any more: who was writing, and images that no post came to show.
CREATE FUNCTION rowcast.tidy_feed(batch int4) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone int8;
    images int8;
BEGIN
    DELETE FROM rowcast.typing t
     WHERE (t.channel, t.account) IN (SELECT o.channel, o.account FROM rowcast.typing o
                                       WHERE o.at < now() - interval '10 min'
                                       LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM rowcast.post_image i
     WHERE i.id IN (SELECT o.id FROM rowcast.post_image o
                     WHERE o.post IS NULL AND o.at < now() - interval '1 day'
                     LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS images = ROW_COUNT;
    RETURN gone + images;
END $$;

-- Who is in a private channel is a right: all servers look at that account again.
CREATE TRIGGER rowcast_tell AFTER INSERT OR DELETE OR UPDATE OF channel, account ON rowcast.channel_member
    FOR EACH ROW EXECUTE FUNCTION rowcast.tell_accounts('account');
CREATE TRIGGER rowcast_tell_all AFTER TRUNCATE ON rowcast.channel_member
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();
CREATE TRIGGER rowcast_tell_all AFTER UPDATE OF id, is_private OR TRUNCATE ON rowcast.channel
    FOR EACH STATEMENT EXECUTE FUNCTION rowcast.tell_accounts();

-- What is done with channels is noted, whoever does it.
CREATE FUNCTION rowcast.note_channel() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_is rowcast.channel := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    PERFORM rowcast.note(
        CASE TG_OP WHEN 'INSERT' THEN 'channel_created' WHEN 'DELETE' THEN 'channel_deleted' ELSE 'channel_changed' END,
        details => jsonb_build_object('channel', now_is.id, 'name', now_is.name, 'kind', now_is.kind,
                                      'private', now_is.is_private, 'archived', now_is.archived_at IS NOT NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR UPDATE OR DELETE ON rowcast.channel
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_channel();

-- Not how an account has a public one for itself.
CREATE FUNCTION rowcast.note_channel_member() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_is rowcast.channel_member := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    place rowcast.channel;
BEGIN
    SELECT * INTO place FROM rowcast.channel c WHERE c.id = now_is.channel;
    IF (CASE TG_OP WHEN 'UPDATE' THEN OLD.may_post <> NEW.may_post
                   ELSE coalesce(place.is_private, false) OR now_is.may_post END) THEN
        PERFORM rowcast.note(
            CASE TG_OP WHEN 'INSERT' THEN 'channel_member_added' WHEN 'DELETE' THEN 'channel_member_removed'
                       ELSE 'channel_member_changed' END,
            subject => now_is.account,
            details => jsonb_build_object('channel', now_is.channel, 'name', place.name,
                                          'may_post', now_is.may_post));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rowcast_note AFTER INSERT OR DELETE OR UPDATE OF may_post ON rowcast.channel_member
    FOR EACH ROW EXECUTE FUNCTION rowcast.note_channel_member();
REVOKE ALL ON FUNCTION rowcast.note_channel(), rowcast.note_channel_member() FROM PUBLIC;

-- Whether a table of ours is read and followed like a user's.
CREATE OR REPLACE FUNCTION rowcast.is_followed(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = relation AND n.nspname = 'rowcast'
                      AND c.relname IN ('saved_view', 'presence', 'audit', 'notification', 'channel',
                                        'channel_member', 'post', 'reaction', 'typing'))
$$;

SELECT rowcast.watch('rowcast.channel'), rowcast.watch('rowcast.channel_member'),
       rowcast.watch('rowcast.post'), rowcast.watch('rowcast.reaction'), rowcast.watch('rowcast.typing');
-- Nobody followed them before, so nobody is told.
DELETE FROM rowcast.change_log l
 WHERE l.relation IN ('rowcast.channel'::regclass, 'rowcast.channel_member'::regclass,
                      'rowcast.post'::regclass, 'rowcast.reaction'::regclass, 'rowcast.typing'::regclass);

-- Roles that serve, who may write what is ours, get these rights too.
DO $$
DECLARE
    serving regrole;
BEGIN
    FOR serving IN
        SELECT DISTINCT a.grantee::regrole
          FROM pg_class c, aclexplode(c.relacl) AS a
         WHERE c.oid = 'rowcast.session'::regclass AND a.privilege_type = 'DELETE'
           AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE '
                       'ON rowcast.channel, rowcast.channel_member, rowcast.post, rowcast.reaction, '
                       'rowcast.typing, rowcast.post_image, rowcast.post_told TO %s', serving);
    END LOOP;
END $$;

SELECT rowcast.set_busy(false);
