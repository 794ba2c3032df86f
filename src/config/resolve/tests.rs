use super::*;
use crate::client::{CompressionKind, FaultGeneration, QueueOrder};
use crate::config::print;
use crate::config::profile::{BUILT_IN, Profile};
use crate::config::setting::SettingValue;
use crate::config::sources::environment;
use crate::config::value::OutputFormat;
use crate::load::{Arrivals, Choice, SendMode, SizeDraw, Sizes, WarmupEnd, WhenLate};
use crate::protocol::SerializeType;

/// Sources with a command line of `key=value` texts separated by blanks.
fn options(text: &str) -> Sources {
    let mut sources = Sources::default();
    let assignments: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
    crate::config::sources::add_set(&mut sources.command_line, &assignments).expect(text);
    sources
}

fn plan(text: &str) -> RunPlan {
    resolve(&options(text)).expect(text)
}

fn refused(text: &str) -> ConfigError {
    resolve(&options(text)).expect_err(text)
}

#[test]
fn without_anything_the_defaults_of_the_contract_hold() {
    let plan = plan("");
    let Target::Embedded(embedded) = &plan.target else {
        panic!("no name server: embedded");
    };
    assert_eq!((embedded.brokers, embedded.queues), (2, 4));
    assert_eq!(plan.load.topic, "BenchmarkTest");
    assert_eq!(plan.load.mode, SendMode::Async);
    assert_eq!(plan.load.model, LoadModel::Closed);
    assert_eq!(plan.load.bound.duration, Some(Duration::from_secs(10)));
    assert_eq!(plan.load.bound.count, None);
    assert_eq!(plan.load.warmup, Duration::from_secs(2));
    assert_eq!(plan.load.message.body_bytes, 1024);
    assert_eq!((plan.load.callers, plan.load.in_flight), (64, 4096));
    assert_eq!(plan.load.drain, Duration::from_secs(5));
    let mut client = ClientConfig::default();
    client.transport.receive_stamps = true;
    assert_eq!(plan.client, client, "the client's own defaults, and stamps");
    let producer = SendConfig {
        compression: None,
        ..SendConfig::default()
    };
    assert_eq!(plan.send, producer, "bodies are prepared by the load");
    assert!((plan.report.max_error_rate - 0.01).abs() < 1e-12);
    assert_eq!(plan.report.progress, Progress::Live);
    assert!(plan.notes.is_empty());
}

/// R39: what a name server's address tells is shown as a setting, unless one is given.
#[test]
fn a_namespace_is_given_or_told_by_an_address() {
    let address = "namesrv=http://MQ_INST_a_b.example:80;b:1";
    for (options, namespace) in [
        (address, Some("MQ_INST_a_b")),
        (&*format!("{address} namespace=ns1"), Some("ns1")),
        ("namesrv=b:1", None),
    ] {
        let plan = plan(options);
        assert_eq!(plan.client.namespace.as_deref(), namespace, "{options}");
        let mut shown = plan.resolved.iter();
        let shown = shown.find(|setting| setting.key == "namespace");
        let written = namespace.map(|name| SettingValue::Text(name.to_owned()));
        assert_eq!(shown.map(|setting| setting.value.clone()), written);
    }
}

