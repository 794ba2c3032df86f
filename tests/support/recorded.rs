//! What RocketMQ's client and a real cluster said to each other (`scripts/golden --record`), and a server
//! that gives its answers again.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::route::TopicRoute;
use rmq_bench::protocol::{FrameLimits, RemotingCommand, RequestCode, SerializeType};
use serde_json::Value;

use crate::DEADLINE;

/// The frames of one version, by name.
pub(crate) type Recorded = BTreeMap<String, Vec<u8>>;

/// Reads a file of `scripts/golden --record`.
pub(crate) fn read(ndjson: &str) -> Recorded {
    let lines = ndjson
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let frame = |line: Value| {
        let header = content(&line, "header");
        let body = content(&line, "body");
        let is_binary = u32::from(line["header"].is_null());
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut bytes = (4 + length(&header) + length(&body)).to_be_bytes().to_vec();
        bytes.extend((is_binary << 24 | length(&header)).to_be_bytes());
        bytes.extend([header, body].concat());
        (line["name"].as_str().unwrap().to_owned(), bytes)
    };
    lines.map(frame).collect()
}

/// Text, or hex.
fn content(line: &Value, name: &str) -> Vec<u8> {
    let Some(hex) = line[format!("{name}_hex")].as_str() else {
        return line[name].as_str().unwrap().into();
    };
    let bytes = (0..hex.len()).step_by(2);
    bytes
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn command(bytes: &[u8]) -> RemotingCommand {
    let frame = split(bytes, FrameLimits::default()).unwrap().unwrap();
    RemotingCommand::decode(&frame).unwrap()
}

/// Name server and broker in one: answers as the real ones did, and keeps what it is asked.
#[derive(Clone)]
pub(crate) struct Replay {
    pub(crate) address: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    answers: HashMap<i32, RemotingCommand>,
    asked: Vec<RemotingCommand>,
    /// What clients answered.
    told: Vec<RemotingCommand>,
    /// The connection of the last heartbeat.
    client: Option<TcpStream>,
}

impl Replay {
    pub(crate) fn start(recorded: &Recorded) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let replay = Self {
            address: listener.local_addr().unwrap().to_string(),
            state: Arc::default(),
        };
        replay.answer_as(recorded, &["route", "heartbeat", "unregister"]);
        let accepting = replay.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (replay, stream) = (accepting.clone(), stream.unwrap());
                std::thread::spawn(move || replay.serve(stream));
            }
        });
        replay
    }

    /// From now on requests of these kinds get the answers of these calls, and what was asked is forgotten.
    pub(crate) fn answer_as(&self, recorded: &Recorded, names: &[&str]) {
        let mut state = self.state.0.lock().unwrap();
        state.asked.clear();
        for name in names {
            if let Some(answer) = recorded.get(&format!("{name}/response")) {
                let code = command(&recorded[*name]).code;
                state.answers.insert(code, self.at_home(command(answer)));
            }
        }
    }

    /// A route that leads here.
    fn at_home(&self, mut answer: RemotingCommand) -> RemotingCommand {
        if let Ok(route) = TopicRoute::parse(&answer.body) {
            let text = str::from_utf8(&answer.body).unwrap();
            let address = &route.brokers[0].addresses[&0];
            answer.body = text.replace(address, &self.address).into();
        }
        answer
    }

    /// The request of this kind, as soon as it has come.
    pub(crate) fn asked(&self, code: i32) -> RemotingCommand {
        let last = |state: &State| {
            state
                .asked
                .iter()
                .rfind(|asked| asked.code == code)
                .cloned()
        };
        self.wait(last)
            .unwrap_or_else(|| panic!("no request {code} has come"))
    }

    /// What the client answered to the request with this opaque, as soon as it has.
    pub(crate) fn told(&self, opaque: i32) -> RemotingCommand {
        let answer = |state: &State| {
            state
                .told
                .iter()
                .find(|told| told.opaque == opaque)
                .cloned()
        };
        self.wait(answer)
            .unwrap_or_else(|| panic!("no answer to {opaque} has come"))
    }

    fn wait(&self, wanted: impl Fn(&State) -> Option<RemotingCommand>) -> Option<RemotingCommand> {
        let (state, changed) = &*self.state;
        let waiting = changed.wait_timeout_while(state.lock().unwrap(), DEADLINE, |state| {
            wanted(state).is_none()
        });
        wanted(&waiting.unwrap().0)
    }

    /// Sends what a broker sent of itself, to where heartbeats come from.
    pub(crate) fn say(&self, frame: &[u8]) {
        self.asked(RequestCode::HEART_BEAT.0);
        let state = self.state.0.lock().unwrap();
        let mut client = state.client.as_ref().unwrap();
        client.write_all(frame).unwrap();
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut input = Vec::new();
        let mut room = [0; 4096];
        loop {
            while let Some(frame) = split(&input, FrameLimits::default()).unwrap() {
                let (request, length) =
                    (RemotingCommand::decode(&frame).unwrap(), frame.wire_bytes);
                input.drain(..length);
                if let Some(answer) = self.answer(&stream, request) {
                    stream.write_all(&answer).unwrap();
                }
            }
            match stream.read(&mut room) {
                Ok(0) | Err(_) => return,
                Ok(count) => input.extend_from_slice(&room[..count]),
            }
        }
    }

    fn answer(&self, stream: &TcpStream, request: RemotingCommand) -> Option<Vec<u8>> {
        let mut state = self.state.0.lock().unwrap();
        if request.code == RequestCode::HEART_BEAT.0 {
            state.client = Some(stream.try_clone().unwrap());
        }
        let answer = state
            .answers
            .get(&request.code)
            .filter(|_| request.flag == 0);
        let bytes = answer.map(|answer| {
            let mut bytes = Vec::new();
            answer.encode_as(request.opaque, SerializeType::Json, &mut bytes);
            bytes
        });
        if request.flag & 1 == 0 {
            state.asked.push(request);
        } else {
            state.told.push(request);
        }
        self.state.1.notify_all();
        bytes
    }
}
