//! The process that outlives the cluster's users and then stops it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::EmbeddedError;
use super::cluster::Cluster;
use super::lock::Lock;
use super::place::Place;
use super::revival::Revival;

/// What a keeper says when the cluster runs; anything else is why it does not.
const READY: &str = "ready";

/// Starts a keeper and waits until it has started the cluster. The caller holds `users`
/// shared and the `gate`.
pub fn spawn(program: &Path, data_directory: &Path) -> Result<(), EmbeddedError> {
    let failed = |error: std::io::Error| EmbeddedError::Keeper(error.to_string());
    let mut child = Command::new(program)
        .arg0("rowcast")
        .arg("embedded-keeper")
        .arg(data_directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output)
            .read_line(&mut said)
            .map_err(failed)?;
    }
    match said.trim() {
        READY => {
            // It ends after this process, as a rule; if before, it must not stay a zombie.
            std::thread::spawn(move || child.wait());
            Ok(())
        }
        said => {
            let status = child.wait().map_err(failed)?;
            Err(EmbeddedError::Keeper(match said {
                "" => format!("its keeper ended with {status}"),
                why => why.to_owned(),
            }))
        }
    }
}

/// What `rowcast embedded-keeper DIRECTORY` does: starts the cluster, says so, waits until no
/// process uses it any more, stops it.
///
/// It belongs to no terminal and to no process group of its users', so that no signal meant
/// for them reaches it.
pub fn keep(data_directory: &Path) -> Result<(), EmbeddedError> {
    // Fails only for the leader of a group, who has what this is for.
    let _ = rustix::process::setsid();
    let mut output = std::io::stdout();
    let kept = match begin(data_directory) {
        Ok(kept) => kept,
        Err(error) => {
            let _ = writeln!(output, "{error}");
            return Err(error);
        }
    };
    // Nobody may be listening any more: then the locks say what to do.
    let _ = writeln!(output, "{READY}").and_then(|()| output.flush());
    let (place, cluster, keeper) = kept;
    let revival = Revival::begin(cluster.clone());
    let users = Lock::exclusive(&place.users())?;
    let stopped = revival.end(|| cluster.stop());
    // In this order: whoever waits for `users` must find that there is no keeper.
    drop(keeper);
    drop(users);
    stopped
}

fn begin(data_directory: &Path) -> Result<(Place, Cluster, Lock), EmbeddedError> {
    let place = Place::prepare(data_directory)?;
    let keeper = Lock::exclusive(&place.keeper())?;
    let cluster = Cluster::find(&place)?;
    cluster.make()?;
    if let Err(error) = cluster.start() {
        // It may only be slow; without a keeper it would never be stopped.
        let _ = cluster.stop();
        return Err(error);
    }
    Ok((place, cluster, keeper))
}