#[test]
fn every_setting_reaches_its_owner() {
    let plan = plan(
        "namesrv=a:1;b:2 topic=T group=G mode=sync rate=3M/min duration=5s count=1k warmup=1s \
         size=2k tags=TagA callers=8 timeout=2s attempt-timeout=500ms retries=1 deadline=1s \
         fault-table=v4 queue-order=by-broker header=json connections=2 when-late=skip \
         arrivals=poisson seed=7 shards=2 tick=1ms drain=2s output=a.json output=b.csv \
         format=md intervals=i.ndjson fail-if=p99>20ms strict=true max-error-rate=0.5% \
         no-color=true no-progress=true keys=k properties=a=1 wait-store=off \
         trace=1.5% trace-topic=traces random-bytes=25% delay-level=3 compress=zstd compress-level=9 compress-over=1k \
         namespace=ns client-ip=[::1] instance-name=i unit-name=u unit-mode=on vip-channel=on",
    );
    let identity = Identity {
        client_ip: Some("[::1]".into()),
        instance_name: Some("i".into()),
        unit_name: Some("u".into()),
        unit_mode: true,
    };
    assert_eq!(plan.client.identity, identity);
    assert_eq!(plan.client.namespace.as_deref(), Some("ns"));
    assert!(plan.client.transport.vip_channel);
    let Target::Cluster { namesrv } = &plan.target else {
        panic!("a name server is given");
    };
    assert_eq!(namesrv, &["a:1", "b:2"]);
    assert_eq!(&plan.client.namesrv, namesrv);
    assert_eq!(plan.client.transport.header, SerializeType::Json);
    assert_eq!(plan.client.transport.connections_per_broker, 2);
    assert_eq!(plan.client.fault.generation, FaultGeneration::V4);
    assert_eq!(plan.client.fault.table, FaultGeneration::V4.default_table());
    assert_eq!(plan.send.group, "G");
    assert_eq!(plan.send.timeout, Duration::from_secs(2));
    assert_eq!(plan.send.attempt_timeout, Some(Duration::from_millis(500)));
    assert_eq!(plan.send.retries, 1);
    assert_eq!(plan.send.queue_order, QueueOrder::ByBroker);
    let trace = TraceConfig {
        topic: "traces".into(),
        share_ppm: 15_000,
        ..TraceConfig::default()
    };
    assert_eq!(plan.send.trace, Some(trace));
    let load = &plan.load;
    assert_eq!((load.mode, load.topic.as_str()), (SendMode::Sync, "T"));
    let LoadModel::Open(rate) = &load.model else {
        panic!("a rate is an open loop");
    };
    assert!((rate.peak_per_s() - 50_000.0).abs() < 1e-9);
    assert_eq!(load.bound.duration, Some(Duration::from_secs(5)));
    assert_eq!(load.bound.count, Some(1000));
    let expected = MessageShape {
        random_bytes: 500,
        tags: "TagA".into(),
        keys: "k".into(),
        properties: vec![("a".into(), "1".into())],
        delivery: Some(Delivery::Level(3)),
        wait: false,
        compression: Some(Compression {
            kind: CompressionKind::Zstd,
            level: 9,
            over_bytes: 1000,
        }),
        ..MessageShape::plain(2000)
    };
    assert_eq!(load.message, expected);
    assert_eq!((load.callers, load.shards), (8, Some(2)));
    assert_eq!(load.when_late, WhenLate::Skip);
    assert_eq!((load.arrivals, load.seed), (Arrivals::Poisson, 7));
    assert_eq!(load.deadline, Some(Duration::from_secs(1)));
    assert_eq!(load.tick, Some(Duration::from_millis(1)));
    let report = &plan.report;
    assert_eq!(report.outputs.len(), 2);
    assert_eq!(report.outputs[1].format, OutputFormat::Csv);
    assert_eq!(report.format, OutputFormat::Markdown);
    assert_eq!(report.fail_if[0].to_string(), "p99>20ms");
    assert!(report.strict && !report.color);
    assert_eq!(report.progress, Progress::Notes);
    assert_eq!(plan.planned_messages(), Some(1000));
}

