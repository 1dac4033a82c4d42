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
