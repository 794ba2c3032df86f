//! Request, response and language codes, and the send statuses made from them.

/// What a request asks for (Java: `RequestCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestCode(pub i32);

impl RequestCode {
    /// Send with long field names.
    pub const SEND_MESSAGE: Self = Self(10);
    /// A consumer asks for the messages of a queue.
    pub const PULL_MESSAGE: Self = Self(11);
    /// Messages by key or unique id.
    pub const QUERY_MESSAGE: Self = Self(12);
    /// How far a consumer group is in a queue.
    pub const QUERY_CONSUMER_OFFSET: Self = Self(14);
    /// Makes or changes a topic of a broker.
    pub const UPDATE_AND_CREATE_TOPIC: Self = Self(17);
    /// What a broker says of itself.
    pub const GET_BROKER_RUNTIME_INFO: Self = Self(28);
    /// The offset of a queue at a moment.
    pub const SEARCH_OFFSET_BY_TIMESTAMP: Self = Self(29);
    /// The offset behind the last message of a queue.
    pub const GET_MAX_OFFSET: Self = Self(30);
    /// The offset of the first message of a queue.
    pub const GET_MIN_OFFSET: Self = Self(31);
    /// When the first message of a queue was stored.
    pub const GET_EARLIEST_MSG_STORETIME: Self = Self(32);
    /// The message at an offset of the commit log.
    pub const VIEW_MESSAGE_BY_ID: Self = Self(33);
    /// Heartbeat of a client with its groups.
    pub const HEART_BEAT: Self = Self(34);
    /// A client leaves.
    pub const UNREGISTER_CLIENT: Self = Self(35);
    /// A producer tells what is to become of a half message.
    pub const END_TRANSACTION: Self = Self(37);
    /// Broker asks a producer for the state of a transaction (oneway).
    pub const CHECK_TRANSACTION_STATE: Self = Self(39);
    /// Broker tells a consumer that its group has changed (oneway).
    pub const NOTIFY_CONSUMER_IDS_CHANGED: Self = Self(40);
    /// Broker sets a consumer's offsets (oneway).
    pub const RESET_CONSUMER_CLIENT_OFFSET: Self = Self(220);
    /// Broker asks a consumer how far it is.
    pub const GET_CONSUMER_STATUS_FROM_CLIENT: Self = Self(221);
    /// Broker asks a consumer how it does.
    pub const GET_CONSUMER_RUNNING_INFO: Self = Self(307);
    /// Broker has a consumer take a message.
    pub const CONSUME_MESSAGE_DIRECTLY: Self = Self(309);
    /// Broker hands on the answer to a request.
    pub const PUSH_REPLY_MESSAGE_TO_CLIENT: Self = Self(326);
    /// A producer calls a timer message back.
    pub const RECALL_MESSAGE: Self = Self(370);
    /// Route of a topic, asked of a name server.
    pub const GET_ROUTEINFO_BY_TOPIC: Self = Self(105);
    /// Every broker, asked of a name server.
    pub const GET_BROKER_CLUSTER_INFO: Self = Self(106);
    /// A broker forgets a topic and its messages.
    pub const DELETE_TOPIC_IN_BROKER: Self = Self(215);
    /// A name server forgets a topic's route.
    pub const DELETE_TOPIC_IN_NAMESRV: Self = Self(216);
    /// Send with one-letter field names.
    pub const SEND_MESSAGE_V2: Self = Self(310);
    /// Several messages in one body, with one-letter field names.
    pub const SEND_BATCH_MESSAGE: Self = Self(320);
    /// The answer to a request, with long field names.
    pub const SEND_REPLY_MESSAGE: Self = Self(324);
    /// The same with one-letter field names.
    pub const SEND_REPLY_MESSAGE_V2: Self = Self(325);
    /// Per-queue offsets of a topic, asked of a broker.
    pub const GET_TOPIC_STATS_INFO: Self = Self(202);
}

/// What a response says (Java: `ResponseCode`, `RemotingSysResponseCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResponseCode(pub i32);

