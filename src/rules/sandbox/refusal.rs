//! Reasons why bubblewrap builds no sandbox on this machine, and their remedies.
//!
//! The table holds the messages of bubblewrap 0.8 with what was found to cause them; an unknown
//! message is quoted.

use std::fmt;

use crate::text::{safe, shorten};

/// Characters of an unknown message that are shown.
const QUOTED: usize = 200;

/// Reason and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
    remedy: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.reason, self.remedy)
    }
}

/// Part of a message, what it means, and the remedy. The first row that matches applies.
const ROWS: [(&str, &str, &str); 12] = [
    (
        "Unknown option",
        "this bubblewrap is too old",
        "install bubblewrap 0.8 or later (Debian 12, Ubuntu 24.04)",
    ),
    (
        "RTM_NEWADDR",
        "AppArmor forbids user namespaces to bubblewrap",
        "add the AppArmor profile of dlq-claude(7), SANDBOX",
    ),
    (
        "setting up uid map: Permission denied",
        "AppArmor forbids user namespaces to bubblewrap",
        "add the AppArmor profile of dlq-claude(7), SANDBOX",
    ),
    (
        "setting up uid map: Operation not permitted",
        "root has no capabilities here",
        "run it as another user, or give the container CAP_SYS_ADMIN and CAP_SETUID",
    ),
    (
        "max_*_namespaces exceeded",
        "no further user namespace is allowed: by user.max_user_namespaces, or because this is a \
         sandbox already",
        "raise that limit, or run it outside of the sandbox",
    ),
    (
        "No permissions to creat",
        "namespaces are forbidden here: by RestrictNamespaces= of a systemd unit, the seccomp profile \
         of a container, a chroot, or a kernel without user namespaces",
        "allow them",
    ),
    (
        "Creating new namespace failed",
        "namespaces are forbidden here: by RestrictNamespaces= of a systemd unit, the seccomp profile \
         of a container, a chroot, or a kernel without user namespaces",
        "allow them",
    ),
    (
        "NETLINK_ROUTE",
        "netlink sockets are forbidden here, by RestrictAddressFamilies= of a systemd unit",
        "add AF_NETLINK and AF_UNIX to it",
    ),
    (
        "Can't mount proc",
        "a part of /proc is covered here, by ProtectKernelTunables= of a systemd unit or by a container",
        "remove that setting, or unmask /proc (docker: --security-opt systempaths=unconfined)",
    ),
    (
        "overflowuid",
        "/proc is incomplete here, by ProcSubset= of a systemd unit",
        "remove that setting",
    ),
    (
        "Failed to make / slave",
        "mounts are forbidden here, by SystemCallFilter= of a systemd unit or by a container",
        "allow @mount",
    ),
    (
        "pivot_root",
        "mounts are forbidden here, by SystemCallFilter= of a systemd unit or by a container",
        "allow @mount",
    ),
];

impl Unavailable {
    /// Bubblewrap is not installed.
    pub fn missing() -> Self {
        let remedy = "install it (apt-get install bubblewrap)";
        Unavailable { reason: "'bwrap' is not installed".into(), remedy: remedy.into() }
    }

    /// Another reason than a message of bubblewrap.
    pub fn because(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Unavailable { reason: reason.into(), remedy: remedy.into() }
    }

    /// The reason behind what bubblewrap wrote on standard error.
    pub fn from_message(message: &str) -> Self {
        let known = ROWS.iter().find(|(part, ..)| message.contains(part));
        if let Some((_, reason, remedy)) = known {
            return Unavailable::because(*reason, *remedy);
        }
        let line = message.lines().rfind(|line| !line.trim().is_empty());
        let line = line.unwrap_or("it gave no reason");
        let plain = line.strip_prefix("bwrap: ").unwrap_or(line);
        Unavailable::because(
            format!("'bwrap' fails: {}", safe(&shorten(plain, QUOTED))),
            "see SANDBOX in dlq-claude(7)",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_reason_and_remedy() {
        let rows = [
            (
                "bwrap: No permissions to create new namespace, likely because the kernel does not \
                 allow non-privileged user namespaces. On e.g. debian this can be enabled",
                "RestrictNamespaces=",
            ),
            ("bwrap: No permissions to creating new namespace, likely", "RestrictNamespaces="),
            ("bwrap: Failed to make / slave: Operation not permitted", "allow @mount"),
            ("bwrap: pivot_root: Operation not permitted", "allow @mount"),
            ("bwrap: loopback: Failed to create NETLINK_ROUTE socket: x", "add AF_NETLINK"),
            ("bwrap: Can't mount proc on /newroot/proc: x", "ProtectKernelTunables="),
            ("bwrap: Can't read /proc/sys/kernel/overflowuid: x", "ProcSubset="),
            (
                "bwrap: Creating new namespace failed: nesting depth or \
                 /proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
                "max_user_namespaces",
            ),
            ("bwrap: setting up uid map: Operation not permitted", "no capabilities"),
            ("bwrap: setting up uid map: Permission denied", "AppArmor profile"),
            ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "AppArmor profile"),
            ("bwrap: Unknown option --disable-userns", "0.8 or later"),
            ("x\nbwrap: new \u{1b}[1m\n", "fails: new \\u{1b}[1m; see SANDBOX"),
            ("", "it gave no reason"),
        ];
        for (message, words) in rows {
            let shown = Unavailable::from_message(message).to_string();
            assert!(shown.contains(words), "{message}: {shown}");
        }
        let missing = Unavailable::missing().to_string();
        assert_eq!(missing, "'bwrap' is not installed; install it (apt-get install bubblewrap)");
    }
}
