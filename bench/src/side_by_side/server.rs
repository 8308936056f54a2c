//! The processes of one system, and what they cost.

use std::{fs, io::ErrorKind, path::Path, time::Duration};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// Processes that serve; they end when this is dropped.
#[derive(Default)]
pub struct Server {
    processes: Vec<Child>,
}

impl Server {
    /// Starts one more. What it prints goes to `log`.
    pub fn start(&mut self, mut command: Command, log: &Path) -> anyhow::Result<()> {
        let output = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let name = command.as_std().get_program().to_owned();
        let child = command
            .stdin(std::process::Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} can't be run", name.display()))?;
        self.processes.push(child);
        Ok(())
    }

    /// Whether all of them still run.
    pub fn runs(&mut self) -> bool {
        self.processes
            .iter_mut()
            .all(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Memory in bytes, of them and of those that they started; pages that several share are
    /// counted once.
    pub fn memory(&self) -> u64 {
        self.family().into_iter().map(proportional_memory).sum()
    }

    /// Processor time that they and those that they started have used.
    pub fn cpu(&self) -> Duration {
        self.family().into_iter().filter_map(cpu_time).sum()
    }

    fn family(&self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
            .collect();
        let mut family: Vec<u32> = self.processes.iter().filter_map(Child::id).collect();
        let mut at = 0;
        while let Some(&parent) = family.get(at) {
            let children = parents.iter().filter(|(_, of)| *of == parent);
            family.extend(children.map(|(pid, _)| pid));
            at += 1;
        }
        family
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let family = self.family();
        let tell = |signal| {
            for pid in &family {
                let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw);
                // Who has ended can't be told.
                let _ = pid.map(|pid| kill_process(pid, signal));
            }
        };
        tell(Signal::TERM);
        let gone = |pid: &u32| {
            matches!(fs::metadata(format!("/proc/{pid}")), Err(error) if error.kind() == ErrorKind::NotFound)
                || stat(*pid).is_some_and(|fields| fields.first().is_some_and(|state| state == "Z"))
        };
        for _ in 0..50 {
            if family.iter().all(gone) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        tell(Signal::KILL);
    }
}

fn proportional_memory(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kib = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().split(' ').next())
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// User and system time, from `/proc`, whose unit is 1/100 s on Linux.
fn cpu_time(pid: u32) -> Option<Duration> {
    let fields = stat(pid)?;
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// What `/proc` says of a process after its name: its state, its parent, and so on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}
