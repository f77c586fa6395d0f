//! A bench to work at: a folder of one's own, the binaries of this build, and nothing of the
//! machine's configuration. A program that does not end in time is killed, and fails its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far beyond what any test needs on a busy machine: it ends what would hang, it measures nothing.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A folder, removed in the end, and the environment of what runs there.
pub struct Bench {
    dir: PathBuf,
    env: Vec<(String, String)>,
}

/// What a program did.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    /// Its exit status; a death by signal has none and fails the test.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died: {self:?}"))
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

/// The path of a binary of this build.
pub fn bin(name: &str) -> PathBuf {
    // All are built into one folder; those behind a feature may be missing.
    Path::new(env!("CARGO_BIN_EXE_dlq-log")).with_file_name(name)
}

/// Whether a program is part of this build: those that ask AWS stand behind a feature.
pub fn is_built(name: &str) -> bool {
    cfg!(feature = "aws") || !["dlq-poll", "dlq-peek"].contains(&name)
}

impl Bench {
    /// `name` is for people; the folder is this test's alone.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = format!("{name}-{}-{unique}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(dir);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let bins = bin("dlq-log").parent().unwrap().to_owned();
        let path = std::env::var("PATH").unwrap_or_default();
        let env = vec![
            ("PATH".to_owned(), format!("{}:{path}", bins.display())),
            ("DLQ_STATE_DIR".to_owned(), dir.join("state").display().to_string()),
            // A look at messages that nobody prepared ends at once, without credentials.
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        Bench { dir, env }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A path in the state folder.
    pub fn state(&self, name: &str) -> PathBuf {
        self.dir.join("state").join(name)
    }

    /// Sets or replaces a variable of what runs here.
    pub fn set(&mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.env.retain(|(set, _)| set != name);
        self.env.push((name.to_owned(), value));
    }

    /// Takes a variable from what runs here.
    pub fn unset(&mut self, name: &str) {
        self.env.retain(|(set, _)| set != name);
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a configuration and has all that runs here read it.
    pub fn configure(&mut self, yaml: &str) {
        let path = self.write("config.yaml", yaml);
        self.set("DLQ_CONFIG", path);
    }

    /// Writes a program into `stubs/`, which stands first in the PATH from then on.
    pub fn stub(&mut self, name: &str, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(&format!("stubs/{name}"), script);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let stubs = self.path("stubs").display().to_string();
        let path_now = self.env.iter().find(|(name, _)| name == "PATH").unwrap().1.clone();
        if !path_now.starts_with(&stubs) {
            self.set("PATH", format!("{stubs}:{path_now}"));
        }
        path
    }

    /// A command in this folder and environment, and in no other.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let program = program.as_ref();
        let named = program.to_str().filter(|name| name.starts_with("dlq-"));
        let mut command = Command::new(named.map_or(program.into(), bin));
        command.args(args).current_dir(&self.dir).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a program to its end with this input.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str], stdin: impl AsRef<[u8]>) -> Output {
        let mut running = self.start(program, args);
        let mut input = running.stdin.take().unwrap();
        let bytes = stdin.as_ref().to_vec();
        // Its reader may be gone before all is written.
        let writer = std::thread::spawn(move || drop(input.write_all(&bytes)));
        let output = running.finish();
        writer.join().unwrap();
        output
    }

    /// Runs a line of shell, such as a pipeline of the binaries.
    #[track_caller]
    pub fn shell(&self, line: &str) -> Output {
        let mut running = Running::spawn(self.command("sh", &["-c", line]).stdin(Stdio::null()));
        running.finish()
    }

    /// Starts a program whose input stays open.
    #[track_caller]
    pub fn start(&self, program: &str, args: &[&str]) -> Running {
        Running::spawn(self.command(program, args).stdin(Stdio::piped()))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A program that runs; killed when it is dropped.
pub struct Running {
    child: Child,
    pub stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (give, lines) = channel();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while out.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if give.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let mut err = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = err.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Running { stdin: child.stdin.take(), child, lines, stderr: Some(stderr) }
    }

    /// Writes to its standard input, which stays open.
    #[track_caller]
    pub fn write(&mut self, text: impl AsRef<[u8]>) {
        self.stdin.as_mut().unwrap().write_all(text.as_ref()).unwrap();
    }

    /// The next line of its standard output, with its LF; fails when none comes.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line on standard output");
        String::from_utf8(line).unwrap()
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Closes its input and waits for its end.
    #[track_caller]
    pub fn finish(&mut self) -> Output {
        drop(self.stdin.take());
        let until = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > until {
                self.kill();
                panic!("it has not ended within {DEADLINE:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let stdout = self.lines.iter().flatten().collect();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Output { status, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something is so; fails when it never is.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process, or, with a minus, to a group.
#[track_caller]
pub fn signal(name: &str, pid: i32) {
    let mut command = Command::new("kill");
    command.args([&format!("-{name}"), "--", &pid.to_string()]);
    command.stderr(Stdio::null());
    // It may have gone by itself.
    command.status().unwrap();
}

/// Whether any thread of a process is left: its first may be a zombie while others still hold its
/// locks. One that is a zombie whole, which nobody has buried, is dead enough.
pub fn is_alive(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

/// The processes that work in this bench's folder: all that was started there, and all that those
/// have started.
pub fn processes_of(bench: &Bench) -> Vec<i32> {
    let dir = std::fs::canonicalize(bench.dir()).unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let here = |pid: &i32| {
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&dir))
    };
    pids.filter(here).collect()
}

/// The arguments of a process, each ended by a space.
pub fn arguments_of(pid: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// A line with the envelope of an event; `more` begins with a comma or is empty.
pub fn event(kind: &str, id: &str, severity: &str, more: &str) -> String {
    let head = format!(r#""specversion":"1.0","id":"{id}","source":"test","type":"{kind}""#);
    let time = r#""subject":"orders-dlq","time":"2026-11-22T19:57:32Z""#;
    format!("{{{head},{time},\"severitytext\":\"{severity}\"{more}}}\n")
}
