"""What the measuring scripts share: the noise probe, running rmq-bench, an embedded sink of its own."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = "target/release/rmq-bench"


def probe(seconds=1.0):
    """Reads the clock without a pause and sees when it was not running; knows nothing of rmq-bench."""
    end = time.perf_counter_ns() + int(seconds * 1e9)
    last = time.perf_counter_ns()
    longest = stolen = 0
    while last < end:
        now = time.perf_counter_ns()
        gap = now - last
        if gap > 100_000:
            stolen += gap
        longest = max(longest, gap)
        last = now
    return {"longest_gap_us": longest // 1000, "stolen": stolen / (seconds * 1e9)}


def commit():
    """What is measured; results just written make no difference. To be asked before anything is built."""
    changed = subprocess.run(["git", "status", "--porcelain", "--", ".", ":!results"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    named = subprocess.run(["git", "describe", "--always"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()
    return (named or "an unknown commit") + ("-dirty" if changed else "")


def shuffled(clients, number):
    """The order of a round: another one in each, the same in every run, so that nobody always follows the same client."""
    names = list(clients)
    random.Random(number).shuffle(names)
    return names


def run(command, cpu=None):
    """Runs a command in the repository, on one CPU if told so; returns exit code and stdout."""
    command = [str(word) for word in command]
    print("+", *command, file=sys.stderr)
    pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=pin)
    return done.returncode, done.stdout


def bench(out, *arguments, cpu=None):
    """One run of rmq-bench; its result is kept in `out` if that is given."""
    command = [BINARY, *arguments, "--format", "json", "--quiet"]
    code, text = run(command, cpu)
    if out:
        out.write_text(text)
    return code, json.loads(text), " ".join(command)


def closes(result):
    accounts = result["accounts"]
    return accounts["planned"] == sum(accounts[key] for key in ("acked", "failed", "unknown", "unsent"))


class Sink:
    """An embedded cluster as a process of its own, on one CPU."""

    def __init__(self, *arguments, cpu):
        command = [BINARY, "broker", "--port", "0", "--namesrv-port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        self.namesrv = self.process.stdout.readline().strip()
        self.stored = None

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Ends it; from then on `stored` is what it counted."""
        self.process.terminate()
        told, _ = self.process.communicate()
        words = told.split()
        self.stored = int(words[1]) if words[:1] == ["stored"] else None
