//! A listening port and the connections that came in through it; both can be closed and opened.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet, spawn_local};

/// Pause after a connection could not be accepted, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Connections that may wait to be accepted, as in Java servers.
const BACKLOG: u32 = 1024;

type Connections = Rc<RefCell<JoinSet<()>>>;

/// Starts the task of a new connection.
type Serve = Rc<dyn Fn(TcpStream, &mut JoinSet<()>)>;

/// Lives on the thread that serves its connections.
pub(super) struct Port {
    address: SocketAddrV4,
    serve: Serve,
    connections: Connections,
    state: State,
}

enum State {
    /// The task that accepts; it owns the listener.
    Open(JoinHandle<()>),
    /// Bound but not listening: connecting is refused, and nobody else gets the port meanwhile.
    Reserved(TcpSocket),
    Closed,
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Port {
    /// Takes over a bound listener; call inside the runtime that is to serve.
    pub(super) fn start(
        listener: std::net::TcpListener,
        address: SocketAddrV4,
        serve: impl Fn(TcpStream, &mut JoinSet<()>) + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let mut port = Self {
            address,
            serve: Rc::new(serve),
            connections: Connections::default(),
            state: State::Closed,
        };
        port.accept(listener);
        Ok(port)
    }

    fn accept(&mut self, listener: TcpListener) {
        let (connections, serve) = (Rc::clone(&self.connections), Rc::clone(&self.serve));
        self.state = State::Open(spawn_local(accept(listener, connections, serve)));
    }

    /// Listens on the same port again; nothing happens if it is open.
    pub(super) fn open(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, State::Closed) {
            open @ State::Open(_) => {
                self.state = open;
                return Ok(());
            }
            State::Reserved(socket) => socket,
            State::Closed => reserve(self.address)?,
        };
        self.accept(socket.listen(BACKLOG)?);
        Ok(())
    }

    /// Closes the listener and all connections; both are gone when this returns.
    pub(super) async fn close(&mut self) {
        if let State::Open(task) = std::mem::replace(&mut self.state, State::Closed) {
            task.abort();
            // The error only says that the task was aborted.
            let _ = task.await;
            match reserve(self.address) {
                Ok(socket) => self.state = State::Reserved(socket),
                Err(error) => tracing::warn!(address = %self.address, %error, "cannot keep port"),
            }
        }
        self.drop_connections().await;
    }

    /// Closes all connections and leaves the listener open.
    pub(super) async fn drop_connections(&mut self) {
        let mut connections = self.connections.take();
        connections.shutdown().await;
    }
}

fn reserve(address: SocketAddrV4) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the former listener may still be in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::V4(address))?;
    Ok(socket)
}

async fn accept(listener: TcpListener, connections: Connections, serve: Serve) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let mut connections = connections.borrow_mut();
                // Forget the ones that have ended.
                while connections.try_join_next().is_some() {}
                serve(stream, &mut connections);
            }
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
