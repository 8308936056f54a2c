//! The program `rowcast`.

use std::process::ExitCode;

use clap::Parser;
use rowcast::{cli::Cli, commands};

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowcast: {error:#}");
            ExitCode::FAILURE
        }
    }
}
