//! The program `rowcast`.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use rowcast::{cli::Cli, commands};

/// With a million lists in memory the system's allocator takes a third of the engine's time,
/// this one a tenth (`make bench`, part `route`).
#[global_allocator]
static HEAP: MiMalloc = MiMalloc;

/// The stack of each thread, in bytes. A page's view is one deeply nested call, whose frames are
/// large where nothing is optimised; what is not used of it costs no memory.
const STACK: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(Cli::parse())),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowcast: {error:#}");
            ExitCode::FAILURE
        }
    }
}
