//! The system calls that a sandboxed process may not make.
//!
//! Docker's profile lists what is allowed; what that leaves out is listed here, and is refused with
//! EPERM as there. Numbers above those known today are refused with ENOSYS, so that a call which a
//! future kernel adds is not allowed by having been forgotten; so are numbers of the x32 ABI, under
//! which every call has a second number. 32-bit programs on x86-64 have a list of their own.
//!
//! `clone3` gets ENOSYS because its flags lie behind a pointer that no filter can follow; C libraries
//! then use `clone`, whose flags are looked at.
//!
//! The filter is installed without `no_new_privs`, while the process still has the right to do so:
//! programs in an image may be set-user-ID (`sudo`, `su`), as under BuildKit.

use libc::sock_filter;
use rustix::io::Errno;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// The first number that is too new to be known: after `removexattrat`. The table is the same for
/// every architecture from number 424 on.
const CEILING: u32 = 467;

/// What Docker's profile leaves out, on every architecture.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_get_mempolicy,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_set_mempolicy,
    libc::SYS_set_mempolicy_home_node,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Calls that only x86-64 has.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS__sysctl,
    libc::SYS_sysfs,
    libc::SYS_uselib,
    libc::SYS_ustat,
];

/// Calls that only this architecture has.
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const REFUSED_HERE: &[i64] = &[];

/// The numbers of the same calls for 32-bit programs, up to 402; later ones are the same.
#[cfg(target_arch = "x86_64")]
const REFUSED_32: &[u32] = &[
    21, 22, 25, 51, 52, 74, 79, 86, 87, 88, 101, 103, 110, 111, 113, 115, 121, 127, 128, 129, 130, 131, 134, 135, 149,
    166, 167, 169, 217, 253, 264, 274, 275, 276, 283, 286, 287, 288, 294, 310, 317, 336, 338, 342, 346, 349, 350, 357,
    374, 404,
];

/// `clone` for 32-bit programs.
#[cfg(target_arch = "x86_64")]
const CLONE_32: u32 = 120;

/// All flags of `clone` that make a namespace. (A time namespace cannot be made by `clone`.)
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// What `personality` may ask for: nothing, Linux, 32-bit, or to be told.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// Puts this process, and all it will start, under the filter. Needs CAP_SYS_ADMIN.
pub(super) fn install() -> Result<(), Errno> {
    let Some(program) = program() else {
        // Namespaces and capabilities must do on an architecture that seccompiler does not know.
        return Ok(());
    };
    let about = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the program lives longer than the call, and the kernel only reads it.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const about) };
    if done == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error()
            .raw_os_error()
            .map_or(Errno::INVAL, Errno::from_raw_os_error))
    }
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const IF_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Where the kernel puts what a filter looks at (`struct seccomp_data`).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

const fn statement(code: u16, value: u32) -> sock_filter {
    jump(code, value, 0, 0)
}

const fn jump(code: u16, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    sock_filter {
        code,
        jt: if_true,
        jf: if_false,
        k: value,
    }
}

const fn refuse(errno: i32) -> sock_filter {
    statement(RETURN, libc::SECCOMP_RET_ERRNO | errno as u32)
}

/// "If the loaded value is this, return that".
fn returns(code: u16, value: u32, errno: i32) -> [sock_filter; 2] {
    [jump(code, value, 0, 1), refuse(errno)]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn program() -> Option<Vec<sock_filter>> {
    None
}

/// What the filter generator cannot express, then what it writes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
fn program() -> Option<Vec<sock_filter>> {
    let mut program = compat();
    program.push(statement(LOAD, NUMBER));
    program.extend(returns(IF_AT_LEAST, CEILING, libc::ENOSYS));
    program.extend(returns(IF_EQUAL, libc::SYS_clone3 as u32, libc::ENOSYS));
    program.extend(
        native()
            .ok()?
            .into_iter()
            .map(|one| jump(one.code, one.k, one.jt, one.jf)),
    );
    Some(program)
}

/// Decides on 32-bit programs; goes on behind its end for others.
#[cfg(target_arch = "x86_64")]
fn compat() -> Vec<sock_filter> {
    /// `AUDIT_ARCH_I386`.
    const I386: u32 = 0x4000_0003;
    let mut list = vec![statement(LOAD, NUMBER)];
    list.extend(returns(IF_AT_LEAST, CEILING, libc::ENOSYS));
    list.extend(returns(IF_EQUAL, libc::SYS_clone3 as u32, libc::ENOSYS));
    let later = REFUSED
        .iter()
        .filter(|number| **number >= 424)
        .map(|number| *number as u32);
    for number in REFUSED_32.iter().copied().chain(later) {
        list.extend(returns(IF_EQUAL, number, libc::EPERM));
    }
    let flags = NAMESPACES.iter().fold(0, |flags, flag| flags | *flag as u32);
    list.push(jump(IF_EQUAL, CLONE_32, 0, 3));
    list.push(statement(LOAD, FIRST_ARGUMENT));
    list.extend(returns(IF_ANY_BIT, flags, libc::EPERM));
    list.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        // A jump's own distance is a byte; an unconditional one's is not.
        jump(IF_EQUAL, I386, 1, 0),
        statement(0x05, list.len() as u32), // BPF_JMP | BPF_JA
    ];
    program.extend(list);
    program
}

/// Other architectures' 32-bit programs are ended by what follows.
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
fn compat() -> Vec<sock_filter> {
    Vec::new()
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
fn native() -> Result<BpfProgram, seccompiler::BackendError> {
    let argument = |index, operator, value| SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value);
    let all = REFUSED.iter().chain(REFUSED_HERE);
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        all.map(|number| (*number, Vec::new())).collect();
    let mut namespaces = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::from(flag as u32);
        namespaces.push(SeccompRule::new(vec![argument(
            0,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        )?])?);
    }
    rules.insert(libc::SYS_clone, namespaces);
    let others = PERSONALITIES.iter().map(|known| argument(0, SeccompCmpOp::Ne, *known));
    rules.insert(
        libc::SYS_personality,
        vec![SeccompRule::new(others.collect::<Result<_, _>>()?)?],
    );
    // A virtual machine's socket leads to the host of the machine.
    let vsock = argument(0, SeccompCmpOp::Eq, libc::AF_VSOCK as u64)?;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(vec![vsock])?]);
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?.try_into()
}
