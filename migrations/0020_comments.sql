-- What people write to each other about rows: a thread for each row of a table with a key. Whoever sees
-- the row reads its thread; the server sees to that, for the database does not know who somebody sees
-- rows as.

SELECT rowcast.set_busy(true);

-- The tables of which somebody has looked at comments. A number of our own, so that a table may be
-- renamed, and come out of a copy of the database by another number than it went in.
CREATE TABLE rowcast.comment_table (
    id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation regclass NOT NULL UNIQUE
);

-- A row refers to no account by a foreign key: what somebody wrote stays when they go. Nor to a table's
-- number, so that it is no reference that a query could follow.
CREATE TABLE rowcast.comment (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id int4 NOT NULL,
    -- As a row's address has it: values separated by commas, each percent-encoded.
    key text COLLATE "C" NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 1000),
    author int8 NOT NULL,
    -- What they were called then.
    author_name text NOT NULL CHECK (char_length(author_name) BETWEEN 1 AND 200),
    -- Markdown; empty once it was deleted.
    body text NOT NULL CHECK (char_length(body) <= 10000),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    edited_at timestamptz,
    deleted_at timestamptz
);
COMMENT ON TABLE rowcast.comment IS 'What was written about rows that you see';
CREATE INDEX comment_thread ON rowcast.comment (table_id, key, id);

