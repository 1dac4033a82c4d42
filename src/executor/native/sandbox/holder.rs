//! The process that holds a sandbox together: pid 1 of a process id namespace around the sandbox' own.
//!
//! It mounts, starts the first process in a second namespace (where that one is pid 1, as in a
//! container), passes signals on, and takes everything down. When it dies, or the builder does, the
//! kernel kills everything in both namespaces; nothing inside can see it or change that.

use super::failure::During;
use super::launch::{self, Program};
use super::process::{self, Child, Side};
use super::root::{self, World};
use super::spec::{ExitStatus, RunSpec, SandboxNetwork};
use super::wire::{self, Exec, Failure, Report, Request};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::UnshareFlags;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// Everything that the hidden entry does.
pub(super) fn main() -> ExitCode {
    match begin() {
        Ok(()) => ExitCode::SUCCESS,
        // There is nobody left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn begin() -> std::io::Result<()> {
    process::close_strangers();
    let builder = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?);
    let null = rustix::fs::open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    // No signal of a terminal: the builder decides.
    let _ = rustix::process::setsid();
    // Nobody may look into this process, or reach the program's file through it.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::umask(Mode::empty());
    let Some(Request::Run(spec)) = wire::receive(&builder)? else {
        return Ok(());
    };
    let started = process::unshare(UnshareFlags::NEWPID)
        .and_then(|()| process::fork())
        .during("make a process id namespace");
    match started {
        Err(failure) => wire::send(&builder, &Report::Failed(failure)),
        Ok(Side::Parent(holder)) => {
            wire::send(&builder, &Report::Holder(holder.pid.as_raw_nonzero().get()))?;
            holder.wait()?;
            Ok(())
        }
        Ok(Side::Child) => {
            let last = hold(&spec, &builder);
            let _ = wire::send(&builder, &last);
            process::exit(0)
        }
    }
}

/// From the mounts to the end; the last report.
fn hold(spec: &RunSpec, builder: &UnixStream) -> Report {
    let world = match prepare(spec) {
        Ok(world) => world,
        Err(failure) => return Report::Failed(failure),
    };
    if spec.waits && !may_go(builder) {
        world.take_down();
        return Report::Ended(ExitStatus::Signal(libc::SIGKILL));
    }
    let report = match start(spec) {
        Ok(None) => Report::Ended(ExitStatus::Code(0)),
        Ok(Some(first)) => {
            let _ = wire::send(builder, &Report::Started);
            match watch(&first, builder) {
                Ok(status) => Report::Ended(status),
                Err(errno) => Report::Failed(Failure {
                    kind: wire::FailureKind::System,
                    what: "watch the process".to_owned(),
                    errno: errno.raw_os_error(),
                }),
            }
        }
        Err(failure) => Report::Failed(failure),
    };
    world.take_down();
    report
}

/// Says that the root is there, and waits; false where the builder is gone.
fn may_go(builder: &UnixStream) -> bool {
    if wire::send(builder, &Report::Prepared).is_err() {
        return false;
    }
    loop {
        match wire::receive(builder) {
            Ok(Some(Request::Go)) => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
}

fn prepare(spec: &RunSpec) -> Result<World, Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).during("tie this process to the builder")?;
    let mut spaces = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if spec.network == SandboxNetwork::Loopback {
        spaces |= UnshareFlags::NEWNET;
    }
    process::unshare(spaces).during("make namespaces")?;
    // Only hides the names of the host's groups; not every kernel has it.
    let _ = process::unshare(UnshareFlags::NEWCGROUP);
    if spec.network == SandboxNetwork::Loopback {
        process::loopback_up().during("bring up the loopback")?;
    }
    rustix::system::sethostname(spec.hostname.as_bytes()).during("set the host name")?;
    root::build(spec)
}

/// Starts the first process; none where there is nothing to run.
fn start(spec: &RunSpec) -> Result<Option<Child>, Failure> {
    if spec.args.is_empty() {
        return Ok(None);
    }
    process::unshare(UnshareFlags::NEWPID).during("make the inner process id namespace")?;
    let program = Program {
        args: &spec.args,
        env: &spec.env,
        cwd: &spec.cwd,
        user: &spec.user,
        network: spec.network,
        processes: spec.limits.processes,
    };
    spawn(
        || {
            launch::enter()?;
            launch::hide()
        },
        &program,
    )
    .map(Some)
}

/// Forks, prepares and executes; returns when the program runs.
fn spawn(prepare: impl FnOnce() -> Result<(), Failure>, program: &Program<'_>) -> Result<Child, Failure> {
    let (told, tells) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("make a pipe")?;
    match process::fork().during("start a process")? {
        Side::Child => {
            // A process group of its own: `kill 0` must not reach the holder.
            let _ = rustix::process::setsid();
            let prepared = prepare();
            // From here on the image has a say in where paths lead, so nothing may be open that leads
            // out: its working directory could be `/proc/self/fd/7`.
            let tells = process::keep_only(tells);
            let failure = match prepared.and_then(|()| launch::become_user(program)) {
                Ok(()) => launch::execute(program),
                Err(failure) => failure,
            };
            let _ = wire::send(File::from(tells), &failure);
            process::exit(127)
        }
        Side::Parent(child) => {
            drop(tells);
            // Executing closes the pipe: the end of the stream is good news.
            match wire::receive::<Failure>(File::from(told)).during("hear from the process")? {
                None => Ok(child),
                Some(failure) => {
                    let _ = child.wait();
                    Err(failure)
                }
            }
        }
    }
}

