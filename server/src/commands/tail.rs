//! `rowcast tail`

use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use rowcast_protocol::{
    ApiError, Cell, RowKey,
    json::{self, Heading},
    message::{Event, Op, Patch, Snapshot},
    query::Query,
};

use super::Database;
use crate::{
    config::Config,
    live::{
        event::SharedEvent,
        hub::Asked,
        outbox::{Due, Outbox},
        prepare::bind_live,
    },
    serve::LiveParts,
    shutdown::on_signals,
    traces::Traces,
};

/// Connections for reading: this follows one query.
const CONNECTIONS: u32 = 2;

pub async fn run(config: &Config, table: &str, query: &str) -> anyhow::Result<()> {
    let mut shutdown = on_signals(Duration::ZERO).context("signals can't be received")?;
    let database = Database::open(config).await?;
    // By itself: a terminal comes and goes, and is stopped for as long as one likes.
    let alone = Config {
        bus: None,
        ..config.clone()
    };
    let parts = LiveParts::start(
        &database.options,
        &alone,
        CONNECTIONS,
        &Traces::default(),
        shutdown.receiver(),
    )
    .await?;
    let table = parts.catalog.table(table).await.map_err(told)?;
    let query = Query::parse(query).map_err(told)?;
    let bound = bind_live(&parts.catalog, parts.readers.ours(), table, &query)
        .await
        .map_err(told)?;
    let outbox = Arc::new(Outbox::default());
    let asked = Asked {
        id: parts.live.new_id(),
        query: Arc::new(query),
        bound,
    };
    let live = &parts.live;
    live.subscribe(asked, None, None, &outbox, 0).await;
    let mut printer = Printer {
        heading: Heading::default(),
        for_people: std::io::stdout().is_terminal(),
    };
    let outcome = loop {
        let due = tokio::select! {
            () = shutdown.wait() => break Ok(()),
            due = outbox.next() => due,
        };
        match due {
            Due::Event(waiting) => {
                let event = &waiting.event;
                if let Event::Error(error) = event.event() {
                    break Err(told(error.clone()));
                }
                // A reader such as `head` may have seen enough.
                if printer.print(event).is_err() {
                    break Ok(());
                }
            }
            Due::Lost(ids) => parts.live.resync(ids).await,
            Due::Closed => break Ok(()),
        }
    };
    if let Err(error) = outcome {
        bail!(error);
    }
    Ok(())
}

fn told(error: ApiError) -> anyhow::Error {
    if error.hint.is_empty() {
        anyhow!(error.message)
    } else {
        anyhow!("{} ({})", error.message, error.hint)
    }
}

struct Printer {
    heading: Heading,
    for_people: bool,
}

impl Printer {
    fn print(&mut self, event: &SharedEvent) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if !self.for_people {
            let mut line = Vec::new();
            json::write_message(event.name(), None, event.json(), &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
            return out.flush();
        }
        match event.event() {
            Event::Snapshot(snapshot) => {
                self.heading = Heading::of(snapshot);
                out.write_all(list(snapshot).as_bytes())?;
            }
            Event::Patch(patch) => out.write_all(changes(patch, &self.heading).as_bytes())?,
            Event::Reset { reason } => writeln!(out, "! the list is read again: {reason}")?,
            Event::Error(error) => writeln!(out, "! {}", error.message)?,
        }
        out.flush()
    }
}

/// The widest that a column of the list is shown.
const WIDTH_MAX: usize = 40;

fn list(snapshot: &Snapshot) -> String {
    let header = snapshot
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let rows = snapshot
        .rows
        .iter()
        .map(|row| row.cells.iter().map(shown).collect());
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let widths: Vec<usize> = (0..snapshot.columns.len())
        .map(|column| {
            let width = rows.iter().map(|row| row[column].chars().count()).max();
            width.unwrap_or_default().min(WIDTH_MAX)
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let mut cut: String = cell.chars().take(*width).collect();
            if cut.len() < cell.len() {
                cut.pop();
                cut.push('…');
            }
            format!("{cut:width$}")
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    for of in &snapshot.aggregates {
        text += &figure(&of.name, &of.value);
    }
    text + &format!("{} rows of {}\n", snapshot.rows.len(), snapshot.total)
}

fn figure(name: &str, value: &Cell) -> String {
    format!("= {name} {}\n", shown(value))
}

/// One line for each step: `+` a row that appeared, `~` what changed in one, `>` one that
/// moved, `-` one that left; `=` an aggregate that changed.
fn changes(patch: &Patch, heading: &Heading) -> String {
    let mut text = String::new();
    for op in &patch.ops {
        text += &match op {
            Op::Insert { at, row } => {
                let cells: Vec<String> = row.cells.iter().map(shown).collect();
                format!("+ {at}: {}\n", cells.join("  "))
            }
            Op::Update { key, cells } => {
                let cells = cells.iter().map(|(column, cell)| {
                    let name = heading
                        .columns
                        .get(usize::from(*column))
                        .map_or("?", |column| column.name.as_str());
                    format!("{name}={}", shown(cell))
                });
                format!(
                    "~ {}  {}\n",
                    named(key),
                    cells.collect::<Vec<_>>().join("  ")
                )
            }
            Op::Move { key, to } => format!("> {} to {to}\n", named(key)),
            Op::Remove { key } => format!("- {}\n", named(key)),
        };
    }
    for (at, value) in &patch.aggregates {
        if let Some(name) = heading.aggregates.get(usize::from(*at)) {
            text += &figure(name, value);
        }
    }
    text + &format!("  {} in all\n", patch.total)
}

fn named(key: &RowKey) -> String {
    key.0.iter().map(shown).collect::<Vec<_>>().join(",")
}

/// A value as its JSON, without the quotes where they tell nothing and without what could
/// steer a terminal.
fn shown(cell: &Cell) -> String {
    let json = cell.to_json();
    let plain = match cell {
        Cell::Text(text) if !text.is_empty() && json.len() == text.len() + 2 => {
            &json[1..json.len() - 1]
        }
        _ => &json,
    };
    plain
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
