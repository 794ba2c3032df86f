//! What shapes a load: counts, warm-up, shards, deadlines, late policies, header forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use rmq_bench::broker::{Behaviour, ClusterSpec};
use serde_json::Value;
use support::binary::{
    accounts_close, all_acked, json, lines, number, result_against, result_of, rmq_bench,
};
use support::cluster;

const MODES: [&str; 3] = ["sync", "async", "oneway"];

#[test]
fn the_window_is_as_long_as_asked_for_whatever_the_rate() {
    // The last message is due half a second before the end.
    let result = result_against(
        &cluster(ClusterSpec::default()),
        &["-r", "2", "-d", "2s", "--warmup", "0s"],
    );
    all_acked(&result, 4);
    assert_eq!(result["window"]["measured_s"], 2.0);
    assert_eq!(result["rate"]["planned_per_s"], 2.0);
    assert_eq!(result["run"]["stop_reason"], "duration");
}

#[test]
fn of_a_count_and_a_duration_the_first_one_reached_ends_the_run() {
    let cluster = cluster(ClusterSpec::default());
    let run = |count, duration| {
        let bounds = ["--count", count, "-d", duration, "--warmup", "0s"];
        result_against(&cluster, &[&["-r", "1000"], &bounds[..]].concat())
    };
    let counted = run("300", "1h");
    all_acked(&counted, 300);
    assert_eq!(counted["run"]["stop_reason"], "count");
    let timed = run("1M", "300ms");
    assert_eq!(number(&timed, "/accounts/planned"), 300);
    assert_eq!(timed["run"]["stop_reason"], "duration");
}

#[test]
fn the_warm_up_is_sent_and_kept_out_of_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    for mode in MODES {
        for rate in ["1000", "max"] {
            let cluster = cluster(ClusterSpec::default());
            let audit = folder.path().join(format!("{mode}-{rate}"));
            let result = result_against(
                &cluster,
                &[
                    &["-m", mode, "-r", rate, "--count", "200"][..],
                    &["--warmup", "500ms", "-w", "4", "--in-flight", "4"],
                    &["--probe", "off"],
                    &["--audit", audit.to_str().unwrap()],
                ]
                .concat(),
            );
            all_acked(&result, 200);
            assert_eq!(number(&result, "/latency/queue/count"), 200);
            assert_eq!(number(&result, "/retries/attempts"), 200);
            assert_eq!(lines(&audit).len(), 200, "{mode} {rate}");
            let stored = cluster.stored().messages();
            assert!(stored > 200, "{mode} {rate}: {stored} stored");
            if rate == "1000" {
                assert!(stored <= 700, "{mode}: {stored} stored");
            }
        }
    }
}

#[test]
fn several_shards_send_a_count_to_the_message() {
    let folder = tempfile::tempdir().unwrap();
    for mode in MODES {
        for rate in ["2000", "max"] {
            let cluster = cluster(ClusterSpec::default());
            let audit = folder.path().join(format!("{mode}-{rate}"));
            let result = result_against(
                &cluster,
                &[
                    &["-m", mode, "-r", rate, "--count", "1000"][..],
                    &["--shards", "3", "--connections", "2", "-w", "7"],
                    &["--audit", audit.to_str().unwrap()],
                ]
                .concat(),
            );
            all_acked(&result, 1000);
            assert_eq!(cluster.stored().messages(), 1000, "{mode} {rate}");
            assert_eq!(number(&result, "/generator/shards"), 3);
            assert_eq!(number(&result, "/generator/connections"), 3 * 2 * 2);
            let accepted = cluster.stored().brokers.iter().map(|b| b.accepted).min();
            assert!(accepted >= Some(3 * 2), "{mode} {rate}: {accepted:?}");
            let records = lines(&audit);
            let ids: std::collections::HashSet<&str> =
                records.iter().map(|r| r["id"].as_str().unwrap()).collect();
            assert_eq!((records.len(), ids.len()), (1000, 1000), "{mode} {rate}");
        }
    }
}