#[test]
fn sizes_keys_and_queues_reach_the_plan() {
    let load = plan(
        "size=200B..4KiB random-bytes=50% keys=k key-count=9 sharding-keys=5 key-choice=zipf:1.1",
    );
    let expected = MessageShape {
        sizes: Some(Sizes::Of(SizeDraw::Range {
            least: 200,
            most: 4096,
        })),
        random_bytes: 2048,
        keys: "k".into(),
        key_count: 9,
        sharding_keys: 5,
        key_choice: Choice::Zipf(1.1),
        ..MessageShape::plain(4096)
    };
    assert_eq!(load.load.message, expected);
    assert!(!load.client.fault.enabled);
    assert_eq!(load.load.most_in_flight(), 4096, "keys are no limit");
    assert_eq!(plan("sharding-keys=5").load.most_in_flight(), 5);

    let drawn = plan("queue-choice=uniform mode=sync");
    assert_eq!(drawn.load.queue_choice, Choice::Uniform);
    assert!(!drawn.client.fault.enabled);
    assert_eq!(drawn.send.retries, 0, "as a send to a queue that is chosen");
    assert_eq!(plan("queue-choice=uniform").send.retries, 2, "of async");
    assert_eq!(plan("topic=a,b").load.more_topics, ["b"]);
    let counted = plan("topic=t topics=3 topic-choice=zipf:1").load;
    assert_eq!(
        (&*counted.topic, counted.topic_choice),
        ("t-0", Choice::Zipf(1.0))
    );
    assert_eq!(counted.more_topics, ["t-1", "t-2"]);
    assert_eq!(plan("topics=1").load.topic, "BenchmarkTest-0");
    assert_eq!(counted.topic_text(), "t-0,t-1,t-2");
    let many = plan("topic=t topics=10").load;
    assert_eq!(many.topic_text(), "t-0…t-9 (10 topics)");
    // No order, so no answer is needed for it.
    plan("mode=oneway sharding-keys=5 key-choice=uniform");

    let planned = plan("rate=1k size=1KiB:30s,4KiB:30s");
    let duration = planned.load.bound.duration;
    assert_eq!(duration, Some(Duration::from_secs(60)));
    let both = plan("rate=1k:10s size=1KiB:30s,4KiB:30s");
    assert_eq!(both.load.bound.duration, Some(Duration::from_secs(10)));
    assert_eq!(both.size_mix().most(), 1024, "the second is not reached");
    let counted = plan("rate=1k count=40k size=1000B:30s,2000B:30s").size_mix();
    assert!((counted.mean() - 1250.0).abs() < 0.1, "{}", counted.mean());
}

#[test]
fn embedded_settings_reach_the_target() {
    let plan = plan(
        "brokers=3 broker-queues=8 broker-delay=2ms broker-stall=200ms/2s broker-capacity=20k broker-service=exponential seed=7",
    );
    let expected = EmbeddedSettings {
        brokers: 3,
        queues: 8,
        delay: Duration::from_millis(2),
        stall: Some(Stall {
            length: Duration::from_millis(200),
            every: Duration::from_secs(2),
        }),
        capacity_per_s: vec![20_000],
        service_time: ServiceTime::Exponential { seed: !7 },
        check_after: None,
    };
    assert_eq!(plan.target, Target::Embedded(expected));
}

#[test]
fn a_count_alone_sends_exactly_so_many() {
    let alone = plan("count=1M").load;
    assert_eq!((alone.bound.duration, alone.warmup), (None, Duration::ZERO));
    assert_eq!(alone.bound.count, Some(1_000_000));
    let both = plan("count=1M duration=10s warmup=2s").load;
    assert_eq!(both.bound.duration, Some(Duration::from_secs(10)));
    assert_eq!(both.warmup, Duration::from_secs(2));
    assert_eq!(both.warmup_ends, WarmupEnd::AtTime);
    let auto = plan("count=1M warmup=auto").load;
    assert_eq!(
        (auto.warmup, auto.warmup_ends),
        (Duration::from_secs(60), WarmupEnd::WhenAsked)
    );
}

