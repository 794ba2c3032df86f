//! What stands under the options in the help.

use super::exit::Exit;

/// Under `-h`.
pub const SHORT: &str = "\
Every option is also a variable RMQ_BENCH_<OPTION> and a key of a profile.
--help has details, examples and exit codes.";

const EXAMPLES: &str = "\
Examples:
  rmq-bench
      as fast as answers allow, against an embedded cluster
  rmq-bench -n 127.0.0.1:9876 -r 50k -d 30s -s 1KiB
      50,000 messages of 1 KiB per second for 30 s, latencies from the planned times
  rmq-bench -n HOST:9876 -m sync -w 32 --count 1M -o result.json
      a million sync sends by 32 callers; the result as text here and as JSON in a file
  rmq-bench -n HOST:9876 -r 20k -d 60s -o run.json -o run.html
      the result for scripts, and a page with charts in one file
  rmq-bench -n HOST:9876 -m batch --batch 64KiB -r 100k -s 512
      100,000 messages per second, as many to a request as make 64 KiB
  rmq-bench -n HOST:9876 -r 20k -s 8KiB --random-bytes 25% --compress zstd --keys order-1
      compressed bodies of which a quarter is random, with a key
  rmq-bench -n HOST:9876 -r 20k -s lognormal:p50=1KiB,p99=16KiB --key-count 10k --key-choice zipf:1.1
      bodies of many sizes, and keys of which few are frequent; --dry-run says what that comes to
  rmq-bench -r 20k --fail-if 'p99>20ms' --fail-if 'error_rate>0.1%' --strict
      a gate for CI: exit code 10 when a figure misses, 12 when the generator was too slow to say
  rmq-bench -r 20k --brokers 3 --broker-stall 200ms/2s --fault-avoidance off
      what stalls of the brokers do to the response time
  rmq-bench run steady --set rate=30k
      a built-in profile (smoke, steady, saturate) or a file, with one value changed
  rmq-bench -r 50k --print-config > my.toml && rmq-bench run my.toml
  rmq-bench -n HOST:9876 -r 20k --bundle first && rmq-bench rerun first --bundle second
      a folder to believe, share and repeat a run by, and that run again";

const CONFIGURATION: &str = "\
Configuration:
  Every option is also a variable RMQ_BENCH_<OPTION> (RMQ_BENCH_IN_FLIGHT=64) and a key of a profile
  (in-flight = 64). The command line wins over the environment, that over the profile, that over
  the default; --print-config shows the outcome and where each value came from.
  Durations carry units (10s, 250us). 1k is 1000, 1KiB is 1024.
  stdout carries the result; progress, notes and logs (RUST_LOG) go to stderr.";

/// Under `doctor --help`.
pub const DOCTOR: &str = "\
Examples:
  rmq-bench doctor
      this machine: noise, timers, limits, and how fast the generator is here
  rmq-bench doctor -n HOST:9876 -s 128 --format json
      the same with small bodies, and whether this cluster answers; no message is sent to it

The rate in the last sentence is, of half, a quarter, an eighth, … of what the generator got through
against an embedded cluster on this machine, the first that it then held with the verdict VALID.";

/// Under `capacity --help`.
pub const CAPACITY: &str = "\
Examples:
  rmq-bench capacity -n HOST:9876 --max 100k --dry-run
      what it would send at most, and nothing is sent
  rmq-bench capacity -n HOST:9876 --max 100k --yes --own-topic -o capacity.html
      the highest rate whose 99th percentile stays below 10 ms and whose losses
      below 0.1 %; some 40 to 80 windows, 7 to 15 minutes, and two for the curve
  rmq-bench capacity -n HOST:9876 --min 5k --max 100k --yes --step-time 30s \\
      --time-budget 1h --resume steps.ndjson
      longer windows; after Ctrl-C the same command goes on where it was
  rmq-bench capacity -n HOST:9876 -m sync -w 256 -s 4KiB --max 50k --yes \\
      --objective 'p999<50ms' --objective 'error_rate<0.01%'
      all modes but oneway; every objective has to hold
  rmq-bench capacity -n HOST:9876 --max 100k --yes --demand 30k \\
      --growth 3%/month --price broker=0.40EUR/hour -o capacity.md
      what the answer means: the share that 30,000/s take, when they reach it,
      what one broker less would leave (a model), what a million messages cost
  rmq-bench capacity --broker-capacity 1k --max 8k --objective 'p99<50ms' \\
      --precision 20% --curve off
      an embedded cluster, to see what a search is like; some four minutes

The answer is a pair: a rate that passed in every confirming window, and one that
failed in two of three. A window that the generator or its machine spoiled says
nothing and is repeated; when that does not help, the generator is the limit, and
no capacity is told.

Exit codes: 0 found, or at least --max; 10 below --min; 11 inconclusive: the
generator ended first, the capacity moved, the time was over, --max-bytes or
--max-disk stopped it, or the search with one broker less has no answer;
130 interrupted.";

