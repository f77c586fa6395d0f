//! Start of bubblewrap in the place of the shim.
//!
//! Promises: no argument that others can read names what is in the sandbox, no descriptor but the
//! standard ones is passed on, and the filter of system calls is loaded.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::rules::sandbox::seccomp::Purpose;

/// Extension of the file to which bubblewrap writes what it has started and how that has ended.
const STATUS: &str = "status";

/// Words before the program of a sandbox, and the descriptors that they name. These stay open over
/// an exec.
#[derive(Debug, Default)]
pub struct Enclosure {
    pub argv: Vec<String>,
    pub descriptors: Vec<OwnedFd>,
}

/// Closes all but the standard descriptors at the next exec: whoever started us may have left some
/// open.
pub fn close_descriptors() {
    close_fds::set_fds_cloexec(3, &[]);
}

/// Opens what bubblewrap needs for the plan in a file.
#[cfg(target_os = "linux")]
pub fn enclose(program: &str, plan: &Path, purpose: Purpose) -> io::Result<Enclosure> {
    use crate::rules::sandbox::seccomp::{Architecture, filter};
    use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
    use std::os::fd::AsRawFd;

    let architecture = Architecture::from_name(std::env::consts::ARCH)
        .ok_or_else(|| io::Error::other("no filter of system calls for this processor"))?;
    // Without CLOEXEC, all three.
    let arguments = rustix::fs::open(plan, OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
    let status = rustix::fs::open(plan.with_extension(STATUS), flags, Mode::RUSR | Mode::WUSR)?;
    let bpf = rustix::fs::memfd_create("filter", MemfdFlags::empty())?;
    let mut rest = &filter(architecture, purpose)[..];
    while !rest.is_empty() {
        rest = &rest[rustix::io::write(&bpf, rest)?..];
    }
    rustix::fs::seek(&bpf, SeekFrom::Start(0))?;
    let number = |fd: &OwnedFd| fd.as_raw_fd().to_string();
    let argv = vec![
        program.to_owned(),
        "--args".to_owned(),
        number(&arguments),
        "--json-status-fd".to_owned(),
        number(&status),
        "--seccomp".to_owned(),
        number(&bpf),
        "--".to_owned(),
    ];
    Ok(Enclosure { argv, descriptors: vec![arguments, status, bpf] })
}

/// Refuses: there is no bubblewrap here.
#[cfg(not(target_os = "linux"))]
pub fn enclose(_program: &str, _plan: &Path, _purpose: Purpose) -> io::Result<Enclosure> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns whether bubblewrap has started the program of a sandbox that has ended. If it has not,
/// the status of its own end is the sandbox's.
pub fn has_started(plan: &Path) -> bool {
    let text = std::fs::read_to_string(plan.with_extension(STATUS)).unwrap_or_default();
    text.contains("\"exit-code\"")
}