#[test]
fn precedence_is_command_line_environment_profile_default() {
    let mut sources = options("rate=3k");
    sources.environment = environment(|name| match name {
        "RMQ_BENCH_RATE" => Some("2k".to_owned()),
        "RMQ_BENCH_SIZE" => Some("2k".to_owned()),
        _ => None,
    });
    let text = "rate = \"1k\"\nsize = \"1k\"\nretries = 1\n";
    sources.profile = Some(Profile::parse("p.toml", text).expect("valid"));
    let plan = resolve(&sources).expect("valid");
    let resolved = |key: &str| {
        let line = plan.resolved.iter().find(|line| line.key == key);
        line.map(|line| line.source.to_string()).unwrap_or_default()
    };
    assert_eq!(resolved("rate"), "command line");
    assert_eq!(resolved("size"), "environment RMQ_BENCH_SIZE");
    assert_eq!(resolved("retries"), "profile p.toml, line 3");
    assert_eq!(resolved("timeout"), "default");
    assert_eq!(plan.load.message.body_bytes, 2000);
    assert_eq!(plan.profile.as_deref(), Some("p.toml"));
}

/// What is refused: setting at fault, reason and way out.
const REFUSALS: &[(&str, &str, &str, &str)] = &[
    (
        "mode=oneway sharding-keys=5",
        "sharding-keys",
        "no answer",
        "another mode",
    ),
    ("timer-delay=500us", "timer-delay", "out of range", "1ms to"),
    ("rate=0", "rate", "sends nothing", "50k"),
    ("rate=NaN", "rate", "not a number", "max"),
    (
        "duration=10",
        "duration",
        "did you mean 10s or 10ms?",
        "10s",
    ),
    ("duration=0s", "duration", "out of range", "1ms to"),
    ("count=0", "count", "out of range", "takes 1 or more"),
    ("warmup=2h", "warmup", "out of range", "1h"),
    (
        "warmup=auto:10s",
        "warmup",
        "out of range",
        "auto:TIME takes 15s to 1h",
    ),
    ("warmup=auto:2h", "warmup", "out of range", "1h"),
    ("warmup=auto:90", "warmup", "did you mean 90s", "auto:60s"),
    (
        "warmup=auto rate=1k:9s,2k:9s",
        "warmup",
        "a plan says when",
        "--warmup 30s",
    ),
    (
        "namesrv=a:1 warmup=auto rate=1k shard=1/2",
        "warmup",
        "at one instant",
        "drop --shard",
    ),
    (
        "warmup=auto rate=1k start-at=+10s",
        "warmup",
        "begins at one too",
        "drop --start-at",
    ),
    ("size=0", "size", "empty body", "4MiB"),
    ("size=5MiB", "size", "more than a broker takes", "4MiB"),
    ("size=0B..1KiB", "size", "empty body", "1B to 4MiB"),
    ("size=1KiB:30s,5MiB:30s", "size", "more than", "4MiB"),
    (
        "size=lognormal:p50=1KiB",
        "size",
        "needs p50 and p99",
        "p99=16KiB",
    ),
    ("size=1KiB:90%,2KiB:20%", "size", "add up to", "10%"),
    ("key-count=0", "key-count", "out of range", "1000000000"),
    (
        "sharding-keys=5 key-choice=zipf",
        "key-choice",
        "exponent",
        "zipf:1.1",
    ),
    ("topics=0", "topics", "out of range", "1000"),
    ("topics=1G", "topics", "out of range", "1000"),
    ("topic=a,a", "topic", "twice", "commas"),
    ("queue-choice=random", "queue-choice", "uniform", "zipf:S"),
    ("callers=0", "callers", "out of range", "100000"),
    ("callers=1M", "callers", "out of range", "100000"),
    ("in-flight=0", "in-flight", "out of range", "1000000"),
    ("in-flight=1G", "in-flight", "out of range", "1000000"),
    ("timeout=0s", "timeout", "out of range", "1ms"),
    (
        "attempt-timeout=0s",
        "attempt-timeout",
        "out of range",
        "1ms",
    ),
    (
        "attempt-timeout=4s",
        "attempt-timeout",
        "out of range",
        "to 3s",
    ),
    ("retries=1000", "retries", "out of range", "100"),
    ("rate=1k deadline=0s", "deadline", "out of range", "1ms"),
    (
        "fault-avoidance=maybe",
        "fault-avoidance",
        "neither",
        "on or off",
    ),
    ("fault-table=2s:1s,1s:1s", "fault-table", "must rise", "v5"),
    ("shards=0", "shards", "out of range", "256"),
    ("connections=0", "connections", "out of range", "64"),
    ("tick=10us", "tick", "out of range", "50us to 100ms"),
    ("tick=200ms", "tick", "out of range", "50us to 100ms"),
    ("drain=2h", "drain", "out of range", "1h"),
    ("brokers=0", "brokers", "out of range", "64"),
    ("broker-queues=0", "broker-queues", "out of range", "1024"),
    ("broker-delay=2m", "broker-delay", "out of range", "1m"),
    ("broker-stall=2s/1s", "broker-stall", "shorter", "200ms/2s"),
    (
        "broker-capacity=0",
        "broker-capacity",
        "out of range",
        "1 to",
    ),
    (
        "broker-capacity=5k,3k,1k",
        "broker-capacity",
        "3 numbers for 2 brokers",
        "one for each",
    ),
    ("topic=SELF_TEST_TOPIC", "topic", "system topic", "1 to 127"),
    ("topic=a.b", "topic", "'.'", "1 to 127"),
    ("group=DEFAULT_PRODUCER", "group", "reserved", "1 to 120"),
    ("namesrv=localhost", "namesrv", "add :9876", "host:port"),
    ("mode=reply", "mode", "unknown", "oneway"),
    ("mode=request reply-size=0B", "reply-size", "empty", "1B"),
    (
        "mode=request delay-level=3",
        "delay-level",
        "answer",
        "request",
    ),
    (
        "mode=tx tx-unknown=60% tx-rollback=50%",
        "tx-unknown",
        "more than 100%",
        "one whole",
    ),
    ("mode=tx tx-commit=90%", "tx-commit", "leave", "left out"),
    (
        "mode=tx delay-level=3",
        "delay-level",
        "not delayed",
        "another mode",
    ),
    ("format=xml", "format", "unknown", "json"),
    ("output=a.pdf", "output", "extension", ".json"),
    ("output=a.json output=a.json", "output", "twice", "its own"),
    ("fail-if=p99>20", "fail-if", "no unit", "p99>20ms"),
    ("max-error-rate=1", "max-error-rate", "with %", "1%"),
    ("strict=perhaps", "strict", "neither", "true or false"),
    ("seed=-1", "seed", "negative", "whole number"),
];

