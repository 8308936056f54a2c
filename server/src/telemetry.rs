//! The log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::InvalidSetting;

/// What is logged where `RUST_LOG` is unset. The driver's own messages may hold statements.
const DEFAULT: &str = "info,sqlx=warn";

/// Starts the log, filtered by `RUST_LOG`. No line of it holds a row's values, a password, a
/// token, or a URL with one in it.
///
/// # Errors
/// If `RUST_LOG` is not a filter.
pub fn start() -> Result<(), InvalidSetting> {
    let directives = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => text,
        _ => DEFAULT.to_owned(),
    };
    let filter = EnvFilter::builder().parse(&directives).map_err(|_| {
        InvalidSetting::new(
            "RUST_LOG",
            &directives,
            "it is no filter",
            "a level (error, warn, info, debug, trace) or module=level,…",
        )
    })?;
    // A second start, as in tests, keeps the first.
    let _ = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}
