//! What this program does when it is run inside of a sandbox. Not tests: they are ignored, and are
//! run by their names.

use std::io::{Read, Write};

#[test]
#[ignore = "runs inside of a container"]
fn serve() {
    let listener = std::net::TcpListener::bind("127.0.0.1:8080").unwrap();
    println!("serving");
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello");
    }
}

/// One attempt: its name, and what it got.
fn report(name: &str, got: Result<String, std::io::Error>) {
    match got {
        Ok(what) => println!("\nATTEMPT {name}: ESCAPED: {what}"),
        Err(error) => println!("\nATTEMPT {name}: refused: {error}"),
    }
}

/// A system call that must fail.
fn call(name: &str, number: libc::c_long, arguments: [usize; 5]) {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the calls are expected to be refused before they look at an argument; pointers point to
    // `SCRATCH` or nowhere.
    let done = unsafe { libc::syscall(number, a, b, c, d, e) };
    if done == -1 {
        let error = std::io::Error::last_os_error();
        // Anything else means that the call was looked at.
        if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS | libc::EACCES)) {
            return report(name, Err(error));
        }
        return report(name, Ok(format!("was not refused as such: {error}")));
    }
    report(name, Ok(format!("returned {done}")));
}

/// A page for calls that want a place.
static SCRATCH: [u64; 512] = [0; 512];

fn write_to(name: &str, path: &str, text: &str) {
    let done = std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    report(name, done.map(|()| format!("wrote to {path}")));
}

/// Something that must be empty or absent.
fn read_from(name: &str, path: &str) {
    let mut bytes = vec![0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut bytes));
    report(
        name,
        match read {
            Ok(0) => Err(std::io::Error::other("empty")),
            Ok(read) => Ok(format!("read {read} bytes of {path}")),
            Err(error) => Err(error),
        },
    );
}

fn device(name: &str, path: &str, mode: u32, number: u64) {
    let text = std::ffi::CString::new(path).unwrap();
    // SAFETY: a path that lives longer than the call.
    let made = unsafe { libc::mknod(text.as_ptr(), mode | 0o666, number) };
    if made == 0 {
        return read_from(name, path);
    }
    report(name, Err(std::io::Error::last_os_error()));
}

fn socket(name: &str, domain: i32, kind: i32, protocol: i32) {
    // SAFETY: no memory is passed.
    let made = unsafe { libc::socket(domain, kind, protocol) };
    report(
        name,
        if made >= 0 {
            Ok("a socket".into())
        } else {
            Err(std::io::Error::last_os_error())
        },
    );
}

