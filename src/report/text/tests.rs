use crate::report::sample;
use crate::verdict::{Reason, ReasonCode, Status, Verdict};

use super::*;

fn written(result: &RunResult, style: Style) -> String {
    let mut out = Vec::new();
    write(&mut out, result, style, None).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(result: &RunResult) -> Vec<String> {
    written(result, Style::Plain)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Words of the line that begins so.
fn words(lines: &[String], beginning: &str) -> Vec<String> {
    let line = lines
        .iter()
        .find(|line| line.starts_with(beginning))
        .unwrap();
    line.split("  ")
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn target_verdict_and_answer_come_first() {
    let lines = plain(&sample::open());
    assert_eq!(
        lines[0],
        "Target: cluster at 10.0.0.1:9876;10.0.0.2:9876 (2 brokers)"
    );
    assert_eq!(lines[1], "Verdict: DEGRADED");
    assert!(
        lines[2].starts_with("  unknown_results: 1 send ended without an answer"),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[3],
        "Planned 10,000/s, acknowledged 9,993/s over 2.00 s; response p50 2.25 ms, p99 3.23 ms, max 3.28 ms."
    );
    assert_eq!(
        lines[6],
        "Accounts: 20,000 planned = 19,986 acked + 8 failed + 1 unknown + 5 unsent"
    );
}

#[test]
fn an_embedded_target_is_said_first_and_plainly() {
    for result in [sample::closed(), sample::oneway()] {
        let first = "Target: EMBEDDED cluster in this process (2 brokers on loopback) — not Apache RocketMQ";
        assert_eq!(plain(&result)[0], first);
    }
}

#[test]
fn the_times_stand_in_one_table() {
    let lines = plain(&sample::open());
    assert_eq!(
        words(&lines, "      "),
        ["p50", "p90", "p99", "p99.9", "max", "count"]
    );
    let response = words(&lines, "response (from planned time)");
    assert_eq!(
        response[1..],
        [
            "2.25 ms", "3.05 ms", "3.23 ms", "3.27 ms", "3.28 ms", "19,986"
        ]
    );
    assert_eq!(words(&lines, "lateness").last().unwrap(), "19,995");
    assert_eq!(words(&lines, "queue")[1], "20.0 µs");
    assert_eq!(words(&lines, "service (from actual send)")[1], "2.00 ms");
    assert_eq!(words(&lines, "with failures")[5..], ["3.00 s", "19,995"]);
}

#[test]
fn what_brokers_retries_and_avoidance_did_is_shown() {
    let lines = plain(&sample::open());
    let broker = words(&lines, "broker-a");
    assert_eq!(
        broker[..7],
        [
            "broker-a", "10,008", "50.0 %", "9,993", "15", "10", "2.00 s"
        ]
    );
    assert_eq!(words(&lines, "broker-b")[6], "-");
    let text = lines.join("\n");
    for line in [
        "Statuses: FLUSH_DISK_TIMEOUT 10, SEND_OK 19,976",
        "Retries: 20 of 20,015 attempts (0.10 %), for 20 sends of which 12 recovered (later by 20.0 µs on average, \
         20.0 µs at most); because of timeout 20",
        "Errors: rejected_13 8, timeout 1",
        "Avoidance: 1 isolation, 3 probes of which 1 found a broker reachable again\n  at 1.20 s broker-a for 2.00 s (latency 600 ms)",
        "Generator: 1 shard, 2 connections, 10.0 µs CPU per message, 10.0 % of a core busy, \
         0.100 writes and 0.150 reads per message, answers timed when the kernel received them, RSS 12.3 MiB",
    ] {
        assert!(text.contains(line), "{line}\n---\n{text}");
    }
}

#[test]
fn what_did_not_happen_takes_no_line() {
    let text = written(&sample::closed(), Style::Plain);
    for word in [
        "Statuses",
        "Retries",
        "Errors",
        "Avoidance",
        "Late replies",
        "with failures",
        "avoided",
    ] {
        assert!(!text.contains(word), "{word}\n{text}");
    }
}

#[test]
fn a_closed_loop_is_called_one() {
    let lines = plain(&sample::closed());
    assert_eq!(
        lines[2],
        "Closed loop, 64 callers; times count from the begin of each send: acknowledged 2,000/s over 2.00 s; \
         response p50 2.02 ms, p99 3.00 ms, max 3.02 ms."
    );
    assert_eq!(words(&lines, "response (from its begin)")[4], "n/a");
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("lateness") || line.contains("planned"))
    );
}

#[test]
fn a_oneway_run_says_what_acked_means_and_times_no_answers() {
    let lines = plain(&sample::oneway());
    assert!(
        lines[2].contains("accepted by the socket 10,000/s"),
        "{}",
        lines[2]
    );
    assert!(
        lines[2].contains("\"acked\" means accepted by the socket"),
        "{}",
        lines[2]
    );
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("response") || line.starts_with("service"))
    );
    assert_eq!(words(&lines, "queue")[1], "20.0 µs");
}

#[test]
fn a_run_of_nothing_shows_no_made_up_number() {
    let text = written(&sample::nothing(), Style::Plain);
    assert!(
        text.contains("Verdict: INVALID\n  too_few_samples: "),
        "{text}"
    );
    assert!(
        text.contains("response p50 n/a, p99 n/a, max n/a."),
        "{text}"
    );
    for result in [
        sample::open(),
        sample::closed(),
        sample::oneway(),
        sample::nothing(),
    ] {
        let text = written(&result, Style::Plain);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn colours_only_come_when_asked_for() {
    let mut result = sample::closed();
    assert!(!written(&result, Style::Plain).contains('\x1b'));
    let green = written(&result, Style::Colour);
    assert!(green.contains("\x1b[1m\x1b[32mVALID\x1b[0m"), "{green:?}");
    let detail = "cut short".to_owned();
    let (code, status) = (ReasonCode::Interrupted, Status::Invalid);
    result.verdict = Verdict::of(vec![Reason {
        code,
        status,
        detail,
        value: None,
        limit: None,
    }]);
    assert!(written(&result, Style::Colour).contains("\x1b[1m\x1b[31mINVALID\x1b[0m"));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut embedded = sample::oneway();
    embedded.verdict = sample::open().verdict;
    let results = [
        sample::open(),
        sample::closed(),
        sample::nothing(),
        embedded,
    ];
    for (result, width) in results
        .iter()
        .flat_map(|result| (60..130).map(move |width| (result, width)))
    {
        for style in [Style::Plain, Style::Colour] {
            let mut out = Vec::new();
            write(&mut out, result, style, Some(width)).unwrap();
            let text = String::from_utf8(out).unwrap();
            for line in text.lines() {
                assert!(display_width(line) <= width, "{width}: {line}\n{text}");
            }
            // Wrapped at spaces only: the words are those of the full report, in their order.
            let words = |text: &str| -> Vec<String> {
                text.split_whitespace().map(str::to_owned).collect()
            };
            let full = written(result, style);
            let sentences = |text: &str| words(text.split("\n\n").next().unwrap());
            assert_eq!(sentences(&text), sentences(&full));
            if width >= 110 {
                assert!(!text.contains("For want of width"), "{text}");
            }
        }
    }
}

#[test]
fn a_narrow_terminal_does_without_the_least_needed_columns() {
    let mut out = Vec::new();
    write(&mut out, &sample::open(), Style::Plain, Some(80)).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(
        words(&lines, "      "),
        ["p50", "p90", "p99", "p99.9", "max"]
    );
    assert!(
        text.contains("\nFor want of width without count, share, "),
        "{text}"
    );
}
