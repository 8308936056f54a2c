//! One page's editing.

use std::{future::Future, pin::Pin, sync::Arc};

use futures::{StreamExt, channel::mpsc};
use leptos::{prelude::*, task::spawn_local};
use rowcast_protocol::{RowKey, Table, TableKind};

use super::{
    EditHost, Handler,
    block::{self, LongerQuestion},
    bulk::{self, BulkBar, BulkDialog},
    cell_editor::{self, CellEditor, OpenCell},
    change::Values,
    conflict::{Conflict, ConflictPanel},
    delete::{self, DeleteQuestion},
    journal::{Journal, Way},
    notice::{Notice, Notices},
    refused::{Refused, RefusedNote},
    row_dialog::{self, RowDialog, RowDialogView},
    undo,
};
use crate::{
    erased::{Erase, MakeView},
    grid::{Action, GridState},
    live::rows::LiveRow,
    pages::table::TableView,
};

/// What editing holds, for all of its parts.
#[derive(Clone, Copy)]
pub struct Session {
    /// The page's shared state.
    pub view: TableView,
    /// The grid's.
    pub grid: GridState,
    /// The cell that is being edited.
    pub open: RwSignal<Option<OpenCell>>,
    /// What was refused last, said at its cell.
    pub refused: RwSignal<Option<Refused>>,
    /// What someone else changed first.
    pub conflict: RwSignal<Option<Conflict>>,
    /// The row that is shown as a whole.
    pub dialog: RwSignal<Option<RowDialog>>,
    /// The rows that may be deleted.
    pub deleting: RwSignal<Option<Vec<RowKey>>>,
    /// What may be done to the rows chosen.
    pub bulk: RwSignal<Option<bulk::Bulk>>,
    /// The block that may be pasted past the last row.
    pub longer: RwSignal<Option<block::Longer>>,
    /// What is said of what was done.
    pub notice: RwSignal<Option<Notice>>,
    /// What was done.
    pub journal: StoredValue<Journal>,
    /// The page: what is opened lives as long as it is open, not as long as what opened it.
    pub owner: StoredValue<Owner>,
    writes: StoredValue<mpsc::UnboundedSender<Job>, LocalStorage>,
}

type Job = Pin<Box<dyn Future<Output = ()>>>;

impl Session {
    /// Begins editing in a page.
    pub fn begin(host: EditHost) -> Handler {
        let (writes, mut jobs) = mpsc::unbounded::<Job>();
        spawn_local(async move {
            while let Some(job) = jobs.next().await {
                job.await;
            }
        });
        let session = Self {
            view: host.view,
            grid: host.grid,
            open: RwSignal::new(None),
            refused: RwSignal::new(None),
            conflict: RwSignal::new(None),
            dialog: RwSignal::new(None),
            deleting: RwSignal::new(None),
            bulk: RwSignal::new(None),
            longer: RwSignal::new(None),
            notice: RwSignal::new(None),
            journal: StoredValue::new(Journal::default()),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            writes: StoredValue::new_local(writes),
        };
        host.layer.set(Some(MakeView::from(move || {
            view! { <Layer session /> }
        })));
        Arc::new(move |action| session.act(action))
    }

    /// Has a write made after those that were asked for before it: what one writes, the next
    /// expects. It is made also where the page has been left by then, so it asks [`is_left`]
    /// before it shows anything.
    ///
    /// [`is_left`]: Session::is_left
    pub fn enqueue(self, job: impl Future<Output = ()> + 'static) {
        // The queue ends with the page; nobody waits for what is asked for after that.
        self.writes
            .with_value(|writes| drop(writes.unbounded_send(Box::pin(job))));
    }

    fn act(self, action: Action) {
        match action {
            Action::Edit { place, typed } => cell_editor::edit(self, place, typed),
            Action::Enter(place) => cell_editor::enter(self, place),
            Action::Leave(place) => cell_editor::leave(self, &place),
            Action::Undo => undo::turn(self, Way::Undo),
            Action::Redo => undo::turn(self, Way::Redo),
            Action::Clear => block::clear(self),
            Action::Paste(text) => block::paste(self, &text),
            Action::DeleteRows => delete::ask_chosen(self),
            Action::SetValue => bulk::ask(self, bulk::Doing::Set),
            Action::NewRow => row_dialog::create(self, None),
            Action::Duplicate => self.with_row(row_dialog::duplicate),
            Action::Detail => self.with_row(row_dialog::detail),
            // The grid's own.
            Action::Copy | Action::ChooseMatching | Action::Hold => {}
        }
    }

