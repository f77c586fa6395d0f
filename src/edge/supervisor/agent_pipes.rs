//! Standard input and output of an agent: pipes, so that it can open neither the file of its prompt
//! nor that of its transcript again, to change what this program reads later.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::error::Error;
use crate::regular_file;
use crate::store;

/// Longest transcript, in bytes.
const TRANSCRIPT_MAX: u64 = 1 << 30;
/// Time for the rest of the output, when all processes that could write some have ended.
const REST: Duration = Duration::from_secs(5);

/// Started agent, and the copy of its output to the transcript.
pub(super) struct RunningAgent {
    pub(super) child: Child,
    copied: Receiver<io::Result<()>>,
}

impl RunningAgent {
    /// Gives a child its prompt, and begins to copy its output. Both of its pipes have to be there.
    pub(super) fn attach(mut child: Child, prompt: &Path, transcript: File) -> Result<Self, Error> {
        let failed = |error| Error::file("read", prompt, &error);
        // The agent of an earlier run may have put something else in its place.
        let mut prompt = regular_file::open(prompt).map_err(failed)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        std::thread::spawn(move || {
            // An agent may end before it has read all of it.
            let _ = input.map(|mut input| io::copy(&mut prompt, &mut input));
        });
        let (sender, copied) = mpsc::channel();
        std::thread::spawn(move || {
            let copied = output.map_or(Ok(()), |output| copy(output, transcript));
            let _ = sender.send(copied);
        });
        Ok(RunningAgent { child, copied })
    }

    /// Splits the child from the wait for the end of its output, which returns why some of that could
    /// not be kept.
    pub(super) fn split(self) -> (Child, impl FnOnce() -> Option<io::Error>) {
        let copied = self.copied;
        let wait = move || match store::receive(&copied, REST) {
            Ok(copied) => copied.err(),
            // A process that cannot be ended has it open.
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => None,
        };
        (self.child, wait)
    }
}

/// Copies up to the limit, then reads on, so that the agent is not held up.
fn copy(mut output: impl Read, mut transcript: File) -> io::Result<()> {
    let (mut block, mut count, mut kept) = (vec![0; 64 << 10], 0, Ok(()));
    loop {
        let read = match output.read(&mut block) {
            Ok(0) => return kept,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        count += read as u64;
        // Nor does a full disk hold it up. With a gap the rest is of no use.
        if count <= TRANSCRIPT_MAX && kept.is_ok() {
            kept = transcript.write_all(&block[..read]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn cat() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// An agent of an earlier run could write into the folder of its session.
    #[test]
    fn prompt_is_a_file_and_nothing_else_in_its_place() {
        let folder = std::env::temp_dir().join(format!("dlq-prompt-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name);
        std::fs::write(at("prompt.md"), "a prompt").unwrap();
        std::os::unix::fs::symlink(at("prompt.md"), at("link")).unwrap();
        let error = match RunningAgent::attach(cat(), &at("link"), File::create(at("no")).unwrap())
        {
            Ok(_) => panic!("a link was read"),
            Err(error) => error.to_string(),
        };
        assert!(error.ends_with("it is a symbolic link, not a file"), "{error}");
        let transcript = File::create(at("transcript")).unwrap();
        let agent = RunningAgent::attach(cat(), &at("prompt.md"), transcript).unwrap();
        let (mut child, copied) = agent.split();
        assert!(store::wait_for_end(&mut child).unwrap().success() && copied().is_none());
        assert_eq!(std::fs::read_to_string(at("transcript")).unwrap(), "a prompt");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
