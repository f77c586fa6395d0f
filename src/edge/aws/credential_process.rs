//! Credentials from the command of a `credential_process`.
//!
//! The SDK leaves a command that does not end running, and quotes its output in errors. Promises:
//! dropping the future ends the command with its process group and its descendants; no error shows any of the output,
//! which may hold a secret.

use std::pin::pin;
use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_sqs::config::Credentials;
use futures_util::future::{Either, select};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use crate::edge::process;
use crate::time::Timestamp;

/// The longest output, in bytes.
const OUTPUT_MAX: usize = 64 << 10;
/// The longest wait for the end of the output when the command has ended: what it left running may
/// hold the pipe open.
const AFTER_END: Duration = Duration::from_millis(500);

/// Runs the command and reads its answer. Errors say what the command did: `failed (exit status 1)`.
pub(super) async fn run(command: &str) -> Result<Credentials, String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).process_group(0).kill_on_drop(true);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mark = process::command_mark();
    shell.env(mark.0, &mark.1);
    let started = shell.spawn().map_err(|cause| crate::error::io_cause(&cause));
    let child = started.map_err(|cause| format!("did not start ({cause})"))?;
    let mut running = Running { child: Some(child), mark };
    let Some(child) = &mut running.child else { unreachable!("it was stored above") };
    let mut output = Vec::new();
    let mut ended = None;
    if let Some(stdout) = child.stdout.take() {
        match select(pin!(read(stdout, &mut output)), pin!(child.wait())).await {
            Either::Left((read, _)) => read.map_err(|_| "closed its output")?,
            Either::Right((status, rest)) => {
                // Everything that the command printed is in the pipe.
                let _ = tokio::time::timeout(AFTER_END, rest).await;
                ended = Some(status);
            }
        }
    }
    if output.len() > OUTPUT_MAX {
        return Err("printed more than 64 KiB".into());
    }
    let status = match ended {
        Some(status) => status,
        None => child.wait().await,
    };
    let status = status.map_err(|_| "was not waited for")?;
    // What the command has left running, such as a cache of credentials, lives on.
    running.child = None;
    match status.code() {
        Some(0) => parse(&output),
        Some(code) => Err(format!("failed (exit status {code})")),
        None => Err("was ended by a signal".into()),
    }
}

/// Reads to the end, or one byte more than a command may print. A reader that is dropped has stored
/// what it has read.
async fn read(mut from: ChildStdout, output: &mut Vec<u8>) -> std::io::Result<()> {
    while output.len() <= OUTPUT_MAX && from.read_buf(output).await? > 0 {}
    Ok(())
}

/// A command that is killed with all that it has started when it is dropped.
struct Running {
    child: Option<Child>,
    mark: (&'static str, String),
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(id) = self.child.as_ref().and_then(Child::id) else { return };
        process::Tree::of_command(self.mark.clone(), id).kill();
        if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // The group may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Parses the output, a JSON object with `Version`, `AccessKeyId`, `SecretAccessKey`, and perhaps
/// `SessionToken` and `Expiration`.
fn parse(output: &[u8]) -> Result<Credentials, String> {
    let Ok(Value::Object(answer)) = serde_json::from_slice(output) else {
        return Err("printed no JSON object".into());
    };
    let get = |name: &str| {
        let mut pairs = answer.iter();
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    if get("Version").and_then(Value::as_u64) != Some(1) {
        return Err("printed no 'Version' 1".into());
    }
    let text = |name| get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let wanted = |name| text(name).ok_or_else(|| format!("printed no '{name}'"));
    let expiry = text("Expiration").map(|text| {
        let at = Timestamp::parse(text).ok_or("printed an 'Expiration' that is no time")?;
        Ok::<_, String>(UNIX_EPOCH + at.since(Timestamp::from_millis(0)))
    });
    let (id, secret) = (wanted("AccessKeyId")?, wanted("SecretAccessKey")?);
    let token = text("SessionToken").map(str::to_owned);
    Ok(Credentials::new(id, secret, token, expiry.transpose()?, "credential_process"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// A command may start others, also in sessions of their own, and their parents may have ended.
    #[test]
    fn dropped_command_ends_with_its_descendants() {
        let file = std::env::temp_dir().join(format!("dlq-process-{}", std::process::id()));
        let command = format!(
            "orphan=$(setsid sleep 600 >/dev/null & echo $!); setsid sleep 600 & \
             echo $$ $! $orphan >{0}.new; mv {0}.new {0}; sleep 600",
            file.display()
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let until = clock::tick() + Duration::from_secs(20);
        let started = async {
            while !file.exists() {
                assert!(clock::tick() < until, "the command did not start");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        runtime.block_on(async {
            select(pin!(run(&command)), pin!(started)).await;
        });
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let mut ids = text.split_whitespace().map(|id| Pid::from_raw(id.parse().unwrap()).unwrap());
        let group = ids.next().unwrap();
        let left: Vec<Pid> = ids.collect();
        assert_eq!(left.len(), 2);
        let is_alive = || {
            rustix::process::test_kill_process_group(group).is_ok()
                || left.iter().any(|pid| rustix::process::test_kill_process(*pid).is_ok())
        };
        while is_alive() {
            assert!(clock::tick() < until, "a process lives on");
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
    }

    /// A process that the command leaves running holds its output open, and lives on.
    #[test]
    fn output_counts_when_the_command_has_ended() {
        let key = r#""AccessKeyId":"AKID","SecretAccessKey":"hunter2""#;
        let file = std::env::temp_dir().join(format!("dlq-process-left-{}", std::process::id()));
        let command = format!(
            "sleep 600 & echo $! >'{}'; printf '%s' '{{\"Version\":1,{key}}}'",
            file.display()
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(30), run(&command)).await });
        let left = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        std::fs::remove_file(&file).unwrap();
        let killed = rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL);
        let credentials = found.expect("the command was waited for").unwrap();
        assert_eq!((credentials.access_key_id(), killed), ("AKID", Ok(())));
    }

    #[test]
    fn process_output_is_parsed_and_never_quoted() {
        let key = r#""AccessKeyId":"AKID","SecretAccessKey":"hunter2""#;
        let rows = [
            (format!(r#"{{"Version":1,{key}}}"#), None),
            (format!(r#"{{"version":1,{key},"SessionToken":"t","Other":[1]}}"#), None),
            (format!(r#"{{"Version":1,{key},"Expiration":"2099-01-01T00:00:00+00:00"}}"#), None),
            (
                format!(r#"{{"Version":1,{key},"Expiration":"hunter2"}}"#),
                Some("printed an 'Expiration' that is no time"),
            ),
            (format!(r#"{{"Version":2,{key}}}"#), Some("printed no 'Version' 1")),
            (format!(r#"{{{key}}}"#), Some("printed no 'Version' 1")),
            (
                r#"{"Version":1,"AccessKeyId":"hunter2"}"#.into(),
                Some("printed no 'SecretAccessKey'"),
            ),
            (r#"{"Version":1,"AccessKeyId":""}"#.into(), Some("printed no 'AccessKeyId'")),
            ("hunter2".into(), Some("printed no JSON object")),
            (String::new(), Some("printed no JSON object")),
        ];
        for (output, expected) in rows {
            let parsed = parse(output.as_bytes());
            assert_eq!(parsed.err().as_deref(), expected, "{output}");
        }
    }
}
