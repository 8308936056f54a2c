//! Conditions and groups, as they are put together.

use leptos::{ev, prelude::*};
use rowcast_protocol::Column;

use super::{
    draft::{Group, Line, Node, Way, likeliest, may_nest},
    panel::{Draft, focus_later, part_id},
    value_editor::ValueEditor,
};
use crate::{
    components::icon,
    erased::{Erase, Erased, changing},
    filter::{Choice, Input, kind_of},
};

/// The tree of conditions.
#[component]
pub fn Conditions(draft: Draft) -> impl IntoView {
    changing(move || group_view(draft, draft.root.get(), None, 0))
}

/// A group, and how it is taken out of the one that it is in.
fn group_view(draft: Draft, group: Group, parent: Option<Group>, depth: usize) -> Erased {
    let chosen = group.way.get_untracked();
    let ways = Way::ALL.map(|(way, word)| {
        view! { <option value=word prop:selected=way == chosen>{word}</option> }
    });
    let choose = move |event| {
        let word = event_target_value(&event);
        if let Some((way, _)) = Way::ALL.into_iter().find(|(_, of)| *of == word) {
            group.way.set(way);
        }
    };
    let before = if parent.is_some() {
        ""
    } else {
        "Rows of which "
    };
    let remove = parent.map(|parent| remover("Remove group", parent, group.id));
    let nodes = move |node: Node| match node {
        Node::Line(line) => line_view(draft, line, group),
        Node::Group(inner) => group_view(draft, inner, Some(group), depth + 1),
    };
    let add_group = move |_| {
        let inner = draft.make(|maker| maker.group(Way::Any));
        group.of.write().push(Node::Group(inner));
        draft.add_line(inner);
    };
    view! {
        <div
            class="filter-group"
            id=part_id(group.id, "")
            role="group"
            aria-label=if depth == 0 { "Conditions" } else { "Group of conditions" }
        >
            <div class="filter-head">
                <label>
                    {before}
                    <select aria-label="Which of these hold" on:change=choose>
                        {ways.into_iter().collect_view()}
                    </select>
                    " of these hold"
                </label>
                {remove}
            </div>
            <div class="filter-members">
                <For each=move || group.of.get() key=|node| node.id() let:node>
                    {nodes(node)}
                </For>
            </div>
            <div class="filter-add" id=part_id(group.id, "-add")>
                <button
                    type="button"
                    class="button plain"
                    on:click=move |_| draft.add_line(group)
                >
                    {icon::plus()}
                    "Add condition"
                </button>
                {may_nest(depth)
                    .then(|| {
                        view! {
                            <button type="button" class="button plain" on:click=add_group>
                                {icon::plus()}
                                "Add group"
                            </button>
                        }
                    })}
            </div>
        </div>
    }
    .made_here()
}

/// The button that takes a part out of its group; the focus goes on to what follows it.
fn remover(label: &'static str, group: Group, id: u32) -> Erased {
    let remove = move |_: ev::MouseEvent| {
        let mut next = None;
        group.of.update(|of| {
            if let Some(at) = of.iter().position(|node| node.id() == id) {
                of.remove(at);
                next = of.get(at).map(|node| node.id());
            }
        });
        focus_later(match next {
            Some(next) => part_id(next, ""),
            None => part_id(group.id, "-add"),
        });
    };
    view! {
        <button type="button" class="icon-button" aria-label=label title="Remove" on:click=remove>
            {icon::cross()}
        </button>
    }
    .made_here()
}

fn line_view(draft: Draft, line: Line, group: Group) -> Erased {
    let column = Memo::new(move |_| {
        let (name, columns) = (line.column.read(), draft.columns.read());
        columns.iter().find(|column| column.name == *name).cloned()
    });
    let choose_column = move |event| {
        let name = event_target_value(&event);
        let columns = draft.columns.get_untracked();
        let Some(next) = columns.iter().find(|column| column.name == name) else {
            return;
        };
        let before = kind_of(&line.column.read_untracked(), &columns);
        line.wrong.set(None);
        line.column.set(name);
        // What was chosen and written stays where it means the same.
        if before != next.kind || !fitting(Some(next)).contains(&line.choice.get_untracked()) {
            line.choice.set(likeliest(next));
            line.value.set(String::new());
        } else if !next.labels.is_empty() {
            line.value.set(String::new());
        }
    };
    let choose_operator = move |event| {
        if let Some(choice) = Choice::parse(&event_target_value(&event)) {
            let input = line.choice.get_untracked().input();
            line.wrong.set(None);
            line.choice.set(choice);
            // What was chosen from a list, or a span, is no part of another kind of value.
            let labels = column
                .with_untracked(|column| column.as_ref().is_some_and(|of| !of.labels.is_empty()));
            let special = labels || input == Input::Span || choice.input() == Input::Span;
            if special && input != choice.input() {
                line.value.set(String::new());
            }
        }
    };
    let columns = move || {
        let chosen = line.column.get_untracked();
        let option = |column: Column| {
            let here = column.name == chosen;
            view! {
                <option value=column.name.clone() prop:selected=here>
                    {column.name.clone()}
                </option>
            }
        };
        let mut columns = draft.columns.get();
        if columns.iter().all(|column| column.name != chosen) {
            // One that the table does not have any more is still what is asked for.
            let mut gone = columns.first().cloned();
            if let Some(gone) = &mut gone {
                gone.name.clone_from(&chosen);
            }
            columns.extend(gone);
        }
        columns.into_iter().map(option).collect_view()
    };
    let operators = move || {
        let column = column.get();
        let kind = kind_of(&line.column.read_untracked(), &draft.columns.read());
        let now = line.choice.get();
        let mut choices = fitting(column.as_ref());
        if !choices.contains(&now) {
            choices.push(now);
        }
        let option = |choice: Choice| {
            view! {
                <option value=choice.name() prop:selected=choice == now>
                    {choice.label(kind)}
                </option>
            }
        };
        choices.into_iter().map(option).collect_view()
    };
    let wrong_id = part_id(line.id, "-wrong");
    let described = wrong_id.clone();
    view! {
        <div
            class="filter-line"
            id=part_id(line.id, "")
            role="group"
            aria-label="Condition"
            aria-describedby=described
        >
            <select class="filter-column" aria-label="Column" on:change=choose_column>
                {changing(columns)}
            </select>
            <select class="filter-operator" aria-label="Operator" on:change=choose_operator>
                {changing(operators)}
            </select>
            <ValueEditor draft line column />
            {remover("Remove condition", group, line.id)}
            <p class="wrong" role="alert" id=wrong_id hidden=move || line.wrong.read().is_none()>
                {line.wrong}
            </p>
        </div>
    }
    .made_here()
}

fn fitting(column: Option<&Column>) -> Vec<Choice> {
    column.map_or_else(
        || Choice::ALL.to_vec(),
        |column| Choice::fitting(column.kind, column.nullable),
    )
}
