//! Logs: rare events, on stderr, never through the live view.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::{live, message};

/// Level without `RUST_LOG`.
const DEFAULT_FILTER: &str = "warn";

/// Starts logging, once per process; later calls have no effect.
pub fn init(color: bool) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).unwrap_or_else(|error| {
            message::note(&format_args!("RUST_LOG is not understood: {error}"));
            EnvFilter::new(DEFAULT_FILTER)
        }),
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    // The layer would colour even a file.
    let ansi = color && io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(BesideLiveView);
    // Fails only when a test or an embedding program has a logger already.
    let _ = subscriber.try_init();
}

/// Writes each event while the live view is out of the way.
struct BesideLiveView;

impl<'a> MakeWriter<'a> for BesideLiveView {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for BesideLiveView {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        live::suspend(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
