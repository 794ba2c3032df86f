//! The connection against a scripted peer: each request ends once, whatever the peer does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::{
    FrameLimits, HeaderView, RemotingCommand, RequestCode, ResponseCode, SerializeType,
};
use rmq_bench::transport::driver::Driver;
use rmq_bench::transport::{
    CloseReason, Coalesce, Connection, ConnectionLimits, DriverOptions, Entry, Handler, IoCounters,
    Nanos, Refusal, Request,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// What the handler was told, in order.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Reply(u32, i32),
    Written(u32),
    Expired(u32),
    Lost(u32, bool),
    Late,
}

struct Ears(mpsc::UnboundedSender<Told>);

impl Handler<u32> for Ears {
    fn reply(&mut self, entry: Entry<u32>, header: &HeaderView<'_>, _body: &[u8], _at: Nanos) {
        self.0.send(Told::Reply(entry.token, header.code)).unwrap();
    }
    fn written(&mut self, entry: Entry<u32>) {
        self.0.send(Told::Written(entry.token)).unwrap();
    }
    fn expired(&mut self, entry: Entry<u32>, _at: Nanos) {
        self.0.send(Told::Expired(entry.token)).unwrap();
    }
    fn lost(&mut self, entry: Entry<u32>, _reason: &CloseReason, _at: Nanos) {
        let written = entry.written_at != Nanos::NONE;
        self.0.send(Told::Lost(entry.token, written)).unwrap();
    }
    fn late(&mut self, _header: &HeaderView<'_>) {
        self.0.send(Told::Late).unwrap();
    }
    fn round_end(&mut self, _at: Nanos) {}
}

struct Rig {
    connection: Connection<u32>,
    peer: DuplexStream,
    told: mpsc::UnboundedReceiver<Told>,
    closed: tokio::task::JoinHandle<CloseReason>,
    counters: Arc<IoCounters>,
    received: Mutex<Vec<u8>>,
}

fn rig(pipe_bytes: usize, silence: Duration) -> Rig {
    let (ours, peer) = duplex(pipe_bytes);
    let (tell, told) = mpsc::unbounded_channel();
    let counters = Arc::new(IoCounters::default());
    let options = DriverOptions {
        limits: ConnectionLimits {
            in_flight: 64,
            out_bytes: 1 << 20,
        },
        frames: FrameLimits::default(),
        coalesce: Coalesce::Yield,
        silence_timeout: silence,
        counters: Arc::clone(&counters),
    };
    let (connection, mut driver) = Driver::new(ours, Ears(tell), options);
    let closed = tokio::spawn(async move { driver.run().await });
    Rig {
        connection,
        peer,
        told,
        closed,
        counters,
        received: Mutex::default(),
    }
}

const LONG: Duration = Duration::from_secs(60);

impl Rig {
    fn submit(
        &self,
        token: u32,
        deadline: Duration,
        oneway: bool,
        body: &Bytes,
    ) -> Result<i32, Refusal> {
        let mut given = 0;
        let request = Request {
            token,
            deadline: Nanos::now().plus(deadline),
            oneway,
        };
        let pushed = self.connection.batch().push(request, |_, opaque, out| {
            given = opaque;
            let mut command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
            command.opaque = opaque;
            command.body = body.clone();
            let mut bytes = Vec::new();
            command.encode(SerializeType::Binary, &mut bytes);
            let header_bytes = bytes.len() - body.len();
            out.copied().extend_from_slice(&bytes[..header_bytes]);
            out.push_body(body, 4096);
        });
        pushed.map(|()| given).map_err(|(_, refusal)| refusal)
    }

    /// Next command that arrived at the peer.
    async fn arrived(&mut self) -> RemotingCommand {
        let received = self.received.get_mut().unwrap();
        loop {
            if let Some(frame) = split(received, FrameLimits::default()).unwrap() {
                let command = RemotingCommand::decode(&frame).unwrap();
                let used = frame.wire_bytes;
                received.drain(..used);
                return command;
            }
            let mut chunk = [0; 4096];
            let count = self.peer.read(&mut chunk).await.unwrap();
            assert_ne!(count, 0, "the connection was closed");
            received.extend_from_slice(&chunk[..count]);
        }
    }

