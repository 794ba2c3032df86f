"""The clients that scripts/peers compares: how each is called, and what one slice of it took.

CPU is read the same way for all: the clock of the client's process (user and system time of all its threads,
ended ones too), from outside, between begin and end of the window that the client names. Peak memory is VmHWM.
"""

import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from measure import BINARY, ROOT

SIZE = 1024
CALLERS = 64
WARMUP_S = {"rmq-bench": 3, "raw": 2, "java": 8, "go": 3, "rust": 3}
PEERS = {"java": ["scripts/lib/java-run", "{version}", "Peer", "--header", "rocketmq"],
         "go": ["target/go-peer"],
         "rust": ["env", "ROCKETMQ_SERIALIZE_TYPE=ROCKETMQ", "RUST_LOG=error", "target/rust-peer/release/rust-peer"]}


@dataclasses.dataclass(frozen=True)
class Client:
    name: str  # rmq-bench, raw, java, go, rust
    mode: str  # async, sync, oneway
    rate: int = 0

    def __str__(self):
        at = f" {self.rate // 1000}k/s" if self.rate else ""
        return f"{self.name} {self.mode}{at}"

    def command(self, namesrv, window, seconds, version, intervals):
        warmup = WARMUP_S[self.name]
        if self.name == "raw":
            return ["target/release/examples/limits", "raw-all-brokers", "--namesrv", namesrv, "--in-flight", window, "--size", SIZE,
                    "--warmup-ms", warmup * 1000, "--slice-ms", seconds * 1000]
        common = ["--namesrv", namesrv, "--topic", "BenchmarkTest", "--size", SIZE, "--mode", self.mode,
                  "--warmup", f"{warmup}s", "--duration", f"{seconds}s"]
        if self.name == "rmq-bench":
            room = ["--callers", CALLERS] if self.mode == "sync" else ["--in-flight", window]
            return [BINARY, *common, *room, "--rate", self.rate or "max", "--max-error-rate", "100%", "--format", "json", "--quiet",
                    "--intervals", intervals]
        program = [word.format(version=version) for word in PEERS[self.name]]
        return [*program, *common, "--permits", window, "--threads", CALLERS, "--rate", self.rate]


def build(names):
    """Builds what is needed; returns why a peer can't be measured, by name."""
    missing = {}
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--bin", "rmq-bench", "--example", "limits"], cwd=ROOT, check=True)
    steps = {"go": (["go", "build", "-trimpath", "-o", "../../target/go-peer", "."], "scripts/go"),
             "rust": (["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", "../../target/rust-peer"], "scripts/rust-peer")}
    for name, (command, folder) in steps.items():
        if name in names:
            try:
                done = subprocess.run(command, cwd=ROOT / folder, stderr=subprocess.PIPE, text=True)
                reason = None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1]
            except OSError as error:
                reason = str(error)
            if reason:
                missing[name] = f"not built: {reason}"
    return missing


