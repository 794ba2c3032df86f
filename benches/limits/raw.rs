//! Bare sockets: what the machine takes for the bytes alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use rmq_bench::protocol::code::Language;
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::message_id::{UniquePrefix, UniqueSequence};
use rmq_bench::protocol::send::{
    SendFields, SendHeader, SendKind, SendTemplate, SendVersion, born_digits,
};
use rmq_bench::protocol::{FrameLimits, SerializeType};

use crate::work::{Counts, Meter, TOPIC, Used, Work};

pub(crate) const BATCH_BYTES: usize = 64 * 1024;
pub(crate) const READ_BYTES: usize = 256 * 1024;

/// A whole send request to the first queue of the first broker.
fn frame(work: &Work) -> Vec<u8> {
    frame_to(work, "broker-0", 0)
}

pub(crate) fn frame_to(work: &Work, broker: &str, queue_id: u32) -> Vec<u8> {
    let header = SendHeader {
        version: SendVersion::V2,
        group: "rmq_bench_producer".into(),
        topic: TOPIC.into(),
        default_topic: "TBW102".into(),
        default_queues: 4,
        unit_mode: false,
        broker_name: broker.into(),
        language: Language::RUST,
    };
    let template = SendTemplate::new(SerializeType::Binary, &header, SendKind::default());
    let prefix = UniquePrefix::new(Ipv4Addr::LOCALHOST, 1, 2);
    let fields = SendFields {
        opaque: 1,
        queue_id,
        oneway: false,
        unique_id: Some(&prefix.with(UniqueSequence::default().next_suffix())),
        properties: b"WAIT\x01true\x02",
        born: &born_digits(1_700_000_000_000),
        body_bytes: work.body_bytes,
        signature: None,
    };
    let mut out = Vec::new();
    template.encode(&mut out, &fields);
    out.extend_from_slice(&work.body());
    out
}

struct Socket {
    stream: TcpStream,
    batch: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
    in_flight: usize,
}

impl Socket {
    fn open_all(work: &Work) -> Vec<Self> {
        let open = |address| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            Self {
                stream,
                batch: Vec::with_capacity(2 * BATCH_BYTES),
                input: vec![0; READ_BYTES],
                filled: 0,
                in_flight: 0,
            }
        };
        work.brokers().into_iter().map(open).collect()
    }

    /// Copies the frame so many times and writes all at once.
    fn send(&mut self, frame: &[u8], messages: usize, counts: &mut Counts) {
        self.batch.clear();
        for _ in 0..messages {
            self.batch.extend_from_slice(frame);
        }
        self.in_flight += messages;
        let mut rest = self.batch.as_slice();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            }
            counts.writes += 1;
        }
    }

    /// One read; counts the answers in it. `false` when there was nothing.
    fn receive(&mut self, counts: &mut Counts) -> bool {
        match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => panic!("closed by the broker"),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        counts.reads += 1;
        let mut at = 0;
        while let Some(answer) =
            split(&self.input[at..self.filled], FrameLimits::default()).unwrap()
        {
            at += answer.wire_bytes;
            self.in_flight -= 1;
            counts.messages += 1;
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        true
    }
}

/// Keeps `in_flight` messages on their way, in batches of 64 KiB.
pub(crate) fn saturate(work: &Work) -> Used {
    let frame = frame(work);
    let mut sockets = Socket::open_all(work);
    let window = work.in_flight / sockets.len();
    let batch = (BATCH_BYTES / frame.len()).clamp(1, window);
    let mut counts = Counts::default();
    let mut meter = Meter::start(work.slice);
    loop {
        for socket in &mut sockets {
            while socket.in_flight + batch <= window {
                socket.send(&frame, batch, &mut counts);
            }
            socket.receive(&mut counts);
        }
        if let Some(used) = meter.look(counts) {
            return used;
        }
    }
}

/// Sends what is due on every tick, one write per broker, and reads what has come.
pub(crate) fn pace(work: &Work, rate: u64, tick: Duration) -> Used {
    let frame = frame(work);
    let mut sockets = Socket::open_all(work);
    for socket in &sockets {
        socket.stream.set_nonblocking(true).unwrap();
    }
    nix::sys::prctl::set_timerslack(1).unwrap();
    let mut counts = Counts::default();
    let mut meter = Meter::start(work.slice);
    let (start, mut sent, mut ticks) = (Instant::now(), 0, 0u32);
    loop {
        ticks += 1;
        std::thread::sleep((start + tick * ticks).saturating_duration_since(Instant::now()));
        let due = (start.elapsed().as_nanos() * u128::from(rate) / 1_000_000_000) as u64;
        let all = (due - sent) as usize;
        let brokers = sockets.len();
        for (index, socket) in sockets.iter_mut().enumerate() {
            while socket.receive(&mut counts) && socket.filled > 0 {}
            let share = all / brokers + usize::from(index < all % brokers);
            if share > 0 {
                socket.send(&frame, share, &mut counts);
            }
        }
        sent = due;
        if let Some(used) = meter.look(counts) {
            return used;
        }
    }
}
