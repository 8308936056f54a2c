//! `/watches`: of which rows one is told, and what was sent. It is whole without a script.

use leptos::prelude::*;

use super::{Notice, act, document, notice, time};
use crate::erased::{Erase, Erased};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    /// One's own rules.
    pub rules: Vec<WatchRow>,
    /// A rule that may be made.
    pub draft: Option<WatchDraft>,
    /// Where one gets e-mail, and whether that is confirmed.
    pub address: Option<(String, bool)>,
    /// Whether the server sends e-mail.
    pub has_mail: bool,
    /// What signs what is sent to a new receiver: it is shown this once.
    pub secret: Option<String>,
    /// What was sent of one of the rules: its name, and that.
    pub sent: Option<(String, Vec<SentRow>)>,
    /// What came of what was sent.
    pub notice: Option<Notice>,
}

/// A rule.
#[derive(Clone, Debug, Default)]
pub struct WatchRow {
    /// Names it.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// What it tells, in words.
    pub what: String,
    /// Which rows, in words.
    pub conditions: Vec<String>,
    /// Where its rows are.
    pub link: String,
    /// How it tells, in words.
    pub ways: String,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Whether it has expired.
    pub is_expired: bool,
    /// Until when there is such a rule.
    pub expires_at: Option<String>,
    /// How many rows have hit it.
    pub hits: i64,
    /// When the last did.
    pub last_hit_at: Option<String>,
    /// Why it tells nothing now.
    pub problem: Option<String>,
    /// What it may have missed, and when.
    pub missed: Option<(String, String)>,
}

/// A rule that may be made.
#[derive(Clone, Debug, Default)]
pub struct WatchDraft {
    /// The table.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Which rows.
    pub query: String,
    /// The same in words.
    pub conditions: Vec<String>,
    /// The saved view that they are of.
    pub view: Option<i64>,
    /// What it is called.
    pub name: String,
    /// Whether others can be told.
    pub has_roles: bool,
    /// What was filled in before it was refused.
    pub filled: Option<Filled>,
}

/// What somebody filled in.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// When it tells.
    pub kind: String,
    /// The value that changes.
    pub changed: String,
    /// What the total is of.
    pub summed: String,
    /// The total's bound.
    pub bound: String,
    /// Which way it is crossed.
    pub direction: String,
    /// Who is told.
    pub role: String,
    /// What is told together.
    pub group_seconds: String,
    /// How long there is such a rule.
    pub expires: String,
    /// Whether it is sent by e-mail.
    pub has_mail: bool,
    /// Where else it is sent.
    pub webhook: String,
    /// The field, by its name, that it was refused for, if it was for one.
    pub wrong: Option<&'static str>,
}

/// The id of what is said of what was sent.
const SAID: &str = "said";

/// Something that was sent, or is to be.
#[derive(Clone, Debug, Default)]
pub struct SentRow {
    /// What it says.
    pub title: String,
    /// By which way, and where to.
    pub to: String,
    /// What became of it.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// When it came to be.
    pub created_at: String,
}

/// The page.
pub fn watches(options: LeptosOptions, page: Watches) -> impl IntoView {
    let secret = page.secret.map(|secret| {
        view! {
            <div class="notice done" role="status">
                <p>"What is sent there is signed with this. It is shown this once:"</p>
                <code class="secret">{secret}</code>
            </div>
        }
        .erased()
    });
    let can_mail = page.has_mail && matches!(page.address, Some((_, true)));
    let draft = page.draft.map(|draft| form(draft, can_mail));
    let has_none = page.rules.is_empty();
    let none = has_none.then(|| {
        view! {
            <p class="nothing">
                "There are no watch rules. Open a table, choose the rows, and take “Watch” in its list of views."
            </p>
        }
        .erased()
    });
    let sent = page.sent.map(|(name, sent)| deliveries(name, sent));
    let mail = page.has_mail.then(|| address(page.address));
    let content = view! {
        <main class="accounts watches">
            <div id=SAID hidden=page.notice.is_none()>{notice(page.notice.clone())}</div> {secret} {draft} {sent} <section aria-labelledby="rules">
                <h2 id="rules">"Watch rules"</h2>
                <ul class="lines">{page.rules.into_iter().map(rule).collect_view()}</ul>
                {none}
            </section> {mail}
        </main>
    };
    document(options, "Watch rules", content.erased())
}

/// Which rows, in the words of the table's page.
fn conditions_of(conditions: Vec<String>) -> Erased {
    let condition = |text: String| {
        view! {
            <li class="condition">
                <bdi>{text}</bdi>
            </li>
        }
    };
    match conditions.is_empty() {
        true => view! { <p class="all-rows">"All rows"</p> }.erased(),
        false => view! {
            <ul class="conditions" role="list" aria-label="Conditions">
                {conditions.into_iter().map(condition).collect_view()}
            </ul>
        }
        .erased(),
    }
}

