//! The stream through `dlq-investigate`: every line is passed on before anything is decided about it,
//! and what sessions have told is put in between. It never waits for an investigation before the end.

use std::time::Duration;

use crate::clock;
use crate::config::Switches;
use crate::edge::sessions::{Brought, Desk};
use crate::error::Error;
use crate::event::stream_time::StreamClock;
use crate::event::{Head, Type};
use crate::log;
use crate::rules::investigation::incident;
use crate::rules::investigation::incident::News;
use crate::time::Timestamp;
use crate::wire::{Output, StreamFilter};

/// How often running sessions are looked at while the stream is silent.
const TICK: Duration = Duration::from_millis(200);
/// At the end of the stream nothing else is to be done than to wait for sessions.
const WAIT: Duration = Duration::from_millis(50);
/// So much of the stream's news is kept before it is written down.
const NEWS_MAX: usize = 1000;

/// The stream of one run, and what it has started.
pub struct Filter {
    desk: Desk,
    clock: StreamClock,
    switches: Switches,
    news: Vec<News>,
    /// The sessions that it has started and that run.
    own: Vec<String>,
    /// Sessions run, or may have told something.
    busy: bool,
    /// Ends with the input: investigations go on alone. Always so in a dry run.
    no_wait: bool,
    failed: bool,
}

impl Filter {
    /// Nothing was heard yet.
    pub fn new(desk: Desk, switches: Switches, dry_run: bool, no_wait: bool) -> Self {
        let clock = StreamClock::new(dry_run);
        Filter {
            desk,
            clock,
            switches,
            news: Vec::new(),
            own: Vec::new(),
            busy: true,
            no_wait: no_wait || dry_run,
            failed: false,
        }
    }

    fn judge(&mut self, out: &mut Output) -> Result<Brought, Error> {
        self.desk.switch(self.switches.now().investigate);
        self.update(Some(self.clock.now(clock::now())), out)
    }

    fn update(&mut self, judge_at: Option<Timestamp>, out: &mut Output) -> Result<Brought, Error> {
        let brought = self.desk.update(std::mem::take(&mut self.news), judge_at)?;
        self.busy = !brought.running.is_empty();
        self.failed |= brought.failed;
        for session in &brought.started {
            log::info(&format!("session {session} is started"));
        }
        self.own.extend(brought.started.iter().cloned());
        self.own.retain(|session| brought.running.contains(session));
        for line in &brought.lines {
            out.put(line)?;
        }
        if !brought.marks.is_empty() {
            out.flush()?;
            self.desk.mark(&brought.marks)?;
        }
        Ok(brought)
    }

    /// Waits for this session, too.
    pub fn wait_for(&mut self, session: String) {
        self.own.push(session);
    }

    /// Prints the new events of the sessions.
    pub fn catch_up(&mut self, out: &mut Output) -> Result<(), Error> {
        self.update(None, out)?;
        out.flush()
    }
}

impl StreamFilter for Filter {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        let Some(head) = head.filter(|head| self.clock.observe(head)) else {
            return Ok(());
        };
        self.news.extend(incident::news(head, line));
        if head.known == Some(Type::PollFinished) && self.clock.is_live(head.time(), clock::now()) {
            self.judge(out).map(|_| ())
        } else if self.news.len() >= NEWS_MAX {
            self.update(None, out).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.busy.then_some(TICK)
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        self.busy = self.desk.is_busy()?;
        if self.busy { self.update(None, out).map(|_| ()) } else { Ok(()) }
    }

    /// Judges a last time, and waits for the sessions that the filter has started and for the
    /// incidents that wait for a slot. Returns whether a session could not be started.
    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        loop {
            let brought = self.judge(out)?;
            out.flush()?;
            let awaited = !self.own.is_empty() || (brought.waiting > 0 && self.busy);
            if self.no_wait || !awaited {
                return Ok(self.failed);
            }
            std::thread::sleep(WAIT);
        }
    }

    /// Records the events of the stream when its reader has gone.
    fn abort(&mut self, error: &Error) -> Result<(), Error> {
        if *error != Error::Pipe {
            return Ok(());
        }
        self.desk.update(std::mem::take(&mut self.news), None).map(|_| ())
    }
}
