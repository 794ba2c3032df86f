//! Options of a TCP socket.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

/// How sockets are set up (R204).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// SO_SNDBUF in bytes; `None` leaves it to the system.
    pub send_buffer: Option<usize>,
    /// SO_RCVBUF in bytes; `None` leaves it to the system.
    pub receive_buffer: Option<usize>,
}

/// Connects to `host:port` within `timeout`, with TCP_NODELAY.
///
/// # Errors
/// The system's error, or `TimedOut`.
pub async fn connect(
    address: &str,
    timeout: Duration,
    options: &SocketOptions,
) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(timeout, TcpStream::connect(address))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer to the connect"))??;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(stream)
}