    async fn answer(&mut self, opaque: i32, form: SerializeType) {
        let mut bytes = Vec::new();
        RemotingCommand::response(ResponseCode::SUCCESS, opaque).encode(form, &mut bytes);
        self.peer.write_all(&bytes).await.unwrap();
    }

    async fn told(&mut self) -> Told {
        tokio::time::timeout(LONG, self.told.recv())
            .await
            .expect("told in time")
            .unwrap()
    }
}

#[tokio::test]
async fn replies_in_any_order_and_either_form_complete_their_requests() {
    // R205
    let mut rig = rig(1 << 16, LONG);
    let opaques: Vec<i32> = (0..3)
        .map(|token| rig.submit(token, LONG, false, &Bytes::new()).unwrap())
        .collect();
    for expected in &opaques {
        assert_eq!(rig.arrived().await.opaque, *expected);
    }
    for (token, form) in [
        (2, SerializeType::Json),
        (0, SerializeType::Binary),
        (1, SerializeType::Json),
    ] {
        rig.answer(opaques[token as usize], form).await;
        assert_eq!(rig.told().await, Told::Reply(token, 0));
    }
    assert_eq!(rig.connection.in_flight(), 0);
}

#[tokio::test]
async fn a_reply_in_single_bytes_is_still_one_reply() {
    let mut rig = rig(1 << 16, LONG);
    let opaque = rig.submit(7, LONG, false, &Bytes::new()).unwrap();
    rig.arrived().await;
    let mut bytes = Vec::new();
    RemotingCommand::response(ResponseCode::SUCCESS, opaque)
        .encode(SerializeType::Json, &mut bytes);
    for byte in bytes {
        rig.peer.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.told().await, Told::Reply(7, 0));
}

#[tokio::test]
async fn large_bodies_by_reference_arrive_whole_through_a_narrow_pipe() {
    let mut rig = rig(1000, LONG);
    let bodies: Vec<Bytes> = (0..6u8)
        .map(|n| Bytes::from(vec![n; [10, 5000, 100_000, 4096, 4095, 1][n as usize]]))
        .collect();
    for (token, body) in bodies.iter().enumerate() {
        rig.submit(token as u32, LONG, false, body).unwrap();
    }
    for body in &bodies {
        assert_eq!(rig.arrived().await.body, body);
    }
}

#[tokio::test]
async fn r238_a_timeout_closes_nothing_and_its_late_reply_completes_nothing() {
    // R205
    let mut rig = rig(1 << 16, LONG);
    let late = rig
        .submit(1, Duration::from_millis(20), false, &Bytes::new())
        .unwrap();
    assert_eq!(rig.told().await, Told::Expired(1));
    let next = rig.submit(2, LONG, false, &Bytes::new()).unwrap();
    rig.answer(late, SerializeType::Binary).await;
    assert_eq!(rig.told().await, Told::Late);
    rig.answer(next, SerializeType::Binary).await;
    assert_eq!(rig.told().await, Told::Reply(2, 0));
}

#[tokio::test]
async fn a_shorter_deadline_behind_longer_ones_is_kept() {
    let mut rig = rig(1 << 16, LONG);
    rig.submit(1, LONG, false, &Bytes::new()).unwrap();
    rig.arrived().await;
    rig.submit(2, Duration::from_millis(20), false, &Bytes::new())
        .unwrap();
    assert_eq!(rig.told().await, Told::Expired(2));
}

#[tokio::test]
async fn r231_oneway_ends_when_the_socket_has_taken_it() {
    let mut rig = rig(1 << 16, LONG);
    rig.submit(5, LONG, true, &Bytes::from_static(b"x"))
        .unwrap();
    assert_eq!(rig.told().await, Told::Written(5));
    assert_eq!(rig.arrived().await.body, "x");
}

