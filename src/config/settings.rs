//! The one list of settings: options of `produce`, keys of a profile, environment variables.
//!
//! Command line, help, profile reader, `--print-config` and the schema are all made from this
//! list. To add a setting, add its entry here and use its field in `resolve`.

use super::error::ConfigError;
use super::objective::Objective;
use super::setting::{Field, Given, Heading, Layer, Setting, SettingValue, Source};
use super::threshold::Threshold;
use super::value::{
    ArrivalsSetting, BatchSetting, BodySize, BrokerName, BrokerNames, CapacitiesSetting,
    ChoiceSetting, CompressSetting, CountSetting, CurveSetting, DurationSetting, FaultTableSetting,
    FilePath, GroupName, Growth, HeaderSetting, HostName, IdPart, Keys, LimitedRate, ModeSetting,
    NamespaceName, NamesrvList, OnOff, OutputFile, OutputFormat, Price, Properties,
    QueueOrderSetting, RateSetting, ResponderSetting, ServiceSetting, ShardSetting, ShareSetting,
    ShellCommand, SizeSetting, StallSetting, StartAt, Switch, Tags, TopicName, TopicNames,
    WarmupSetting, WhenLateSetting,
};

macro_rules! optional {
    () => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}

/// Entry: `Heading "key" / 's' "VALUE" field: Type = "default";` under its documentation, whose
/// first line is the summary of `-h`. The type says what is allowed: `Given<T>` needs a default,
/// `Option<Given<T>>` may be unset, `Given<Vec<T>>` may be repeated.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $heading:ident $key:literal $(/ $short:literal)? $value_name:literal
        $field:ident: $ty:ty $(= $default:literal)?;
    )+) => {
        /// Every setting as understood, not yet checked against the others.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        /// Every setting, in the order of the help.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            short: optional!($($short)?),
            heading: Heading::$heading,
            value_name: $value_name,
            help: &[$($doc),+],
            default: optional!($($default)?),
            arity: <$ty as Field>::ARITY,
            expected: <$ty as Field>::EXPECTED,
        }),+];

        impl Settings {
            /// Whether answers decide when messages are sent, and no planned times.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.rate.value == RateSetting::Max
                    && !matches!(self.arrivals.value, ArrivalsSetting::Recorded(_))
            }

            /// Understands merged raw values.
            ///
            /// # Errors
            /// [`ConfigError::Value`] for the first text that is not of its setting's type.
            pub fn read(values: &Layer) -> Result<Self, ConfigError> {
                Ok(Self { $($field: Field::read(values, $key)?,)+ })
            }

            /// Every setting as written back, with its source; `None` where it has no value.
            #[must_use]
            pub fn written(&self) -> Vec<(&'static str, Option<(SettingValue, Source)>)> {
                vec![$(($key, self.$field.written())),+]
            }
        }
    };
}