fn rule(row: WatchRow) -> Erased {
    let action = |what: &str| format!("/watches/{}/{what}", row.id);
    let toggle = match row.is_paused {
        true => act(action("resume"), "Resume", &row.name, "button"),
        false => act(action("pause"), "Pause", &row.name, "button"),
    };
    let test = act(action("test"), "Test", &row.name, "button");
    let remove = act(action("remove"), "Remove", &row.name, "button danger");
    let state = match (row.is_expired, row.is_paused) {
        (true, _) => Some("Expired"),
        (false, true) => Some("Paused"),
        (false, false) => None,
    };
    let ends = row.expires_at.filter(|_| !row.is_expired);
    let ends = ends.map(|at| view! { ", until " {time(&at)} }.erased());
    let hits = match row.last_hit_at {
        Some(at) => view! { {format!("{} hits, the last ", row.hits)} {time(&at)} }.erased(),
        None => "no hits yet".erased(),
    };
    let problem = row.problem.map(|why| {
        view! { <p class="refused">{format!("It tells nothing now: {why}.")}</p> }.erased()
    });
    let missed = row.missed.map(|(why, at)| {
        view! { <p class="refused">"Hits may have been missed " {time(&at)} ": " {why}</p> }
            .erased()
    });
    view! {
        <li>
            <span class="line-name">
                <a href=row.link rel="external">
                    <bdi>{row.name.clone()}</bdi>
                </a>
                " "
                <span class="told-state">{state}</span>
            </span>
            <div class="line-about">
                <p>
                    <bdi>{row.what}</bdi>
                    " · "
                    {row.ways}
                    {ends}
                    " · "
                    {hits}
                    " · "
                    <a href=format!("/watches?sent={}", row.id)>"What was sent"</a>
                </p>
                {conditions_of(row.conditions)}
                {problem}
                {missed}
            </div>
            <span class="line-acts">{toggle} {test} {remove}</span>
        </li>
    }
    .erased()
}

/// What one chooses from: what is sent, what stands there for it, and which it is now.
fn choices<'a>(of: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Erased {
    let choice = |(value, said): (&str, &str)| {
        let is_chosen = value == chosen;
        view! {
            <option value=value.to_owned() selected=is_chosen>
                {said.to_owned()}
            </option>
        }
    };
    of.into_iter().map(choice).collect_view().erased()
}

fn form(draft: WatchDraft, can_mail: bool) -> Erased {
    let was_filled = draft.filled.is_some();
    let filled = draft.filled.unwrap_or_default();
    // Whoever has it loaded anew begins where it is wrong, and is told why.
    let wrong = filled.wrong;
    let begins = move |name: &str| wrong == Some(name);
    let invalid = move |name: &str| begins(name).then_some("true");
    let why = move |name: &str| begins(name).then_some(SAID);
    let columns = |none: &'static str, chosen: &str| {
        let columns = draft
            .columns
            .iter()
            .map(|name| (name.as_str(), name.as_str()));
        choices(std::iter::once(("", none)).chain(columns), chosen)
    };
    let changed = columns("– choose –", &filled.changed);
    let summed = columns("the number of rows", &filled.summed);
    let kinds = [
        ("enters", "a row enters"),
        ("leaves", "a row leaves"),
        ("changes", "a value changes"),
        ("total", "a total crosses a bound"),
    ];
    let together = [
        ("300", "what comes within 5 minutes"),
        ("3600", "what comes within an hour"),
        ("86400", "what comes within a day"),
        ("0", "only what is of one commit"),
    ];
    let ends = [
        ("never", "never"),
        ("1d", "after a day"),
        ("7d", "after a week"),
        ("30d", "after 30 days"),
    ];
    let directions = [("above", "above"), ("below", "below")];
    let mail = can_mail.then(|| {
        view! {
            <label class="form-field">
                <span class="field-name">"E-mail, too"</span>
                <input type="checkbox" name="mail" value="on" checked=filled.has_mail autofocus=begins("mail") aria-invalid=invalid("mail") aria-describedby=why("mail") />
            </label>
        }
        .erased()
    });
    let role = draft.has_roles.then(|| {
        view! {
            <label class="form-field">
                <span class="field-name">"For a role instead of yourself"</span>
                <input type="text" name="role" value=filled.role.clone() autocomplete="off" placeholder="member" autofocus=begins("role") aria-invalid=invalid("role") aria-describedby=why("role") />
            </label>
        }
        .erased()
    });
    let view_id = draft
        .view
        .map(|id| view! { <input type="hidden" name="view" value=id.to_string() /> }.erased());
    view! {
        <section aria-labelledby="new-watch">
            <h2 id="new-watch">
                "Watch “" <bdi>{draft.name.clone()}</bdi> "” in " <bdi>{draft.table.clone()}</bdi>
            </h2>
            <form class="sheet watch-form" method="post" action="/watches">
                <input type="hidden" name="table" value=draft.table.clone() />
                <input type="hidden" name="query" value=draft.query.clone() />
                {view_id}
                <div class="form-field">
                    <span class="field-name">"These rows"</span>
                    {conditions_of(draft.conditions.clone())}
                </div>
                <label class="form-field">
                    <span class="field-name">"Tell me when"</span>
                    <select name="kind" autofocus=begins("kind") aria-invalid=invalid("kind") aria-describedby=why("kind")>{choices(kinds, &filled.kind)}</select>
                </label>
                <label class="form-field of-changes">
                    <span class="field-name">"The value that changes"</span>
                    <select name="changed" autofocus=begins("changed") aria-invalid=invalid("changed") aria-describedby=why("changed")>{changed}</select>
                </label>
                <label class="form-field of-total">
                    <span class="field-name">"The total of"</span>
                    <select name="summed" autofocus=begins("summed") aria-invalid=invalid("summed") aria-describedby=why("summed")>{summed}</select>
                </label>
                <label class="form-field of-total">
                    <span class="field-name">"Goes"</span>
                    <select name="direction">{choices(directions, &filled.direction)}</select>
                </label>
                <label class="form-field of-total">
                    <span class="field-name">"The bound"</span>
                    <input
                        type="text"
                        name="bound"
                        value=filled.bound
                        inputmode="decimal"
                        autocomplete="off"
                        autofocus=begins("bound") aria-invalid=invalid("bound") aria-describedby=why("bound")
                    />
                </label>
                <details open=was_filled>
                    <summary>"More"</summary>
                    <label class="form-field">
                        <span class="field-name">"Its name"</span>
                        <input type="text" name="name" value=draft.name.clone() maxlength="100" autofocus=begins("name") aria-invalid=invalid("name") aria-describedby=why("name") />
                    </label>
                    <label class="form-field">
                        <span class="field-name">"Told together"</span>
                        <select name="group_seconds" autofocus=begins("group_seconds") aria-invalid=invalid("group_seconds") aria-describedby=why("group_seconds")>{choices(together, &filled.group_seconds)}</select>
                    </label>
                    <label class="form-field">
                        <span class="field-name">"Ends"</span>
                        <select name="expires" autofocus=begins("expires") aria-invalid=invalid("expires") aria-describedby=why("expires")>{choices(ends, &filled.expires)}</select>
                    </label>
                    {mail}
                    <label class="form-field">
                        <span class="field-name">"Webhook, too"</span>
                        <input
                            type="text"
                            name="webhook"
                            value=filled.webhook
                            inputmode="url"
                            autocomplete="off"
                            placeholder="https://"
                            maxlength="2000"
                            autofocus=begins("webhook") aria-invalid=invalid("webhook") aria-describedby=why("webhook")
                        />
                    </label>
                    {role}
                </details>
                <button type="submit" class="button primary">
                    "Watch"
                </button>
            </form>
        </section>
    }
    .erased()
}

