"""The README that scripts/peers writes: tables per target and the goals."""

import os
import re
import statistics
import subprocess

from clients import CALLERS, SIZE, WARMUP_S, Client
from measure import ROOT

ASYNC, SYNC, ONEWAY = (Client("rmq-bench", mode) for mode in ("async", "sync", "oneway"))
RAW, JAVA, JAVA_SYNC = Client("raw", "async"), Client("java", "async"), Client("java", "sync")
PACED, JAVA_PACED = Client("rmq-bench", "async", 20_000), Client("java", "async", 20_000)
# Text, limit, whether the figure is to be at most that, and how it is had from a round: a figure over that of another client.
GOALS = {
    "real": [
        ("messages/s over the raw writer's", 0.90, False, ASYNC, RAW, "per_s"),
        ("messages/s over Java's, both async", 2.5, False, ASYNC, JAVA, "per_s"),
        ("client CPU, async, µs per message", 2, True, ASYNC, None, "cpu_us"),
        ("CPU per message over Java's, both async", 1 / 15, True, ASYNC, JAVA, "cpu_us"),
        ("at 20,000/s: CPU per message over Java's", 1 / 10, True, PACED, JAVA_PACED, "cpu_us"),
        ("at 20,000/s: service p99 over Java's", 1, True, PACED, JAVA_PACED, "service_p99_us"),
    ],
    "embedded": [
        ("G6: messages per CPU-second over Java's, both async", 50, False, JAVA, ASYNC, "cpu_us"),
        ("G7: messages per CPU-second over Java's, both sync", 20, False, JAVA_SYNC, SYNC, "cpu_us"),
        ("G8: messages per CPU-second over rocketmq-rust's, both sync", 40, False, Client("rust", "sync"), SYNC, "cpu_us"),
        ("G8: the same, both oneway", 40, False, Client("rust", "oneway"), ONEWAY, "cpu_us"),
    ],
}
PLACE = {
    "embedded": "The embedded cluster: `rmq-bench broker --brokers 2`, fresh for every slice, on CPU 1; every client on CPU 0 alone. "
                "Counted: what the sink says at its end that it stored.",
    "real": "RocketMQ {version}: two brokers, name server and client share all CPUs; a fresh cluster for every round, first loaded "
            "for 30 s. Counted: the brokers' queue offsets before and after a slice, read by the official client.",
}


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def good(rounds, client):
    slices = (row["slices"].get(client) for row in rounds)
    return [figures for figures in slices if figures and "error" not in figures]


def middle(slices, figure, form="{:,.0f}", scale=1.0):
    values = [figures[figure] * scale for figures in slices if figures.get(figure, -1) >= 0]
    return form.format(statistics.median(values)) if values else "–"


def spread(slices, figure, form):
    values = [figures[figure] for figures in slices]
    low, median, high = (form.format(value) for value in quartiles(values))
    return f"{median} ({low} – {high})"


def honest(slices):
    """The cluster's count over the client's own, over whole slices; a difference is never rounded away."""
    off = [figures["stored_total"] - figures["own_total"] for figures in slices]
    if not any(off):
        return "equal"
    return ", ".join(f"{difference:+,}" for difference in off)


def missing_row(name, reason, columns):
    return f"| {name} | not measured: {reason.replace('|', '/')} |" + " |" * (columns - 2)


def why(rounds, client):
    return next((row["slices"][client]["error"] for row in rounds if "error" in row["slices"].get(client, {})), "no slice")


def ms(slices, *figures):
    return ", ".join(middle(slices, figure, "{:.3g}", 1e-3) for figure in figures)