settings! {
    /// Name servers, separated by `;`; without any, an embedded cluster is started
    ///
    /// The variable NAMESRV_ADDR counts too, below RMQ_BENCH_NAMESRV.
    Target "namesrv" / 'n' "HOST:PORT[;…]" namesrv: Option<Given<NamesrvList>>;
    /// Topic to send to, or several: a,b,c
    Target "topic" / 't' "NAME[,…]" topic: Given<TopicNames> = "BenchmarkTest";
    /// Send to so many topics: NAME-0 to NAME-(N-1), with the NAME of --topic
    Target "topics" "N" topics: Option<Given<CountSetting>>;
    /// How a message's topic is chosen, of several: turn, uniform or zipf:S
    ///
    /// zipf:S takes topic i, from 0, with a probability in proportion to 1/(i+1)^S, S from 0 to 10. The topic of a
    /// message depends on --seed and its number in the schedule alone. Several topics share the connections.
    Target "topic-choice" "CHOICE" topic_choice: Given<ChoiceSetting> = "turn";
    /// Leave the queues of these brokers out, as if they were not there
    ///
    /// Nothing is sent to them, no retry, no heartbeat and no trace either, and no connection is made. What the
    /// others carry then is what a cluster with so many brokers fewer would.
    Target "without" "BROKER[,…]" without: Option<Given<BrokerNames>>;
    /// Producer group
    Target "group" / 'g' "NAME" group: Given<GroupName> = "rmq_bench_producer";
    /// Namespace of topic and group: on the wire they are NAME%topic and NAME%group
    ///
    /// RocketMQ's own topics, such as BenchmarkTest and RMQ_SYS_TRACE_TOPIC, are in none. Without it, an
    /// address like MQ_INST_a_b.example.com:80 in --namesrv tells it.
    Target "namespace" "NAME" namespace: Option<Given<NamespaceName>>;
    /// File with the account of a cluster with access control: accessKey and secretKey
    ///
    /// Lines like `accessKey: name`, as in RocketMQ's tools.yml. Without it, the variables
    /// RMQ_BENCH_ACCESS_KEY, RMQ_BENCH_SECRET_KEY and, with temporary accounts, RMQ_BENCH_SECURITY_TOKEN
    /// count. Every request is signed then.
    Target "credentials" "FILE" credentials: Option<Given<FilePath>>;
    /// Encrypt all connections, to name servers too: on or off
    ///
    /// The peer's certificate must be of an authority of the system, or of --tls-ca, and name the host.
    Target "tls" "on|off" tls: Given<OnOff> = "off";
    /// Authorities to trust instead of the system's (PEM)
    Target "tls-ca" "FILE" tls_ca: Option<Given<FilePath>>;
    /// The client's certificate chain (PEM), with --tls-key
    Target "tls-cert" "FILE" tls_cert: Option<Given<FilePath>>;
    /// The key of --tls-cert (PEM)
    Target "tls-key" "FILE" tls_key: Option<Given<FilePath>>;
    /// Name the peers' certificates must have, instead of their hosts
    Target "tls-name" "NAME" tls_name: Option<Given<HostName>>;
    /// Whether peers must prove who they are: on or off
    ///
    /// Off takes any certificate, as RocketMQ's own clients do by default: encrypted, to whoever answers.
    Target "tls-verify" "on|off" tls_verify: Given<OnOff> = "on";
    /// Send to the port 2 below the broker's, the VIP channel: on or off
    ///
    /// Brokers listen there for messages and administration, and not for consumers. Heartbeats and ends of
    /// transactions go to the broker's own port. RocketMQ's clients had it on before 4.5.1.
    Target "vip-channel" "on|off" vip_channel: Given<OnOff> = "off";
    /// First part of the client id; without it, this host's address towards the name server
    Target "client-ip" "ADDRESS" client_ip: Option<Given<IdPart>>;
    /// Second part of the client id; without it, process id and start time
    Target "instance-name" "NAME" instance_name: Option<Given<IdPart>>;
    /// Third part of the client id
    Target "unit-name" "NAME" unit_name: Option<Given<IdPart>>;
    /// Say in each send that the client is of a unit: on or off
    ///
    /// Brokers mark topics as a unit's that they make for such a send.
    Target "unit-mode" "on|off" unit_mode: Given<OnOff> = "off";

    /// How messages are sent: sync, async, oneway, batch, tx or request
    ///
    /// sync: N callers, each with one send at a time; async: up to N sends in flight; oneway: no
    /// answer is asked for; batch: as sync, each send with as many messages as --batch says; tx: as
    /// sync, each a half message and then word of what becomes of it; request: as sync, each waiting for
    /// what a consumer answers, and acked when it has. Rates, counts and times are of messages in every
    /// mode.
    Load "mode" / 'm' "MODE" mode: Given<ModeSetting> = "async";
    /// Offered rate of the whole process: 50k, 3000/s, 3M/min, max, or a plan: 1k:30s,5k:30s
    ///
    /// A plan has pieces, each a rate and for how long: `1k:30s`; a ramp, `1k..20k:60s`; a wave of a mean, a
    /// swing and a period, `10k~5k/20s:2m`; a pause, `0:10s`. Its length is the default of --duration; the
    /// warm-up runs at its first rate, and what comes after it at its last.
    /// A rate is kept whatever the cluster does, and latencies count from the planned time (open
    /// loop). `max` sends the next message as soon as there is room (closed loop); times then count
    /// from the begin of each send.
    Load "rate" / 'r' "RATE" rate: Given<RateSetting> = "max";
    /// Length of the measured window; with --count, whichever comes first
    ///
    /// With --count alone there is no limit in time.
    Load "duration" / 'd' "TIME" duration: Option<Given<DurationSetting>> = "10s";
    /// Messages of the measured window
    Load "count" "N" count: Option<Given<CountSetting>>;
    /// Send 100 messages one by one first, to tell whether so many callers or places in flight can carry the rate
    ///
    /// They take a second at most and are in no figure. Only for sync, async and batch in an open loop with a
    /// warm-up, in one process.
    Load "probe" "on|off" probe: Given<OnOff> = "on";
    /// Run so often, one after the other, and report the medians over the runs
    ///
    /// Each run has a client, connections, a warm-up and a seed of its own, derived from --seed; the first
    /// has --seed itself. A JSON result then has "kind": "runs" with every run's result in "runs", and compare
    /// takes it as a group. Thresholds are judged on the medians. --intervals and --audit get a file per run:
    /// FILE-run-2.ndjson for FILE.ndjson.
    Load "runs" "N" runs: Given<CountSetting> = "1";
    /// Sent before the window at the same rate, kept out of every figure
    ///
    /// `auto` sends until the last ten seconds neither drift nor change their level by more than a tenth (median
    /// response, acknowledged per second, in flight) and nothing is left of a backlog; `auto:TIME` for at most so long
    /// (auto: 60s), after which the verdict says not_steady. With --count alone there is none, so that exactly so many
    /// messages are sent.
    Load "warmup" "TIME|auto[:TIME]" warmup: Option<Given<WarmupSetting>> = "2s";
    /// Body bytes: 1KiB is 1024, 1k is 1000; or 200B..4KiB, lognormal:p50=1KiB,p99=16KiB, …
    ///
    /// 200B..4KiB: each size in the range is as likely. lognormal:p50=1KiB,p99=16KiB: most are small, few very
    /// large; `,max=64KiB` limits them, without it 4MiB does, and --dry-run says which share is cut to the limit.
    /// 1KiB:90%,64KiB:10%: sizes with their shares. 1KiB:30s,4KiB:30s: a plan, of sizes and ranges, each for a
    /// time; its length is the default of --duration where --rate is no plan, the warm-up has its first size, and
    /// what comes after it has its last. The size of a message depends on --seed and its number in the schedule
    /// alone, not on which thread or process sends it. Modes other than batch take all of these.
    Load "size" / 's' "SIZE" size: Given<BodySize> = "1KiB";
    /// Messages of a batch, in number or in bytes: 32 or 64KiB
    ///
    /// They are due together, stored together or not at all, and have one time each.
    Load "batch" "SIZE" batch: Given<BatchSetting> = "32";
    /// Concurrent callers of sync, batch, tx and request, whole process
    Load "callers" / 'w' "N" callers: Given<CountSetting> = "64";
    /// Most sends in flight of async and oneway, whole process
    ///
    /// What RocketMQ's own client calls back-pressure (backPressureForAsyncSendNum); its limit on bytes is
    /// this one times the size of a message.
    Load "in-flight" "N" in_flight: Given<CountSetting> = "4096";

    /// Share of the transactions that is committed; what the others leave
    Load "tx-commit" "SHARE" tx_commit: Option<Given<ShareSetting>>;
    /// Share of the transactions that is rolled back
    Load "tx-rollback" "SHARE" tx_rollback: Given<ShareSetting> = "0%";
    /// Share of the transactions that is left unknown, for brokers to ask about
    Load "tx-unknown" "SHARE" tx_unknown: Given<ShareSetting> = "0%";
    /// Share of the checks that is answered with a rollback
    Load "tx-check-rollback" "SHARE" tx_check_rollback: Given<ShareSetting> = "0%";
    /// Share of the checks that is answered as unknown again; the rest is committed
    Load "tx-check-unknown" "SHARE" tx_check_unknown: Given<ShareSetting> = "0%";
    /// Longest wait at the end of a run for the checks that are owed
    ///
    /// Brokers ask first after 6 s, and look every 30 s (5.x) or 60 s (4.9). A check that comes later than
    /// this after its half message counts as late.
    Load "tx-wait" "TIME" tx_wait: Given<DurationSetting> = "90s";

    /// Who answers requests: built-in or others
    ///
    /// built-in: a consumer in this process, which reads the topic's queues from their ends on as the group
    /// GROUP_responder; its own limits are part of what is measured. others: consumers that answer already.
    Load "responder" "WHO" responder: Given<ResponderSetting> = "built-in";
    /// Body bytes of the built-in responder's answers
    Load "reply-size" "SIZE" reply_size: Given<SizeSetting> = "128B";

    /// Tags of every message
    Message "tags" "TEXT" tags: Option<Given<Tags>>;
    /// Keys of every message, separated by spaces
    Message "keys" "TEXT" keys: Option<Given<Keys>>;
    /// Different values of KEYS, of which each message has one: key-0 to key-(N-1)
    ///
    /// With --keys order they are order-0, order-1, …
    Message "key-count" "N" key_count: Option<Given<CountSetting>>;
    /// How a message's key is chosen, of --key-count and --sharding-keys: turn, uniform or zipf:S
    ///
    /// zipf:S takes key i, from 0, with a probability in proportion to 1/(i+1)^S, S from 0 to 10. Drawn keys
    /// depend on --seed and a message's number in the schedule alone.
    Message "key-choice" "CHOICE" key_choice: Given<ChoiceSetting> = "turn";
    /// Properties of every message: region=eu,color=blue
    Message "properties" "LIST" properties: Option<Given<Properties>>;
    /// Keys that order: all messages of a key go to its queue, and in turn one after the other
    ///
    /// The queue is the one Java's clients select for the key by its hash. Of keys taken in turn one message is
    /// in flight at most of each, so that its messages are stored in the order they were sent, as long as each
    /// send is answered. With --key-choice uniform or zipf:S several of a key may be in flight, and their order
    /// is not kept. Java's hash puts keys that are alike close together: few keys may reach one broker only.
    Message "sharding-keys" "N" sharding_keys: Option<Given<CountSetting>>;
    /// Delivered later, by a delay level of the broker: by default 1 to 18, 1s 5s 10s 30s 1m 2m … 2h
    ///
    /// Brokers take a level above their highest for the highest.
    Message "delay-level" "N" delay_level: Option<Given<CountSetting>>;
    /// Delivered so much later (5.x)
    Message "timer-delay" "TIME" timer_delay: Option<Given<DurationSetting>>;
    /// Whether brokers answer only when a message is flushed and replicated as configured: on or off
    Message "wait-store" "on|off" wait_store: Given<OnOff> = "on";
    /// Random share of every body; the rest is zeros, which compress
    Message "random-bytes" "SHARE" random_bytes: Given<ShareSetting> = "100%";
    /// Compress bodies: none, zlib, lz4 or zstd
    ///
    /// Each body of the pool is compressed once, before the run, not per send. One that would not get
    /// smaller goes as it is: give --random-bytes too. lz4 and zstd need brokers and consumers since
    /// 4.9.4. RocketMQ's own client compresses with zlib from 4 KiB on by default.
    Message "compress" "KIND" compress: Given<CompressSetting> = "none";
    /// Level of zlib and zstd, 0 to 9
    Message "compress-level" "N" compress_level: Given<CountSetting> = "5";
    /// Smallest body that is compressed
    Message "compress-over" "SIZE" compress_over: Given<SizeSetting> = "4KiB";

    /// Budget of one send over all its attempts
    Sending "timeout" "TIME" timeout: Given<DurationSetting> = "3s";
    /// Longest single attempt while another one is possible
    ///
    /// Without it, an attempt may use all that is left of --timeout.
    Sending "attempt-timeout" "TIME" attempt_timeout: Option<Given<DurationSetting>>;
    /// Further attempts after the first one (sync and async)
    ///
    /// As in RocketMQ's Java client, async tries again only when no answer came. What a broker
    /// refused is tried again by sync sends only, and only for the refusals another broker may not
    /// repeat.
    Sending "retries" "N" retries: Given<CountSetting> = "2";
    /// Counted from the planned time, when an unanswered send has failed
    Sending "deadline" "TIME" deadline: Option<Given<DurationSetting>>;
    /// Avoid slow and failing brokers: on or off
    ///
    /// RocketMQ's own default is off.
    Sending "fault-avoidance" "on|off" fault_avoidance: Given<OnOff> = "on";
    /// Latency classes of the avoidance: v4, v5 or own ones
    ///
    /// Own classes are written latency:avoid, as in 550ms:2s,1800ms:5s.
    Sending "fault-table" "TABLE" fault_table: Given<FaultTableSetting> = "v5";
    /// Probe brokers that could not be reached: on or off
    ///
    /// They then stay away until they answer, instead of getting sends again when their time is over
    /// (of 5.x; startDetectorEnable of RocketMQ's own client, where it is off as well).
    Sending "fault-detector" "on|off" fault_detector: Given<OnOff> = "off";
    /// Time between the probes of a broker
    Sending "detect-interval" "TIME" detect_interval: Given<DurationSetting> = "2s";
    /// Longest wait for the answer to a probe
    Sending "detect-timeout" "TIME" detect_timeout: Given<DurationSetting> = "200ms";
    /// How the queue of a message is chosen: turn, uniform or zipf:S
    ///
    /// turn: one after the other, past brokers that are to be avoided. Else each message goes to the queue drawn
    /// for it, whatever its broker does, as with --sharding-keys; zipf:S takes queue i, from 0 in the order of
    /// Java's clients, with a probability in proportion to 1/(i+1)^S, S from 0 to 10. Drawn queues depend on
    /// --seed and a message's number in the schedule alone.
    Sending "queue-choice" "CHOICE" queue_choice: Given<ChoiceSetting> = "turn";
    /// Order in which queues are taken: interleaved or by-broker
    ///
    /// interleaved: queue 0 of all brokers, then queue 1, …; by-broker: as the Java client.
    Sending "queue-order" "ORDER" queue_order: Given<QueueOrderSetting> = "interleaved";
    /// Header form of requests: binary or json
    Sending "header" "FORM" header: Given<HeaderSetting> = "binary";
    /// Share of the messages that is traced, as in 1% or 100%; without it nothing is (sync and async)
    ///
    /// Traces are RocketMQ's: `mqadmin queryMsgTraceById` reads them. Each costs the sending thread a copy
    /// of the broker's answer, and the cluster a tenth of a message. A thread of its own, which the figures
    /// of the generator leave out, writes them; what it cannot write in time is dropped and counted.
    Sending "trace" "SHARE" trace: Option<Given<ShareSetting>>;
    /// Topic of the traces
    ///
    /// Brokers make RMQ_SYS_TRACE_TOPIC when traceTopicEnable is set, or as any topic with their first
    /// message.
    Sending "trace-topic" "NAME" trace_topic: Given<TopicName> = "RMQ_SYS_TRACE_TOPIC";
    /// Connections per broker and shard
    Sending "connections" "N" connections: Given<CountSetting> = "1";

    /// What a schedule does that fell behind: catch-up, skip or abort
    ///
    /// catch-up: send as soon as there is room, latency counts from the planned time; skip: leave
    /// out what is late by more than a tick, as unsent; abort: stop the run.
    Pacing "when-late" "POLICY" when_late: Given<WhenLateSetting> = "catch-up";
    /// How planned times follow one another: constant, poisson, bursts:N or @FILE
    ///
    /// poisson: independent of one another, at the rate; bursts:N: N at once; @FILE: as recorded, a time in
    /// seconds per line, ascending, from the begin of the run on, warm-up included, and no --rate. In a profile a
    /// relative FILE counts from the profile's folder.
    Pacing "arrivals" "KIND" arrivals: Given<ArrivalsSetting> = "constant";
    /// Seed of everything random in the run
    Pacing "seed" "N" seed: Given<CountSetting> = "1";
    /// Which process of several this is, as in 1/4: it sends every 4th message of the schedule
    ///
    /// Several processes, on one host or many, send one schedule together: give each all the same settings and
    /// a number of its own. --rate, --count and the schedule are those of the whole run; --in-flight, --callers,
    /// --shards and --connections are each process's own. `rmq-bench merge` makes one result of theirs; have
    /// them begin together, with --start-at.
    Pacing "shard" "I/N" shard: Option<Given<ShardSetting>>;
    /// Begin with the warm-up at an instant: 2026-01-31T08:00:00Z, or +10s from now
    ///
    /// By this host's clock: keep the clocks of hosts that begin together in step (NTP, PTP), their offset is not
    /// measured. Connections are made before. Ctrl-C while it waits ends at once, without a report.
    Pacing "start-at" "INSTANT" start_at: Option<Given<StartAt>>;
    /// Sending threads of this process; without it the run chooses and says how many
    ///
    /// They share its part of the schedule. Not to be confused with --shard, which is about several processes.
    Pacing "shards" "N" shards: Option<Given<CountSetting>>;
    /// Pacing tick, 50us to 100ms; without it the rate chooses
    Pacing "tick" "TIME" tick: Option<Given<DurationSetting>>;
    /// Real-time scheduling (SCHED_FIFO) of the sending threads, where the system allows it
    ///
    /// They then wait for no ordinary thread; an embedded cluster waits for them. Needs the capability
    /// SYS_NICE or a limit on real-time priority (ulimit -r) of 10 or more; without either the run says
    /// so and goes on.
    Pacing "rt" "" rt: Given<Switch> = "false";
    /// Time answers by the kernel's receive stamps: on or off
    ///
    /// Reading late then makes no time longer, so in an open loop answers are read once per tick. off:
    /// an answer counts from when it is read.
    Pacing "receive-stamps" "on|off" receive_stamps: Given<OnOff> = "on";
    /// Longest wait for answers after the window
    Pacing "drain" "TIME" drain: Given<DurationSetting> = "5s";

    /// Brokers of the embedded cluster
    Embedded "brokers" "N" brokers: Given<CountSetting> = "2";
    /// Queues of the topic per embedded broker
    Embedded "broker-queues" "N" broker_queues: Given<CountSetting> = "4";
    /// Time every embedded broker takes to answer
    Embedded "broker-delay" "TIME" broker_delay: Given<DurationSetting> = "0s";
    /// Regular stalls, length/period: 200ms/2s is 200 ms of silence every 2 s
    Embedded "broker-stall" "TIME/TIME" broker_stall: Option<Given<StallSetting>>;
    /// Most sends per second one embedded broker accepts; a batch is one. Several: one for each broker
    Embedded "broker-capacity" "N[,N…]" broker_capacity: Option<Given<CapacitiesSetting>>;
    /// How long it takes for each send it accepts so many of: as long for each, or exponentially distributed
    Embedded "broker-service" "KIND" broker_service: Given<ServiceSetting> = "fixed";
    /// Time after which an embedded broker asks about a transaction (6s, as RocketMQ does)
    Embedded "broker-check-after" "TIME" broker_check_after: Option<Given<DurationSetting>>;

    /// What a rate has to meet, in every window that is to count (repeatable)
    ///
    /// Any figure of --fail-if, and what has to hold of it: 'p99<10ms', 'p999<=50ms', 'error_rate<0.1%'. Times are
    /// response times, from the planned moment. Besides, 99.9% of the planned messages have to be sent. Without any:
    /// p99<10ms and error_rate<0.1%.
    Capacity "objective" "CONDITION" objective: Given<Vec<Objective>>;
    /// Lowest rate to try
    Capacity "min" "RATE" min: Given<LimitedRate> = "1k";
    /// Highest rate to try
    Capacity "max" "RATE" max: Given<LimitedRate> = "500k";
    /// Measured time of each window
    Capacity "step-time" "TIME" step_time: Given<DurationSetting> = "10s";
    /// Windows at the lower rate that all have to pass at the end
    Capacity "confirm" "N" confirm: Given<CountSetting> = "3";
    /// Chance with which the capacity is to lie between the two rates of the answer
    ///
    /// Confirming a pair may leave it up to 20 points less sure; the answer tells the chance that is left.
    Capacity "confidence" "SHARE" confidence: Given<ShareSetting> = "95%";
    /// How far the two rates may lie apart
    ///
    /// When the time is nearly over, twice as far; the answer tells how far they do.
    Capacity "precision" "SHARE" precision: Given<ShareSetting> = "5%";
    /// Time for the search, its curve not counted
    Capacity "time-budget" "TIME" time_budget: Given<DurationSetting> = "15m";
    /// Stop before more bytes of bodies than this are sent
    Capacity "max-bytes" "SIZE" max_bytes: Option<Given<SizeSetting>>;
    /// Stop when a broker's disk is fuller than this
    ///
    /// Brokers are asked before each window; one that does not answer ends the search too. They refuse messages
    /// themselves from 90% on. With 100% they are not asked.
    Capacity "max-disk" "SHARE" max_disk: Given<ShareSetting> = "85%";
    /// Go beyond 10,000 messages per second or 10 GiB on a cluster that is not on this host
    Capacity "yes" "" yes: Given<Switch> = "false";
    /// Search on a topic of its own, made before on every broker and deleted at the end
    ///
    /// It is called rmq_bench_capacity_ and 16 hexadecimal digits, has 8 queues on each broker (an embedded one:
    /// --broker-queues), and is deleted with its messages when the search ends, also by an error or Ctrl-C. One that is
    /// there already is never deleted. What is left after a crash is taken and deleted by the same command with --resume.
    Capacity "own-topic" "" own_topic: Given<Switch> = "false";
    /// Keeps each step in this file, and goes on from the steps that are in it
    ///
    /// Given again after Ctrl-C, a crash or a lost host, the search takes the same way and measures only what is missing.
    Capacity "resume" "FILE" resume: Option<Given<FilePath>>;
    /// Shares of the capacity to measure a latency curve at, or off
    Capacity "curve" "SHARE[,…]|off" curve: Given<CurveSetting> = "10%,25%,50%,75%,90%,100%,110%";
    /// Search again with this broker less, its queues left out: what the others carry
    ///
    /// The report has it next to a model of it. It takes as long again as the search.
    Capacity "one-less" "BROKER" one_less: Option<Given<BrokerName>>;
    /// Stop that broker by this command of sh, instead of leaving its queues out
    ///
    /// Then the client finds out by itself. The command has to end once the broker is down: 'ssh b1 systemctl stop
    /// rocketmq'.
    Capacity "one-less-stop" "COMMAND" one_less_stop: Option<Given<ShellCommand>>;
    /// Start it again by this one, however the search ends
    ///
    /// It too has to end: once the broker is on its way up, not when it is down again.
    Capacity "one-less-start" "COMMAND" one_less_start: Option<Given<ShellCommand>>;
    /// What the cluster has to carry today: tells the share of the capacity that it takes
    Capacity "demand" "RATE" demand: Option<Given<LimitedRate>>;
    /// How the demand grows, as in 3%/month, 30%/year or 1%/week: tells when it reaches the capacity
    ///
    /// Compound: each period by so much of what it has become before. Needs --demand. A month is a twelfth of 365.25 days.
    Capacity "growth" "SHARE/PERIOD" growth: Option<Given<Growth>>;
    /// How long brokers keep messages: tells the bytes of bodies stored
    ///
    /// 72h is RocketMQ's own (fileReservedTime).
    Capacity "retention" "TIME" retention: Option<Given<DurationSetting>>;
    /// A price of your own list: tells what a million messages cost (repeatable)
    ///
    /// broker=0.40/hour (each broker that is sent to, no slaves; also /day, /month), disk=0.08/GiB-month (needs --retention), traffic=0.09/GiB
    /// (bodies, counted once, on their way to the brokers). A currency may be named, the same for all:
    /// broker=0.40EUR/hour.
    Capacity "price" "ITEM=AMOUNT/UNIT" price: Given<Vec<Price>>;
    /// Write the result to FILE as well, format by extension (repeatable)
    ///
    /// Extensions: .json, .txt, .csv, .md, .html.
    Output "output" / 'o' "FILE" output: Given<Vec<OutputFile>>;
    /// What stdout gets: text, json, csv, md or html
    Output "format" "FORMAT" format: Given<OutputFormat> = "text";
    /// Write one JSON line per second to FILE
    Output "intervals" "FILE" intervals: Option<Given<FilePath>>;
    /// Write an interval log of HdrHistogram (V2) to FILE: the histograms of each second of the window
    ///
    /// One line per second and kind of time, tagged response, lateness, queue, service and
    /// response_with_failures, and service.BROKER for each broker; values in ns. Java's HistogramLogReader and
    /// the tools made with it read it. The lines of a tag add up to the result's histogram.
    Output "hlog" "FILE" hlog: Option<Given<FilePath>>;
    /// One line of JSON per measured message: its id, how it ended, broker and queue
    ///
    /// For checking afterwards that what was acknowledged is stored. It is kept in memory for a
    /// second at a time and costs CPU: leave it out of runs for figures.
    Output "audit" "FILE" audit: Option<Given<FilePath>>;
    /// A folder with all it takes to believe, share and repeat the run: settings, result, histograms, checksums
    ///
    /// It is made beside its place while the run goes on, and stands there whole or not at all; one that is there must
    /// be empty. It has no secrets: of accounts and keys the names of their files alone. `rmq-bench rerun FOLDER` makes
    /// the run again.
    Output "bundle" "FOLDER" bundle: Option<Given<FilePath>>;
    /// Fail the run (exit code 10) when this holds, as in 'p99>20ms' (repeatable)
    ///
    /// Figures: p50 p90 p95 p99 p999 p9999 max mean of the response time, or of another one with
    /// service., lateness. or queue. in front; error_rate, retry_rate, achieved (acked of
    /// planned), acked_per_s. Comparators: > >= < <=. Limits carry units.
    Output "fail-if" "CONDITION" fail_if: Given<Vec<Threshold>>;
    /// An invalid verdict on the generator fails the run (exit code 12)
    Output "strict" "" strict: Given<Switch> = "false";
    /// Share of failed or unknown sends above which the run fails (exit code 4)
    Output "max-error-rate" "SHARE" max_error_rate: Given<ShareSetting> = "1%";
    /// No progress and no notes on stderr, only errors
    Output "quiet" / 'q' "" quiet: Given<Switch> = "false";
    /// No colour (NO_COLOR counts too)
    Output "no-color" "" no_color: Given<Switch> = "false";
    /// No live progress
    Output "no-progress" "" no_progress: Given<Switch> = "false";
    /// Print the resolved configuration as a profile, and stop
    Output "print-config" "" print_config: Given<Switch> = "false";
    /// Print what would be sent, and stop
    Output "dry-run" "" dry_run: Given<Switch> = "false";
}

