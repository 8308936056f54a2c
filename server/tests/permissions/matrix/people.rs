//! Those who come, what they prove themselves by, and what they may not see.

use std::sync::atomic::{AtomicU32, Ordering};

use rowcast::auth::{
    AccountId, account,
    secret::Secret,
    token::{self, NewToken},
};
use sqlx::PgPool;

use super::table::Request;
use crate::{browser::bearer, server::Server};

/// Those who come, in the order of the tables' columns: who has not signed in; who may do nothing;
/// whose rows are filtered; from whom a column is hidden; who may only read; who may do everything
/// with the table; who may do everything; and three who could do what the editor can, until their
/// session expired, or was ended, or their token was revoked.
pub const NAMES: [&str; 10] = [
    "anon", "none", "rows", "cols", "read", "edit", "admin", "expired", "ended", "revoked",
];

/// The administrator's place among them.
pub const ADMIN: usize = 6;

/// Those whose proofs come to hold no more.
pub const DOOMED: [usize; 3] = [7, 8, 9];

/// Stands in rows of others.
pub const ROW: &str = "zanzibar";

/// Stands in the column that some may not see, in all rows.
pub const VALUE: &str = "xanadu";

/// Stands in a table that only administrators may read.
pub const TABLE: &str = "carcosa";

/// Stands in what somebody was told whom nobody here is.
pub const OTHERS: &str = "lemuria";

const SQL: &str = "
    CREATE TABLE ticket (id int PRIMARY KEY, title text, assignee text, note text, amount int);
    INSERT INTO ticket SELECT n, 'zanzibar', 'stranger', 'zanzibar xanadu', n FROM generate_series(1, 3) n;
    CREATE TABLE vault (id int PRIMARY KEY, content text);
    INSERT INTO vault VALUES (1, 'carcosa');
    INSERT INTO rowcast.notification (account, title, body, sender) VALUES (999999, 'lemuria', 'lemuria', 'lemuria');
    INSERT INTO rowcast.channel (name, kind, is_private) VALUES ('general', 'discussion', false), ('cave', 'discussion', true);
    INSERT INTO rowcast.post (channel, is_private, author, author_name, body)
        SELECT id, true, 999999, 'lemuria', 'lemuria' FROM rowcast.channel WHERE name = 'cave';
    INSERT INTO rowcast.typing (channel, account, is_private, name)
        SELECT id, 999999, true, 'lemuria' FROM rowcast.channel WHERE name = 'cave';
    INSERT INTO rowcast.post_image (channel, account, post, kind, bytes)
        SELECT p.channel, 999999, p.id, 'image/gif', 'GIF89a lemuria' FROM rowcast.post p;
    INSERT INTO rowcast.comment (table_id, key, author, author_name, body)
        VALUES (rowcast.comment_table('vault'::regclass), '1', 999999, 'carcosa', 'carcosa'),
               (rowcast.comment_table('ticket'::regclass), '1', 999999, 'zanzibar', 'zanzibar');
    SELECT rowcast.watch('ticket'), rowcast.watch('vault');
    DELETE FROM rowcast.permission;
    INSERT INTO rowcast.role (name) VALUES ('filtered'), ('sealed'), ('reader'), ('editor');
    INSERT INTO rowcast.permission
        (role, table_path, relation, may_read, may_insert, may_update, may_delete, row_filter, hidden)
    VALUES
        ('filtered', 'public.ticket', 'ticket'::regclass, true, true, true, true, 'assignee=eq.$user.name', '{}'),
        ('sealed', 'public.ticket', 'ticket'::regclass, true, true, true, true, NULL, '{note}'),
        ('reader', 'public.ticket', 'ticket'::regclass, true, false, false, false, NULL, '{}'),
        ('editor', 'public.ticket', 'ticket'::regclass, true, true, true, true, NULL, '{}');";

pub struct People {
    pub server: Server,
    pub pool: PgPool,
    /// The header that each proves themselves by.
    pub proofs: Vec<Option<(&'static str, String)>>,
    accounts: Vec<Option<AccountId>>,
    count: AtomicU32,
}

impl People {
    pub async fn new() -> Self {
        let server = Server::guarded(SQL).await;
        let pool = server.database.pool(2).await;
        let (mut proofs, mut accounts) = (vec![None], vec![None]);
        let roles = [
            "",
            "filtered",
            "sealed",
            "reader",
            "editor",
            "administrator",
            "editor",
            "editor",
            "editor",
        ];
        for (name, role) in NAMES.into_iter().skip(1).zip(roles) {
            let roles: Vec<String> = (!role.is_empty())
                .then(|| role.to_owned())
                .into_iter()
                .collect();
            let id = account::add(&pool, name, &roles, None).await.unwrap();
            proofs.push(Some(match name {
                "expired" | "ended" => session(&pool, id).await,
                _ => ("Authorization", bearer(&token(&pool, id).await)),
            }));
            accounts.push(Some(id));
        }
        let people = Self {
            server,
            pool,
            proofs,
            accounts,
            count: AtomicU32::new(0),
        };
        for who in 1..NAMES.len() {
            people.sql(&people.row(who, people.followed(who))).await;
        }
        people
    }