/// Another process that runs beside the first.
struct Beside {
    id: u64,
    child: Child,
    streams: [Option<OwnedFd>; 2],
    ended: Option<ExitStatus>,
}

/// What a poll found to do.
enum Ready {
    First,
    Builder,
    Ended(usize),
    Wrote(usize, usize),
}

/// Until the first process ends, or the builder is gone.
fn watch(first: &Child, builder: &UnixStream) -> Result<ExitStatus, Errno> {
    let mut beside: Vec<Beside> = Vec::new();
    loop {
        for ready in wait(first, builder.as_fd(), &beside)? {
            match ready {
                Ready::First => {
                    // The kernel has killed everything in the namespace by the time this returns.
                    return first.wait();
                }
                Ready::Builder => match wire::receive(builder) {
                    Ok(Some(request)) => answer(request, first, builder, &mut beside),
                    // The builder is gone, or wants the end.
                    Ok(None) | Err(_) => first.signal(libc::SIGKILL),
                },
                Ready::Ended(at) => {
                    if let Some(other) = beside.get_mut(at) {
                        other.ended = Some(other.child.wait()?);
                    }
                }
                Ready::Wrote(at, stream) => {
                    if let Some(other) = beside.get_mut(at) {
                        forward(other, stream, builder);
                    }
                }
            }
        }
        beside.retain(|other| match other.ended {
            Some(status) if other.streams.iter().all(Option::is_none) => {
                let _ = wire::send(builder, &Report::ExecEnded(other.id, status));
                false
            }
            _ => true,
        });
    }
}

fn wait(first: &Child, builder: BorrowedFd<'_>, beside: &[Beside]) -> Result<Vec<Ready>, Errno> {
    let mut what = vec![Ready::First, Ready::Builder];
    let mut polled = vec![
        PollFd::new(&first.handle, PollFlags::IN),
        PollFd::from_borrowed_fd(builder, PollFlags::IN),
    ];
    for (at, other) in beside.iter().enumerate() {
        if other.ended.is_none() {
            what.push(Ready::Ended(at));
            polled.push(PollFd::new(&other.child.handle, PollFlags::IN));
        }
        for (stream, pipe) in other.streams.iter().enumerate() {
            if let Some(pipe) = pipe {
                what.push(Ready::Wrote(at, stream));
                polled.push(PollFd::new(pipe, PollFlags::IN));
            }
        }
    }
    loop {
        match rustix::event::poll(&mut polled, None) {
            Err(Errno::INTR) => {}
            other => break other,
        }
    }?;
    let ready = polled.iter().map(|polled| !polled.revents().is_empty());
    Ok(what
        .into_iter()
        .zip(ready)
        .filter_map(|(what, ready)| ready.then_some(what))
        .collect())
}

fn answer(request: Request, first: &Child, builder: &UnixStream, beside: &mut Vec<Beside>) {
    match request {
        Request::Run(_) | Request::Go => {}
        Request::Signal(signal) => first.signal(signal),
        Request::Exec(exec) => match start_beside(&exec, &first.handle) {
            Ok(other) => beside.push(other),
            Err(failure) => {
                let _ = wire::send(builder, &Report::ExecFailed(exec.id, failure));
            }
        },
        Request::KillExec(id) => {
            if let Some(other) = beside.iter_mut().find(|other| other.id == id) {
                if other.ended.is_none() {
                    other.child.signal(libc::SIGKILL);
                }
                // Something that it started may hold its streams for ever.
                other.streams = [None, None];
            }
        }
    }
}

fn start_beside(exec: &Exec, first: &OwnedFd) -> Result<Beside, Failure> {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("make a pipe");
    let ((out, out_end), (err, err_end)) = (pipe()?, pipe()?);
    let program = Program {
        args: &exec.args,
        env: &exec.env,
        cwd: &exec.cwd,
        user: &exec.user,
        network: exec.network,
        processes: None,
    };
    let child = spawn(
        || {
            rustix::stdio::dup2_stdout(&out_end).during("take the output")?;
            rustix::stdio::dup2_stderr(&err_end).during("take the errors")?;
            launch::follow(first)
        },
        &program,
    )?;
    Ok(Beside {
        id: exec.id,
        child,
        streams: [Some(out), Some(err)],
        ended: None,
    })
}

fn forward(other: &mut Beside, stream: usize, builder: &UnixStream) {
    let Some(slot) = other.streams.get_mut(stream) else {
        return;
    };
    let mut bytes = vec![0; 16 << 10];
    let read = match slot.as_ref().map(|pipe| rustix::io::read(pipe, bytes.as_mut_slice())) {
        Some(Ok(read)) => read,
        Some(Err(Errno::INTR)) => return,
        _ => 0,
    };
    if read == 0 {
        *slot = None;
        return;
    }
    bytes.truncate(read);
    let _ = wire::send(builder, &Report::Output(other.id, stream == 1, bytes));
}