#[test]
fn requests_with_json_headers_do_in_every_mode() {
    for mode in MODES {
        let cluster = cluster(ClusterSpec::default());
        let arguments = [
            "--header", "json", "-m", mode, "-r", "2000", "--count", "500",
        ];
        let result = result_against(&cluster, &arguments);
        all_acked(&result, 500);
        assert_eq!(result["config"]["header"], "json");
        let stored = cluster.stored();
        assert_eq!((stored.messages(), stored.rejected()), (500, 0), "{mode}");
        assert_eq!(stored.body_bytes(), 500 * 1024);
    }
}

#[test]
fn batches_are_counted_and_timed_by_their_messages() {
    for rate in ["2000", "max"] {
        let cluster = cluster(ClusterSpec::default());
        let arguments = [
            "-m", "batch", "--batch", "20", "-r", rate, "--count", "500", "-s", "100",
        ];
        let result = result_against(&cluster, &arguments);
        all_acked(&result, 500);
        assert_eq!(result["run"]["batch"], 20);
        assert_eq!(result["retries"]["attempts"], 500);
        for times in ["response", "lateness", "queue", "service"] {
            assert_eq!(result["latency"][times]["count"], 500, "{times}");
        }
        let stored = cluster.stored();
        assert_eq!((stored.messages(), stored.body_bytes()), (500, 50_000));
    }
}

#[test]
fn keyed_messages_have_one_of_their_key_in_flight() {
    // Answers take 20 ms: 8 keys let no more than 400 a second through, whatever the callers.
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            delay: std::time::Duration::from_millis(20),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    for mode in ["sync", "async"] {
        let arguments = [
            "-m",
            mode,
            "--sharding-keys",
            "8",
            "-d",
            "1s",
            "--warmup",
            "0s",
        ];
        let result = result_against(&cluster, &arguments);
        let acked = number(&result, "/accounts/acked");
        assert!((8..=8 * 51).contains(&acked), "{mode}: {acked}");
    }
}

#[test]
fn a_batch_may_be_given_in_bytes() {
    let cluster = cluster(ClusterSpec::default());
    // 22 of the record, 100 of body, 42 of id, 10 of WAIT: five of them in 900 bytes.
    let arguments = [
        "-m", "batch", "--batch", "900B", "--count", "500", "-s", "100",
    ];
    let result = result_against(&cluster, &arguments);
    all_acked(&result, 500);
    assert_eq!(result["run"]["batch"], 5);
}

#[test]
fn compressed_bodies_reach_the_broker_smaller() {
    let cluster = cluster(ClusterSpec::default());
    let arguments = [
        "--count",
        "200",
        "-s",
        "8KiB",
        "--random-bytes",
        "25%",
        "--compress",
        "lz4",
        "--keys",
        "k1 k2",
        "--properties",
        "a=1,b=2",
        "--tags",
        "T",
        "--delay-level",
        "2",
    ];
    let result = result_against(&cluster, &arguments);
    all_acked(&result, 200);
    let bytes = cluster.stored().body_bytes();
    let random = 200 * 2048;
    assert!((random..random * 5 / 4).contains(&bytes), "{bytes}");
}

#[test]
fn a_deadline_ends_sends_long_before_their_timeout() {
    for mode in ["sync", "async"] {
        let cluster = cluster(ClusterSpec {
            behaviour: Behaviour {
                drop_replies_every: Some(2),
                ..Behaviour::default()
            },
            ..ClusterSpec::default()
        });
        // Without the deadline the run would not end while the test waits.
        let result = result_against(
            &cluster,
            &[
                &["-m", mode, "-r", "500", "--count", "200", "-w", "200"][..],
                &["--timeout", "1h", "--drain", "1h", "--deadline", "500ms"],
                &["--max-error-rate", "100%", "--fault-avoidance", "off"],
            ]
            .concat(),
        );
        assert_eq!(number(&result, "/accounts/planned"), 200, "{mode}");
        let unknown = number(&result, "/accounts/unknown");
        assert!(unknown > 0, "{mode}");
        assert_eq!(number(&result, "/accounts/errors/timeout"), unknown);
    }
}

