//! Passwords, read from the terminal without being shown, or from what is piped in. Never from
//! an argument: those are in everybody's list of processes.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Context, ensure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The most bytes that are read.
const LONGEST: u64 = 4096;

/// A new password.
///
/// # Errors
/// If there is none, or the two that were written differ.
pub fn new_password() -> anyhow::Result<String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut text = String::new();
        stdin
            .lock()
            .take(LONGEST)
            .read_to_string(&mut text)
            .context("the password can't be read from standard input")?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        return Ok(line.strip_suffix('\r').unwrap_or(line).to_owned());
    }
    let password = ask("Password: ")?;
    ensure!(
        password == ask("The same again: ")?,
        "the two passwords differ"
    );
    Ok(password)
}

fn ask(question: &str) -> anyhow::Result<String> {
    let mut shown = io::stderr();
    write!(shown, "{question}")?;
    shown.flush()?;
    let quiet = Quiet::new().context("the terminal can't be kept from showing the password")?;
    let mut line = String::new();
    io::stdin().lock().take(LONGEST).read_line(&mut line)?;
    drop(quiet);
    writeln!(shown)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that does not show what is written; it does again when this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn new() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to show.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