fn deliveries(name: String, sent: Vec<SentRow>) -> Erased {
    let none = sent
        .is_empty()
        .then(|| view! { <p class="nothing">"Nothing was sent beside the page."</p> }.erased());
    let line = |row: SentRow| {
        let error = row
            .error
            .map(|why| view! { <p class="refused">{why}</p> }.erased());
        view! {
            <li>
                <span class="line-name">
                    <bdi>{row.title}</bdi>
                </span>
                <div class="line-about">
                    <p>
                        <bdi>{row.to}</bdi>
                        " · "
                        {row.state}
                        " · "
                        {time(&row.created_at)}
                    </p>
                    {error}
                </div>
            </li>
        }
    };
    view! {
        <section aria-labelledby="sent">
            <h2 id="sent">"What was sent of “" <bdi>{name}</bdi> "”"</h2>
            <ul class="lines">{sent.into_iter().map(line).collect_view()}</ul>
            {none}
        </section>
    }
    .erased()
}

fn address(known: Option<(String, bool)>) -> Erased {
    let said = match &known {
        None => "No e-mail is sent to you.".to_owned(),
        Some((address, true)) => format!("E-mail is sent to {address}."),
        Some((address, false)) => {
            format!(
                "A letter was sent to {address}. Nothing else is, until you open the link in it."
            )
        }
    };
    let value = known.map(|(address, _)| address).unwrap_or_default();
    view! {
        <section aria-labelledby="mail">
            <h2 id="mail">"E-mail"</h2>
            <form class="sheet" method="post" action="/watches/mail">
                <label class="form-field">
                    <span class="field-name">"Address"</span>
                    <input type="email" name="address" value=value autocomplete="email" maxlength="254" />
                </label>
                <p class="about">{said} " Leave it empty for none."</p>
                <button type="submit" class="button">
                    "Send a letter to confirm it"
                </button>
            </form>
        </section>
    }
    .erased()
}

/// The page that the link in a letter opens: what it does, a button does, not whoever looks at links.
pub fn confirm_mail(options: LeptosOptions, token: String) -> impl IntoView {
    let content = view! {
        <main class="accounts">
            <form class="sheet" method="post" action="/watches/confirm">
                <input type="hidden" name="token" value=token />
                <p class="about">"This says that e-mail for you may be sent there."</p>
                <button type="submit" class="button primary">
                    "It is my address"
                </button>
            </form>
        </main>
    };
    document(options, "Your address", content.erased())
}
