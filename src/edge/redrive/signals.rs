//! RedriveSignals that end a move at the next batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;

use crate::error::Error;

/// The signals that were received since the start of the move.
#[derive(Debug, Clone, Default)]
pub(super) struct RedriveSignals {
    last: Arc<AtomicUsize>,
}

impl RedriveSignals {
    /// Notes signals from now on, instead of dying by them.
    pub(super) fn listen() -> Result<Self, Error> {
        let last = Arc::<AtomicUsize>::default();
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, last.clone(), number)
                .map_err(|error| Error::failed("listen for", "signals", error))?;
        }
        Ok(RedriveSignals { last })
    }

    pub(super) fn is_ending(&self) -> bool {
        self.last.load(Ordering::Relaxed) > 0
    }

    /// Ends the program as the signal does by default, if there was one.
    pub(super) fn end(&self) {
        let signal = i32::try_from(self.last.load(Ordering::Relaxed)).unwrap_or_default();
        if signal > 0 {
            let _ = emulate_default_handler(signal);
        }
    }
}
