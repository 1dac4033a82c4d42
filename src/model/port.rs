//! Port specifications as EXPOSE takes them: `[[ip:]host:]container[-end][/protocol]`.

use std::net::IpAddr;

/// Why a text is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Nothing where the port should be.
    #[error("there is no port in `{0}`")]
    Missing(String),
    /// Not `tcp`, `udp` or `sctp`.
    #[error("`{0}` is no protocol for a port: write `tcp`, `udp` or `sctp`")]
    Protocol(String),
    /// No number from 0 to 65535, and no range of such.
    #[error("`{0}` is no port: write a number up to 65535 or a range like `8000-8010`")]
    Number(String),
    /// The part before two colons.
    #[error("`{0}` is no IP address")]
    Address(String),
    /// Ranges of different length on both sides.
    #[error("the ranges `{0}` and `{1}` have different lengths")]
    Ranges(String, String),
}

/// Whether `spec`, variables expanded, is a port that EXPOSE takes.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(spec: &str) -> Result<(), PortError> {
    let mut parts = spec.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or_default();
    let address = parts.next().unwrap_or_default();
    let (port, protocol) = container.split_once('/').unwrap_or((container, ""));
    if port.is_empty() {
        return Err(PortError::Missing(spec.to_owned()));
    }
    if !["", "tcp", "udp", "sctp"]
        .iter()
        .any(|p| p.eq_ignore_ascii_case(protocol))
    {
        return Err(PortError::Protocol(protocol.to_owned()));
    }
    let bare = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err(PortError::Address(address.to_owned()));
    }
    let inner = range(port).ok_or_else(|| PortError::Number(port.to_owned()))?;
    if host.is_empty() {
        return Ok(());
    }
    let outer = range(host).ok_or_else(|| PortError::Number(host.to_owned()))?;
    if inner != outer && inner != 0 {
        return Err(PortError::Ranges(host.to_owned(), port.to_owned()));
    }
    Ok(())
}

/// The length of a port range less one; none where it is no range of ports.
fn range(ports: &str) -> Option<u32> {
    let (start, end) = match ports.split_once('-') {
        Some((start, end)) => (start, Some(end)),
        None => (ports, None),
    };
    let first = number(start)?;
    match end {
        Some(end) if end != start => number(end)?.checked_sub(first),
        _ => Some(0),
    }
}

fn number(port: &str) -> Option<u32> {
    port.parse::<i64>()
        .ok()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| *n <= 65535)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn knows_ports() {
        for good in [
            "80",
            "80/tcp",
            "53/UDP",
            "8000-8010",
            "80:80",
            "127.0.0.1:80:80",
            "[::1]:80:80",
            "0",
            "80/",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "80000",
            "http",
            "80/icmp",
            "9-8",
            "8000-8010:80-81",
            "/tcp",
            "x:80:80",
            "80:",
            "-1",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
