//! Results of made-up runs for the tests of the renderers, recorded as a real run would be.

use serde_json::json;

use crate::metrics::{
    Acks, Interval, Label, Phase, Recorder, SendTimes, Summary, TimeSeries, Totals,
};
use crate::protocol::code::SendStatus;
use crate::verdict::{Evidence, Pacing, Tick, judge};

use super::host::Memory;
use super::part::Shard;
use super::{
    Avoidance, AvoidanceCause, AvoidanceEvent, BrokerFacts, GeneratorFacts, Host, LoadModel, Mode,
    Run, RunFacts, RunResult, StopReason, Target, TargetBroker, TargetKind, Tool, Window,
    build_result,
};

const TIMEOUT: Label = Label::new("timeout");
const SECOND: u64 = 1_000_000_000;

fn times(i: u64) -> SendTimes {
    let intended_ns = i * 100_000;
    let submitted_ns = intended_ns + 200_000 + i % 7 * 10_000;
    let written_ns = submitted_ns + 20_000;
    SendTimes {
        intended_ns,
        submitted_ns,
        written_ns,
        received_ns: written_ns + 1_000_000 + i % 1_000 * 2_000,
    }
}

/// 10,000/s for two seconds: 5 unsent, 8 failed after two attempts, 1 unknown, 12 recovered.
pub(super) fn open() -> RunResult {
    let mut shard = Recorder::new(2);
    shard.planned(20_000);
    shard.unsent(5);
    for i in 0..19_995u64 {
        let times = times(i);
        let broker = usize::from(i % 2 == 1);
        shard.submitted(times.intended_ns, times.submitted_ns);
        shard.attempt(broker, 0);
        match i {
            0..8 => {
                shard.attempt_failed(Some(broker), TIMEOUT, true);
                shard.attempt(1 - broker, 1);
                shard.attempt_failed(Some(1 - broker), Label::from(("rejected", Some(13))), false);
                shard.failed(Label::from(("rejected", Some(13))), Some(3 * SECOND), 2);
            }
            8 => {
                shard.attempt_failed(Some(broker), TIMEOUT, false);
                shard.unknown(TIMEOUT, 3 * SECOND, 1);
            }
            9..21 => {
                shard.attempt_failed(Some(broker), TIMEOUT, true);
                shard.attempt(1 - broker, 1);
                shard.acked(1 - broker, SendStatus::SendOk, &times, 2);
                shard.read_after(30_000);
            }
            _ => {
                let status = if i < 31 {
                    SendStatus::FlushDiskTimeout
                } else {
                    SendStatus::SendOk
                };
                shard.acked(broker, status, &times, 1);
                shard.read_after(30_000);
            }
        }
    }
    let event = AvoidanceEvent {
        at_ms: 1_200,
        broker: "broker-a".to_owned(),
        for_ms: 2_000,
        cause: AvoidanceCause::Latency,
        observed_us: 600_000,
    };
    let mut facts = facts(Mode::Async, LoadModel::Open, TargetKind::Cluster);
    facts.avoidance = Some(Avoidance {
        enabled: true,
        isolations: 1,
        events: vec![event],
        probes: Some(3),
        found_reachable: Some(1),
    });
    facts.brokers[0].avoided_ms = Some(2_000);
    facts.time_series = Some(series());
    result(shard, facts)
}

/// A second of warm-up, two of the window, and a drain of a few milliseconds.
fn series() -> TimeSeries {
    let seconds = [
        (0.0, 1.0, Phase::Warmup, 10_000),
        (1.0, 1.0, Phase::Measure, 9_000),
        (2.0, 1.0, Phase::Measure, 10_986),
        (2.004, 0.004, Phase::Drain, 7),
    ];
    let names = ["broker-a", "broker-b"].map(str::to_owned);
    let mut series = TimeSeries::default();
    for (at_s, length_s, phase, acked) in seconds {
        let mut second = Recorder::new(2);
        for i in 0..acked {
            let times = times(i);
            let broker = usize::from(i % 4 == 0);
            second.planned(1);
            second.submitted(times.intended_ns, times.submitted_ns);
            second.attempt(broker, 0);
            second.acked(broker, SendStatus::SendOk, &times, 1);
        }
        if phase == Phase::Measure {
            second.attempt(0, 0);
            second.attempt_failed(Some(0), TIMEOUT, true);
            second.attempt(1, 1);
        }
        series.push(Interval::new(
            at_s,
            length_s,
            phase,
            acked % 100,
            &second,
            &names,
        ));
    }
    series
}

/// A closed loop of 64 sync callers without any failure.
pub(super) fn closed() -> RunResult {
    let mut shard = Recorder::new(2);
    for i in 0..4_000u64 {
        let times = times(i);
        let intended_ns = times.submitted_ns;
        shard.planned(1);
        shard.submitted(intended_ns, times.submitted_ns);
        shard.attempt(0, 0);
        shard.acked(
            0,
            SendStatus::SendOk,
            &SendTimes {
                intended_ns,
                ..times
            },
            1,
        );
        shard.read_after(30_000);
    }
    result(
        shard,
        facts(Mode::Sync, LoadModel::Closed, TargetKind::Embedded),
    )
}

