//! Sandbox of bubblewrap: whether it works on this machine, its start, and the processes and sockets
//! at its ends.
//!
//! - `launch.rs`: how a process becomes bubblewrap, with the descriptors that it needs.
//! - `init.rs`: process 1 of a sandbox.
//! - `socket.rs`: sockets by which a sandbox and the supervisor talk.
//! - `process_limits.rs`: the count of its processes and of their memory, by process 1.
//! - `cgroup.rs`: control groups, where one can be made.
//! - `relay.rs`: the way to the API of the model, outside of the sandbox.
//! - `pump.rs`: the copy of bytes of both relays.
//! - `test_server.rs`, `test_client.rs`: the request to run the tests, and its answer.
//!
//! Promises: what a sandbox holds is decided in `rules/sandbox/`. Sandboxes exist on Linux only.

pub mod cgroup;
pub mod init;
pub mod launch;
mod process_limits;
mod pump;
pub mod relay;
pub mod socket;
pub mod test_client;
pub mod test_server;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::{command, process};
use crate::error::Error;
use crate::rules::sandbox::arguments::{Mount, SandboxPlan, TOP, TopFolder};
use crate::rules::sandbox::refusal::Unavailable;
use crate::rules::sandbox::seccomp::Architecture;
use crate::store;

/// Folder of our files in a sandbox.
pub const INSIDE: &str = "/run/dlq";
/// This program in a sandbox.
pub const SELF: &str = "/run/dlq/self";

/// Deadline of the probe, which takes 3 to 16 ms.
const PROBE: Duration = Duration::from_secs(10);

/// Bubblewrap that builds sandboxes on this machine.
#[derive(Debug, Clone)]
pub struct Bubblewrap {
    pub program: PathBuf,
    /// This program, to be bound.
    own: PathBuf,
    top: Vec<TopFolder>,
    as_root: bool,
}

impl Bubblewrap {
    /// Finds bubblewrap in a search path, and builds a sandbox for a try.
    pub fn find(path: Option<&str>) -> Result<Self, Unavailable> {
        if !cfg!(target_os = "linux") {
            return Err(Unavailable::because(
                "sandboxes exist on Linux only",
                "investigate without 'fix' and 'test_command'",
            ));
        }
        if Architecture::from_name(std::env::consts::ARCH).is_none() {
            return Err(Unavailable::because(
                format!("there is no filter of system calls for {}", std::env::consts::ARCH),
                "use x86_64 or aarch64",
            ));
        }
        let program = process::find("bwrap", path).ok_or_else(Unavailable::missing)?;
        let own = std::env::current_exe()
            .ok()
            .filter(|own| own.is_file())
            .ok_or_else(|| Unavailable::because("this program was replaced", "restart it"))?;
        let as_root = rustix::process::geteuid().is_root();
        let found = Bubblewrap { program, own, top: top_folders(), as_root };
        found.probe().map(|()| found)
    }

    /// Runs a program that does nothing in an empty sandbox.
    fn probe(&self) -> Result<(), Unavailable> {
        let plan = self.plan(false, 1 << 20, Vec::new(), "/");
        let mut argv = vec![self.program.display().to_string()];
        argv.extend(plan.arguments());
        argv.extend(["--", "/usr/bin/true"].map(str::to_owned));
        let ran = command::run(&argv, Some(&[]), PROBE, 0, Stdio::piped())
            .map_err(|why| Unavailable::from_message(&why))?;
        match ran.status {
            Some(status) if status.success() => Ok(()),
            _ => Err(Unavailable::from_message(&String::from_utf8_lossy(&ran.errors))),
        }
    }

    /// Returns the plan of a sandbox with this program in it.
    pub fn plan(&self, network: bool, tmp: u64, mounts: Vec<Mount>, folder: &str) -> SandboxPlan {
        let own = Mount::ReadOnly { from: self.own.display().to_string(), to: SELF.to_owned() };
        let mounts = [own].into_iter().chain(mounts).collect();
        let (as_root, top) = (self.as_root, self.top.clone());
        SandboxPlan { as_root, top, network, tmp, mounts, folder: folder.to_owned() }
    }
}

/// Writes a plan as the file that [`launch`] gives to bubblewrap.
pub fn write_plan(path: &Path, plan: &SandboxPlan) -> Result<(), Error> {
    let arguments = plan.arguments();
    if let Some(odd) = arguments.iter().find(|word| word.contains('\0')) {
        return Err(Error::wrong(format!("'{}' cannot be in a sandbox", crate::text::safe(odd))));
    }
    let bytes: Vec<u8> =
        arguments.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    store::replace(path, &bytes)
}

/// Returns the folders at the top that belong to the system.
fn top_folders() -> Vec<TopFolder> {
    let found = TOP.iter().filter_map(|name| {
        let path = format!("/{name}");
        let about = Path::new(&path).symlink_metadata().ok()?;
        if about.is_symlink() {
            let target = std::fs::read_link(&path).ok().map(PathBuf::into_os_string);
            let target = target.map(OsString::into_string)?.ok()?;
            return Some(TopFolder::Link(path, target));
        }
        about.is_dir().then_some(TopFolder::Folder(path))
    });
    found.collect()
}
