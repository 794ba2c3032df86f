//! Connections to brokers and name servers: bytes in, bytes out, each request ended exactly once.
//!
//! Knows frames and headers, not messages, routes or retries. A reply, an expiry and a lost
//! connection meet in the driver, which owns the socket; whoever submitted learns of it through
//! [`Handler`].
//!
//! - [`clock`]: the one monotonic clock
//! - [`out_buffer`]: what waits to be written; large bodies by reference
//! - [`in_flight`]: the ring of requests that wait for an answer (hot path)
//! - [`connection`]: the submitting side (hot path)
//! - [`driver`]: the socket's side (hot path)
//! - [`receive`]: reads, and how exactly the time of arrival is known
//! - [`link`]: a connection that is kept up: connect, back-off, reconnect
//! - [`pool`]: links by address, shared by the senders of one runtime
//! - [`tls`]: the same encrypted
//! - [`socket`]: a TCP socket, its options and the kernel's receive stamps

pub mod clock;
pub mod connection;
pub mod driver;
pub mod in_flight;
mod kernel_clock;
pub mod link;
pub mod out_buffer;
pub mod pool;
pub mod receive;
pub mod socket;
pub mod tls;

pub use clock::Nanos;
pub use connection::{Batch, Connection, ConnectionLimits, Refusal, Request};
pub use driver::{CloseReason, Coalesce, DriverOptions, Handler};
pub use in_flight::Entry;
pub use link::{IoCounters, IoCounts, Link, LinkOptions, LinkState};
pub use pool::Pool;
pub use socket::SocketOptions;
pub use tls::{Tls, TlsError, TlsFiles};
