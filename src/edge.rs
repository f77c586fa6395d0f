//! The edges: thin, without policy. Each file is one part of the world.

#[cfg(feature = "aws")]
pub mod aws;
pub mod claude;
pub mod command;
pub mod evidence;
pub mod git;
pub mod investigate;
pub mod notify;
#[cfg(feature = "aws")]
pub mod peek;
#[cfg(feature = "aws")]
pub mod poll;
pub mod process;
pub mod secret;
pub mod session_folder;
pub mod sessions;
pub mod status;
pub mod supervisor;

/// This very program, to be started anew. On Linux by a name that also works when the file was
/// replaced meanwhile.
fn exe() -> std::process::Command {
    let path = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().unwrap_or_else(|_| crate::log::name().into())
    };
    let mut command = std::process::Command::new(path);
    // What ps(1) shows.
    std::os::unix::process::CommandExt::arg0(&mut command, crate::log::name());
    command
}
