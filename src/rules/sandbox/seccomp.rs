//! Filter of system calls, as a program of classic BPF that bubblewrap loads before it starts the
//! first process of a sandbox.
//!
//! Promises: calls that have no namespace (session keyrings, kernel modules, `bpf`, `io_uring`,
//! AF_VSOCK), that look into other processes, or that make mounts and namespaces fail with EPERM;
//! all others pass. A process of another architecture is killed, and the calls of x32 do not exist.
//! Never: looks behind a pointer, so no path is judged here.

/// Instruction: code, jump if true, jump if false, operand.
type Instruction = (u16, u8, u8, u32);

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Offsets in `struct seccomp_data`; of the arguments the low half, which is all that is read here.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const FIRST_AT: u32 = 16;
const SECOND_AT: u32 = 24;

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERROR: u32 = 0x0005_0000;
const EPERM: u32 = ERROR | 1;
const ENOSYS: u32 = ERROR | 38;
const EAFNOSUPPORT: u32 = ERROR | 97;

/// Numbers from here on are calls of x32, on an x86-64 kernel that has them.
const X32: u32 = 0x4000_0000;
/// AF_UNIX, AF_INET, AF_INET6, AF_NETLINK.
const FAMILIES: [u32; 4] = [1, 2, 10, 16];
/// TIOCSTI and TIOCLINUX, which type into a terminal.
const TYPING: [u32; 2] = [0x5412, 0x541c];

/// Processor of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Aarch64,
}

/// Purpose of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Agent,
    /// Tests may trace their own processes, as debuggers and sanitizers do.
    Tests,
}

/// Number of a call on x86-64 and on aarch64.
type Numbers = (u32, u32);

const SOCKET: Numbers = (41, 198);
const IOCTL: Numbers = (16, 29);

/// Calls that look into other processes.
const TRACING: [Numbers; 5] = [
    (101, 117), // ptrace
    (310, 270), // process_vm_readv
    (311, 271), // process_vm_writev
    (312, 272), // kcmp
    (438, 438), // pidfd_getfd
];

/// Calls that are refused in each sandbox.
const REFUSED: [Numbers; 38] = [
    (248, 217), // add_key
    (249, 218), // request_key
    (250, 219), // keyctl
    (425, 425), // io_uring_setup
    (426, 426), // io_uring_enter
    (427, 427), // io_uring_register
    (321, 280), // bpf
    (298, 241), // perf_event_open
    (323, 282), // userfaultfd
    (165, 40),  // mount
    (166, 39),  // umount2
    (155, 41),  // pivot_root
    (428, 428), // open_tree
    (429, 429), // move_mount
    (430, 430), // fsopen
    (431, 431), // fsconfig
    (432, 432), // fsmount
    (433, 433), // fspick
    (442, 442), // mount_setattr
    (246, 104), // kexec_load
    (320, 294), // kexec_file_load
    (175, 105), // init_module
    (313, 273), // finit_module
    (176, 106), // delete_module
    (169, 142), // reboot
    (167, 224), // swapon
    (168, 225), // swapoff
    (163, 89),  // acct
    (179, 60),  // quotactl
    (272, 97),  // unshare
    (308, 268), // setns
    (303, 264), // name_to_handle_at
    (304, 265), // open_by_handle_at
    (161, 51),  // chroot
    (170, 161), // sethostname
    (171, 162), // setdomainname
    (159, 171), // adjtimex
    (227, 112), // clock_settime
];

impl Architecture {
    /// The processor by its name in Rust; `None` when its numbers are unknown here.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "x86_64" => Some(Architecture::X86_64),
            "aarch64" => Some(Architecture::Aarch64),
            _ => None,
        }
    }

    /// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64.
    fn audit(self) -> u32 {
        match self {
            Architecture::X86_64 => 0xc000_003e,
            Architecture::Aarch64 => 0xc000_00b7,
        }
    }

    fn number(self, (x86_64, aarch64): Numbers) -> u32 {
        match self {
            Architecture::X86_64 => x86_64,
            Architecture::Aarch64 => aarch64,
        }
    }
}

/// Builds the filter in the form in which the kernel takes it, in the byte order of this machine.
pub fn filter(architecture: Architecture, purpose: Purpose) -> Vec<u8> {
    let encode = |(code, yes, no, operand): Instruction| {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&code.to_ne_bytes());
        (bytes[2], bytes[3]) = (yes, no);
        bytes[4..].copy_from_slice(&operand.to_ne_bytes());
        bytes
    };
    instructions(architecture, purpose).into_iter().flat_map(encode).collect()
}