#[tokio::test]
async fn a_lost_connection_tells_what_had_left_and_what_had_not() {
    // R207
    let mut rig = rig(600, LONG);
    rig.submit(1, LONG, false, &Bytes::from(vec![1; 400]))
        .unwrap();
    rig.arrived().await;
    // The pipe takes the beginning of the second and nothing of the third.
    rig.submit(2, LONG, false, &Bytes::from(vec![2; 900]))
        .unwrap();
    rig.submit(3, LONG, false, &Bytes::from(vec![3; 900]))
        .unwrap();
    while rig.counters.counts().written_bytes < 1000 {
        tokio::task::yield_now().await;
    }
    let Rig {
        peer,
        mut told,
        connection,
        closed,
        ..
    } = rig;
    drop(peer);
    let mut lost = Vec::new();
    while let Some(word) = told.recv().await {
        lost.push(word);
        if lost.len() == 3 {
            break;
        }
    }
    assert_eq!(
        lost,
        [
            Told::Lost(1, true),
            Told::Lost(2, true),
            Told::Lost(3, false)
        ]
    );
    closed.await.unwrap();
    assert!(connection.is_closed());
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection_and_every_request_once() {
    let two_gib = 0x7fff_ffffu32.to_be_bytes().to_vec();
    let bad_header = [8u32.to_be_bytes(), 4u32.to_be_bytes(), *b"nope"].concat();
    let header_too_long = [8u32.to_be_bytes(), 5u32.to_be_bytes(), [0; 4]].concat();
    for garbage in [
        two_gib,
        bad_header,
        header_too_long,
        b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
    ] {
        let mut rig = rig(1 << 16, LONG);
        rig.submit(1, LONG, false, &Bytes::new()).unwrap();
        rig.arrived().await;
        rig.peer.write_all(&garbage).await.unwrap();
        assert_eq!(rig.told().await, Told::Lost(1, true));
        assert!(matches!(
            rig.closed.await.unwrap(),
            CloseReason::Protocol(_)
        ));
        assert!(rig.told.recv().await.is_none(), "nothing is told twice");
    }
}

#[tokio::test]
async fn an_opaque_never_allotted_is_counted_and_harmless() {
    let mut rig = rig(1 << 16, LONG);
    rig.answer(12_345, SerializeType::Json).await;
    let opaque = rig.submit(1, LONG, false, &Bytes::new()).unwrap();
    rig.answer(opaque, SerializeType::Json).await;
    assert_eq!(rig.told().await, Told::Reply(1, 0));
    assert_eq!(rig.counters.counts().unknown_replies, 1);
}

#[tokio::test]
async fn r180_unknown_requests_are_answered_unless_oneway() {
    let mut rig = rig(1 << 16, LONG);
    for (oneway, opaque) in [(true, 3), (false, 4)] {
        let mut command = RemotingCommand::request(RequestCode(40));
        command.opaque = opaque;
        let command = if oneway { command.oneway() } else { command };
        let mut bytes = Vec::new();
        command.encode(SerializeType::Binary, &mut bytes);
        rig.peer.write_all(&bytes).await.unwrap();
    }
    let answer = rig.arrived().await;
    assert_eq!((answer.code, answer.opaque, answer.flag), (3, 4, 1));
}

#[tokio::test]
async fn r238_a_peer_that_owes_answers_and_says_nothing_is_given_up() {
    let mut rig = rig(1 << 16, Duration::from_millis(50));
    rig.submit(1, LONG, false, &Bytes::new()).unwrap();
    assert_eq!(rig.told().await, Told::Lost(1, true));
    assert!(matches!(rig.closed.await.unwrap(), CloseReason::Silent(_)));
}

#[tokio::test]
async fn limits_refuse_before_anything_is_queued() {
    let rig = rig(1 << 10, LONG);
    for token in 0..64 {
        rig.submit(token, LONG, false, &Bytes::new()).unwrap();
    }
    assert_eq!(
        rig.submit(64, LONG, false, &Bytes::new()),
        Err(Refusal::InFlightFull)
    );
    assert_eq!(rig.connection.in_flight(), 64);
}