#[test]
fn a_deadline_counts_from_the_planned_time() {
    // The only caller waits for an answer that never comes, the others' deadlines pass meanwhile:
    // counted from the submission they would last longer than the test waits.
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            drop_replies_every: Some(1),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let result = result_against(
        &cluster,
        &[
            &["-m", "sync", "-w", "1", "-r", "100", "--count", "50"][..],
            &["--timeout", "1h", "--drain", "1h", "--deadline", "1s"],
            &["--max-error-rate", "100%", "--retries", "0"],
        ]
        .concat(),
    );
    let ended = number(&result, "/accounts/unknown") + number(&result, "/accounts/failed");
    assert_eq!((ended, number(&result, "/accounts/planned")), (50, 50));
}

/// A cluster that takes 20 messages a second, and a schedule with a hundred times as many.
fn overload(policy: &str) -> Value {
    let run = rmq_bench()
        .args(["-q", "--format", "json", "-r", "2000", "-d", "1s"])
        .args([
            "--warmup",
            "0s",
            "--brokers",
            "1",
            "--broker-capacity",
            "20",
        ])
        .args(["--in-flight", "10", "--drain", "30s", "--timeout", "30s"])
        .args(["--when-late", policy])
        .assert()
        .success();
    let result = json(&run.get_output().stdout);
    accounts_close(&result);
    result
}

#[test]
fn a_schedule_that_skips_what_is_late_leaves_it_unsent() {
    let result = overload("skip");
    assert_eq!(number(&result, "/accounts/planned"), 2000);
    let (acked, unsent) = (
        number(&result, "/accounts/acked"),
        number(&result, "/accounts/unsent"),
    );
    assert_eq!(acked + unsent, 2000);
    assert!(
        acked >= 10 && unsent > 1000,
        "{acked} acked, {unsent} unsent"
    );
    assert_eq!(result["run"]["stop_reason"], "duration");
    // What was sent had not waited: a schedule that catches up has its first messages wait longest.
    let skipping = number(&result, "/latency/lateness/p50_ns");
    let catching_up = number(&overload("catch-up"), "/latency/lateness/p50_ns");
    assert!(skipping < catching_up, "{skipping} ns, {catching_up} ns");
}

#[test]
fn a_schedule_that_may_not_be_late_aborts_the_run() {
    let run = rmq_bench()
        .args(["-q", "--format", "json", "-r", "2000", "-d", "15s"])
        .args([
            "--warmup",
            "0s",
            "--broker-capacity",
            "20",
            "--in-flight",
            "10",
        ])
        .args(["--when-late", "abort", "--drain", "1s"])
        .assert();
    let result = json(&run.get_output().stdout);
    assert_eq!(result["run"]["stop_reason"], "aborted");
    assert!(result["window"]["measured_s"].as_f64().unwrap() < 10.0);
    accounts_close(&result);
}

#[test]
fn a_count_has_its_last_message_s_time_too() {
    let result = result_of(&["-q", "-r", "20", "--count", "10", "--warmup", "0s"]);
    all_acked(&result, 10);
    let measured = result["window"]["measured_s"].as_f64().unwrap();
    assert!(
        measured >= 0.5,
        "ten intervals of 50 ms, not nine: {measured}"
    );
}

#[test]
fn a_count_of_random_arrivals_is_exact_behind_a_warmup() {
    for seed in ["1", "7"] {
        let arrivals = ["--arrivals", "poisson", "--seed", seed];
        let bounds = ["-r", "1k", "--count", "500", "--warmup", "500ms"];
        all_acked(&result_of(&[&["-q"], &arrivals[..], &bounds].concat()), 500);
    }
}

#[test]
fn slow_answers_do_not_lower_the_acknowledged_rate() {
    let result = result_of(&[
        "-q",
        "-r",
        "1k",
        "-d",
        "1s",
        "--warmup",
        "1s",
        "--broker-delay",
        "400ms",
    ]);
    all_acked(&result, 1000);
    let acked = result["rate"]["acked_per_s"].as_f64().unwrap();
    assert!(acked > 900.0, "as many came from the warm-up: {acked}");
}