#[test]
fn every_refusal_names_option_key_and_way_out() {
    for (text, key, reason, way_out) in REFUSALS {
        let error = refused(text);
        let message = error.to_string();
        let named = format!("--{key} (profile key `{key}`)");
        assert!(message.starts_with(&named), "{text}: {message}");
        assert!(message.contains(reason), "{text}: {message}");
        assert!(error.hint().contains(way_out), "{text}: {}", error.hint());
    }
}

/// What contradicts what: settings, setting at fault, the other one, way out.
const CONTRADICTIONS: &[(&str, &str, &str, &str)] = &[
    ("topic=a,b topics=5", "topics", "topic", "drop --topics"),
    ("topic=a,b mode=tx", "topic", "mode", "one topic"),
    ("topics=2 mode=request", "topics", "mode", "one topic"),
    ("topics=2 trace=1%", "topics", "trace", "drop --trace"),
    ("topic=a,b audit=a.ndjson", "topic", "audit", "drop --audit"),
    (
        "namesrv=a:1 brokers=2",
        "brokers",
        "namesrv",
        "drop --brokers",
    ),
    (
        "namesrv=a:1 broker-queues=4",
        "broker-queues",
        "namesrv",
        "drop",
    ),
    (
        "namesrv=a:1 broker-delay=1ms",
        "broker-delay",
        "namesrv",
        "drop",
    ),
    (
        "namesrv=a:1 broker-stall=1ms/1s",
        "broker-stall",
        "namesrv",
        "drop",
    ),
    (
        "namesrv=a:1 broker-capacity=1k",
        "broker-capacity",
        "namesrv",
        "drop",
    ),
    (
        "mode=batch size=1B..2B",
        "size",
        "mode",
        "one size, as in --size 1KiB",
    ),
    (
        "mode=batch key-count=5",
        "key-count",
        "mode",
        "another mode than batch",
    ),
    (
        "sharding-keys=5 queue-choice=uniform",
        "queue-choice",
        "sharding-keys",
        "--key-choice",
    ),
    ("rate=max when-late=skip", "when-late", "rate", "--rate 50k"),
    ("deadline=1s", "deadline", "rate", "--rate 50k"),
    ("arrivals=poisson", "arrivals", "rate", "drop --arrivals"),
    (
        "mode=sync shards=4 callers=2",
        "shards",
        "callers",
        "at most 2",
    ),
    ("shards=4 in-flight=2", "shards", "in-flight", "at most 2"),
    ("rate=1/h duration=1s", "rate", "duration", "raise"),
    (
        "mode=oneway fail-if=p99>1ms",
        "fail-if",
        "mode",
        "--mode async",
    ),
    (
        "mode=oneway fail-if=service.p99>1ms",
        "fail-if",
        "mode",
        "queue.",
    ),
    ("fail-if=lateness.p99>1ms", "fail-if", "rate", "--rate 50k"),
    ("mode=tx trace=1%", "trace", "mode", "mode sync or async"),
    (
        "topic=T trace-topic=T trace=1%",
        "trace-topic",
        "topic",
        "another topic",
    ),
    (
        "output=a.json intervals=a.json",
        "intervals",
        "output",
        "its own",
    ),
];

