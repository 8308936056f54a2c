//! `/permissions`: which roles there are, and what is said of them, table by table.

use leptos::prelude::*;

use super::{Notice, act, document, field, notice};
use crate::{
    address::encode,
    erased::{Erase, Erased},
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Permissions {
    /// The tables of which something may be said.
    pub tables: Vec<TableRow>,
    /// The roles, for those who make and remove them.
    pub roles: Option<Vec<RoleRow>>,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// A table, or all those of which nothing else is said.
#[derive(Clone, Debug)]
pub struct TableRow {
    /// Names it.
    pub path: String,
    /// What it is called.
    pub name: String,
    /// Roles, and what each may do.
    pub said: Vec<(String, String)>,
}

/// A role.
#[derive(Clone, Debug)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Whether it is always there.
    pub is_built_in: bool,
}

/// The page of all tables and roles.
pub fn permissions(options: LeptosOptions, page: Permissions) -> impl IntoView {
    let content = view! {
        <main class="accounts">
            {notice(page.notice)}
            <section aria-labelledby="tables">
                <h2 id="tables">"What roles may do"</h2>
                <p class="muted">
                    "What several roles give adds up. Administrators may do everything. What is said of every table \
                    holds where nothing is said of a table itself."
                </p>
                <ul class="lines said">{page.tables.into_iter().map(table).collect_view()}</ul>
            </section>
            {page.roles.map(roles)}
        </main>
    };
    document(options, "Permissions", content.erased())
}

/// The address of the page about one table.
pub fn table_address(path: &str) -> String {
    format!("/permissions/{}", encode(path))
}

fn table(row: TableRow) -> Erased {
    let said = match row.said.is_empty() {
        true => "Nothing is said of it.".erased(),
        false => row
            .said
            .into_iter()
            .map(|(role, may)| {
                view! {
                    <span class="said-role">
                        <strong>{role}</strong>
                        ": "
                        {may}
                    </span>
                }
            })
            .collect_view()
            .erased(),
    };
    view! {
        <li>
            <a class="line-name" href=table_address(&row.path)>
                {row.name}
            </a>
            <span class="line-about">{said}</span>
        </li>
    }
    .erased()
}

fn roles(roles: Vec<RoleRow>) -> Erased {
    view! {
        <section aria-labelledby="roles">
            <h2 id="roles">"Roles"</h2>
            <ul class="lines">{roles.into_iter().map(role).collect_view()}</ul>
            <form class="sheet" method="post" action="/permissions">
                {field("Name of a new role", "name", "text", "off", String::new())}
                <label class="form-field">
                    <span class="field-name">"What it is for"</span>
                    <input type="text" name="about" maxlength="500" autocomplete="off" />
                </label>
                <p class="about">"a to z, digits, - and _, beginning with a letter. It may do nothing yet."</p>
                <button type="submit" class="button">
                    "Make role"
                </button>
            </form>
        </section>
    }
    .erased()
}

fn role(row: RoleRow) -> Erased {
    let remove = match row.is_built_in {
        true => view! { <span class="muted">"always there"</span> }.erased(),
        false => act(
            format!("/permissions/roles/{}/remove", encode(&row.name)),
            "Remove",
            &row.name,
            "button danger",
        ),
    };
    view! {
        <li>
            <span class="line-name">{row.name}</span>
            <span class="line-about">{row.about}</span>
            <span class="line-acts">{remove}</span>
        </li>
    }
    .erased()
}
