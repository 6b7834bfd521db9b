//! A hub on this machine: one model's files by the paths and headers that the Hugging Face hub has.
//!
//! Source: the answers of huggingface.co to `resolve` requests: small files directly, weights by a
//! redirect to where they are stored, both with the commit and an entity tag.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// The commit that every revision of the model is.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong half-way through a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends before the length that the answer told.
    Cut,
    /// The connection ends, and the answer told no length.
    CutSilently,
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    token: Option<String>,
    fault: Option<(String, Fault)>,
}

pub(crate) struct HubServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl HubServer {
    /// Serves a folder's files as those of a model, until the tests end.
    pub(crate) fn start(model: &'static str, folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let hub = Hub { model, folder, address, state: Arc::clone(&state) };
        thread::spawn(move || {
            for connection in listener.incoming() {
                // A client that goes away is the client's affair.
                let _ = hub.answer(&connection.unwrap());
            }
        });
        Self { address, state }
    }

    /// An address that nobody listens at.
    pub(crate) fn nowhere() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, state: Arc::default() }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths that were asked for, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }

    pub(crate) fn forget_requests(&self) {
        lock(&self.state).requests.clear();
    }

    pub(crate) fn ask_for_token(&self, token: &str) {
        lock(&self.state).token = Some(token.to_owned());
    }

    pub(crate) fn fail_once(&self, file: &str, fault: Fault) {
        lock(&self.state).fault = Some((file.to_owned(), fault));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

struct Hub {
    model: &'static str,
    folder: PathBuf,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// The parts of a request that an answer depends on.
#[derive(Default)]
struct Request {
    path: String,
    token: Option<String>,
    /// The first byte and, where it is told, the last one.
    range: (usize, Option<usize>),
}

impl Request {
    fn read(connection: &TcpStream) -> Self {
        let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut request = Self { path, ..Self::default() };
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            match name.to_ascii_lowercase().as_str() {
                "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
                "range" => {
                    let (first, last) = value["bytes=".len()..].split_once('-').unwrap();
                    request.range = (first.parse().unwrap(), last.parse().ok());
                }
                _ => {}
            }
        }
        request
    }
}

impl Hub {
    fn answer(&self, connection: &TcpStream) -> std::io::Result<()> {
        let request = Request::read(connection);
        lock(&self.state).requests.push(request.path.clone());
        if let Some(file) = request.path.strip_prefix("/stored/") {
            return self.send(connection, file, &request);
        }
        if lock(&self.state).token.is_some() && lock(&self.state).token != request.token {
            return refuse(connection, "401 Unauthorized");
        }
        let resolve = format!("/{}/resolve/", self.model);
        let file = request.path.strip_prefix(&resolve).and_then(|rest| rest.split_once('/'));
        match file {
            Some((_, file)) if !self.folder.join(file).is_file() => {
                refuse(connection, "404 Not Found")
            }
            Some((_, file)) if is_small(file) => self.send(connection, file, &request),
            Some((_, file)) => self.redirect(connection, file),
            None => refuse(connection, "404 Not Found"),
        }
    }

    fn redirect(&self, mut connection: &TcpStream, file: &str) -> std::io::Result<()> {
        write!(
            connection,
            "HTTP/1.1 302 Found\r\nLocation: http://{}/stored/{file}\r\nX-Repo-Commit: {COMMIT}\r\n\
             X-Linked-Etag: \"{}\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address,
            tag(file)
        )
    }

    fn send(
        &self,
        mut connection: &TcpStream,
        file: &str,
        request: &Request,
    ) -> std::io::Result<()> {
        let content = fs::read(self.folder.join(file))?;
        let (first, last) = request.range;
        let part = &content[first..=last.unwrap_or(content.len() - 1)];
        let fault = self.fault(file, request);
        let length = match fault {
            Some(Fault::CutSilently) => String::new(),
            _ => format!("Content-Length: {}\r\n", part.len()),
        };
        write!(
            connection,
            "HTTP/1.1 206 Partial Content\r\nX-Repo-Commit: {COMMIT}\r\nETag: \"{}\"\r\n\
             Content-Range: bytes {first}-{}/{}\r\n{length}Connection: close\r\n\r\n",
            tag(file),
            first + part.len() - 1,
            content.len()
        )?;
        connection.write_all(if fault.is_some() { &part[..part.len() / 2] } else { part })
    }

    /// What goes wrong with this request; the question for a file's size alone is answered.
    fn fault(&self, file: &str, request: &Request) -> Option<Fault> {
        let mut state = lock(&self.state);
        let fault = state.fault.take_if(|(name, _)| *name == file && request.range.1.is_none());
        fault.map(|(_, fault)| fault)
    }
}

/// Whether the hub keeps a file itself, rather than where it keeps large ones.
fn is_small(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "json")
}

/// Names a file's content; the hub takes a hash.
fn tag(file: &str) -> String {
    file.replace('.', "-")
}

fn refuse(mut connection: &TcpStream, status: &str) -> std::io::Result<()> {
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