/// A schedule of oneway sends.
pub(super) fn oneway() -> RunResult {
    let mut shard = Recorder::new(2);
    for i in 0..20_000u64 {
        let times = times(i);
        shard.planned(1);
        shard.submitted(times.intended_ns, times.submitted_ns);
        shard.attempt(1, 0);
        shard.acked_oneway(1, times.submitted_ns, times.written_ns, 1);
    }
    result(
        shard,
        facts(Mode::Oneway, LoadModel::Open, TargetKind::Embedded),
    )
}

/// A run that was over before it sent anything.
pub(super) fn nothing() -> RunResult {
    result(
        Recorder::new(2),
        facts(Mode::Async, LoadModel::Open, TargetKind::Cluster),
    )
}

/// One process of several, with what it recorded.
pub(super) fn shard(recorder: Recorder, index: u64, of: u64) -> RunResult {
    let mut facts = facts(Mode::Async, LoadModel::Open, TargetKind::Cluster);
    facts.run.id = format!("run-{index}");
    facts.run.shard = Some(Shard { index, of });
    facts
        .config
        .insert("shard".to_owned(), json!(format!("{index}/{of}")));
    facts
        .config
        .insert("shards".to_owned(), json!(index % 2 + 1));
    result(recorder, facts)
}

fn result(shard: Recorder, mut facts: RunFacts) -> RunResult {
    let mut totals = Totals::new(0);
    totals.merge(&shard);
    let summary = Summary::new(totals, 0, 2 * SECOND, Acks::Own { last_ns: 0 });
    summary.check_sums().unwrap();
    let pacing = match facts.run.load_model {
        LoadModel::Open => Pacing::Open(Tick::Every(1_000_000)),
        LoadModel::Closed => Pacing::Closed,
    };
    let mut evidence = Evidence::of(&summary, pacing);
    // Five sends of 20,000 are within the tolerance; of none, nothing is judged.
    evidence.unsent = 0;
    facts.verdict = judge(&evidence);
    build_result(&summary, facts)
}

fn facts(mode: Mode, load_model: LoadModel, kind: TargetKind) -> RunFacts {
    let names = ["broker-a", "broker-b"].map(str::to_owned);
    let address = |index: usize| format!("10.0.0.{}:10911", index + 1);
    let brokers = names.iter().enumerate();
    let targets = brokers.clone().map(|(i, name)| TargetBroker {
        name: name.clone(),
        address: address(i),
        version: None,
    });
    let facts = brokers.map(|(i, name)| BrokerFacts {
        name: name.clone(),
        address: address(i),
        avoided_ms: Some(0),
    });
    let target = Target {
        kind,
        namesrv: vec!["10.0.0.1:9876".to_owned(), "10.0.0.2:9876".to_owned()],
        brokers: targets.collect(),
        left_out: Vec::new(),
    };
    let run = Run {
        id: "run-1".to_owned(),
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        began_at: Some("2026-01-02T03:04:06Z".to_owned()),
        start_at: None,
        shard: None,
        merged_from: Vec::new(),
        missing_shards: Vec::new(),
        command: "produce".to_owned(),
        mode,
        load_model,
        callers: (mode == Mode::Sync).then_some(64),
        in_flight_limit: (mode == Mode::Async).then_some(4096),
        batch: None,
        stop_reason: StopReason::Duration,
        target,
        topic: "BenchmarkTest".to_owned(),
        topic_created: None,
        group: "rmq_bench_producer".to_owned(),
        repetition: None,
    };
    RunFacts {
        transactions: None,
        requests: None,
        trace: None,
        planned_sizes: None,
        tool: Tool::current(Some("0123abc")),
        run,
        config: [("rate".to_owned(), json!("10k"))].into_iter().collect(),
        config_source: [("rate".to_owned(), "command line".to_owned())].into(),
        window: Window {
            warmup_ended: None,
            warmup_s: 1.0,
            measured_s: 2.0,
            drain_s: 0.01,
        },
        verdict: crate::verdict::Verdict::of(Vec::new()),
        probed: None,
        time_series: None,
        attempts_allowed: 3,
        brokers: facts.collect(),
        avoidance: None,
        generator: generator(),
        host: Host {
            cpus: Some(2),
            kernel: Some("Linux 6.1".to_owned()),
            load_average_1m: Some(0.5),
        },
    }
}

fn generator() -> GeneratorFacts {
    GeneratorFacts {
        cpu_ns: Some(200_000_000),
        writes: Some(2_000),
        reads: Some(3_000),
        stamped_reads: Some(3_000),
        memory: Memory {
            resident_bytes: Some(12_900_000),
            peak_bytes: Some(13_000_000),
        },
        realtime: None,
        shards: 1,
        connections: 2,
    }
}