def closed_table(rounds, clients):
    lines = ["| client | n | messages/s counted (quartiles) | own count/s | stored − own, per slice | CPU µs/msg (quartiles) | of a core "
             "| response p50, p99 ms | service p50, p99 ms | peak MiB | sink's CPU | failed | verdicts |", "|---" * 13 + "|"]
    for client in clients:
        slices = good(rounds, client)
        if not slices:
            lines.append(missing_row(client, why(rounds, client), 13))
            continue
        lines.append(
            f"| {client} | {len(slices)} | {spread(slices, 'per_s', '{:,.0f}')} | {middle(slices, 'own_per_s')} | {honest(slices)} "
            f"| {spread(slices, 'cpu_us', '{:.2f}')} | {middle(slices, 'core_share', '{:.0%}')} "
            f"| {ms(slices, 'response_p50_us', 'response_p99_us')} | {ms(slices, 'service_p50_us', 'service_p99_us')} "
            f"| {middle(slices, 'peak_rss_bytes', '{:,.0f}', 2**-20)} | {middle(slices, 'sink_share', '{:.0%}')} "
            f"| {sum(figures['failed'] for figures in slices):,} | {verdicts_of(slices)} |")
    return lines + [""]


def verdicts_of(slices):
    """What rmq-bench said of each slice; the peers do not judge themselves."""
    return ", ".join(" ".join([figures["verdict"], *figures["reasons"]]) for figures in slices if "verdict" in figures) or "–"


def paced_table(rounds, clients):
    lines = ["| client | n | achieved/s counted | planned, sent, acked | stored − own, per slice | CPU µs/msg (quartiles) | of a core "
             "| response p50, p99 ms | service p50, p99 ms | peak MiB | failed | verdicts |", "|---" * 12 + "|"]
    for client in clients:
        slices = good(rounds, client)
        if not slices:
            lines.append(missing_row(client, why(rounds, client), 12))
            continue
        accounts = ", ".join(f"{sum(figures[key] for figures in slices):,}" for key in ("planned", "sent", "acked"))
        lines.append(
            f"| {client} | {len(slices)} | {middle(slices, 'per_s')} | {accounts} | {honest(slices)} "
            f"| {spread(slices, 'cpu_us', '{:.2f}')} | {middle(slices, 'core_share', '{:.1%}')} "
            f"| {ms(slices, 'response_p50_us', 'response_p99_us')} | {ms(slices, 'service_p50_us', 'service_p99_us')} "
            f"| {middle(slices, 'peak_rss_bytes', '{:,.0f}', 2**-20)} | {sum(figures['failed'] for figures in slices):,} | {verdicts_of(slices)} |")
    return lines + [""]


def goals_table(rounds, goals):
    lines = ["| goal | limit | median | quartiles | n | |", "|---|---|---|---|---|---|"]
    for text, limit, at_most, client, base, figure in goals:
        values = []
        for row in rounds:
            pair = [row["slices"].get(one, {"error": ""}) for one in (client, base) if one]
            if all("error" not in figures and figures.get(figure, -1) > 0 for figures in pair):
                values.append(pair[0][figure] / (pair[1][figure] if base else 1))
        sign = "≤" if at_most else "≥"
        if not values:
            absent = next(one for one in (client, base) if one and not any(s.get(figure, -1) > 0 for s in good(rounds, one)))
            lines.append(f"| {text} | {sign} {limit:.3g} | not measured: {absent} | | 0 | SHORT |")
            continue
        low, median, high = quartiles(values)
        met = high <= limit if at_most else low >= limit
        lines.append(f"| {text} | {sign} {limit:.3g} | {median:.3g} | {low:.3g} – {high:.3g} | {len(values)} | {'met' if met else 'SHORT'} |")
    return lines + [""]


def rounds_table(rounds):
    lines = ["| round | load average before | longest gap of a clock reader (µs) | stolen |", "|---|---|---|---|"]
    lines += [f"| {number} | {row['load']:.2f} | {row['probe']['longest_gap_us']:,} | {row['probe']['stolen']:.2%} |"
              for number, row in enumerate(rounds, 1)]
    return lines + [""]


def sink_is_not_the_limit(rounds, clients):
    raw = good(rounds, RAW)
    peers = [client for client in clients if client.name not in ("raw", "rmq-bench") and good(rounds, client)]
    if not raw or not peers:
        return []
    def rate(client):
        return statistics.median(figures["per_s"] for figures in good(rounds, client))
    fastest = max(peers, key=rate)
    return [f"The same sink takes {rate(RAW):,.0f}/s from the raw writer, {rate(RAW) / rate(fastest):.1f} times what the fastest other "
            f"client ({fastest}) gives it; how busy it was stands in the table. Where it is near 100 % it, and not the client, "
            "set the rate; CPU per message, which the goals compare, is the client's own.", ""]