#[test]
fn contradictions_name_both_settings_and_the_way_out() {
    for (text, key, other, way_out) in CONTRADICTIONS {
        let error = refused(text);
        let message = error.to_string();
        for name in [key, other] {
            let named = format!("--{name} (profile key `{name}`)");
            assert!(message.contains(&named), "{text}: {message}");
        }
        assert!(message.contains("contradicts"), "{text}: {message}");
        assert!(error.hint().contains(way_out), "{text}: {}", error.hint());
    }
}

#[test]
fn an_error_says_who_set_the_value() {
    let sources = Sources {
        profile: Some(Profile::parse("p.toml", "\nrate = 0").expect("TOML")),
        ..Sources::default()
    };
    let message = resolve(&sources).expect_err("rate 0").to_string();
    assert!(message.contains("profile p.toml, line 2"), "{message}");
    let sources = Sources {
        environment: environment(|name| (name == "RMQ_BENCH_RATE").then(|| "0".to_owned())),
        ..Sources::default()
    };
    let message = resolve(&sources).expect_err("rate 0").to_string();
    assert!(message.contains("environment RMQ_BENCH_RATE"), "{message}");
}

#[test]
fn settings_without_effect_are_noted_and_left_out() {
    for (text, key) in [
        ("callers=8", "callers"),
        ("mode=sync in-flight=8", "in-flight"),
        ("mode=oneway retries=1", "retries"),
        ("tick=1ms", "tick"),
        ("key-choice=uniform", "key-choice"),
        ("topic-choice=uniform", "topic-choice"),
        ("queue-choice=uniform fault-avoidance=on", "fault-avoidance"),
        ("queue-choice=uniform mode=sync retries=1", "retries"),
        ("size=1B..2KiB compress=zlib compress-over=3KiB", "compress"),
        ("fault-avoidance=off fault-table=v4", "fault-table"),
    ] {
        let plan = plan(text);
        assert!(plan.notes[0].contains(&format!("--{key} ")), "{text}");
        assert!(plan.notes[0].contains("no effect"), "{text}");
        assert!(plan.left_out.iter().any(|left| left.key == key), "{text}");
        assert!(plan.resolved.iter().all(|line| line.key != key), "{text}");
    }
    assert_eq!(
        plan("mode=oneway retries=1").send.retries,
        2,
        "as if not given"
    );
    assert!(plan("fail-if=p99<1ms").notes[0].contains("for being good"));
}

