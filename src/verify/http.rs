//! One plain HTTP request over a connection that somebody else made: the images that are looked at
//! need not have a client of their own.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The most of a body that is compared, in bytes.
pub const BODY_LIMIT: usize = 4 << 20;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `Content-Type`, without parameters, in lower case.
    pub content_type: Option<String>,
    /// Where a redirection leads.
    pub location: Option<String>,
    /// The body, at most [`BODY_LIMIT`] bytes.
    pub body: Vec<u8>,
}

/// Requests `path` and reads the answer to its end.
///
/// # Errors
/// The connection ends or stalls for `at_most`, or what comes back is no HTTP
/// ([`io::ErrorKind::InvalidData`]).
pub fn get(mut stream: TcpStream, host: &str, path: &str, at_most: Duration) -> io::Result<Response> {
    let end = Instant::now() + at_most;
    stream.set_write_timeout(Some(at_most))?;
    // In one piece: small servers take what they read first for the whole request.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mbopt\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(response) = complete(&received, false)? {
            return Ok(response);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => received.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
        if received.len() > BODY_LIMIT + 64 * 1024 {
            break;
        }
    }
    complete(&received, true)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// The response, where all of it is there, or as much as will come.
fn complete(received: &[u8], at_end: bool) -> io::Result<Option<Response>> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Response::new(&mut headers);
    let invalid = |error: httparse::Error| io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {error}"));
    let head = match parsed.parse(received).map_err(invalid)? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Ok(None),
    };
    let header = |name: &str| {
        parsed
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let status = parsed.code.unwrap_or_default();
    let rest = received.get(head..).unwrap_or_default();
    let chunked = header("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    let length: Option<usize> = header("content-length").and_then(|value| value.parse().ok());
    let body = if matches!(status, 100..=199 | 204 | 304) {
        Vec::new()
    } else if chunked {
        let (body, ended) = dechunk(rest);
        if !ended && !at_end {
            return Ok(None);
        }
        body
    } else {
        match length {
            Some(length) if rest.len() < length && !at_end => return Ok(None),
            Some(length) => rest.get(..length).unwrap_or(rest).to_vec(),
            None if !at_end => return Ok(None),
            None => rest.to_vec(),
        }
    };
    Ok(Some(Response {
        status,
        content_type: header("content-type")
            .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()),
        location: header("location"),
        body,
    }))
}

/// The body in a chunked stream, and whether its end was seen.
fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((_, 0))) => return (body, true),
            Ok(httparse::Status::Complete((at, length))) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let chunk = rest.get(at..).unwrap_or_default();
                body.extend_from_slice(chunk.get(..length).unwrap_or(chunk));
                match chunk.get(length.saturating_add(2)..) {
                    Some(after) if chunk.len() > length => rest = after,
                    _ => return (body, false),
                }
            }
            _ => return (body, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answer(bytes: &'static [u8]) -> io::Result<Response> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A request may come in pieces.
            let mut request = Vec::new();
            let mut piece = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                let n = stream.read(&mut piece).unwrap();
                assert!(n > 0, "the request ends before its head does");
                request.extend_from_slice(&piece[..n]);
            }
            assert!(request.starts_with(b"GET /x HTTP/1.1\r\nHost: localhost\r\n"));
            stream.write_all(bytes).unwrap();
        });
        let response = get(
            TcpStream::connect(address).unwrap(),
            "localhost",
            "/x",
            Duration::from_secs(5),
        );
        server.join().unwrap();
        response
    }

    #[test]
    fn bodies_are_read_by_length_by_chunk_and_to_the_end() {
        let body = |bytes| answer(bytes).unwrap().body;
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more"), b"hi");
        assert_eq!(
            body(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n yo\r\n0\r\n\r\n"),
            b"hi yo"
        );
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\nall of it"), b"all of it");
    }

    #[test]
    fn status_type_and_place_are_read() {
        let response =
            answer(b"HTTP/1.1 302 Found\r\nContent-Type: Text/HTML; charset=utf-8\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        assert_eq!(response.status, 302);
        assert_eq!(response.content_type.as_deref(), Some("text/html"));
        assert_eq!(response.location.as_deref(), Some("/login"));
    }

    #[test]
    fn what_is_no_http_is_said() {
        assert_eq!(answer(b"SSH-2.0-x\r\n").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(
            answer(b"HTTP/1.1 200").unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