def first_line(*command):
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return (done.stdout.strip().splitlines() or ["?"])[0]
    except OSError:
        return "?"


def report(options, tables, missing, windows):
    only = f" --only {options.only}" if options.only else ""
    lines = [
        "# rmq-bench beside the other clients", "",
        f"Made by `scripts/peers --rounds {options.rounds} --seconds {options.seconds} --version {options.version}{only}` at "
        f"{options.commit} on {os.cpu_count()} CPUs, Linux {os.uname().release}. "
        f"Bodies of {SIZE:,} B, topic BenchmarkTest, compression and trace off, binary headers (the Go client can only write JSON "
        f"ones); sync is {CALLERS} callers. Each slice is a fresh process: a warm-up ("
        + ", ".join(f"{name} {seconds} s" for name, seconds in WARMUP_S.items())
        + f"), then a window of {options.seconds} s. The clients take their turns in another order each round, ratios are taken within a round.", "",
        "Messages/s is the client's own rate in the window times what the cluster stored over what the client says was acknowledged, both "
        "over the whole slice; *stored − own* is that difference, in messages. CPU is user and system time of the client's whole "
        "process in the window, read from outside by its process clock. Times of a closed loop count from the call; at a rate, response "
        "counts from when a message was due. The peers have no rate of their own: a pacer in the driver wakes every millisecond, as "
        "rmq-bench does, and hands over what is due while there is room; what is due in the "
        "last tick of the window it does not begin any more. No response time (–): the client was so far behind that nothing due in the "
        "window was begun in it. Service: rmq-bench counts from the first byte in the "
        "socket, the peers from the call. The raw writer stands in `benches/limits/all_brokers.rs`: prepared frames, a thread per broker.", "",
        "Differences left: unique ids, properties and optional header fields differ by a few bytes; the JVM chooses its collector by the "
        "CPUs it may use; rmq-bench avoids faulty brokers, which the others do by default not. The asynchronous sends of the peers, and "
        "their oneway ones, are made by one thread or task of the driver (`--threads` is that of sync): rocketmq-rust's oneway, awaited one "
        "by one, cannot put several in one write.", "",
        f"- {first_line('java', '-version')}, `-Xmx1g`", f"- {first_line('go', 'version')}, default flags",
        f"- {first_line('rustc', '--version')}, release with fat LTO and one codegen unit, for rocketmq-rust as for rmq-bench", ""]
    seen = {}
    for rounds in tables.values():
        for row in rounds:
            for client, figures in row["slices"].items():
                if "client" in figures:
                    seen.setdefault(client.name, f"{figures['client']}, {figures['header']} headers")
    lines += [f"- {name}: {what}" for name, what in seen.items()]
    lines += [f"- {name}: not measured: {reason}" for name, reason in missing.items()] + ["", "## Goals", ""]
    for name, rounds in tables.items():
        lines += [f"{name.capitalize()}:", "", *goals_table(rounds, GOALS[name])]
    lines += ["A goal is met when the quartile on its bad side meets it.", ""]
    for name, rounds in tables.items():
        clients = sorted(rounds[0]["slices"], key=lambda client: (client.rate, client.mode, client.name))
        lines += [f"## {name.capitalize()}, {windows[name]:,} in flight (sync: {CALLERS} callers)", "",
                  PLACE[name].format(version=options.version), "",
                  "### As fast as it goes (closed loop)", "", *closed_table(rounds, [client for client in clients if not client.rate])]
        if name == "embedded":
            lines += sink_is_not_the_limit(rounds, clients)
        lines += ["### At a fixed rate (open loop)", "", *paced_table(rounds, [client for client in clients if client.rate]), *rounds_table(rounds)]
    lines += ["## Commands", ""]
    commands = {re.sub(r"127.0.0.1:\d+", "HOST:PORT", figures["command"]) for rounds in tables.values() for figures in rounds[0]["slices"].values()}
    lines += [f"- `{command}`" for command in sorted(commands) if command]
    return "\n".join(lines) + "\n"