    /// Gives the focus back to the rows if what had it goes.
    pub fn keep_focus(self) {
        request_animation_frame(move || {
            let lost = document()
                .active_element()
                .is_none_or(|element| element.tag_name() == "BODY");
            if lost {
                // The page may have been left meanwhile.
                let _ = self.grid.grabs.try_update(|grabs| *grabs += 1);
            }
        });
    }

    /// Does something with the row in focus.
    fn with_row(self, then: fn(Self, LiveRow)) {
        let place = self.grid.focus.get_untracked();
        if let Some(row) = place.and_then(|place| self.grid.row(&place.row)) {
            then(self, row);
        }
    }

    /// The table's name as the interface takes it.
    pub fn table(self) -> String {
        self.view.path.get_value()
    }

    /// Whether the page has been left, and everything that it held with it.
    pub fn is_left(self) -> bool {
        self.notice.is_disposed()
    }

    /// Whether the page hears of changes.
    pub fn is_live(self) -> bool {
        self.view.table.with_value(|table| table.live)
    }

    /// Why no rows can be added here, if so.
    pub fn insert_obstacle(self) -> Option<&'static str> {
        self.view.table.with_value(|table| {
            unwritten(table)
                .or_else(|| kept(table.may.insert, "You may not add rows to this table."))
        })
    }

    /// Why rows can't be changed here, if so.
    pub fn obstacle(self) -> Option<&'static str> {
        self.view.table.with_value(|table| {
            unwritten(table)
                .or_else(|| unnamed(table))
                .or_else(|| kept(table.may.update, "You may not change rows of this table."))
                .or_else(|| {
                    let any = table.columns.iter().any(|column| table.writes(column));
                    kept(any, "No column of this table can be changed here.")
                })
        })
    }

    /// Why rows can't be deleted here, if so.
    pub fn delete_obstacle(self) -> Option<&'static str> {
        self.view.table.with_value(|table| {
            unwritten(table)
                .or_else(|| unnamed(table))
                .or_else(|| kept(table.may.delete, "You may not delete rows of this table."))
        })
    }

    /// Why this column of a row can't be changed, if so.
    pub fn column_obstacle(self, name: &str) -> Option<&'static str> {
        self.obstacle().or_else(|| self.no_column(name))
    }

    /// Why this column can't be written in any row, if so.
    pub fn no_column(self, name: &str) -> Option<&'static str> {
        self.view
            .table
            .with_value(|table| match table.column(name) {
                None => Some("This value belongs to another table: change it there."),
                Some((_, column)) if column.generated => {
                    Some("This value is computed from others.")
                }
                Some((_, column)) if !table.writes(column) => {
                    Some("You may not change this column.")
                }
                _ => None,
            })
    }

    /// The row's values as the reader sees them, of the table's own columns.
    pub fn values(self, row: &LiveRow) -> Values {
        let table = self.view.table.read_value();
        row.columns
            .iter()
            .zip(row.cells.iter())
            .filter(|(shown, _)| table.column(&shown.column.name).is_some())
            .map(|(shown, cell)| {
                let value = cell.read_untracked().shown().clone();
                (shown.column.name.clone(), value)
            })
            .collect()
    }
}

fn unwritten(table: &Table) -> Option<&'static str> {
    match table.kind {
        TableKind::View | TableKind::MaterializedView => {
            Some("The rows of a view are changed in the tables that it shows.")
        }
        TableKind::Table | TableKind::ForeignTable => kept(
            table.takes_rows(),
            "What Rowcast keeps itself is not written here.",
        ),
    }
}

fn unnamed(table: &Table) -> Option<&'static str> {
    kept(
        !table.key.is_empty(),
        "Rows without a primary key can't be changed: nothing tells them apart.",
    )
}

fn kept(may: bool, why: &'static str) -> Option<&'static str> {
    (!may).then_some(why)
}

/// Everything that editing shows.
#[component]
fn Layer(session: Session) -> impl IntoView {
    view! {
        <CellEditor session />
        <RefusedNote session />
        <RowDialogView session />
        <BulkBar session />
        <BulkDialog session />
        <LongerQuestion session />
        <DeleteQuestion session />
        <ConflictPanel session />
        <Notices session />
    }
    .made_here()
}