#[test]
fn waiting_for_room_costs_no_cpu() {
    let result = result_of(&[
        "-q",
        "-r",
        "2k",
        "-m",
        "sync",
        "-w",
        "4",
        "-d",
        "1s",
        "--warmup",
        "0s",
        "--broker-delay",
        "200ms",
        "--drain",
        "0s",
        "--max-error-rate",
        "100%",
    ]);
    let cpu = result["generator"]["cpu_percent"].as_f64().unwrap();
    assert!(cpu < 50.0, "{cpu} % of a core while nothing could be sent");
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    assert!(
        reasons.iter().any(|reason| reason["code"] == "cap_reached"),
        "{reasons:?}"
    );
}

#[test]
fn a_long_tick_is_kept() {
    let result = result_of(&[
        "-q", "-r", "1k", "-d", "1s", "--warmup", "0s", "--tick", "100ms",
    ]);
    let lateness = number(&result, "/latency/lateness/p50_ns");
    assert!(
        lateness >= 30_000_000,
        "half a tick is 50 ms, not {lateness} ns"
    );
}

#[test]
fn avoided_time_is_the_window_s() {
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            drop_replies_every: Some(1),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let result = result_against(
        &cluster,
        &[
            &[
                "-r",
                "500",
                "-d",
                "1s",
                "--warmup",
                "2s",
                "--timeout",
                "100ms",
            ][..],
            &["--max-error-rate", "100%", "--drain", "1s"],
        ]
        .concat(),
    );
    // Since the first failure, in the warm-up, until after the run.
    for broker in [0, 1] {
        let avoided = number(&result, &format!("/brokers/{broker}/avoided_ms"));
        assert_eq!(avoided, 1000, "broker {broker}, window of 1 s");
    }
    assert_eq!(number(&result, "/avoidance/isolations"), 2);
    for event in [0, 1] {
        let figure = |name| number(&result, &format!("/avoidance/events/{event}/{name}"));
        assert_eq!((figure("at_ms"), figure("for_ms")), (0, 1000));
    }
    assert!(result.pointer("/avoidance/probes").is_none(), "no detector");
}

/// R131: a broker nobody answers at is avoided for as long as it is probed in vain.
#[test]
fn probes_and_the_time_they_cover_are_told() {
    let cluster = cluster(ClusterSpec::default());
    cluster.close_port(0).unwrap();
    let result = result_against(
        &cluster,
        &[
            &["-r", "500", "-d", "1s", "--warmup", "1s"][..],
            &["--fault-table", "1s:100ms", "--fault-detector", "on"],
            &["--detect-interval", "50ms", "--detect-timeout", "50ms"],
        ]
        .concat(),
    );
    assert_eq!(number(&result, "/brokers/0/avoided_ms"), 1000);
    assert_eq!(number(&result, "/brokers/1/avoided_ms"), 0);
    assert_eq!(number(&result, "/avoidance/isolations"), 1);
    assert_eq!(number(&result, "/avoidance/events/0/for_ms"), 1000);
    assert!(number(&result, "/avoidance/probes") > 0);
    assert_eq!(number(&result, "/avoidance/found_reachable"), 0);
}

/// What finds no room in the client's buffers waits its turn: it is no failure and is not lost.
#[test]
fn sends_beyond_the_buffers_wait_and_are_sent() {
    let result = result_of(&[
        "-q",
        "--mode",
        "async",
        "-r",
        "max",
        "-s",
        "256KiB",
        "--in-flight",
        "2000",
        "--brokers",
        "1",
        "--broker-stall",
        "300ms/600ms",
        "-d",
        "1200ms",
        "--timeout",
        "30s",
    ]);
    let begun = number(&result, "/accounts/planned");
    all_acked(&result, begun);
    assert!(begun > 2000, "{begun}");
    // 256 of them fill the 64 MiB of a connection; the others were held for most of the stall.
    let queue_max = number(&result, "/latency/queue/max_ns");
    assert!(queue_max > 100_000_000, "{queue_max}");
}