-- How many comments a row has, of those that were not deleted; none: no row here.
CREATE TABLE rowcast.comment_count (
    table_id int4 NOT NULL,
    key text COLLATE "C" NOT NULL,
    comments int4 NOT NULL CHECK (comments > 0),
    PRIMARY KEY (table_id, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE rowcast.comment_count IS 'How many comments rows have that you see';

-- Who was told of a comment, and by which notification. Nobody follows these.
CREATE TABLE rowcast.comment_told (
    comment int8 NOT NULL REFERENCES rowcast.comment ON DELETE CASCADE,
    account int8 NOT NULL,
    notification int8 NOT NULL,
    author int8 NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (comment, account)
);
CREATE INDEX comment_told_author ON rowcast.comment_told (author, at);

-- How many others an account may still tell within this hour: by naming them in posts, and by
-- comments. Whoever asks is the only one who tells as that account until this transaction ends.
CREATE OR REPLACE FUNCTION rowcast.tellings_left(author int8) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room int8;
BEGIN
    -- Two at a time would count the same ones.
    PERFORM pg_advisory_xact_lock(hashtextextended('rowcast.post_told ' || tellings_left.author, 0));
    SELECT greatest(0, 200 - (SELECT count(*) FROM rowcast.post_told t
                               WHERE t.author = tellings_left.author AND t.is_mention
                                 AND t.at > now() - interval '1 hour')
                           - (SELECT count(*) FROM rowcast.comment_told t
                               WHERE t.author = tellings_left.author AND t.at > now() - interval '1 hour'))
      INTO room;
    RETURN room;
END $$;

-- The number that a table has here.
CREATE FUNCTION rowcast.comment_table(relation oid) RETURNS int4
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known int4;
BEGIN
    SELECT t.id INTO known FROM rowcast.comment_table t WHERE t.relation = comment_table.relation::regclass;
    IF NOT FOUND THEN
        INSERT INTO rowcast.comment_table AS t (relation) VALUES (comment_table.relation::regclass)
            ON CONFLICT DO NOTHING RETURNING t.id INTO known;
    END IF;
    IF known IS NULL THEN
        -- Another has just done it.
        SELECT t.id INTO known FROM rowcast.comment_table t WHERE t.relation = comment_table.relation::regclass;
    END IF;
    RETURN known;
END $$;

-- Counts a comment more, or fewer.
CREATE FUNCTION rowcast.count_comment(table_id int4, key text, more int4) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF count_comment.more > 0 THEN
        INSERT INTO rowcast.comment_count AS c (table_id, key, comments)
        VALUES (count_comment.table_id, count_comment.key, count_comment.more)
            ON CONFLICT ON CONSTRAINT comment_count_pkey DO UPDATE SET comments = c.comments + excluded.comments;
        RETURN;
    END IF;
    -- Whoever counts at the same time does so after this one.
    PERFORM FROM rowcast.comment_count c
      WHERE c.table_id = count_comment.table_id AND c.key = count_comment.key FOR UPDATE;
    DELETE FROM rowcast.comment_count c
     WHERE c.table_id = count_comment.table_id AND c.key = count_comment.key AND c.comments + count_comment.more <= 0;
    IF NOT FOUND THEN
        UPDATE rowcast.comment_count c SET comments = c.comments + count_comment.more
         WHERE c.table_id = count_comment.table_id AND c.key = count_comment.key;
    END IF;
END $$;

-- Tells these accounts of a comment, first whom it names: nobody twice of the same one, nor its author.
-- `row_name`: what the row is called; `address`: where its thread is.
CREATE FUNCTION rowcast.tell_of_comment(comment int8, named int8[], others int8[], row_name text, address text)
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told rowcast.comment;
    room int8;
    link text := tell_of_comment.address || '#comment-' || tell_of_comment.comment;
BEGIN
    IF cardinality(tell_of_comment.named) + cardinality(tell_of_comment.others) = 0 THEN
        RETURN;
    END IF;
    SELECT * INTO told FROM rowcast.comment c WHERE c.id = tell_of_comment.comment;
    room := rowcast.tellings_left(told.author);
    WITH wanted AS MATERIALIZED (
        SELECT e.account, min(e.why) AS why
          FROM (SELECT n, 1 FROM unnest(tell_of_comment.named) AS n
                UNION ALL SELECT o, 2 FROM unnest(tell_of_comment.others) AS o) AS e (account, why)
          JOIN rowcast.account a ON a.id = e.account AND a.disabled_at IS NULL
         WHERE e.account <> told.author
           AND NOT EXISTS (SELECT FROM rowcast.comment_told t WHERE t.comment = told.id AND t.account = e.account)
         GROUP BY e.account ORDER BY min(e.why), e.account LIMIT room
    ), heard AS (
        INSERT INTO rowcast.notification AS n (account, title, body, link, sender)
        SELECT w.account,
               rowcast.brief(rowcast.brief(told.author_name, 80)
                   || CASE w.why WHEN 1 THEN ' mentioned you on ' ELSE ' commented on ' END
                   || tell_of_comment.row_name, 190),
               rowcast.brief(told.body, 300), CASE WHEN rowcast.is_link(link) THEN link ELSE '' END,
               rowcast.brief(told.author_name, 190)
          FROM wanted w
        RETURNING n.account, n.id
    )
    INSERT INTO rowcast.comment_told (comment, account, notification, author)
    SELECT told.id, h.account, h.id, told.author FROM heard h;
END $$;

-- Writes a comment about a row that its author sees; returns its number. `named` and `others`: the accounts
-- that it names and those who wrote in the thread before, of those who see the row.
CREATE FUNCTION rowcast.put_comment(table_id int4, key text, author int8, author_name text, body text,
                                    named int8[], others int8[], row_name text, address text) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept text := rowcast.post_body(put_comment.body);
    made int8;
BEGIN
    INSERT INTO rowcast.comment AS c (table_id, key, author, author_name, body)
    VALUES (put_comment.table_id, put_comment.key, put_comment.author,
            rowcast.brief(put_comment.author_name, 190), kept)
    RETURNING c.id INTO made;
    PERFORM rowcast.count_comment(put_comment.table_id, put_comment.key, 1);
    PERFORM rowcast.tell_of_comment(made, put_comment.named, put_comment.others, put_comment.row_name,
                                    put_comment.address);
    RETURN made;
END $$;

-- Changes what somebody wrote, and tells whom it names now; whether there was such a comment of theirs.
CREATE FUNCTION rowcast.edit_comment(comment int8, author int8, body text, named int8[], row_name text,
                                     address text, table_path text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept text := rowcast.post_body(edit_comment.body);
    was rowcast.comment;
BEGIN
    SELECT * INTO was FROM rowcast.comment c
     WHERE c.id = edit_comment.comment AND c.author = edit_comment.author AND c.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF was.body = kept THEN
        RETURN true;
    END IF;
    UPDATE rowcast.comment c SET body = kept, edited_at = clock_timestamp() WHERE c.id = was.id;
    PERFORM rowcast.tell_of_comment(was.id, edit_comment.named, '{}', edit_comment.row_name, edit_comment.address);
    PERFORM rowcast.note('comment_changed', table_path => edit_comment.table_path, row_key => was.key,
                         details => jsonb_build_object('comment', was.id));
    RETURN true;
END $$;

-- Takes away a comment of `author`, or of anybody where `author` is NULL; its place stays. Whether there was
-- one. `table_path`: what its table is called; NULL: what it is called now.
CREATE FUNCTION rowcast.delete_comment(comment int8, author int8, table_path text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone rowcast.comment;
    of_it text := delete_comment.table_path;
BEGIN
    UPDATE rowcast.comment c SET body = '', deleted_at = clock_timestamp()
     WHERE c.id = delete_comment.comment AND c.deleted_at IS NULL
       AND c.author = coalesce(delete_comment.author, c.author)
    RETURNING c.* INTO gone;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM rowcast.count_comment(gone.table_id, gone.key, -1);
    -- What it said is not kept by those who were told of it.
    UPDATE rowcast.notification n SET body = ''
     WHERE n.id IN (SELECT t.notification FROM rowcast.comment_told t WHERE t.comment = gone.id)
       AND n.body <> '';
    IF of_it IS NULL THEN
        SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname INTO of_it
          FROM rowcast.comment_table t JOIN pg_class c ON c.oid = t.relation
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE t.id = gone.table_id;
    END IF;
    PERFORM rowcast.note('comment_deleted', table_path => of_it, row_key => gone.key,
                         subject => gone.author, details => jsonb_build_object('comment', gone.id));
    RETURN true;
END $$;

-- Removes a thread with all that it says, whether its row is there or not; how many comments that were.
CREATE FUNCTION rowcast.clear_comments(relation oid, key text, table_path text) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_it int4;
    gone int8;
BEGIN
    SELECT t.id INTO of_it FROM rowcast.comment_table t WHERE t.relation = clear_comments.relation::regclass;
    -- In the order of those who take one away. Who writes one at the same time counts after this.
    PERFORM FROM rowcast.comment c WHERE c.table_id = of_it AND c.key = clear_comments.key
      ORDER BY c.id FOR UPDATE;
    PERFORM FROM rowcast.comment_count c WHERE c.table_id = of_it AND c.key = clear_comments.key FOR UPDATE;
    UPDATE rowcast.notification n SET body = ''
     WHERE n.body <> ''
       AND n.id IN (SELECT t.notification FROM rowcast.comment_told t JOIN rowcast.comment c ON c.id = t.comment
                     WHERE c.table_id = of_it AND c.key = clear_comments.key);
    WITH removed AS (
        DELETE FROM rowcast.comment c WHERE c.table_id = of_it AND c.key = clear_comments.key
        RETURNING 1
    )
    SELECT count(*) INTO gone FROM removed;
    IF gone = 0 THEN
        RETURN 0;
    END IF;
    DELETE FROM rowcast.comment_count c WHERE c.table_id = of_it AND c.key = clear_comments.key;
    PERFORM rowcast.note('comment_deleted', table_path => clear_comments.table_path,
                         row_key => clear_comments.key, rows => gone);
    RETURN gone;
END $$;

-- Removes what is about tables that are gone, so many comments at once.
CREATE FUNCTION rowcast.tidy_comments(batch int4) RETURNS int8
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_it int4;
    gone int8;
BEGIN
    SELECT t.id INTO of_it FROM rowcast.comment_table t
     WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.relation) LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    DELETE FROM rowcast.comment_count c WHERE c.table_id = of_it;
    DELETE FROM rowcast.comment c
     WHERE c.id IN (SELECT o.id FROM rowcast.comment o WHERE o.table_id = of_it LIMIT batch);
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone = 0 THEN
        DELETE FROM rowcast.comment_table t WHERE t.id = of_it;
        RETURN 1;
    END IF;
    RETURN gone;
END $$;

-- Whether a table of ours is read and followed like a user's.
CREATE OR REPLACE FUNCTION rowcast.is_followed(relation oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.oid = relation AND n.nspname = 'rowcast'
                      AND c.relname IN ('saved_view', 'presence', 'audit', 'notification', 'channel',
                                        'channel_member', 'post', 'reaction', 'typing', 'comment',
                                        'comment_count'))
$$;

SELECT rowcast.watch('rowcast.comment'), rowcast.watch('rowcast.comment_count');
-- Nobody followed them before, so nobody is told.
DELETE FROM rowcast.change_log l
 WHERE l.relation IN ('rowcast.comment'::regclass, 'rowcast.comment_count'::regclass);

SELECT rowcast.give_to_serving('rowcast.comment_table', 'rowcast.comment', 'rowcast.comment_count',
                               'rowcast.comment_told');

SELECT rowcast.set_busy(false);