/// Tries to get out. `MBOPT_MARKER` is a file of the host, `MBOPT_DEVICE` the device that it is on,
/// `MBOPT_PID` a process of the host, `MBOPT_KEY` a shared memory segment of it, `MBOPT_SOCKET` an
/// abstract socket, `MBOPT_NETWORK` the sandbox' network.
#[test]
#[ignore = "runs inside of a sandbox"]
fn escape() {
    let about = |name: &str| std::env::var(name).unwrap();
    let marker = about("MBOPT_MARKER");
    let scratch = SCRATCH.as_ptr() as usize;
    let text = c"/tmp".as_ptr() as usize;

    // Files of the host.
    for prefix in [
        "",
        "/proc/1/root",
        "/proc/self/root",
        "/proc/1/cwd",
        "/proc/self/cwd/../../../..",
        "/root/../..",
    ] {
        read_from(
            &format!("read a file of the host through `{prefix}`"),
            &format!("{prefix}{marker}"),
        );
    }
    let numbers: Vec<_> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .collect();
    let strangers: Vec<_> = numbers
        .iter()
        .filter(|pid| **pid != 1 && **pid != std::process::id())
        .collect();
    report(
        "see processes of the host",
        if strangers.is_empty() {
            Err(std::io::Error::other("none"))
        } else {
            Ok(format!("{strangers:?}"))
        },
    );
    std::fs::create_dir_all("/tmp/jail").unwrap_or_default();
    // SAFETY: paths that live longer than the calls. The classic way out of a chroot: enter a deeper
    // one with the working directory still outside of it, and walk up.
    unsafe {
        libc::chdir(c"/".as_ptr());
        libc::chroot(c"/tmp/jail".as_ptr());
        for _ in 0..64 {
            libc::chdir(c"..".as_ptr());
        }
        libc::chroot(c".".as_ptr());
    }
    read_from("read a file of the host after chroot", &marker);
    let ours = std::path::Path::new("/bin/test-program").exists() && std::path::Path::new("/proc/1").exists();
    report(
        "find another root around this one",
        if ours {
            Err(std::io::Error::other("there is none"))
        } else {
            Ok("not in the sandbox' root".into())
        },
    );

    // Devices.
    let disk: u64 = about("MBOPT_DEVICE").parse().unwrap();
    for directory in ["/tmp", "/dev", "/dev/shm", "/cache"] {
        device(
            &format!("open the host's disk in {directory}"),
            &format!("{directory}/disk"),
            libc::S_IFBLK,
            disk,
        );
        device(
            &format!("open the memory in {directory}"),
            &format!("{directory}/mem"),
            libc::S_IFCHR,
            libc::makedev(1, 1),
        );
        device(
            &format!("open the kernel's log in {directory}"),
            &format!("{directory}/kmsg"),
            libc::S_IFCHR,
            libc::makedev(1, 11),
        );
    }
    device("open FUSE", "/tmp/fuse", libc::S_IFCHR, libc::makedev(10, 229));

    // Mounts and namespaces.
    call("mount", libc::SYS_mount, [text, text, text, libc::MS_BIND as usize, 0]);
    call(
        "mount a tmpfs",
        libc::SYS_mount,
        [c"x".as_ptr() as usize, text, c"tmpfs".as_ptr() as usize, 0, 0],
    );
    call(
        "remount /proc/sys writable",
        libc::SYS_mount,
        [
            0,
            c"/proc/sys".as_ptr() as usize,
            0,
            (libc::MS_REMOUNT | libc::MS_BIND) as usize,
            0,
        ],
    );
    call(
        "uncover /proc/kcore",
        libc::SYS_umount2,
        [c"/proc/kcore".as_ptr() as usize, libc::MNT_DETACH as usize, 0, 0, 0],
    );
    call("pivot_root", libc::SYS_pivot_root, [text, text, 0, 0, 0]);
    call(
        "open_tree",
        libc::SYS_open_tree,
        [libc::AT_FDCWD as usize, text, 1, 0, 0],
    );
    call("move_mount", libc::SYS_move_mount, [0, text, 0, text, 0]);
    call("fsopen", libc::SYS_fsopen, [c"proc".as_ptr() as usize, 0, 0, 0, 0]);
    call(
        "mount_setattr",
        libc::SYS_mount_setattr,
        [libc::AT_FDCWD as usize, text, 0, scratch, 32],
    );
    for (name, flag) in [
        ("user", libc::CLONE_NEWUSER),
        ("mount", libc::CLONE_NEWNS),
        ("pid", libc::CLONE_NEWPID),
        ("network", libc::CLONE_NEWNET),
    ] {
        call(
            &format!("unshare the {name} namespace"),
            libc::SYS_unshare,
            [flag as usize, 0, 0, 0, 0],
        );
        call(
            &format!("clone into a new {name} namespace"),
            libc::SYS_clone,
            [(flag | libc::SIGCHLD) as u32 as usize, 0, 0, 0, 0],
        );
    }
    call("clone3", libc::SYS_clone3, [scratch, 88, 0, 0, 0]);
    call("setns", libc::SYS_setns, [0, 0, 0, 0, 0]);

    // The kernel.
    for (name, number) in [
        ("acct", libc::SYS_acct),
        ("add_key", libc::SYS_add_key),
        ("bpf", libc::SYS_bpf),
        ("delete_module", libc::SYS_delete_module),
        ("finit_module", libc::SYS_finit_module),
        ("init_module", libc::SYS_init_module),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("kexec_load", libc::SYS_kexec_load),
        ("keyctl", libc::SYS_keyctl),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("quotactl", libc::SYS_quotactl),
        ("reboot", libc::SYS_reboot),
        ("request_key", libc::SYS_request_key),
        ("sethostname", libc::SYS_sethostname),
        ("settimeofday", libc::SYS_settimeofday),
        ("swapon", libc::SYS_swapon),
        ("syslog", libc::SYS_syslog),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("a call of the future", 4000),
    ] {
        call(name, number, [scratch, scratch, 0, 0, 0]);
    }
    call("personality", libc::SYS_personality, [0x004_0000, 0, 0, 0, 0]);
    #[cfg(target_arch = "x86_64")]
    {
        call("iopl", libc::SYS_iopl, [3, 0, 0, 0, 0]);
        call(
            "mount by its x32 number",
            libc::SYS_mount | 0x4000_0000,
            [text, text, text, 0, 0],
        );
        let mut got: i32 = 21;
        // SAFETY: `mount` of a 32-bit program, with pointers to nowhere; the register that the compiler
        // keeps for itself is saved.
        unsafe {
            core::arch::asm!("push rbx", "xor ebx, ebx", "int 0x80", "pop rbx", inout("eax") got, in("ecx") 0, in("edx") 0, in("esi") 0, in("edi") 0);
        }
        report(
            "mount by its 32-bit number",
            match got {
                0 => Ok("it worked".into()),
                got if got == -libc::EPERM || got == -libc::ENOSYS => Err(std::io::Error::from_raw_os_error(-got)),
                got => Ok(format!("was not refused as such: {got}")),
            },
        );
    }

    // Settings of the machine.
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper",
        "/sys/class/net/lo/mtu",
        "/sys/fs/cgroup/release_agent",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        write_to(&format!("write {path}"), path, "x");
    }
    for path in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"] {
        read_from(&format!("read {path}"), path);
    }
    write_to(
        "unconfine other processes' memory killing",
        "/proc/1/oom_score_adj",
        "-1000",
    );

    // Processes and rights.
    let pid: i32 = about("MBOPT_PID").parse().unwrap();
    // SAFETY: no memory is passed.
    let found = unsafe { libc::kill(pid, 0) };
    report(
        "signal a process of the host",
        if found == 0 && pid as u32 != std::process::id() {
            Ok("it is there".into())
        } else {
            Err(std::io::Error::last_os_error())
        },
    );
    // SAFETY: no memory is passed.
    let traced = unsafe { libc::ptrace(libc::PTRACE_ATTACH, pid, 0, 0) };
    report(
        "trace a process of the host",
        if traced == 0 {
            Ok("traced".into())
        } else {
            Err(std::io::Error::last_os_error())
        },
    );
    let header = [0x2008_0522_u32, 0];
    let all = [u32::MAX; 6];
    call(
        "gain capabilities",
        libc::SYS_capset,
        [header.as_ptr() as usize, all.as_ptr() as usize, 0, 0, 0],
    );
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a structure that lives longer than the call.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    report(
        "raise a limit",
        if raised == 0 {
            Ok("raised".into())
        } else {
            Err(std::io::Error::last_os_error())
        },
    );
    // SAFETY: no memory is passed.
    let hurried = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -10) };
    report(
        "take priority",
        if hurried == 0 {
            Ok("hurried".into())
        } else {
            Err(std::io::Error::last_os_error())
        },
    );
    let open: Vec<_> = (3..256)
        // SAFETY: asks about a number.
        .filter(|number| unsafe { libc::fcntl(*number, libc::F_GETFD) } >= 0)
        .filter(|number| {
            std::fs::read_link(format!("/proc/self/fd/{number}"))
                .is_ok_and(|to| to.to_string_lossy().contains("marker"))
        })
        .collect();
    report(
        "use a file descriptor of the builder",
        if open.is_empty() {
            Err(std::io::Error::other("none"))
        } else {
            Ok(format!("{open:?}"))
        },
    );

    // Other ways to talk.
    // SAFETY: no memory is passed.
    let segment = unsafe { libc::shmget(about("MBOPT_KEY").parse().unwrap(), 0, 0) };
    report(
        "find shared memory of the host",
        if segment >= 0 {
            Ok("found".into())
        } else {
            Err(std::io::Error::last_os_error())
        },
    );
    socket("talk to the machine's host", libc::AF_VSOCK, libc::SOCK_STREAM, 0);
    if about("MBOPT_NETWORK") == "host" {
        socket("listen to all packets", libc::AF_PACKET, libc::SOCK_RAW, 0x0300);
        socket("send raw packets", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
    }
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(about("MBOPT_SOCKET")).unwrap();
    let met = std::os::unix::net::UnixStream::connect_addr(&address);
    report("reach an abstract socket of the host", met.map(|_| "connected".into()));
    println!("\nATTEMPTS END");
}
