//! The others in the top bar, and the list of them.

use leptos::prelude::*;

use super::{
    PresenceHost,
    marks::mark,
    name_dialog::NameDialog,
    person::{COLUMNS, Person, who},
    say::say,
};
use crate::{
    address::encode,
    components::table_header::close,
    erased::{Erase, Erased, MakeView, changing},
    live::{
        live_list::follow_list,
        status::{Link, LiveStatus},
    },
    reader::{Reader, initials},
};

/// How many are shown one by one.
const SHOWN: usize = 4;

/// Begins to say where the reader is and to show where others are.
pub fn begin(host: PresenceHost) {
    let session = session();
    let query = host.view.path.with_value(|path| {
        format!(
            "table_path=eq.{}&session=neq.{session}&seen_at=gte.now-60s&select={COLUMNS}&limit=200",
            encode(path)
        )
    });
    let list = follow_list("rowcast.presence", Memo::new(move |_| query.clone()));
    let people = Memo::new(move |_| list.rows.read().iter().filter_map(Person::read).collect());
    say(host, session);
    mark(host.grid, people);
    host.people
        .set(Some(MakeView::from(move || stack(host, people))));
    host.layer.set(Some(MakeView::from(move || {
        host.naming.get().then(|| view! { <NameDialog host /> })
    })));
}

/// A name for this page, of 96 random bits.
fn session() -> String {
    let part = || (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
    format!("{:08x}{:08x}{:08x}", part(), part(), part())
}

/// Their initials, and how many more there are.
fn stack(host: PresenceHost, people: Memo<Vec<Person>>) -> Erased {
    let status = expect_context::<LiveStatus>();
    let who = Memo::new(move |_| who(&people.read()));
    let faces = Memo::new(move |_| {
        let people = people.read();
        let shown = people.iter().take(SHOWN);
        let face = |person: &Person| (person.colour(), initials(&person.name));
        shown.map(face).collect::<Vec<_>>()
    });
    let avatars = move || {
        let avatar = |(colour, letters)| avatar(colour, letters);
        faces.get().into_iter().map(avatar).collect_view()
    };
    let more = move || {
        let count = people.read().len();
        (count > SHOWN).then(|| format!("+{}", count - SHOWN))
    };
    let count = move || people.read().len().to_string();
    let away = move || status.link.get() != Link::Live;
    view! {
        <button
            type="button"
            class="people-button"
            class:away=away
            hidden=move || people.read().is_empty()
            popovertarget="people"
            title=move || who.get()
        >
            <span class="sr-only">{changing(move || who.get())}</span>
            {changing(avatars)}
            <span class="more" aria-hidden="true">
                {changing(more)}
            </span>
            <span class="all" aria-hidden="true">
                {changing(count)}
            </span>
        </button>
        <div id="people" class="popover" popover="auto" role="group" aria-label="Who is here">
            {list(host, people)}
        </div>
        <span class="sr-only" aria-live="polite">
            {changing(move || {
                let nobody = people.read().is_empty();
                (!nobody).then(|| who.get())
            })}
        </span>
    }
    .made_here()
}

fn avatar(colour: u32, letters: String) -> Erased {
    view! {
        <span class=format!("avatar b{colour}") aria-hidden="true">
            {letters}
        </span>
    }
    .made_here()
}

/// Everybody by name, and the way to where they are.
fn list(host: PresenceHost, people: Memo<Vec<Person>>) -> Erased {
    let reader = Reader::expect();
    let who = move || who(&people.read());
    let lost = RwSignal::new(false);
    let sessions = move || {
        let people = people.read();
        let session = |person: &Person| person.session.clone();
        people.iter().map(session).collect::<Vec<_>>()
    };
    let hint = move || {
        reader.name().is_none().then(|| {
            view! {
                <p class="muted">"Others see you as “Someone”."</p>
                <button
                    type="button"
                    class="button"
                    on:click=move |_| {
                        close("people");
                        host.naming.set(true);
                    }
                >
                    "Say your name…"
                </button>
            }
        })
    };
    let apology = move || {
        lost.get()
            .then_some("That row is not among those shown here.")
    };
    view! {
        <p>{changing(who)}</p>
        <ul>
            <For each=sessions key=String::clone let:session>
                {entry(host, people, session, lost)}
            </For>
        </ul>
        <p class="muted" role="status">
            {changing(apology)}
        </p>
        {changing(hint)}
    }
    .made_here()
}

/// One of them. What changes of it changes where it stands, for the focus may be on it.
fn entry(
    host: PresenceHost,
    people: Memo<Vec<Person>>,
    session: String,
    lost: RwSignal<bool>,
) -> Erased {
    let person = Memo::new(move |_| {
        let people = people.read();
        people.iter().find(|of| of.session == session).cloned()
    });
    let of = move |what: fn(&Person) -> String| person.read().as_ref().map(what);
    let face = move || {
        let person = person.read();
        let person = person.as_ref()?;
        Some(avatar(person.colour(), initials(&person.name)))
    };
    let go = move |_| {
        let place = person.read_untracked().as_ref().and_then(Person::place);
        let there = place.filter(|place| host.grid.row(&place.row).is_some());
        lost.set(there.is_none());
        if let Some(place) = there {
            close("people");
            host.grid.focus_cell(place);
        }
    };
    let nowhere = move || person.read().as_ref().is_none_or(|of| of.row.is_none());
    view! {
        <li>
            <button type="button" class="person" disabled=nowhere on:click=go>
                {changing(face)}
                <span class="name">{changing(move || of(|person| person.called().to_owned()))}</span>
                <span class="about">{changing(move || of(Person::whereabouts))}</span>
            </button>
        </li>
    }
    .made_here()
}
