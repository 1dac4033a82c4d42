//! Building without root: the whole program runs again in a user namespace, where it is root over a
//! range of user ids that belongs to the user.
//!
//! The range comes from `/etc/subuid` and `/etc/subgid`, and is mapped by `newuidmap` and `newgidmap`,
//! which are set-user-ID for just that. The program replaces itself by exec, once to have one thread
//! again and once inside, so its process id, terminal and exit code stay what the user sees.

use super::sandbox::process::{self, Side};
use super::sandbox::{RunError, not_allowed, restartable};
use rustix::process::Uid;
use rustix::thread::{CapabilitySet, UnshareFlags};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// The hidden argument; behind it come a program, its name and its arguments.
pub(super) const ARGUMENT: &str = "--mbopt-user-namespace";

/// Tells the program inside that it is there, or why not.
const OUTCOME: &str = "MBOPT_USER_NAMESPACE";

/// Makes sure that this process may make sandboxes. If it has no right to, the program is started
/// again, in a user namespace, and this call does not return. To be called before anything was read
/// from standard input, and as early as it is known that the bundled engine will work.
///
/// # Errors
/// It is not allowed on this machine; the error's help says what to do.
pub fn ensure() -> Result<(), RunError> {
    if privileged() {
        return Ok(());
    }
    if let Some(outcome) = std::env::var_os(OUTCOME) {
        return Err(refused(&outcome.to_string_lossy()));
    }
    if !restartable() {
        return Err(refused("this program cannot start itself again"));
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| OsString::from("mbopt"));
    let source = Command::new("/proc/self/exe")
        .arg0(&name)
        .args([OsStr::new(ARGUMENT), OsStr::new("/proc/self/exe"), name.as_os_str()])
        .args(arguments)
        .exec();
    Err(RunError::System {
        what: "start mbopt again".to_owned(),
        source,
    })
}

/// Whether this process may mount, change owners and become other users.
pub fn privileged() -> bool {
    let needed = CapabilitySet::SYS_ADMIN
        | CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::SETUID
        | CapabilitySet::SETGID;
    rustix::process::geteuid().is_root()
        && rustix::thread::capabilities(None).is_ok_and(|held| held.effective.contains(needed))
}

fn refused(outcome: &str) -> RunError {
    let (what, help) = outcome.split_once('\n').unwrap_or((outcome, ""));
    RunError::NotAllowed {
        what: "make a user namespace to build in without root".to_owned(),
        source: io::Error::other(what.to_owned()),
        help: if help.is_empty() {
            not_allowed()
        } else {
            help.to_owned()
        },
    }
}

/// Does what [`ensure`] started this process for, then becomes the program that was named.
pub(super) fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(2);
    let (Some(program), Some(name)) = (arguments.next(), arguments.next()) else {
        return ExitCode::FAILURE;
    };
    let outcome = match enter() {
        Ok(()) => String::from("\n"),
        Err(refusal) => format!("{}\n{}", refusal.what, refusal.help),
    };
    let error = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(OUTCOME, outcome)
        .exec();
    let _ = writeln!(io::stderr(), "mbopt: cannot start again in a user namespace: {error}");
    ExitCode::FAILURE
}

/// Why there is no user namespace, and what to do.
struct Refusal {
    what: String,
    help: String,
}

impl Refusal {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Refusal {
        Refusal {
            what: what.into(),
            help: help.into(),
        }
    }

    fn io(what: &str) -> impl FnOnce(io::Error) -> Refusal {
        move |error| Refusal::new(format!("cannot {what}: {error}"), not_allowed())
    }
}

