//! A small web server for tests: answers every request with one text, at once.
//!
//! It starts in a few milliseconds, and may bind an address that is not there yet.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use crate::witness;

/// A client that says nothing must not hold a thread for long.
const REQUEST_LIMIT: Duration = Duration::from_secs(1);
/// Clients at one time; the next ones wait in the kernel's queue.
const CLIENTS_MAX: usize = 256;
const BACKLOG: i32 = 512;

struct Plan {
    bind: SocketAddr,
    body: String,
    witness: Option<PathBuf>,
    /// A file that says how it answers while it is there: a status, or `hang`.
    mood: Option<PathBuf>,
}

fn parse(arguments: &[String]) -> Option<Plan> {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let (mut address, mut body, mut witness, mut mood) = (None, host, None, None);
    for pair in arguments.chunks(2) {
        let [key, value] = pair else { return None };
        match key.as_str() {
            "--bind" => address = value.parse().ok(),
            "--body" => body.clone_from(value),
            "--witness" => witness = Some(PathBuf::from(value)),
            "--mood" => mood = Some(PathBuf::from(value)),
            _ => return None,
        }
    }
    Some(Plan {
        bind: address?,
        body,
        witness,
        mood,
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv4() {
        sockopt::set_ip_freebind(&socket, true)?;
    } else {
        sockopt::set_ipv6_freebind(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

fn answer(mut stream: TcpStream, body: &str, mood: Option<&str>) -> io::Result<()> {
    stream.set_read_timeout(Some(REQUEST_LIMIT))?;
    stream.set_write_timeout(Some(REQUEST_LIMIT))?;
    stream.set_nodelay(true)?;
    // The request is one packet of any client that is used here; what it says does not matter.
    let mut request = [0; 4096];
    if stream.read(&mut request)? == 0 {
        return Ok(());
    }
    let length = body.len();
    let status = match mood {
        None => "200 OK",
        // Until the client has lost its patience.
        Some("hang") => return stream.read(&mut request).map(|_| ()),
        Some(status) => status,
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes())
}

pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let usage = "usage: mainstay lab-httpd --bind ADDRESS:PORT [--body TEXT] [--witness FILE] \
                 [--mood FILE]";
    let plan = parse(arguments).ok_or_else(|| io::Error::other(usage))?;
    if let Some(path) = plan.witness {
        let node = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        std::thread::spawn(move || {
            if let Err(error) = witness::bear(&path, &node) {
                eprintln!("witness: {error}");
                std::process::exit(1);
            }
        });
    }
    let listener = open(plan.bind)?;
    let body = Arc::new(plan.body);
    let mood = Arc::new(plan.mood);
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = stream?;
        if CLIENTS_MAX <= clients.fetch_add(1, Ordering::Relaxed) {
            clients.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (body, mood, clients) = (body.clone(), mood.clone(), clients.clone());
        std::thread::spawn(move || {
            // A client that is gone is its own affair.
            let mood = mood.as_ref().as_ref();
            let mood = mood.and_then(|path| std::fs::read_to_string(path).ok());
            let _ = answer(stream, &body, mood.as_deref().map(str::trim));
            clients.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}
