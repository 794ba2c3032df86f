//! Ctrl-C and SIGTERM: the first stops sending and drains, the second reports at once, the third
//! ends the process.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::exit::Exit;
use super::message;
use crate::load::{StopLevel, StopSignal};

/// Listens on a thread of its own for as long as the process lives; from its return on no signal is missed.
pub(crate) fn listen(stop: Arc<StopSignal>) {
    let (ready, is_ready) = channel();
    let listening = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => runtime.block_on(count(&stop, ready)),
                Err(error) => {
                    message::note(&format_args!("Ctrl-C will end without a report: {error}"))
                }
            }
        });
    if let Err(error) = listening {
        message::note(&format_args!("Ctrl-C will end without a report: {error}"));
    }
    // Where nobody listens the sender is gone, and why has been said.
    let _ = is_ready.recv();
}

async fn count(stop: &StopSignal, ready: Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        message::note(&"Ctrl-C will end without a report: no signal handler");
        return;
    };
    let _ = ready.send(());
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.level() == StopLevel::Now {
            #[allow(
                clippy::exit,
                reason = "the third signal ends the process wherever it is"
            )]
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        match stop.raise() {
            StopLevel::None | StopLevel::Drain => message::note(
                &"stopping: waiting for the answers under way (once more: report at once)",
            ),
            StopLevel::Now => message::note(&"reporting at once (once more: end without a report)"),
        }
    }
}

/// Waits for Ctrl-C or SIGTERM, or until the time is over.
pub(crate) fn wait(at_most: Option<Duration>) {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            message::error(&format_args!("cannot wait: {error}"));
            return;
        }
    };
    runtime.block_on(async {
        let over = async {
            match at_most {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let (interrupt, terminate) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        );
        let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
            return over.await;
        };
        tokio::select! {
            () = over => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
}