impl Settings {
    /// Sharding keys of each of which one message is in flight at most.
    pub(super) fn keys_in_turn(&self) -> Option<&Given<CountSetting>> {
        let drawn = self.key_choice.value.0.is_drawn();
        self.sharding_keys.as_ref().filter(|_| !drawn)
    }

    /// Every topic, in order.
    pub(super) fn all_topics(&self) -> Vec<String> {
        let names = &self.topic.value.0;
        match (&self.topics, names.as_slice()) {
            (Some(count), [stem]) => (0..count.value.0).map(|n| format!("{stem}-{n}")).collect(),
            _ => names.clone(),
        }
    }

    /// What binds each message to a queue, which the client then does not choose.
    pub(super) fn queue_is_of(&self) -> Option<&'static str> {
        let drawn = self.queue_choice.value.0.is_drawn();
        let keyed = self.sharding_keys.as_ref().map(|_| "sharding-keys");
        keyed.or(drawn.then_some("queue-choice"))
    }
}

/// The setting of this key.
#[must_use]
pub fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting::RawValue;
    use std::collections::BTreeSet;

    #[test]
    fn keys_and_short_options_are_unique_and_kebab_case() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        let short: Vec<_> = SETTINGS
            .iter()
            .filter_map(|setting| setting.short)
            .collect();
        assert_eq!(short.iter().collect::<BTreeSet<_>>().len(), short.len());
        for key in keys {
            assert!(key.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_setting() {
        let layer: Layer = SETTINGS
            .iter()
            .filter_map(|setting| {
                let raw = RawValue {
                    texts: vec![setting.default?.to_owned()],
                    source: Source::Default,
                };
                Some((setting.key, raw))
            })
            .collect();
        let settings = Settings::read(&layer).expect("defaults are complete");
        assert_eq!(settings.written().len(), SETTINGS.len());
    }

    #[test]
    fn environment_names_follow_the_keys() {
        let in_flight = setting("in-flight").expect("a setting");
        assert_eq!(in_flight.environment(), "RMQ_BENCH_IN_FLIGHT");
        assert!(setting("in_flight").is_none());
    }
}
