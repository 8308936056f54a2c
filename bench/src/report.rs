//! Where results go.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Serialize;

/// What was measured on.
#[derive(Serialize)]
pub struct Machine {
    processors: usize,
    model: String,
    memory_gib: u64,
    kernel: String,
    /// The load average of the last minute when the part had ended: what else ran is in it.
    load: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    postgresql: Option<String>,
}

impl Machine {
    /// This one, with the PostgreSQL that was used, if one was.
    pub fn this(postgresql: impl Into<Option<String>>) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| -> String {
            text.lines()
                .find(|line| line.starts_with(name))
                .and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let kib = memory
            .split(' ')
            .next()
            .and_then(|kib| kib.parse::<u64>().ok());
        let load = read("/proc/loadavg");
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            model: value(&read("/proc/cpuinfo"), "model name"),
            memory_gib: kib.unwrap_or(0) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            postgresql: postgresql.into(),
        }
    }
}

/// Prints a table: numbers stand right, as its first row's cells are numbers or not.
pub fn print(heads: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(head.chars().count())
        })
        .collect();
    let is_number = |at: usize| {
        rows.first()
            .and_then(|row| row.get(at))
            .is_some_and(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))
    };
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, &width))| {
                if is_number(at) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(&mut heads.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// Writes `target/bench/PART.json`.
pub fn write(part: &str, machine: &Machine, rows: &[impl Serialize]) -> anyhow::Result<()> {
    let directory = Path::new("target/bench");
    fs::create_dir_all(directory).context("target/bench can't be made")?;
    let path = directory.join(part).with_extension("json");
    let whole = serde_json::json!({ "machine": machine, "rows": rows });
    fs::write(&path, serde_json::to_string_pretty(&whole)? + "\n")
        .with_context(|| format!("{} can't be written", path.display()))
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