/// Under `compare --help`.
pub const COMPARE: &str = "\
Examples:
  rmq-bench -n HOST:9876 -r 20k --runs 8 -o before.json
  rmq-bench -n HOST:9876 -r 20k --runs 8 -o after.json
  rmq-bench compare before.json after.json
      eight runs before and after a change; better to let them take turns, one by one:
  rmq-bench compare --baseline before/*.json --candidate after/*.json --format md
      a table for a ticket; folders will do as well, of results or bundles: compare before after
  rmq-bench compare before.json after.json --figures p99,acked_per_s --min-effect 3%
      two figures alone, each of which then takes fewer runs

The run is the unit: how many messages a run has says nothing about how much runs differ. Four runs
against four are the fewest that can be told apart from chance.

Exit codes: 0 better or the same, 10 worse, 11 inconclusive, 2 results that are not to be compared
(--anyway compares them and says so), 1 results that cannot be read.";

/// Under `rerun -h`.
pub const RERUN_SHORT: &str = "\
Options change single settings of the first run; what is left out is as it was there, whatever the
default and the environment say. --help has details, examples and exit codes.";

/// Under `rerun --help`.
pub const RERUN: &str = "\
Examples:
  rmq-bench -n HOST:9876 -r 20k --bundle first
  rmq-bench rerun first --bundle second
      the same run again, and its own bundle; then: rmq-bench compare first second
  rmq-bench rerun first -n OTHER:9876 -o other.json
      the same messages at the same planned times, to another cluster
  rmq-bench rerun result.json --duration 60s
      from a JSON result alone, longer

Settings are those of the first run, seed included, whatever the environment says; options change single
ones. Not repeated is what was of the first occasion alone: --start-at, --output, --format, --intervals,
--hlog, --audit, --bundle, --quiet, --no-color, --no-progress. What differs from the first run is told on
stderr: version, machine, settings, and after the run the brokers.

A bundle's files are checked against its SHA256SUMS first. It has no secrets: accounts and keys are read
again from the files and variables the first run had them from, or from those that options name.

Exit codes as those of the run; 2: this is no bundle or result, or its files were changed.";

/// Under `merge --help`.
pub const MERGE: &str = "\
Example, on two hosts with clocks in step:
  rmq-bench -n HOST:9876 -r 200k -d 60s --start-at 2026-01-31T08:00:00Z --shard 1/2 -o 1.json
  rmq-bench -n HOST:9876 -r 200k -d 60s --start-at 2026-01-31T08:00:00Z --shard 2/2 -o 2.json
  rmq-bench merge 1.json 2.json -o run.json

Histograms are added, never averaged; accounts are summed; rates are the summed counts over the common
window. The verdict is the worst of the parts, its reasons name the shards; thresholds (--fail-if) of
the run are judged on the whole. In any order and grouping the result is the same.

Refused: other settings (but those of a process: --shards, --client-ip, --credentials, files, …) or
another build, schedules begun more than 100 ms apart by their hosts' clocks, a shard or run given
twice, missing shards without --partial, embedded clusters, results of another schema version, results
whose sums do not close.

Exit codes as those of the run, judged on the whole: 4, 10 and 12; 2: these cannot be merged.";

/// Under `report --help`.
pub const REPORT: &str = "\
Examples:
  rmq-bench -n HOST:9876 -r 20k -d 60s -o run.json
  rmq-bench report run.json -o run.html
      one file with charts, for a browser or an attachment; it loads nothing from anywhere
  rmq-bench report run.json
      the text report again
  rmq-bench report run.json -o run.html -o run.md -o run.csv
      several forms at once, by extension: .html, .md, .csv, .txt, .json

A result of --runs N has a page too: the percentiles of its runs over one another, and their table.
Results of older versions, and merged ones, have no time series; their pages say so.

Exit codes: 0 rendered, 1 a file cannot be read or written, 2 wrong usage. What the run itself came to
is in its result and changes nothing here.";

/// Under `admin --help`.
pub const ADMIN: &str = "\
Examples:
  rmq-bench admin create-topic -n HOST:9876 -t orders --queues 8
      the topic on every broker of the cluster, or the one that is there with 8 queues
  rmq-bench admin brokers -n HOST:9876
      how full the brokers' disks are, what waits to be stored, how much they store
  rmq-bench admin delete-topic -n HOST:9876 -t orders --yes
      the topic and its messages are gone; without --yes it is said what that would be
  rmq-bench admin offsets -n HOST:9876 -t orders --at 2026-01-31T08:00:00Z
      how many messages each queue has, and the offset of the first one since then
  rmq-bench admin view -n HOST:9876 -t orders 7F0000010539B4AAC205265C000007
      one message, by either kind of id
  rmq-bench admin query -n HOST:9876 -t orders order-17 --format json
      all messages with this key

Exit code 1: nothing was found, or a broker refused; 3: no connection, no route, no permission.";

/// Under `--help`.
#[must_use]
pub fn long() -> String {
    format!("{EXAMPLES}\n\n{CONFIGURATION}\n\n{}", exit_codes())
}

/// The table of exit codes.
#[must_use]
pub fn exit_codes() -> String {
    let lines: Vec<String> = Exit::ALL
        .iter()
        .map(|exit| format!("  {:>3}  {}", exit.code(), exit.meaning()))
        .collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}