fn instructions(architecture: Architecture, purpose: Purpose) -> Vec<Instruction> {
    let mut program = vec![
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, architecture.audit()),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER_AT),
    ];
    if architecture == Architecture::X86_64 {
        program.extend([(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, ENOSYS)]);
    }
    let tracing = if purpose == Purpose::Agent { &TRACING[..] } else { &[] };
    for refused in REFUSED.iter().chain(tracing) {
        let number = architecture.number(*refused);
        program.extend([(EQUAL, 0, 1, number), (RETURN, 0, 0, EPERM)]);
    }
    // The number is lost where an argument is loaded: each of the two parts returns.
    program.push((EQUAL, 0, 5, architecture.number(IOCTL)));
    program.push((LOAD, 0, 0, SECOND_AT));
    program.extend([(EQUAL, 1, 0, TYPING[0]), (EQUAL, 0, 1, TYPING[1])]);
    program.extend([(RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]);
    program.push((EQUAL, 1, 0, architecture.number(SOCKET)));
    program.push((RETURN, 0, 0, ALLOW));
    program.push((LOAD, 0, 0, FIRST_AT));
    program.extend(FAMILIES.iter().zip([4, 3, 2, 1]).map(|(one, skip)| (EQUAL, skip, 0, *one)));
    program.extend([(RETURN, 0, 0, EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a filter as the kernel would.
    fn run(program: &[Instruction], audit: u32, number: u32, first: u32, second: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let (code, yes, no, operand) = program[at];
            at += 1;
            let skip = |is: bool| usize::from(if is { yes } else { no });
            match code {
                LOAD => {
                    loaded = match operand {
                        NUMBER_AT => number,
                        ARCHITECTURE_AT => audit,
                        FIRST_AT => first,
                        SECOND_AT => second,
                        other => panic!("offset {other}"),
                    }
                }
                EQUAL => at += skip(loaded == operand),
                AT_LEAST => at += skip(loaded >= operand),
                RETURN => return operand,
                other => panic!("code {other}"),
            }
        }
    }

    #[test]
    fn filter_refuses_by_number_and_argument() {
        let x86 = Architecture::X86_64;
        let (intel, arm) = (0xc000_003e, 0xc000_00b7);
        let rows = [
            ("read", 0, 0, 0, ALLOW),
            ("openat", 257, 0, 0, ALLOW),
            ("clone", 56, 0, 0, ALLOW),
            ("ptrace", 101, 0, 0, EPERM),
            ("keyctl", 250, 0, 0, EPERM),
            ("unshare", 272, 0, 0, EPERM),
            ("io_uring_setup", 425, 0, 0, EPERM),
            ("clock_settime", 227, 0, 0, EPERM),
            ("read of x32", X32, 0, 0, ENOSYS),
            ("keyctl of x32", X32 + 250, 0, 0, ENOSYS),
            ("ioctl TCGETS", 16, 0, 0x5401, ALLOW),
            ("ioctl TIOCSTI", 16, 0, 0x5412, EPERM),
            ("ioctl TIOCLINUX", 16, 0, 0x541c, EPERM),
            ("ioctl of that descriptor", 16, 0x5412, 0, ALLOW),
            ("ioctl 41", 16, 0, 41, ALLOW),
            ("socket AF_UNIX", 41, 1, 0, ALLOW),
            ("socket AF_INET", 41, 2, 0, ALLOW),
            ("socket AF_INET6", 41, 10, 0, ALLOW),
            ("socket AF_NETLINK", 41, 16, 0, ALLOW),
            ("socket AF_VSOCK", 41, 40, 0, EAFNOSUPPORT),
            ("socket AF_PACKET", 41, 17, 0, EAFNOSUPPORT),
            ("socket AF_ALG", 41, 38, 2, EAFNOSUPPORT),
        ];
        let program = instructions(x86, Purpose::Agent);
        for (name, number, first, second, expected) in rows {
            assert_eq!(run(&program, intel, number, first, second), expected, "{name}");
        }
        assert_eq!(run(&program, arm, 0, 0, 0), KILL_PROCESS);
        assert_eq!(run(&program, 0x4000_0003, 0, 0, 0), KILL_PROCESS, "32 bits");
        let tests = instructions(x86, Purpose::Tests);
        assert_eq!(run(&tests, intel, 101, 0, 0), ALLOW, "tests trace their own processes");
        assert_eq!(run(&tests, intel, 250, 0, 0), EPERM);

        let program = instructions(Architecture::Aarch64, Purpose::Agent);
        let rows = [
            ("read", 63, 0, 0, ALLOW),
            ("keyctl", 219, 0, 0, EPERM),
            ("ptrace", 117, 0, 0, EPERM),
            ("socket AF_VSOCK", 198, 40, 0, EAFNOSUPPORT),
            ("socket AF_INET", 198, 2, 0, ALLOW),
            ("ioctl TIOCSTI", 29, 0, 0x5412, EPERM),
        ];
        for (name, number, first, second, expected) in rows {
            assert_eq!(run(&program, arm, number, first, second), expected, "{name}");
        }
        assert_eq!(run(&program, intel, 0, 0, 0), KILL_PROCESS);
    }

    #[test]
    fn numbers_are_unique() {
        for of in [|one: &Numbers| one.0, |one: &Numbers| one.1] {
            let mut all: Vec<u32> =
                REFUSED.iter().chain(&TRACING).chain([&SOCKET, &IOCTL]).map(of).collect();
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count);
        }
    }

    #[test]
    fn filter_is_encoded_in_8_bytes_an_instruction() {
        let bytes = filter(Architecture::X86_64, Purpose::Agent);
        assert_eq!(bytes.len(), 8 * instructions(Architecture::X86_64, Purpose::Agent).len());
        assert_eq!(bytes[..4], [&LOAD.to_ne_bytes()[..], &[0, 0]].concat());
        assert_eq!(bytes[4..8], ARCHITECTURE_AT.to_ne_bytes());
        let known = ["x86_64", "aarch64"].map(Architecture::from_name);
        assert_eq!(known, [Some(Architecture::X86_64), Some(Architecture::Aarch64)]);
        assert_eq!(Architecture::from_name("riscv64"), None);
    }
}
