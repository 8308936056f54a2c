//! PostgreSQL's own programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::capture::migrate;

/// The oldest major version that is supported.
const OLDEST: u32 = migrate::OLDEST as u32 / 10_000;

/// A directory that holds `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Clone, Debug)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Those of the major version `wanted`, as in a cluster's file `PG_VERSION`, or the best
    /// that there are where any will do.
    ///
    /// The places, best first: `ROWCAST_PG_BIN`, the distribution's directories (the
    /// newest version first), what `pg_config` names, `PATH`, and where `make setup` puts
    /// them. scripts/setup.sh looks in the same places.
    pub fn find(wanted: Option<&str>) -> Option<Self> {
        candidates().into_iter().find_map(|directory| {
            let complete = ["initdb", "pg_ctl", "postgres"]
                .iter()
                .all(|program| directory.join(program).is_file());
            if !complete {
                return None;
            }
            let major = major(&directory.join("postgres"))?;
            let known = major.parse().is_ok_and(|major: u32| major >= OLDEST);
            let fits = wanted.is_none_or(|wanted| wanted == major);
            (known && fits).then_some(Self { directory })
        })
    }

    /// The path of one program.
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    found.extend(std::env::var_os("ROWCAST_PG_BIN").map(PathBuf::from));
    found.extend(versions(Path::new("/usr/lib/postgresql"), ""));
    found.extend(versions(Path::new("/usr"), "pgsql-"));
    if let Some(directory) = said_by(Command::new("pg_config").arg("--bindir")) {
        found.push(directory.into());
    }
    if let Some(path) = std::env::var_os("PATH") {
        // A program on PATH may be a link or a wrapper; its neighbours are beside the real one.
        found.extend(
            std::env::split_paths(&path)
                .map(|directory| directory.join("postgres"))
                .filter_map(|program| program.canonicalize().ok()?.parent().map(Path::to_owned)),
        );
    }
    let homes = [
        rustix::process::geteuid()
            .is_root()
            .then(|| PathBuf::from("/var/lib")),
        std::env::var_os("XDG_DATA_HOME").map(PathBuf::from),
        std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share")),
    ];
    found.extend(
        homes
            .into_iter()
            .flatten()
            .map(|home| home.join("rowcast/postgresql/bin")),
    );
    found
}

/// `parent/PREFIX<number>/bin`, the greatest number first.
fn versions(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry
                .file_name()
                .to_str()?
                .strip_prefix(prefix)?
                .parse()
                .ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, directory)| directory).collect()
}

/// The major version that `postgres --version` tells.
fn major(postgres: &Path) -> Option<String> {
    // As in `postgres (PostgreSQL) 17.9`, `… 18beta1`, `… 15.18 (Debian 15.18-0+deb12u1)`.
    let said = said_by(Command::new(postgres).arg("--version"))?;
    let version = said.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = version.split(|it: char| !it.is_ascii_digit()).next()?;
    (!digits.is_empty()).then(|| digits.to_owned())
}

fn said_by(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|it| it.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
