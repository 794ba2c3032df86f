"""Compares an interval log, as Java's HdrHistogram reads it (scripts/java/hlog/HlogCheck.java), with the result of the
same run: for scripts/hlog-check. Exit code 1 and a line for each difference.

usage: hlog_check.py CLASSPATH LOG RESULT
"""

import json
import subprocess
import sys
import tempfile
from urllib.parse import quote

PERCENTILES = ["p50_ns", "p90_ns", "p95_ns", "p99_ns", "p999_ns", "p9999_ns"]
KINDS = ["response", "lateness", "queue", "service", "response_with_failures"]
HIGHEST_NS = 120_000_000_000


def histograms(result):
    """The result's histograms by the tag they have in the log; those of nothing have none there."""
    found = {kind: result["latency"].get(kind) for kind in KINDS}
    for broker in result["brokers"]:
        # Quotes all but A-Z a-z 0-9 . _ - ~; a name of a broker has no tilde.
        found["service." + quote(broker["name"], safe="")] = broker.get("service")
    return {tag: figures for tag, figures in found.items() if figures and figures["count"] > 0}


def cell_end(value):
    """The highest value in a value's cell: 1,000 as the lowest and three digits make cells of 512 and more."""
    width = 1 << max(9, value.bit_length() - 11)
    return (value // width + 1) * width - 1


def main():
    classpath, log, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    ours = histograms(result)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as told:
        told.writelines(f"{tag} {figures['hdr']}\n" for tag, figures in ours.items())
        told.flush()
        java = ["java", "-cp", classpath, "HlogCheck", log, told.name]
        lines = subprocess.run(java, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.splitlines()
    theirs, equal, differences = {"log": {}, "result": {}}, {}, []
    for line in lines:
        kind, tag, *rest = line.split(" ")
        if kind in theirs:
            theirs[kind][tag] = [int(number) for number in rest]
        elif kind == "equal":
            equal[tag] = rest == ["true"]

    def compare(what, left, right):
        if left != right:
            differences.append(f"{what}: {left} in the result, {right} by Java")

    compare("tags", sorted(ours), sorted(theirs["log"]))
    for tag, figures in sorted(ours.items()):
        for kind in theirs:
            if tag not in theirs[kind]:
                continue
            count, highest, *percentiles = theirs[kind][tag]
            compare(f"{kind} {tag} count", figures["count"], count)
            compare(f"{kind} {tag} maximum", cell_end(min(figures["max_ns"], HIGHEST_NS)), highest)
            for name, value in zip(PERCENTILES, percentiles):
                # The result states none that too few values lie beyond, and none outside of what was measured.
                if name in figures:
                    bounded = min(max(value, figures["min_ns"]), figures["max_ns"])
                    compare(f"{kind} {tag} {name}", figures[name], bounded)
        compare(f"{tag} every cell", True, equal.get(tag))
        stated = " ".join(f"{name} {figures[name]}" for name in PERCENTILES if name in figures)
        print(f"{tag}: count {figures['count']} max_ns {figures['max_ns']} {stated}")
    print("\n".join(differences) if differences else f"{log}: {lines[0]}, equal in {len(ours)} tags")
    return 1 if differences or not ours else 0


sys.exit(main())
