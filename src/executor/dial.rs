//! Connections into a container from outside: images need not have a client of their own.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Connects to a port of a container, by its address, else from inside the network namespace of its
/// first process. For the latter this process must be allowed to enter it.
///
/// # Errors
/// Nobody listens there, or there is no way to it ([`io::ErrorKind::Unsupported`]).
pub fn dial(address: Option<IpAddr>, pid: Option<u32>, port: u16, at_most: Duration) -> io::Result<TcpStream> {
    let mut failed = None;
    if let Some(address) = address {
        match TcpStream::connect_timeout(&SocketAddr::new(address, port), at_most) {
            Ok(stream) => return Ok(stream),
            // Somebody who listens on the loopback only is found from inside.
            Err(error) => failed = Some(error),
        }
    }
    match pid {
        Some(pid) => match from_inside(pid, port, at_most) {
            Ok(stream) => Ok(stream),
            Err(error) => Err(failed.unwrap_or(error)),
        },
        None => Err(failed.unwrap_or_else(|| io::ErrorKind::Unsupported.into())),
    }
}

/// A socket belongs to the namespace that it was made in, so a thread that enters it and ends is
/// all that it takes.
#[cfg(target_os = "linux")]
fn from_inside(pid: u32, port: u16, at_most: Duration) -> io::Result<TcpStream> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::os::fd::AsFd;
    let namespace = std::fs::File::open(format!("/proc/{pid}/ns/net"))?;
    let thread = std::thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])];
        let mut failed = io::Error::from(io::ErrorKind::ConnectionRefused);
        for address in loopback {
            match TcpStream::connect_timeout(&SocketAddr::new(address, port), at_most) {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    });
    match thread.join() {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::Other.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn from_inside(_: u32, _: u16, _: Duration) -> io::Result<TcpStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The TCP ports that are listened on in the network namespace of a process; none where that cannot
/// be seen from here. Docker's own resolver (127.0.0.11) is left out.
pub fn listening(pid: u32) -> Option<BTreeSet<u16>> {
    let mut ports = BTreeSet::new();
    let mut seen = false;
    for table in ["tcp", "tcp6"] {
        let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")) else {
            continue;
        };
        seen = true;
        ports.extend(text.lines().skip(1).filter_map(port_of));
    }
    seen.then_some(ports)
}

/// The port of a line of `/proc/net/tcp` whose socket listens (state 0A).
fn port_of(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, state) = (fields.next()?, fields.nth(1)?);
    let (address, port) = local.split_once(':')?;
    (state == "0A" && address != "0B00007F").then(|| u16::from_str_radix(port, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let line = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1";
        assert_eq!(port_of(line), Some(8080));
        assert_eq!(port_of(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(port_of(&line.replace("00000000:1F90", "0B00007F:1F90")), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_seen_and_reached() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening(std::process::id()).unwrap().contains(&port));
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        assert!(dial(address, None, port, Duration::from_secs(2)).is_ok());
        assert_eq!(
            dial(None, None, port, Duration::from_secs(2)).unwrap_err().kind(),
            io::ErrorKind::Unsupported
        );
    }
}
