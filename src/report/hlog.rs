//! The interval log of HdrHistogram, version 2: one line per second and kind of time, for Java's
//! `HistogramLogReader` and the tools made with it.
//!
//! The library's own writer makes header and lines. Tags are the names of the result's histograms, and
//! `service.NAME` for each broker; what a tag may not hold is written as %XX ([`encoded`]). Values are
//! nanoseconds, as in the result; those beyond the histograms' reach are in the last cell, and the comments say how
//! many they are. Of a kind of time that has none in a second there is no line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use crate::metrics::histogram::{HIGHEST_NS, LatencyHistogram};
use crate::metrics::{Recorder, units};

/// One second of the window or of its drain.
#[derive(Debug, Clone, Copy)]
pub struct Second<'a> {
    /// Its begin, since that of the window.
    pub from: Duration,
    /// Its length.
    pub length: Duration,
    /// What was measured in it.
    pub recorder: &'a Recorder,
    /// Names of the brokers, by index.
    pub brokers: &'a [String],
    /// Whether brokers answer in this mode.
    pub answered: bool,
}

/// What of a tag has been written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Written {
    count: u64,
    max_ns: u64,
    clamped: u64,
}

/// A log, begun with its first second.
#[derive(Debug, Default)]
pub struct IntervalLog {
    begun: bool,
    written: BTreeMap<String, Written>,
}

impl IntervalLog {
    /// Writes the header, unless it is there. `window` is the begin of the window by the wall clock.
    ///
    /// # Errors
    /// What the writer says.
    pub fn begin(&mut self, out: &mut impl Write, window: SystemTime, run: &str) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let highest = Duration::from_nanos(HIGHEST_NS).as_secs();
        let mut header = IntervalLogWriterBuilder::new();
        header
            .add_comment("[Histogram log format version 1.3]")
            .add_comment(&format!(" Written by rmq-bench {}: {run}", env!("CARGO_PKG_VERSION")))
            .add_comment(" Values and Interval_Max are nanoseconds; timestamps are seconds since the window began.")
            .add_comment(&format!(
                " Times above {highest} s stand as {highest} s in the last cell; the last comments count them."
            ))
            .add_comment(" The warm-up is left out, answers after the window are in: a tag's lines add up to the result's histogram.")
            .add_comment(" Tags: response = lateness + queue + service; service.BROKER with %XX for other bytes than A-Z a-z 0-9 . _ -")
            .with_start_time(window)
            .with_base_time(window);
        header.begin_log_with(out, &mut V2DeflateSerializer::new())?;
        Ok(())
    }

    /// Writes the lines of a second.
    ///
    /// # Errors
    /// What the writer says.
    pub fn second(&mut self, out: &mut impl Write, second: &Second<'_>) -> io::Result<()> {
        let mut serializer = V2DeflateSerializer::new();
        // Without header, comments and divisor it writes nothing by itself.
        let mut log = IntervalLogWriterBuilder::new().begin_log_with(out, &mut serializer)?;
        let recorder = second.recorder;
        let mut lines: Vec<(Cow<'_, str>, Cow<'_, LatencyHistogram>)> = vec![
            ("lateness".into(), Cow::Borrowed(recorder.lateness())),
            ("queue".into(), Cow::Borrowed(recorder.queue())),
        ];
        if second.answered {
            let response = recorder.response();
            let mut with_failures = response.clone();
            with_failures.add(recorder.failures());
            lines.push(("response".into(), Cow::Owned(response)));
            lines.push(("response_with_failures".into(), Cow::Owned(with_failures)));
            lines.push(("service".into(), Cow::Owned(recorder.service())));
            for (index, broker) in recorder.brokers().iter().enumerate() {
                let name = second.brokers.get(index).map_or("", String::as_str);
                let tag = match name {
                    "" => format!("service.{index}"),
                    name => format!("service.{}", encoded(name)),
                };
                lines.push((tag.into(), Cow::Borrowed(&broker.service)));
            }
        }
        for (tag, histogram) in lines {
            self.line(&mut log, &tag, &histogram, second)?;
        }
        Ok(())
    }

    fn line<W: Write>(
        &mut self,
        log: &mut IntervalLogWriter<'_, '_, W, V2DeflateSerializer>,
        tag: &str,
        histogram: &LatencyHistogram,
        second: &Second<'_>,
    ) -> io::Result<()> {
        let Some(max_ns) = histogram.max_ns() else {
            return Ok(());
        };
        let told = Tag::new(tag);
        log.write_histogram(&histogram.cells(), second.from, second.length, told)
            .map_err(|error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            })?;
        let written = self.written.entry(tag.to_owned()).or_default();
        written.count += histogram.count();
        written.max_ns = written.max_ns.max(max_ns);
        written.clamped += histogram.clamped();
        Ok(())
    }

    /// Writes what all lines of each tag come to, as comments.
    ///
    /// # Errors
    /// What the writer says.
    pub fn end(&self, out: &mut impl Write) -> io::Result<()> {
        for (tag, written) in &self.written {
            let (count, clamped) = (written.count, written.clamped);
            let max = units::duration(written.max_ns);
            writeln!(
                out,
                "# {tag}: {count} values, exact maximum {} ns ({max}), {clamped} of them clamped",
                written.max_ns
            )?;
        }
        Ok(())
    }
}

