//! Throw-away folder with the binaries of this build and none of the configuration of the machine.
//! A program that does not end in time is killed, and its test fails.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Limit for anything that a test waits for. It ends what hangs, and is far beyond what a busy
/// machine needs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Folder that is removed on drop, and the environment of the programs that run there.
pub struct Bench {
    dir: PathBuf,
    env: Vec<(String, String)>,
}

/// Output of a program that has ended.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    /// Returns the exit status; a death by signal fails the test.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("died: {self:?}"))
    }

    /// Returns standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

/// Returns the path of a binary of this build.
pub fn bin(name: &str) -> PathBuf {
    // All binaries are built into one folder; those behind a feature may be missing.
    Path::new(env!("CARGO_BIN_EXE_dlq-log")).with_file_name(name)
}

/// Returns whether a program is part of this build: those that call AWS need a feature.
pub fn is_built(name: &str) -> bool {
    cfg!(feature = "aws")
        || !["dlq-poll", "dlq-peek", "dlq-redrive", "dlq-purge", "dlq-doctor"].contains(&name)
}

impl Bench {
    /// Creates a folder of its own for each call; `name` helps people to find it.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = format!("{name}-{}-{unique}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(dir);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let bins = bin("dlq-log").parent().unwrap().to_owned();
        let path = std::env::var("PATH").unwrap_or_default();
        // Where the programs of a coverage run write their profiles.
        let profiles = std::env::var("LLVM_PROFILE_FILE");
        let mut env = vec![
            ("PATH".to_owned(), format!("{}:{path}", bins.display())),
            ("DLQ_STATE_DIR".to_owned(), dir.join("state").display().to_string()),
            // A peek without prepared credentials ends at once.
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
            // The machine may have the `aws` command.
            ("DLQ_EVIDENCE_LOGS".to_owned(), "off".to_owned()),
        ];
        env.extend(profiles.map(|path| ("LLVM_PROFILE_FILE".to_owned(), path)));
        Bench { dir, env }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Returns a path in the state folder.
    pub fn state(&self, name: &str) -> PathBuf {
        self.dir.join("state").join(name)
    }

    /// Sets an environment variable.
    pub fn set(&mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.env.retain(|(set, _)| set != name);
        self.env.push((name.to_owned(), value));
    }

    /// Removes an environment variable.
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

    /// Writes a configuration and sets `DLQ_CONFIG` to it.
    pub fn configure(&mut self, yaml: &str) {
        let path = self.write("config.yaml", yaml);
        self.set("DLQ_CONFIG", path);
    }

    /// Writes a program into `stubs/`, which comes first in the PATH from then on.
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

    /// Creates a command in the folder, with the environment of the bench only.
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
        // The program may end before it has read all input.
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

/// Running program, killed on drop.
pub struct Running {
    child: Child,
    pub stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<()>>,
    /// Standard error so far.
    errors: Arc<Mutex<Vec<u8>>>,
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
        let errors = Arc::new(Mutex::new(Vec::new()));
        let shared = errors.clone();
        let stderr = std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(count @ 1..) = err.read(&mut block) {
                shared.lock().unwrap().extend_from_slice(&block[..count]);
            }
        });
        Running { stdin: child.stdin.take(), child, lines, stderr: Some(stderr), errors }
    }

    /// Writes to standard input, which stays open.
    #[track_caller]
    pub fn write(&mut self, text: impl AsRef<[u8]>) {
        self.stdin.as_mut().unwrap().write_all(text.as_ref()).unwrap();
    }

    /// Returns the next line of standard output with its LF, and fails when none comes.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line on standard output");
        String::from_utf8(line).unwrap()
    }

    /// Kills the program with SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns the process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Returns standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }

    /// Closes standard input and waits for the end.
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
        self.stderr.take().unwrap().join().unwrap();
        Output { status, stdout, stderr: self.stderr() }
    }
}

impl Drop for Running {
    /// Shows what the program said when its test has failed.
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() && self.stderr.is_some() {
            let errors = self.errors.lock().unwrap();
            eprintln!("standard error of {}: {}", self.pid(), String::from_utf8_lossy(&errors));
        }
    }
}

/// Waits until a condition holds, and fails when it never does.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process, or to a process group with a negative id.
#[track_caller]
pub fn signal(name: &str, pid: i32) {
    let mut command = Command::new("kill");
    command.args([&format!("-{name}"), "--", &pid.to_string()]);
    command.stderr(Stdio::null());
    // The process may have ended by itself.
    command.status().unwrap();
}

/// Returns whether any thread of a process is alive: the first may be a zombie while others hold
/// locks. A process that is a zombie as a whole counts as dead.
pub fn is_alive(pid: i32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

/// Returns the processes whose working directory is in the folder of the bench.
pub fn processes_of(bench: &Bench) -> Vec<i32> {
    let dir = std::fs::canonicalize(bench.dir()).unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_here = |of: &Path| std::fs::read_link(of.join("cwd")).map(|cwd| cwd.starts_with(&dir));
    let here = |pid: &i32| {
        let process = PathBuf::from(format!("/proc/{pid}"));
        // Where the first thread is a zombie, others may still hold locks.
        is_here(&process).unwrap_or_else(|_| {
            let threads = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
            threads.into_iter().any(|thread| is_here(&thread.path()).unwrap_or(false))
        })
    };
    pids.filter(here).collect()
}

/// Returns the arguments of a process, each followed by a space.
pub fn arguments_of(pid: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Returns an event line with a full envelope; `more` is empty or begins with a comma.
pub fn event(kind: &str, id: &str, severity: &str, more: &str) -> String {
    let head = format!(r#""specversion":"1.0","id":"{id}","source":"test","type":"{kind}""#);
    let time = r#""subject":"orders-dlq","time":"2026-11-22T19:57:32Z""#;
    format!("{{{head},{time},\"severitytext\":\"{severity}\"{more}}}\n")
}
