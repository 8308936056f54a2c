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
    postgresql: String,
}

impl Machine {
    /// This one, with the PostgreSQL that was used.
    pub fn this(postgresql: String) -> Self {
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
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            model: value(&read("/proc/cpuinfo"), "model name"),
            memory_gib: kib.unwrap_or(0) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            postgresql,
        }
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