/// Moves this process into a user namespace with all ids that its user may have.
fn enter() -> Result<(), Refusal> {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    let names = user_names(uid);
    let users = ranges("/etc/subuid", &names)?;
    let groups = ranges("/etc/subgid", &names)?;
    let (mut told, mut tells) = io::pipe().map_err(Refusal::io("make a pipe"))?;
    let (mut answer, mut answers) = io::pipe().map_err(Refusal::io("make a pipe"))?;
    let this = std::process::id();
    match process::fork().map_err(|errno| Refusal::io("start a process")(errno.into()))? {
        // The mapper stays outside, where the right to map is.
        Side::Child => {
            drop((tells, answer));
            if matches!(told.read(&mut [0]), Ok(1)) {
                let mapped = map("newuidmap", this, uid.as_raw(), &users);
                if let Err(refusal) = mapped.and_then(|()| map("newgidmap", this, gid.as_raw(), &groups)) {
                    let _ = write!(answers, "{}\n{}", refusal.what, refusal.help);
                }
            }
            process::exit(0)
        }
        Side::Parent(mapper) => {
            drop((told, answers));
            // With mounts of its own, because mounting is up to whoever owns the mount namespace. What is
            // mounted outside still comes in; nothing goes out.
            let entered = process::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS);
            if entered.is_ok() {
                let _ = tells.write_all(b"x");
            }
            drop(tells);
            let mut refused = String::new();
            let _ = answer.read_to_string(&mut refused);
            let _ = mapper.wait();
            entered.map_err(|errno| Refusal::io("make a user namespace")(errno.into()))?;
            match refused.split_once('\n') {
                Some((what, help)) => Err(Refusal::new(what, help)),
                None => Ok(()),
            }
        }
    }
}

/// A user's names in `/etc/subuid`: the login and the number.
fn user_names(uid: Uid) -> Vec<String> {
    let number = uid.as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let login = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    // Users of a directory service are not in the file.
    let login = login.or_else(|| std::env::var("USER").ok().or_else(|| std::env::var("LOGNAME").ok()));
    login.into_iter().chain([number]).collect()
}

/// First id and count of each range that a user has.
fn ranges(file: &str, names: &[String]) -> Result<Vec<(u32, u32)>, Refusal> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let found = parse_ranges(&text, names);
    if found.is_empty() {
        let name = names.first().map_or("you", String::as_str);
        return Err(Refusal::new(
            format!("{file} gives no ids to {name}"),
            format!(
                "run `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}`, or run mbopt as \
                 root, or use `--engine docker`"
            ),
        ));
    }
    Ok(found)
}

fn parse_ranges(text: &str, names: &[String]) -> Vec<(u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields.next()?;
            let (start, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            (names.iter().any(|known| known == name) && count > 0).then_some((start, count))
        })
        .collect()
}

/// Maps 0 to the user itself, and all further ids to its ranges.
fn map(program: &str, pid: u32, own: u32, ranges: &[(u32, u32)]) -> Result<(), Refusal> {
    let mut command = Command::new(program);
    command
        .arg(pid.to_string())
        .args(["0", &own.to_string(), "1"])
        .stdin(Stdio::null());
    let mut next: u32 = 1;
    for (start, count) in ranges {
        command.args([next.to_string(), start.to_string(), count.to_string()]);
        next = next.saturating_add(*count);
    }
    let output = match command.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Refusal::new(
                format!("{program} is not installed"),
                "install it (Debian, Ubuntu, Alpine: package `uidmap` or `shadow-uidmap`; Fedora: `shadow-utils`), or \
                 run mbopt as root, or use `--engine docker`",
            ));
        }
        other => other.map_err(Refusal::io(&format!("run {program}")))?,
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Refusal::new(
        format!("{program} failed: {}", said.trim().replace('\n', "; ")),
        not_allowed(),
    ))
}

#[cfg(test)]
mod tests {
    use super::parse_ranges;

    #[test]
    fn ranges_are_found_by_name_and_number() {
        let text = "other:1:2\nme:100000:65536\n1000:300000:10\n# no\nme:x:y\nme:5:0\n\n";
        let names = ["me".to_owned(), "1000".to_owned()];
        assert_eq!(parse_ranges(text, &names), [(100_000, 65_536), (300_000, 10)]);
        assert!(parse_ranges(text, &["nobody".to_owned()]).is_empty());
    }
}