#[test]
fn planned_messages_follow_the_first_bound() {
    for (text, planned) in [
        ("rate=50k duration=10s", Some(500_000)),
        ("rate=50k duration=10s count=100", Some(100)),
        ("rate=0.5/s duration=3s", Some(2)),
        ("rate=max duration=10s", None),
        ("rate=max count=7", Some(7)),
    ] {
        assert_eq!(plan(text).planned_messages(), planned, "{text}");
    }
}

/// All of a plan but where its values came from.
fn essence(plan: RunPlan) -> impl PartialEq + std::fmt::Debug {
    let values: Vec<_> = plan
        .resolved
        .into_iter()
        .map(|line| (line.key, line.value))
        .collect();
    let of_run = (plan.target, plan.client, plan.send, plan.load, plan.report);
    (of_run, values, plan.left_out)
}

#[test]
fn the_printed_configuration_resolves_to_the_same_plan() {
    for text in [
        "",
        "rate=50k",
        "rate=1.5/s duration=1m30s arrivals=poisson when-late=abort deadline=250ms",
        "count=1k mode=sync callers=3 tags=a\"b\\c",
        "count=1k duration=3s warmup=0s",
        "mode=oneway retries=1 rate=3M/min",
        "namesrv=a:1,b:2 rate=max header=json",
        "fault-avoidance=off quiet=true no-color=true",
        "rate=1k size=1KiB:30s,200B..4KiB:1m key-count=1k sharding-keys=100 key-choice=zipf:0.99",
        "size=lognormal:p50=1KiB,p99=16KiB,max=64KiB queue-choice=zipf:1",
        "topic=a,b,c topic-choice=zipf:1",
        "topic=t topics=20",
        "size=1KiB:90%,64KiB:10% key-count=7 key-choice=uniform queue-choice=uniform",
        "fault-table=550ms:2s,1.8s:5s output=a.json output=b.md fail-if=p99>20ms fail-if=max>1s",
        "broker-stall=200ms/2s broker-delay=1500us broker-capacity=20k seed=18446744073709551615",
    ] {
        let first = plan(text);
        let printed = print::profile(&first);
        let sources = Sources {
            profile: Some(Profile::parse("printed", &printed).expect(&printed)),
            ..Sources::default()
        };
        let second = resolve(&sources).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert!(second.notes.is_empty(), "{:?}", second.notes);
        assert_eq!(essence(first), essence(second), "{printed}");
    }
}

#[test]
fn the_printed_configuration_says_where_values_come_from() {
    let mut sources = options("rate=50k dry-run=true");
    sources.profile = Some(Profile::parse("p.toml", "size = 10").expect("valid"));
    let printed = print::profile(&resolve(&sources).expect("valid"));
    for (start, end) in [
        ("rate = \"50000/s\"", "# command line"),
        ("size = \"10B\"", "# profile p.toml, line 1"),
        ("retries = 2", "# default"),
        ("# callers has no effect: async", "in-flight"),
        ("# namesrv is not set", ""),
    ] {
        let line = printed.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("no line {start}: {printed}"));
        assert!(line.ends_with(end), "{line}");
    }
    assert!(!printed.contains("dry-run"), "actions are no configuration");
}

#[test]
fn built_in_profiles_resolve_on_both_kinds_of_target() {
    for (name, _) in BUILT_IN {
        for text in ["", "namesrv=a:1", "mode=sync", "mode=oneway", "rate=max"] {
            let mut sources = options(text);
            sources.profile = Some(Profile::load(name).expect(name));
            let plan = resolve(&sources).unwrap_or_else(|error| panic!("{name} {text}: {error}"));
            assert_eq!(plan.profile.as_deref(), Some(name));
        }
    }
}
