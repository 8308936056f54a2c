//! `/permissions/{table}`: what each role may do with one table.

use leptos::prelude::*;

use super::{Notice, document, notice, permissions::table_address};
use crate::{
    address::encode,
    erased::{Erase, Erased},
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct TablePermissions {
    /// Names the table; `None`: every table of which nothing else is said.
    pub path: Option<String>,
    /// What it is called.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ColumnRow>,
    /// What is said of each role.
    pub roles: Vec<RoleForm>,
    /// Whether the reader says who manages it, and tries rules for others.
    pub is_administrator: bool,
}

/// A column.
#[derive(Clone, Debug)]
pub struct ColumnRow {
    /// Its name.
    pub name: String,
    /// Whether it can be hidden: rows are told apart by the others.
    pub can_be_hidden: bool,
}

/// What is said of a role, or was sent and not kept.
#[derive(Clone, Debug, Default)]
pub struct RoleForm {
    /// The role.
    pub role: String,
    /// What it is for.
    pub about: String,
    /// Whether it is said of this table.
    pub is_said: bool,
    /// What is said of the role and every table, in a few words; `None`: nothing.
    pub of_every_table: Option<String>,
    /// Whether it is not the reader's to change.
    pub is_locked: bool,
    /// What may be done: names of boxes, and whether they are ticked.
    pub may: Vec<(&'static str, bool)>,
    /// Which rows; empty: all.
    pub rows: String,
    /// Columns that are hidden.
    pub hidden: Vec<String>,
    /// Columns that are not written.
    pub read_only: Vec<String>,
    /// For whom it was tried.
    pub user: String,
    /// What they would see.
    pub seen: Option<String>,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// The page of one table's permissions.
pub fn table_permissions(options: LeptosOptions, page: TablePermissions) -> impl IntoView {
    let TablePermissions {
        path,
        name,
        columns,
        roles,
        is_administrator,
    } = page;
    let of = path.unwrap_or_else(|| "*".to_owned());
    let is_one = of != "*";
    let lead = match is_one {
        true => "What is said here holds at once, also for what is open.",
        false => {
            "What is said here holds for every table of which nothing else is said, at once. \
             Rows and columns are said of one table."
        }
    };
    let forms = roles
        .into_iter()
        .map(|role| form(&of, is_one, role, &columns, is_administrator));
    let content = view! {
        <main class="accounts">
            <p>
                <a href="/permissions">"All permissions"</a>
            </p>
            <h2>{name}</h2>
            <p class="muted">{lead}</p>
            {forms.collect_view()}
        </main>
    };
    document(options, "Permissions", content.erased())
}

fn form(
    of: &str,
    is_one: bool,
    role: RoleForm,
    columns: &[ColumnRow],
    is_administrator: bool,
) -> Erased {
    let name = role.role.clone();
    let id = format!("role-{name}");
    // The page that answers is shown where the form is.
    let action = format!("{}/{}#{id}", table_address(of), encode(&name));
    let every = role.of_every_table.as_deref();
    let source = match (is_one, role.is_said, every) {
        (false, true, _) => "Said of every table.".to_owned(),
        (false, false, _) => "Nothing is said of every table.".to_owned(),
        (true, true, Some(every)) => {
            format!("Said of this table, in place of what is said of every table (*): {every}.")
        }
        (true, true, None) => "Said of this table.".to_owned(),
        (true, false, Some(every)) => {
            format!(
                "Nothing is said of this table, so what is said of every table (*) holds: {every}."
            )
        }
        (true, false, None) => {
            "Nothing is said of this table, nor of every table: nothing is allowed.".to_owned()
        }
    };
    let said = role.notice.clone();
    let head = view! {
        <h3 id=id.clone()>{name.clone()}</h3>
        <p class="muted">{role.about.clone()}</p>
        {notice(said)}
        <p>{source}</p>
    };
    let body = match role.is_locked {
        true => {
            view! { <p class="muted">"It gives the right to manage: that is for administrators to change."</p> }
                .erased()
        }
        false => fields(&action, is_one, role, columns, is_administrator),
    };
    view! {
        <section class="role" aria-labelledby=id>
            {head} {body}
        </section>
    }
    .erased()
}

fn fields(
    action: &str,
    is_one: bool,
    role: RoleForm,
    columns: &[ColumnRow],
    is_administrator: bool,
) -> Erased {
    let name = &role.role;
    let may = role
        .may
        .iter()
        .filter(|(what, _)| is_administrator || *what != "manage");
    let may = may.map(|(what, ticked)| tick(what, what, None, *ticked));
    let seen = role
        .seen
        .clone()
        .map(|seen| view! { <p class="notice" role="status">{seen}</p> });
    let rules = is_one.then(|| rules(&role, columns));
    let attempt = is_one.then(|| attempt(&role, is_administrator));
    let remove = role.is_said.then(|| {
        let label = match is_one {
            true => "Take away: * holds then",
            false => "Take away",
        };
        button("remove", label, name, "button danger")
    });
    view! {
        <form class="rule" method="post" action=action.to_owned()>
            <fieldset class="labels">
                <legend>"It may"</legend>
                {may.collect_view()}
            </fieldset>
            {rules}
            {seen}
            {attempt}
            <div class="rule-acts">{button("set", "Set", name, "button primary")} {remove}</div>
        </form>
    }
    .erased()
}

/// Which rows and columns.
fn rules(role: &RoleForm, columns: &[ColumnRow]) -> Erased {
    let chosen = role.hidden.len() + role.read_only.len();
    let summary = match chosen {
        0 => "Columns: all are shown".to_owned(),
        _ => format!(
            "Columns: {} hidden, {} read-only",
            role.hidden.len(),
            role.read_only.len()
        ),
    };
    let lines = columns.iter().map(|column| {
        let hide = column.can_be_hidden.then(|| {
            let name = format!("hidden:{}", column.name);
            let is = role.hidden.contains(&column.name);
            tick(&name, "hidden", Some(&column.name), is)
        });
        let name = format!("read_only:{}", column.name);
        let is = role.read_only.contains(&column.name);
        view! {
            <li>
                <span class="column-name">{column.name.clone()}</span>
                {hide}
                {tick(&name, "read-only", Some(&column.name), is)}
            </li>
        }
    });
    view! {
        <label class="form-field">
            <span class="field-name">"Rows for which this holds (empty: all)"</span>
            <input
                type="text"
                name="rows"
                value=role.rows.clone()
                placeholder="assignee=eq.$user.name"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
            />
        </label>
        <details class="columns" open=chosen != 0>
            <summary>{summary}</summary>
            <ul>{lines.collect_view()}</ul>
        </details>
    }
    .erased()
}

/// What tries the rules.
fn attempt(role: &RoleForm, is_administrator: bool) -> Erased {
    let user = is_administrator.then(|| {
        view! {
            <label class="form-field">
                <span class="field-name">"As the user (empty: as you)"</span>
                <input
                    type="text"
                    name="user"
                    value=role.user.clone()
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                />
            </label>
        }
    });
    view! {
        <div class="attempt">
            {user} {button("look", "Show what it would see", &role.role, "button")}
        </div>
    }
    .erased()
}

/// A box to tick; `of`: the column that it is about, which those are told who don't see the line.
fn tick(name: &str, label: &str, of: Option<&str>, ticked: bool) -> Erased {
    let spoken = of.map(|of| format!("{of} {label}"));
    view! {
        <label>
            <input type="checkbox" name=name.to_owned() checked=ticked aria-label=spoken />
            {label.to_owned()}
        </label>
    }
    .erased()
}

fn button(what: &'static str, label: &'static str, role: &str, class: &'static str) -> Erased {
    let spoken = format!("{label}: {role}");
    view! {
        <button type="submit" name="what" value=what class=class aria-label=spoken>
            {label}
        </button>
    }
    .erased()
}
