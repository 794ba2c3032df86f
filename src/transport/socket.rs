//! A TCP socket: its options, and reads that bring the kernel's receive stamp.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::transport::clock::Nanos;
use crate::transport::kernel_clock::KernelClock;
use crate::transport::receive::{Receive, Received};

/// How sockets are set up (R204).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// SO_SNDBUF in bytes; `None` leaves it to the system.
    pub send_buffer: Option<usize>,
    /// SO_RCVBUF in bytes; `None` leaves it to the system.
    pub receive_buffer: Option<usize>,
    /// Ask the kernel when segments arrived (SO_TIMESTAMPNS).
    pub receive_stamps: bool,
}

/// A connected socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    /// `None` where the kernel stamps nothing.
    stamps: Option<Stamps>,
}

#[derive(Debug)]
struct Stamps {
    clock: KernelClock,
    control: Vec<u8>,
}

/// Connects to `host:port` within `timeout`, with TCP_NODELAY.
///
/// # Errors
/// The system's error, or `TimedOut`.
pub async fn connect(
    address: &str,
    timeout: Duration,
    options: &SocketOptions,
) -> io::Result<Socket> {
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
    let stamps = options.receive_stamps.then(|| Stamps {
        clock: KernelClock::default(),
        control: nix::cmsg_space!(TimeSpec),
    });
    // A kernel that can't is no reason to fail: reads then say that they bring no stamp.
    let stamps = stamps.filter(|_| setsockopt(&stream, sockopt::ReceiveTimestampns, &true).is_ok());
    Ok(Socket { stream, stamps })
}

impl Receive for Socket {
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        let Some(stamps) = &mut self.stamps else {
            return self.stream.poll_receive(cx, into);
        };
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let mut read = Err(io::ErrorKind::WouldBlock.into());
            let descriptor = self.stream.as_raw_fd();
            // What the closure returns tells the runtime whether the socket may hold more.
            let more = self.stream.try_io(Interest::READABLE, || {
                let room = into.len();
                read = receive(descriptor, into, stamps);
                match &read {
                    // As with the runtime's own read: less than there was room for was everything.
                    Ok(received) if received.bytes < room => Err(io::ErrorKind::WouldBlock.into()),
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.kind().into()),
                }
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && more.is_err() => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

/// One read with its stamp.
fn receive(descriptor: i32, into: &mut [u8], stamps: &mut Stamps) -> io::Result<Received> {
    let mut slices = [IoSliceMut::new(into)];
    let control = Some(stamps.control.as_mut_slice());
    let message = recvmsg::<()>(descriptor, &mut slices, control, MsgFlags::empty())?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => nanos(stamp),
        _ => None,
    });
    let bytes = message.bytes;
    let (read_at, arrived) = match stamp {
        Some(stamp) => stamps.clock.arrival(stamp),
        None => (Nanos::now(), None),
    };
    Ok(Received {
        bytes,
        arrived: arrived.unwrap_or(read_at),
        read_at,
        stamped: arrived.is_some(),
    })
}

fn nanos(stamp: TimeSpec) -> Option<u64> {
    let seconds = u64::try_from(stamp.tv_sec()).ok()?;
    let rest = u64::try_from(stamp.tv_nsec()).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(rest)
}

impl Receive for TcpStream {}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair(receive_stamps: bool) -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let options = SocketOptions {
            receive_stamps,
            ..SocketOptions::default()
        };
        let socket = connect(&address, Duration::from_secs(5), &options).await;
        (socket.unwrap(), listener.accept().await.unwrap().0)
    }

    async fn read(socket: &mut Socket, room: usize) -> (Received, Vec<u8>) {
        let mut bytes = vec![0; room];
        let received = poll_fn(|cx| socket.poll_receive(cx, &mut bytes)).await;
        let received = received.unwrap();
        bytes.truncate(received.bytes);
        (received, bytes)
    }

    #[tokio::test]
    async fn bytes_that_wait_keep_the_time_they_came() {
        let (mut socket, mut peer) = pair(true).await;
        let before = Nanos::now();
        peer.write_all(b"abc").await.unwrap();
        let sent = Nanos::now();
        // Longer than any clock reading: what is read now came before.
        while Nanos::now().since(sent) < 5_000_000 {
            tokio::task::yield_now().await;
        }
        let (received, bytes) = read(&mut socket, 10).await;
        assert_eq!(bytes, b"abc");
        if received.stamped {
            // The two clocks are read one after the other.
            assert!(received.arrived.plus(Duration::from_micros(100)) >= before);
            assert!(received.read_at.since(received.arrived) > 2_000_000);
        } else {
            assert_eq!(
                received.arrived, received.read_at,
                "a kernel without stamps"
            );
        }
    }

    #[tokio::test]
    async fn reads_in_pieces_lose_nothing_and_see_the_end() {
        for stamps in [true, false] {
            let (mut socket, mut peer) = pair(stamps).await;
            let sent: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0]).collect();
            let writer = tokio::spawn({
                let sent = sent.clone();
                async move { peer.write_all(&sent).await.unwrap() }
            });
            let mut all = Vec::new();
            for room in (1..).map(|n| n * 7 % 1024 + 1) {
                let (received, bytes) = read(&mut socket, room).await;
                assert!(stamps || !received.stamped);
                if received.bytes == 0 {
                    break;
                }
                all.extend(bytes);
            }
            assert_eq!(all, sent);
            writer.await.unwrap();
        }
    }
}