impl ResponseCode {
    /// Stored.
    pub const SUCCESS: Self = Self(0);
    /// Exception or store error.
    pub const SYSTEM_ERROR: Self = Self(1);
    /// Flow control.
    pub const SYSTEM_BUSY: Self = Self(2);
    /// The peer does not know the request code.
    pub const REQUEST_CODE_NOT_SUPPORTED: Self = Self(3);
    /// Stored; the flush to disk was not confirmed in time.
    pub const FLUSH_DISK_TIMEOUT: Self = Self(10);
    /// Stored; no slave is available.
    pub const SLAVE_NOT_AVAILABLE: Self = Self(11);
    /// Stored; the slave did not confirm in time.
    pub const FLUSH_SLAVE_TIMEOUT: Self = Self(12);
    /// Body, topic or properties too long.
    pub const MESSAGE_ILLEGAL: Self = Self(13);
    /// Disk full, store shut down, or a slave.
    pub const SERVICE_NOT_AVAILABLE: Self = Self(14);
    /// The topic may not be written.
    pub const NO_PERMISSION: Self = Self(16);
    /// No such topic.
    pub const TOPIC_NOT_EXIST: Self = Self(17);
    /// A pull found no new messages for as long as it may wait.
    pub const PULL_NOT_FOUND: Self = Self(19);
    /// A pull found none that matched; others may follow at once.
    pub const PULL_RETRY_IMMEDIATELY: Self = Self(20);
    /// The queue does not reach to the offset of a pull.
    pub const PULL_OFFSET_MOVED: Self = Self(21);
    /// Nothing was found: no message of a key, no offset of a consumer.
    pub const QUERY_NOT_FOUND: Self = Self(22);
    /// A parameter is out of range, for example the queue id.
    pub const INVALID_PARAMETER: Self = Self(29);
    /// Legacy: no buyer id.
    pub const NO_BUYER_ID: Self = Self(204);
    /// Legacy: wrong unit.
    pub const NOT_IN_CURRENT_UNIT: Self = Self(205);
    /// Declared by RocketMQ, never sent by the open-source broker.
    pub const FLOW_CONTROL: Self = Self(215);
    /// The server shuts down gracefully: reconnect.
    pub const GO_AWAY: Self = Self(1500);

    /// Name as in RocketMQ's sources, where known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::SUCCESS => "SUCCESS",
            Self::SYSTEM_ERROR => "SYSTEM_ERROR",
            Self::SYSTEM_BUSY => "SYSTEM_BUSY",
            Self::REQUEST_CODE_NOT_SUPPORTED => "REQUEST_CODE_NOT_SUPPORTED",
            Self::FLUSH_DISK_TIMEOUT => "FLUSH_DISK_TIMEOUT",
            Self::SLAVE_NOT_AVAILABLE => "SLAVE_NOT_AVAILABLE",
            Self::FLUSH_SLAVE_TIMEOUT => "FLUSH_SLAVE_TIMEOUT",
            Self::MESSAGE_ILLEGAL => "MESSAGE_ILLEGAL",
            Self::SERVICE_NOT_AVAILABLE => "SERVICE_NOT_AVAILABLE",
            Self::NO_PERMISSION => "NO_PERMISSION",
            Self::TOPIC_NOT_EXIST => "TOPIC_NOT_EXIST",
            Self::QUERY_NOT_FOUND => "QUERY_NOT_FOUND",
            Self::INVALID_PARAMETER => "INVALID_PARAMETER",
            Self::NO_BUYER_ID => "NO_BUYER_ID",
            Self::NOT_IN_CURRENT_UNIT => "NOT_IN_CURRENT_UNIT",
            Self::FLOW_CONTROL => "FLOW_CONTROL",
            Self::GO_AWAY => "GO_AWAY",
            _ => return None,
        })
    }
}

/// How a stored message was acknowledged (R170). In all four cases the message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SendStatus {
    /// Stored as configured.
    SendOk = 0,
    /// Stored, flush not confirmed.
    FlushDiskTimeout = 1,
    /// Stored, slave did not confirm.
    FlushSlaveTimeout = 2,
    /// Stored, no slave.
    SlaveNotAvailable = 3,
}

impl SendStatus {
    /// All statuses, in the order of their discriminants.
    pub const ALL: [Self; 4] = [
        Self::SendOk,
        Self::FlushDiskTimeout,
        Self::FlushSlaveTimeout,
        Self::SlaveNotAvailable,
    ];

    /// The status a response code stands for; `None` when the message was refused.
    #[must_use]
    pub fn from_code(code: ResponseCode) -> Option<Self> {
        match code {
            ResponseCode::SUCCESS => Some(Self::SendOk),
            ResponseCode::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            ResponseCode::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            ResponseCode::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }

    /// Name as RocketMQ users know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }
}

/// The sender's language (Java: `LanguageCode`). Unknown codes are legal and carry no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Language(pub u8);

impl Language {
    /// What Java servers write, and the default of a JSON header without the member.
    pub const JAVA: Self = Self(0);
    /// Safe choice towards servers before 4.9.4, which do not know RUST.
    pub const OTHER: Self = Self(7);
    /// This client (R18).
    pub const RUST: Self = Self(12);

    const NAMES: [&'static str; 14] = [
        "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO",
        "PHP", "OMS", "RUST", "NODE_JS",
    ];

    /// Enum name as the JSON header carries it; unknown codes read `OTHER`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .get(usize::from(self.0))
            .copied()
            .unwrap_or("OTHER")
    }

    /// The language of an enum name; unknown names become [`Language::OTHER`].
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::NAMES
            .iter()
            .position(|known| *known == name)
            .and_then(|index| u8::try_from(index).ok())
            .map_or(Self::OTHER, Self)
    }
}

/// `MQVersion` ordinal this client claims: V5_3_3 (R18). Servers from 4.9.4 on then answer routes
/// in standard JSON, and servers that shut down gracefully may answer GO_AWAY.
pub const CLIENT_VERSION: i32 = 479;