    /// The sessions and the token that are to hold no more do so.
    pub async fn end_those_who_are_to_end(&self) {
        self.sql(
            "UPDATE rowcast.session SET expires_at = now() - interval '1 s' \
              WHERE account = (SELECT id FROM rowcast.account WHERE name = 'expired'); \
             DELETE FROM rowcast.session \
              WHERE account = (SELECT id FROM rowcast.account WHERE name = 'ended'); \
             UPDATE rowcast.token SET revoked_at = now() \
              WHERE account = (SELECT id FROM rowcast.account WHERE name = 'revoked');",
        )
        .await;
        // The server is told by the database.
        for who in DOOMED {
            let proof = self.proofs[who]
                .as_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let headers: Vec<_> = proof.into_iter().collect();
            while self.server.send("GET", "/api/me", &headers).await.status != 401 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Writes what some may not see, into rows that nobody here writes.
    pub async fn write(&self) {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        self.sql(&format!(
            "UPDATE ticket SET title = '{ROW} {n}', note = '{ROW} {VALUE} {n}' WHERE assignee = 'stranger'; \
             UPDATE ticket SET note = '{VALUE} {n}' WHERE id BETWEEN 500 AND 599; \
             UPDATE rowcast.notification SET body = '{OTHERS} {n}' WHERE account = 999999; \
             UPDATE rowcast.post SET body = '{OTHERS} {n}' WHERE is_private; \
             UPDATE rowcast.typing SET at = now() WHERE is_private; \
             UPDATE vault SET content = '{TABLE} {n}';"
        ))
        .await;
    }

    pub async fn sql(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// The row of somebody's own that is followed, and written by others.
    pub fn followed(&self, who: usize) -> usize {
        500 + who
    }

    fn row(&self, who: usize, id: usize) -> String {
        let name = NAMES[who];
        format!(
            "INSERT INTO ticket VALUES ({id}, 'own', '{name}', '{VALUE}', {who}) ON CONFLICT (id) DO UPDATE \
             SET title = excluded.title, assignee = excluded.assignee, note = excluded.note, \
                 amount = excluded.amount;"
        )
    }

    /// A mark in some bytes that whoever gets them may not see.
    pub fn forbidden_in(&self, who: usize, bytes: &[u8]) -> Option<&'static str> {
        let forbidden: &[&str] = match NAMES[who] {
            "admin" => &[OTHERS],
            "read" | "edit" => &[TABLE, OTHERS],
            "rows" => &[ROW, TABLE, OTHERS],
            "cols" => &[VALUE, TABLE, OTHERS],
            _ => &[ROW, VALUE, TABLE, OTHERS],
        };
        let is_in = |mark: &&&'static str| {
            let mark = mark.as_bytes();
            bytes.windows(mark.len()).any(|part| part == mark)
        };
        forbidden.iter().find(is_in).copied()
    }

    /// A request of the table, with what it is about made for this time.
    pub async fn fill(&self, template: &str, who: usize) -> Request {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        let (own, new) = (100 + who, 2000 + who);
        self.sql(&format!(
            "{} DELETE FROM ticket WHERE id = {new};",
            self.row(who, own)
        ))
        .await;
        let account = self.accounts[who].map_or(0, |id| id.0);
        let mut text = template
            .replace("{me}", NAMES[who])
            .replace("{own}", &own.to_string())
            .replace("{new}", &new.to_string())
            .replace("{n}", &n.to_string());
        for (name, sql) in [
            (
                "{view}",
                format!(
                    "INSERT INTO rowcast.saved_view (table_path, name, query) \
                     VALUES ('ticket', 'made {n}', 'note=eq.{ROW} {VALUE}') RETURNING id::text"
                ),
            ),
            (
                "{session}",
                format!(
                    "INSERT INTO rowcast.session (account, token_hash, expires_at) \
                     SELECT id, sha256('{n}'), now() + interval '1 h' FROM rowcast.account \
                      WHERE id = {account} OR ({account} = 0 AND name = 'none') RETURNING id::text"
                ),
            ),
            (
                "{token}",
                format!(
                    "INSERT INTO rowcast.token (account, name, token_hash, scopes) \
                     SELECT id, 'made {n}', sha256('{n}'), '{{read}}' FROM rowcast.account \
                      WHERE id = {account} OR ({account} = 0 AND name = 'none') RETURNING id::text"
                ),
            ),
            (
                "{told}",
                format!(
                    "INSERT INTO rowcast.notification (account, title, sender) \
                     SELECT id, 'told {n}', 'x' FROM rowcast.account \
                      WHERE id = {account} OR ({account} = 0 AND name = 'none') RETURNING id::text"
                ),
            ),
            (
                "{watch}",
                format!(
                    "INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind) \
                     SELECT id, 'made {n}', 'ticket', '', 'enters' FROM rowcast.account \
                      WHERE id = {account} OR ({account} = 0 AND name = 'none') RETURNING id::text"
                ),
            ),
            (
                "{strange}",
                format!(
                    "INSERT INTO rowcast.watch_rule (account, name, table_path, query, kind, paused_at) \
                     SELECT id, 'lemuria {n}', 'ticket', '', 'enters', now() FROM rowcast.account \
                      WHERE name = 'revoked' RETURNING id::text"
                ),
            ),
            (
                "{others}",
                "SELECT id::text FROM rowcast.notification WHERE account = 999999".to_owned(),
            ),
            (
                "{post}",
                format!(
                    "INSERT INTO rowcast.post (channel, is_private, author, author_name, body) \
                     SELECT c.id, false, {account}, 'x', 'own' FROM rowcast.channel c \
                      WHERE c.name = 'general' RETURNING id::text"
                ),
            ),
            (
                "{hidden}",
                "SELECT id::text FROM rowcast.post WHERE is_private".to_owned(),
            ),
            (
                "{comment}",
                format!(
                    "INSERT INTO rowcast.comment (table_id, key, author, author_name, body) \
                     VALUES (rowcast.comment_table('ticket'::regclass), '{}', {account}, 'x', 'own') \
                     RETURNING id::text",
                    self.followed(who)
                ),
            ),
            (
                "{strange-comment}",
                format!(
                    "INSERT INTO rowcast.comment (table_id, key, author, author_name, body) \
                     VALUES (rowcast.comment_table('ticket'::regclass), '1', 999999, 'x', '{ROW} {n}') \
                     RETURNING id::text"
                ),
            ),
            (
                "{image}",
                format!(
                    "INSERT INTO rowcast.post_image (channel, account, kind, bytes) \
                     SELECT c.id, {account}, 'image/gif', 'GIF89a' FROM rowcast.channel c \
                      WHERE c.name = 'general' RETURNING id::text"
                ),
            ),
            (
                "{hidden-image}",
                "SELECT id::text FROM rowcast.post_image WHERE account = 999999".to_owned(),
            ),
            (
                "{user}",
                format!(
                    "INSERT INTO rowcast.account (name) VALUES ('made {n}') RETURNING id::text"
                ),
            ),
            (
                "{link}",
                format!(
                    "INSERT INTO rowcast.link (kind, token_hash, expires_at) \
                     VALUES ('invitation', sha256('{n}'), now() + interval '1 h') RETURNING id::text"
                ),
            ),
            (
                "{role}",
                format!("INSERT INTO rowcast.role (name) VALUES ('made-{n}') RETURNING name"),
            ),
            (
                "{said}",
                format!(
                    "WITH made AS (INSERT INTO rowcast.role (name) VALUES ('said-{n}') RETURNING name) \
                     SELECT name FROM made"
                ),
            ),
        ] {
            if text.contains(name) {
                let made: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                    .fetch_one(&self.pool)
                    .await
                    .unwrap();
                if name == "{said}" {
                    self.sql(&format!(
                        "INSERT INTO rowcast.permission (role, table_path) VALUES ('{made}', 'public.ticket')"
                    ))
                    .await;
                }
                text = text.replace(name, &made);
            }
        }
        Request::parse(&text)
    }
}

async fn session(pool: &PgPool, account: AccountId) -> (&'static str, String) {
    let secret = Secret::new();
    sqlx::query(
        "INSERT INTO rowcast.session (account, token_hash, expires_at) VALUES ($1, $2, now() + interval '1 h')",
    )
    .bind(account.0)
    .bind(&secret.digest().bytes()[..])
    .execute(pool)
    .await
    .unwrap();
    ("Cookie", format!("rowcast={}", secret.reveal()))
}

async fn token(pool: &PgPool, account: AccountId) -> String {
    let new = NewToken {
        name: "matrix".to_owned(),
        scopes: vec!["admin".to_owned()],
        expires: None,
    };
    let (_, secret) = token::create(pool, account, &new).await.unwrap();
    secret.reveal().to_owned()
}