/// A broker's name as part of a tag: bytes of its UTF-8 other than `A-Z a-z 0-9 . _ -` are written as %XX, so that
/// no two names have the same tag.
#[must_use]
pub fn encoded(name: &str) -> String {
    let mut tag = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => tag.push(byte.into()),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(tag, "%{byte:02X}");
            }
        }
    }
    tag
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{Label, SendTimes, Totals};
    use crate::protocol::code::SendStatus;

    /// The lines of a tag, added up by the library's own reader.
    fn read(log: &[u8], tag: &str) -> Histogram<u64> {
        let mut sum = Histogram::new_with_bounds(1_000, HIGHEST_NS, 3).unwrap();
        for entry in IntervalLogIterator::new(log) {
            let LogEntry::Interval(line) = entry.unwrap() else {
                continue;
            };
            if line.tag().unwrap().as_str() == tag {
                let bytes = BASE64.decode(line.encoded_histogram()).unwrap();
                let own: Histogram<u64> = Deserializer::new().deserialize(&mut &*bytes).unwrap();
                sum.add(own).unwrap();
            }
        }
        sum
    }

    fn second(recorder: &Recorder, brokers: &[String], at: u64, log: &mut IntervalLog) -> Vec<u8> {
        let mut out = Vec::new();
        let window = SystemTime::UNIX_EPOCH + Duration::from_millis(1_769_846_400_250);
        log.begin(&mut out, window, "a test").unwrap();
        let second = Second {
            from: Duration::from_secs(at),
            length: Duration::from_secs(1),
            recorder,
            brokers,
            answered: true,
        };
        log.second(&mut out, &second).unwrap();
        out
    }

    fn acked(recorder: &mut Recorder, broker: usize, late_ns: u64, service_ns: u64) {
        let times = SendTimes {
            intended_ns: 0,
            submitted_ns: late_ns,
            written_ns: late_ns,
            received_ns: late_ns + service_ns,
        };
        recorder.planned(1);
        recorder.submitted(0, late_ns);
        recorder.attempt(broker, 0);
        recorder.acked(broker, SendStatus::SendOk, &times, 1);
    }

    #[test]
    fn the_header_dates_the_window_and_the_comments_count_what_was_clamped() {
        let mut recorder = Recorder::new(1);
        acked(&mut recorder, 0, 5_000, 2 * HIGHEST_NS);
        let mut log = IntervalLog::default();
        let mut out = second(&recorder, &["a,b c".to_owned()], 3, &mut log);
        log.end(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            "#[StartTime: 1769846400.250 (seconds since epoch)]\n",
            "#[BaseTime: 1769846400.250 (seconds since epoch)]\n",
            "\nTag=lateness,3.000,1.000,",
            "\nTag=service.a%2Cb%20c,3.000,1.000,",
            "# service: 1 values, exact maximum 240000000000 ns (240 s), 1 of them clamped\n",
            "# lateness: 1 values, exact maximum 5000 ns (5.00 µs), 0 of them clamped\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(read(text.as_bytes(), "service.a%2Cb%20c").len(), 1);
    }

    proptest! {
        #[test]
        fn the_lines_of_a_tag_add_up(
            sends in prop::collection::vec((0usize..3, 0u64..1_000_000, 0u64..200_000_000_000, any::<bool>()), 1..200),
            cut in 0usize..200,
        ) {
            let names = ["broker-a", "b,1", "é"].map(str::to_owned);
            let (mut log, mut out, mut totals) = (IntervalLog::default(), Vec::new(), Totals::new(3));
            let (left, right) = sends.split_at(cut.min(sends.len()));
            for (at, part) in [(0, left), (1, right)] {
                let mut recorder = Recorder::new(3);
                for (broker, late, service, fails) in part {
                    acked(&mut recorder, *broker, *late, *service);
                    if *fails {
                        recorder.failed(Label::new("timeout"), Some(*service), 1);
                    }
                }
                out.extend(second(&recorder, &names, at, &mut log));
                totals.merge(&recorder);
            }
            let mut with_failures = totals.response();
            with_failures.add(totals.failures());
            let own = [
                ("lateness", totals.lateness()),
                ("queue", totals.queue()),
                ("response", &totals.response()),
                ("service", &totals.service()),
                ("response_with_failures", &with_failures),
                ("service.broker-a", &totals.brokers()[0].service),
                ("service.b%2C1", &totals.brokers()[1].service),
                ("service.%C3%A9", &totals.brokers()[2].service),
            ];
            for (tag, histogram) in own {
                prop_assert_eq!(&read(&out, tag), &*histogram.cells(), "{}", tag);
            }
        }

        #[test]
        fn a_name_is_one_tag_and_its_own(name in ".{0,20}", other in ".{0,20}") {
            prop_assert!(Tag::new(&encoded(&name)).is_some());
            prop_assert_eq!(encoded(&name) == encoded(&other), name == other);
        }
    }
}
