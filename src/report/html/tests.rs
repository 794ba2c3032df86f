use crate::metrics::TimeSeries;
use crate::report::capacity::words::sample as capacity;
use crate::report::runs::{RunsFacts, build_runs};
use crate::report::sample;
use crate::report::text;
use crate::verdict::{Reason, ReasonCode, Status, Verdict};

use super::*;

fn page(result: &RunResult) -> String {
    let mut out = Vec::new();
    write(&mut out, result).unwrap();
    String::from_utf8(out).unwrap()
}

fn runs_page(runs: Vec<RunResult>) -> String {
    let result = build_runs(RunsFacts {
        asked: runs.len() as u64,
        seed: 1,
        stopped: None,
        runs,
    });
    let mut out = Vec::new();
    write_runs(&mut out, &result).unwrap();
    String::from_utf8(out).unwrap()
}

/// The names of the series drawn, chart by chart.
fn series(page: &str, chart: &str) -> Vec<String> {
    let chart = page
        .split(&format!("<figure class=\"chart\" id=\"{chart}\""))
        .nth(1);
    let chart = chart.map_or("", |rest| rest.split("</figure>").next().unwrap());
    let names = chart.split("data-name=\"").skip(1);
    names
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// The text of a page without its markup.
fn words(page: &str) -> String {
    let body = page.split("<body>").nth(1).unwrap();
    let mut text = String::new();
    for part in body.split('<') {
        text += part.split_once('>').map_or(part, |(_, text)| text);
        text.push(' ');
    }
    text.replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
}

#[test]
fn target_title_verdict_and_answer_come_first() {
    let result = sample::open();
    let page = page(&result);
    let words = words(&page);
    let places = [
        "Target: cluster at 10.0.0.1:9876;10.0.0.2:9876 (2 brokers)",
        "async to BenchmarkTest, 10,000/s",
        "DEGRADED",
        "unknown_results",
        &text::answer(&result),
        "Latency by percentile",
        "Sends per second",
        "Accounts",
        "Settings",
    ]
    .map(|part| {
        words
            .find(part)
            .unwrap_or_else(|| panic!("{part}: {words}"))
    });
    let mut sorted = places;
    sorted.sort_unstable();
    // The list of the page's parts names some of them before.
    assert_eq!(places[..5], sorted[..5], "{places:?}");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
}

#[test]
fn an_embedded_target_is_said_plainly() {
    let words = words(&page(&sample::closed()));
    assert!(
        words.contains(
            "EMBEDDED cluster in this process (2 brokers on loopback) — not Apache RocketMQ"
        ),
        "{words}"
    );
}

#[test]
fn every_chart_has_its_series() {
    let page = page(&sample::open());
    for (chart, names) in [
        (
            "latency",
            vec![
                "response (from planned time)",
                "lateness",
                "service (from actual send)",
                "with failures",
            ],
        ),
        (
            "rates",
            vec!["planned", "sent", "acked", "failed or unknown"],
        ),
        ("times", vec!["p50", "p99", "max"]),
        ("in-flight", vec!["in flight"]),
        ("brokers-acked", vec!["broker-a", "broker-b"]),
        ("brokers-failed", vec!["broker-a", "broker-b"]),
        ("brokers-times", vec!["broker-a", "broker-b"]),
        ("retries", vec!["retries", "late replies"]),
        ("isolations", vec!["broker-a"]),
    ] {
        assert_eq!(series(&page, chart), names, "{chart}");
    }
    assert!(page.contains("class=\"band warmup\"") && page.contains("class=\"band isolation\""));
}

#[test]
fn the_short_end_of_a_run_is_no_spike() {
    let page = page(&sample::open());
    assert!(
        page.contains("One interval shorter than 0.500 s is left out of the lines of rates"),
        "{page}"
    );
    // Four points, of which the last is in the table and not in the line.
    let rates = page.split("id=\"rates\"").nth(1).unwrap();
    let points = rates.split("data-points=\"").nth(1).unwrap();
    assert!(points.starts_with("3\""), "{}", &points[..10]);
}

#[test]
fn a_run_shorter_than_a_second_is_drawn() {
    let mut result = sample::open();
    let series = result.time_series.as_mut().unwrap();
    series.points.drain(..2);
    (series.points[0].at_s, series.points[0].length_s) = (0.3, 0.3);
    let page = page(&result);
    let rates = page.split("id=\"rates\"").nth(1).unwrap();
    assert!(rates.contains("data-name=\"acked\" data-points=\"1\""));
    assert!(page.contains("One interval shorter than 0.150 s is left out"));
}

#[test]
fn a_closed_loop_plans_nothing_and_a_oneway_run_has_no_answers() {
    let with_series = |mut result: RunResult| {
        result.time_series = sample::open().time_series;
        page(&result)
    };
    let closed = with_series(sample::closed());
    assert_eq!(series(&closed, "rates")[0], "sent");
    assert_eq!(
        series(&closed, "latency"),
        ["response (from its begin)", "service (from actual send)"]
    );
    let mut result = sample::oneway();
    let mut points = sample::open().time_series.unwrap();
    for point in &mut points.points {
        point.response = None;
        point
            .brokers
            .iter_mut()
            .for_each(|broker| broker.response = None);
    }
    result.time_series = Some(points);
    let oneway = page(&result);
    assert_eq!(series(&oneway, "latency"), ["lateness", "queue"]);
    assert!(oneway.contains("Lateness: p50, p99 and max"));
    assert_eq!(series(&oneway, "brokers-times"), [""; 0]);
}

#[test]
fn what_is_missing_is_said_in_words() {
    let without = page(&sample::closed());
    assert!(
        without.contains("This result has no seconds to draw"),
        "{without}"
    );
    let nothing = page(&sample::nothing());
    assert!(nothing.contains("Nothing was timed"), "{nothing}");
    for text in [without, nothing] {
        for word in ["NaN", "inf\"", ">inf", "null"] {
            assert!(!words(&text).contains(word), "{word}: {text}");
        }
    }
    let mut coarse = sample::open();
    coarse.time_series.as_mut().unwrap().step_s = 4;
    assert!(page(&coarse).contains("a point spans up to 4 s"));
    coarse.time_series = Some(TimeSeries::default());
    assert!(page(&coarse).contains("no seconds to draw"));
}

#[test]
fn names_of_others_stay_text() {
    const HOSTILE: &str = "</script></style></title></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload=\"x";
    let mut result = sample::open();
    let hostile = || HOSTILE.to_owned();
    result.run.topic = hostile();
    result.run.id = hostile();
    result.run.target.namesrv = vec![hostile()];
    result.tool.version = hostile();
    result.tool.git = Some(hostile());
    result.host.kernel = Some(hostile());
    result.config.insert(hostile(), HOSTILE.into());
    result.config_source.insert(hostile(), hostile());
    result.accounts.errors.insert(hostile(), 3);
    result.retries.by_reason.insert(hostile(), 3);
    for broker in &mut result.brokers {
        (broker.name, broker.address) = (hostile(), hostile());
        broker.errors.insert(hostile(), 1);
    }
    result.avoidance.as_mut().unwrap().events[0].broker = hostile();
    for point in &mut result.time_series.as_mut().unwrap().points {
        point
            .brokers
            .iter_mut()
            .for_each(|broker| broker.name = hostile());
    }
    result.verdict = Verdict::of(vec![Reason {
        code: ReasonCode::Interrupted,
        status: Status::Degraded,
        detail: hostile(),
        value: None,
        limit: None,
    }]);
    for page in [page(&result), runs_page(vec![result.clone(), result])] {
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(!page.contains("<img"), "{page}");
        // Quotes are escaped too: none of it becomes an attribute.
        assert!(!page.contains("\" onload=\"") && !page.contains("' onload=\""));
        assert!(words(&page).contains(HOSTILE), "it is shown");
    }
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    for page in [page(&sample::open()), runs_page(vec![sample::closed()])] {
        assert!(
            page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ")
        );
        assert!(!page.contains("unsafe"));
        for word in [
            "http://", "https://", "src=", "@import", "url(\"", "href=\"/", "style=",
        ] {
            assert!(!page.contains(word), "{word}");
        }
    }
}

#[test]
fn no_result_makes_it_panic() {
    let mut result = sample::open();
    for point in &mut result.time_series.as_mut().unwrap().points {
        (point.at_s, point.length_s) = (f64::MAX, f64::MIN);
        (point.failed, point.unknown, point.in_flight) = (u64::MAX, u64::MAX, u64::MAX);
        point.response.as_mut().unwrap().max_ns = u64::MAX;
    }
    result.window.measured_s = f64::MIN;
    let event = &mut result.avoidance.as_mut().unwrap().events[0];
    (event.at_ms, event.for_ms, event.observed_us) = (u64::MAX, u64::MAX, u64::MAX);
    let wild = page(&result);
    assert!(!wild.contains("NaN") && !wild.contains("inf "), "{wild}");
    result.brokers.clear();
    result.time_series.as_mut().unwrap().points.truncate(1);
    page(&result);
    page(&sample::nothing());
    runs_page(Vec::new());
    runs_page(vec![sample::nothing()]);
}

#[test]
fn many_brokers_are_not_drawn_all() {
    let mut result = sample::open();
    let broker = result.brokers[0].clone();
    for index in 0..20 {
        let mut broker = broker.clone();
        broker.name = format!("more-{index}");
        broker.attempts = 20_000 + index;
        result.brokers.push(broker);
    }
    let page = page(&result);
    let drawn = series(&page, "brokers-acked");
    assert_eq!((drawn.len(), drawn[0].as_str()), (8, "more-19"));
    assert!(page.contains("The 8 of 22 brokers with the most attempts."));
}

#[test]
fn several_runs_lie_over_one_another() {
    let page = runs_page(vec![sample::open(), sample::open(), sample::closed()]);
    assert_eq!(series(&page, "latency"), ["run 1", "run 2", "run 3"]);
    let words = words(&page);
    for part in [
        "the worst of the runs (1 VALID, 2 DEGRADED)",
        "response p99",
        "run 2, unknown_results",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn consequences_of_a_capacity_stand_before_its_curve() {
    let mut out = Vec::new();
    write_capacity(&mut out, &capacity::with_consequences()).unwrap();
    let page = String::from_utf8(out).unwrap();
    let (before, _) = page.split_once("<section id=\"curve\">").unwrap();
    let (_, section) = before.split_once("<section id=\"consequences\">").unwrap();
    for part in [
        "counted with 31,200/s",
        "1 (a model, not measured)",
        "80.1 %",
        "at the demand, 25,000/s",
        "is not counted",
    ] {
        assert!(section.contains(part), "{part}: {section}");
    }
}