def cpu_clock(pid):
    """Nanoseconds of CPU of another process: Linux names its clock by its id."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class Samples:
    """CPU clocks of processes over time; the clocks of one moment are read together."""

    def __init__(self, *pids):
        self.pids, self.rows = pids, []

    def take(self):
        try:
            self.rows.append((time.time(), *(cpu_clock(pid) for pid in self.pids)))
        except OSError:
            pass  # it has just ended

    def at(self, moment, column):
        """Between the two samples around it."""
        before = max((row for row in self.rows if row[0] <= moment), default=self.rows[0])
        after = min((row for row in self.rows if row[0] >= moment), default=self.rows[-1])
        share = (moment - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 0
        return before[column] + share * (after[column] - before[column])

    def seconds(self, begin, end, column):
        return (self.at(end, column) - self.at(begin, column)) / 1e9


def peak_rss(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def run_slice(client, namesrv, window, seconds, version, cpu=None, sink=None):
    """One slice in a fresh process. `counted` is put in later, by who asks the cluster."""
    with tempfile.TemporaryDirectory() as folder:
        intervals, out, err = (pathlib.Path(folder) / name for name in ("intervals", "out", "err"))
        command = [str(word) for word in client.command(namesrv, window, seconds, version, intervals)]
        print("+", *command, file=sys.stderr)
        pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr, preexec_fn=pin)
            samples = Samples(process.pid, *([sink] if sink else []))
            rss, patience = 0, time.time() + WARMUP_S[client.name] + seconds + 60
            while process.poll() is None:
                samples.take()
                rss = max(rss, peak_rss(process.pid))
                if time.time() > patience:
                    process.kill()
                time.sleep(0.02)
        shown = " ".join(command).replace(str(intervals), "FILE")
        try:
            told = json.loads(out.read_text().strip().splitlines()[-1]) if client.name != "rmq-bench" else json.loads(out.read_text())
            figures = READERS.get(client.name, of_peer)(told, seconds)
            if client.name == "rmq-bench":
                # Answers to sends of the warm-up that come in the window are in no line's `acked`.
                lines = [json.loads(line) for line in intervals.read_text().splitlines()]
                figures["own_total"] = sum(line["sent"] - line["failed"] - line["unknown"] for line in lines)
        except (IndexError, KeyError, ValueError) as error:
            said = err.read_text().strip().splitlines()[-1:]
            return {"command": shown, "error": f"exit {process.returncode}: {' '.join(said) or repr(error)}"}
    begin, end = figures["begin"], figures["begin"] + figures["seconds"]
    figures["cpu_s"] = samples.seconds(begin, end, 1)
    if sink:
        figures["sink_share"] = samples.seconds(begin, end, 2) / figures["seconds"]
    figures["peak_rss_bytes"] = rss
    figures["command"] = shown
    return figures


def count(figures, stored):
    """Puts in what the cluster counted: the client's rate counts only as far as the cluster confirms it."""
    if "error" in figures:
        return figures
    own = figures["own_total"]
    figures["stored_total"] = stored
    figures["per_s"] = figures["own_per_s"] * (stored / own if own else 0)
    messages = figures["per_s"] * figures["seconds"]
    figures["core_share"] = figures["cpu_s"] / figures["seconds"]
    if messages:
        figures["cpu_us"] = figures["cpu_s"] * 1e6 / messages
    else:
        figures["error"] = "nothing arrived at the cluster"
    return figures


TIMES = [f"{what}_{p}_us" for what in ("response", "service") for p in ("p50", "p99")]


def of_rmq_bench(told, seconds):
    started = datetime.datetime.fromisoformat(told["run"]["started_at"])
    accounts, latency = told["accounts"], told["latency"]
    figures = {
        "client": f"rmq-bench {told['tool']['version']}", "header": told["config"]["header"],
        "begin": started.timestamp() + told["window"]["warmup_s"], "seconds": told["window"]["measured_s"],
        "own_per_s": told["rate"]["acked_per_s"], "planned": accounts["planned"], "sent": accounts["planned"] - accounts["unsent"],
        "acked": accounts["acked"], "failed": accounts["failed"] + accounts["unknown"],
        "verdict": told["verdict"]["status"], "reasons": [reason["code"] for reason in told["verdict"]["reasons"]],
        "own_cpu_us": told["generator"]["cpu_us_per_message"],
        "writes_per_message": told["generator"].get("writes_per_message"),
        "reads_per_message": told["generator"].get("reads_per_message"),
    }
    for name in TIMES:
        what, p, _ = name.split("_")
        figures[name] = latency.get(what, {}).get(f"{p}_ns", -1000) / 1e3
    return figures


def of_raw(told, seconds):
    return {"client": "raw", "header": "binary", "begin": told["begin"], "seconds": told["wall_s"], "own_per_s": told["per_s"],
            "own_total": told["stored_total"], "planned": told["messages"], "sent": told["messages"], "acked": told["messages"],
            "failed": told["refused_total"], "own_cpu_us": told["cpu_us_per_message"]}


def of_peer(told, seconds):
    figures = {"client": told["client"], "header": {"rocketmq": "binary"}.get(told["header"], told["header"]),
               "begin": told["windowBegin"], "seconds": told["seconds"], "own_per_s": told["messagesPerSecond"],
               "own_total": told["ackedTotal"]}
    figures |= {name: told[name] for name in ("planned", "sent", "acked", "failed")}
    for name in TIMES:
        what, p, _ = name.split("_")
        figures[name] = told[f"{what}{p.upper()}Us"] if told["mode"] != "oneway" else -1  # nothing answers
    return figures


READERS = {"rmq-bench": of_rmq_bench, "raw": of_raw}
