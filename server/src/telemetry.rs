//! The log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

use crate::config::InvalidSetting;

/// What is logged where `RUST_LOG` is unset. The driver's own messages may hold statements.
const DEFAULT: &str = "info,sqlx=warn";

/// What never is: of the stream of the write-ahead log the database's own words, which may hold what is
/// in rows. What ends it is told by who reads it.
const NEVER: &str = "pgwire_replication=off";

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// To be read by people.
    Text,
    /// Each an object, for programs.
    Json,
}

impl Format {
    fn named(name: Option<&str>) -> Result<Self, InvalidSetting> {
        match name {
            None | Some("" | "text") => Ok(Self::Text),
            Some("json") => Ok(Self::Json),
            Some(other) => Err(InvalidSetting::new(
                "ROWCAST_LOG_FORMAT",
                other,
                "it is neither",
                "text, json",
            )),
        }
    }
}

/// Starts the log, filtered by `RUST_LOG`, as `text` or `json`. No line of it holds a row's values,
/// a password, a token, or a URL with one in it.
///
/// # Errors
/// If `RUST_LOG` is not a filter, or the format is none.
pub fn start(format: Option<&str>) -> Result<(), InvalidSetting> {
    let format = Format::named(format)?;
    let directives = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => text,
        _ => DEFAULT.to_owned(),
    };
    let filter = filter(&directives).map_err(|_| {
        InvalidSetting::new(
            "RUST_LOG",
            &directives,
            "it is no filter",
            "a level (error, warn, info, debug, trace) or module=level,…",
        )
    })?;
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start, as in tests, keeps the first.
    let _ = match format {
        Format::Text => log.try_init(),
        Format::Json => log
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    Ok(())
}

fn filter(directives: &str) -> Result<EnvFilter, ParseError> {
    Ok(EnvFilter::builder()
        .parse(directives)?
        .add_directive(NEVER.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_stream_are_not_logged_whatever_is() {
        for directives in [DEFAULT, "trace", "info,pgwire_replication=debug", "error"] {
            let filter = filter(directives).expect("a filter").to_string();
            let told = filter.split(',').filter(|one| one.contains("pgwire"));
            assert_eq!(told.collect::<Vec<_>>(), [NEVER], "{filter}");
        }
        assert!(filter("a=b=c").is_err());
    }

    #[test]
    fn a_format_is_text_unless_another_is_named() {
        assert_eq!(Format::named(None).expect("a format"), Format::Text);
        assert_eq!(Format::named(Some("json")).expect("a format"), Format::Json);
        let text = Format::named(Some("xml"))
            .expect_err("no format")
            .to_string();
        assert!(text.starts_with("ROWCAST_LOG_FORMAT") && text.contains("allowed is"));
    }
}
