//! Signals that end a move at the next batch, so that what is held is put back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;

use crate::error::Error;
use crate::log;

/// The last signal since [`StopSignals::listen`].
#[derive(Debug, Clone, Default)]
pub struct StopSignals {
    last: Arc<AtomicUsize>,
}

impl StopSignals {
    /// Creates one that notes signals.
    pub fn listening() -> Result<Self, Error> {
        let signals = StopSignals::default();
        signals.listen().map(|()| signals)
    }

    /// Notes signals from now on, instead of dying by them. To a program whose messages go to a file,
    /// SIGHUP says something about that file.
    pub fn listen(&self) -> Result<(), Error> {
        let hangup = (!log::is_detached()).then_some(SIGHUP);
        for signal in [SIGTERM, SIGINT].into_iter().chain(hangup) {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, self.last.clone(), number)
                .map_err(|error| Error::failed("listen for", "signals", error))?;
        }
        Ok(())
    }

    pub fn is_ending(&self) -> bool {
        self.last.load(Ordering::Relaxed) > 0
    }

    /// Ends the program as the signal does by default, if there was one.
    pub fn end(&self) {
        let signal = i32::try_from(self.last.load(Ordering::Relaxed)).unwrap_or_default();
        if signal > 0 {
            let _ = emulate_default_handler(signal);
        }
    }
}
