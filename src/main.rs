//! The program: allocator, arguments, exit code. Everything else is in the library.

use std::process::ExitCode;

/// Chosen here and not in the library: whoever embeds the client has an allocator already.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rmq_bench::cli::main(std::env::args_os()).into()
}
