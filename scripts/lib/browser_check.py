"""Opens pages of results in headless Chromium and looks at them: for scripts/browser-check. Exit code 1 and a line for
each finding.

usage: browser_check.py BROWSER FOLDER no|only

FOLDER holds NAME.json, a result, with its page NAME.html and its text report NAME.txt. Speaks DevTools' protocol over a
pipe, so that no package is needed.
"""

import base64
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 60
WIDTHS = {"narrow": 400, "wide": 1400}
SCHEMES = ["light", "dark"]
# The plot area of a drawing, in its own units, and how far a mark or a line's width may stand out.
LEFT, RIGHT, TOP, SLACK = 68, 536, 12, 4
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--remote-debugging-pipe",
]

# What a page looks like: run in the page, returns JSON.
LOOK = r"""
(() => {
  const box = (element) => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; };
  const charts = [...document.querySelectorAll("figure.chart")].map((chart) => {
    const plot = chart.querySelector("svg.plot");
    return {
      id: chart.id, box: box(plot), height: plot.viewBox.baseVal.height,
      title: plot.querySelector("title").textContent, desc: plot.querySelector("desc").textContent,
      role: plot.getAttribute("role"), rows: chart.querySelectorAll("tbody tr[data-x]").length,
      legend: chart.querySelectorAll(".legend li").length,
      series: [...plot.querySelectorAll(".series")].map((series) => ({
        name: series.dataset.name, points: Number(series.dataset.points), box: box(series),
        d: series.querySelector(".line")?.getAttribute("d") ?? null,
        marks: series.querySelector(".mark")?.getAttribute("d") ?? null,
        dash: series.querySelector(".line") ? getComputedStyle(series.querySelector(".line")).strokeDasharray : null,
        bars: [...series.querySelectorAll(".bar")].map((bar) => [bar.x.baseVal.value, bar.width.baseVal.value]),
      })),
    };
  });
  const numbers = (colour) => { const n = colour.match(/[\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const paper = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || ["SCRIPT", "STYLE", "title", "desc"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const inDrawing = element instanceof SVGElement;
    const colour = numbers(inDrawing ? style.fill : style.color).slice(0, 3);
    const band = element.matches(".band-name") ? document.querySelector(".band:not(.isolation)") : null;
    const behind = band ? numbers(getComputedStyle(band).fill).slice(0, 3) : paper(element);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const has = contrast(colour, behind);
    texts += 1;
    if (has < needed) faint.push(`${element.tagName} "${element.textContent.trim().slice(0, 30)}": ${has.toFixed(2)}`);
  }
  for (const line of document.querySelectorAll(".series .line, .series .bar")) {
    const style = getComputedStyle(line);
    const colour = line.matches(".bar") ? style.fill : style.stroke;
    const has = contrast(numbers(colour).slice(0, 3), paper(line));
    if (has < 3) faint.push(`a line of ${line.parentElement.dataset.name}: ${has.toFixed(2)}`);
  }
  const small = [...document.querySelectorAll("svg.plot text")].map((text) => {
    const scale = text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(text).fontSize) * scale;
  });
  return {
    charts, faint, texts, smallest: Math.min(99, ...small),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    text: document.body.textContent, title: document.title, lang: document.documentElement.lang,
    headings: [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1])),
    scripts: document.scripts.length, images: document.images.length,
    anchors: [...document.querySelectorAll("a[href^='#']")].filter((a) => !document.querySelector(a.getAttribute("href"))).length,
  };
})()
"""

# Where the focus is, in words.
FOCUS = r"""
(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";
  if (e.matches("svg.plot")) return "chart " + e.closest("figure").id;
  return e.tagName.toLowerCase() + " " + (e.getAttribute("href") ?? e.textContent.trim().slice(0, 30));
})()
"""

READOUT = r"""
(() => {
  const chart = document.querySelector("figure.chart");
  return [chart.querySelector("output").textContent, getComputedStyle(chart.querySelector(".cursor")).visibility];
})()
"""


class Browser:
    """Chromium, driven through a pipe."""

    def __init__(self, path, profile):
        to_us, from_browser = os.pipe()
        from_us, to_browser = os.pipe()

        def connect():
            # DevTools reads from 3 and writes to 4; neither may be in the way of the other.
            reads, writes = os.dup(from_us), os.dup(from_browser)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.log = open(os.path.join(profile, "browser.log"), "wb")
        self.process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={profile}/profile", "about:blank"],
            preexec_fn=connect, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        os.close(from_us)
        os.close(from_browser)
        self.reader, self.writer = to_us, to_browser
        self.buffer, self.next_id, self.events = b"", 1, []

    def _message(self, until):
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            ready, _, _ = select.select([self.reader], [], [], max(0.0, left))
            if not ready:
                raise TimeoutError(f"the browser said nothing for {PATIENCE_S} s")
            part = os.read(self.reader, 1 << 20)
            if not part:
                raise RuntimeError(f"the browser ended with {self.process.wait()}: {self._words()}")
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _words(self):
        with open(self.log.name, "rb") as file:
            return file.read()[-2000:].decode(errors="replace")

    def call(self, method, session=None, **parameters):
        message = {"id": self.next_id, "method": method, "params": parameters}
        self.next_id += 1
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.writer, data):]
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self._message(until)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method, session):
        until = time.monotonic() + PATIENCE_S
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    return event["params"]
            self.events.append(self._message(until))

    def close(self):
        try:
            self.call("Browser.close")
            self.process.wait(timeout=10)
        except (OSError, RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.log.close()


class Page:
    """One page in a tab of its own, with all it said."""

    def __init__(self, browser, path, width, scheme, media="screen", scripts=True):
        self.browser, self.url, self.scripts = browser, "file://" + os.path.abspath(path), scripts
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"]:
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.events.clear()
        self.call("Page.navigate", url=self.url)
        browser.wait_for("Page.loadEventFired", self.session)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the check itself failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def key(self, key):
        codes = {"Tab": 9, "ArrowRight": 39, "End": 35, "Escape": 27}
        for kind in ["rawKeyDown", "keyUp"]:
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def said(self):
        """All that was printed, thrown, reported or asked of a network since the page was opened."""
        said, requests = [], []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, params = event["method"], event.get("params", {})
            if method == "Log.entryAdded":
                said.append(f"{params['entry']['level']}: {params['entry']['text']}")
            elif method == "Runtime.consoleAPICalled":
                said.append(f"console.{params['type']}")
            elif method == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                said.append("thrown: " + details.get("exception", {}).get("description", details["text"]))
            elif method == "Audits.issueAdded":
                said.append("issue: " + params["issue"]["code"])
            elif method == "Page.javascriptDialogOpening":
                said.append("dialog: " + params["message"])
            elif method == "Network.requestWillBeSent":
                requests.append(params["request"]["url"])
        return said, requests

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)


def of_a_search(result):
    """The charts of a search for a capacity: the curve, and the way to the answer."""
    charts = {"way-chart": way_of(result["capacity"]["steps"])}
    if "one_less" in result:
        charts["one-less-chart"] = way_of(result["one_less"]["measured"]["steps"])
    if "curve" in result:
        points = result["curve"]["points"]
        names = {"p50": "p50_ns", "p99": "p99_ns", "p99.9": "p999_ns"}
        told = {name: sum(figure in point for point in points) for name, figure in names.items()}
        charts["curve-chart"] = {name: count for name, count in told.items() if count}
    return charts


def way_of(steps):
    """The series of one search's way."""
    outcomes = {"passed": "passed", "failed": "failed", "spoilt by the generator": "generator"}
    way = {name: sum(step["outcome"] == outcome for step in steps) for name, outcome in outcomes.items()}
    if not way["spoilt by the generator"]:
        del way["spoilt by the generator"]
    known = sum("bracket_per_s" in step for step in steps)
    if known:
        way |= {"capacity at least": known, "capacity at most": known}
    return way


def expected(result):
    """The charts a page must have: of each its series, and of each series how many values it shows."""
    if result.get("kind") == "runs":
        return {"latency": {f"run {number}": None for number in range(1, len(result["runs"]) + 1)}}
    if result.get("kind") == "capacity":
        return of_a_search(result)
    answered = "response" in result["latency"]
    charts = {}
    if answered:
        failures = result["accounts"]["failed"] + result["accounts"]["unknown"]
        is_open = result["run"]["load_model"] == "open"
        names = ["response (from planned time)" if is_open else "response (from its begin)"]
        names += ["lateness"] if is_open else []
        names += ["service (from actual send)"] + (["with failures"] if failures else [])
        charts["latency"] = {name: None for name in names}
    else:
        charts["latency"] = {"lateness": None, "queue": None}
    if "time_series" not in result:
        return charts
    series = result["time_series"]
    points = series["points"]
    longest = max(point["length_s"] for point in points)
    whole = [point for point in points if point["length_s"] >= 0.5 * min(series["step_s"], longest)]
    kind = "response" if answered else "lateness"
    timed = [point[kind] for point in whole if kind in point]
    rates = ["planned"] if result["run"]["load_model"] == "open" else []
    rates += ["sent", "acked", "failed or unknown"]
    rates += ["unsent"] if any(point["unsent"] for point in points) else []
    charts["rates"] = {name: len(whole) for name in rates}
    charts["times"] = {
        "p50": len(timed), "p99": sum("p99_ns" in times for times in timed), "max": sum(kind in point for point in points),
    }
    charts["in-flight"] = {"in flight": len(points)}
    brokers = result["brokers"]
    if len(brokers) > 8:
        brokers = sorted(brokers, key=lambda broker: -broker["attempts"])[:8]
    names = [broker["name"] for broker in brokers]
    charts["brokers-acked"] = {name: len(whole) for name in names}
    own = {name: [b for point in whole for b in point["brokers"] if b["name"] == name] for name in names}
    if any(broker["failed"] for point in points for broker in point["brokers"]):
        charts["brokers-failed"] = {name: len(whole) for name in names}
    responses = {name: [b["response"] for b in own[name] if "response" in b] for name in names}
    if any("response" in broker for point in points for broker in point["brokers"]):
        has_p99 = any("p99_ns" in b.get("response", {}) for point in points for b in point["brokers"])
        statistic = "p99_ns" if has_p99 else "p50_ns"
        charts["brokers-times"] = {n: sum(statistic in times for times in responses[n]) for n in names}
    if any(point["retries"] or point["late_replies"] for point in points):
        charts["retries"] = {"retries": len(whole), "late replies": len(whole)}
    events = result.get("avoidance", {}).get("events", [])
    if events:
        counts = {}
        for event in events:
            counts[event["broker"]] = counts.get(event["broker"], 0) + 1
        charts["isolations"] = counts
    return charts


def drawn(found, wanted):
    """What is not drawn as it should be."""
    findings = []
    charts = {chart["id"]: chart for chart in found["charts"]}
    if set(charts) != set(wanted):
        findings.append(f"charts {sorted(charts)} instead of {sorted(wanted)}")
    for name, series in wanted.items():
        chart = charts.get(name)
        if chart is None:
            continue
        say = lambda text: findings.append(f"chart {name}: {text}")
        if min(chart["box"][2:]) < 50:
            say(f"is {chart['box'][2:]} in size")
        if chart["role"] != "img" or not chart["title"] or len(chart["desc"]) < 20:
            say("has no role, title or description")
        if chart["rows"] == 0:
            say("has no row to read out")
        own = {line["name"]: line for line in chart["series"]}
        if list(own) != list(series) and (name != "isolations" or set(own) != set(series)):
            say(f"shows {list(own)} instead of {list(series)}")
            continue
        if name != "isolations" and chart["legend"] != len(series):
            say("has another legend than lines")
        dashes = [(line["dash"], line["marks"][-1:]) for line in chart["series"] if line["dash"]]
        if len(set(dash for dash, _ in dashes)) != len(dashes) and len(dashes) <= 8:
            say(f"has lines of the same dash: {dashes}")
        for line_name, points in series.items():
            line = own[line_name]
            if points is not None and line["points"] != points:
                say(f"{line_name} has {line['points']} values instead of {points}")
            if points is None and line["points"] < 10:
                say(f"{line_name} has {line['points']} values")
            findings += [f"chart {name}: {line_name} {text}" for text in in_place(line, chart["height"])]
    return findings


def in_place(line, height):
    """Whether a line is where it can be seen."""
    if line["bars"]:
        if len(line["bars"]) != line["points"]:
            return [f"has {len(line['bars'])} bars"]
        return [f"has a bar at {bar}" for bar in line["bars"] if bar[0] < LEFT - 1 or bar[0] + bar[1] > RIGHT + SLACK]
    if line["points"] == 0:
        return []
    places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", line["d"] or "")
    findings = []
    if len(places) != line["points"]:
        findings.append(f"draws {len(places)} of {line['points']} values")
    outside = [p for p in places if not (LEFT - 1 <= float(p[0]) <= RIGHT + 1 and TOP - 1 <= float(p[1]) <= height - 43)]
    if outside:
        findings.append(f"leaves the plot at {outside[:3]}")
    if not line["marks"]:
        findings.append("has no marks")
    if line["box"][2] <= 0 or line["box"][3] <= 0 or (line["points"] > 1 and line["box"][2] < 10):
        findings.append(f"covers {line['box'][2:]}")
    return findings


def figures_of(text):
    """Cells of the text report's tables, and its sentences that a page repeats."""
    cells = set()
    for line in text.splitlines():
        parts = re.split(r"\s{2,}", line.strip())
        if len(parts) > 2:
            cells.update(parts)
        elif re.match(r"(Planned|Closed loop|\d+ of \d+ runs) ?", line):
            cells.add(line.strip())
    return cells


def words(text):
    return re.sub(r"\s+", " ", text)


def look(page, result, text):
    """All that is wrong with a page that is open."""
    found = page.value(LOOK)
    findings = drawn(found, expected(result))
    shown = words(found["text"])
    missing = [cell for cell in figures_of(text) if words(cell) not in shown]
    if missing:
        findings.append(f"figures of the text report are not on the page: {missing[:5]}")
    if found["overflow"] > 0:
        findings.append(f"is {found['overflow']} px wider than its window")
    if found["faint"] or found["texts"] < 50:
        findings.append(f"text or lines too faint ({found['texts']} texts): {found['faint'][:5]}")
    if found["smallest"] < 9.5:
        findings.append(f"has text of {found['smallest']:.1f} px in a chart")
    if found["headings"].count(1) != 1 or any(b - a > 1 for a, b in zip(found["headings"], found["headings"][1:])):
        findings.append(f"headings are not in order: {found['headings']}")
    if not found["title"] or found["lang"] != "en" or found["anchors"]:
        findings.append("has no title or language, or links to nowhere")
    if found["scripts"] != 1 or found["images"]:
        findings.append(f"has {found['scripts']} scripts and {found['images']} images")
    return findings


def by_keyboard(page):
    """Whether every chart is reached by Tab, and read out by the arrow keys."""
    findings, seen = [], []
    for _ in range(400):
        page.key("Tab")
        focus = page.value(FOCUS)
        if focus == "" or (seen and focus == seen[0]):
            break
        seen.append(focus)
        if focus.startswith("chart ") and not any(one.startswith("chart ") for one in seen[:-1]):
            page.key("ArrowRight")
            page.key("End")
            readout, cursor = page.value(READOUT)
            if len(readout) < 10 or cursor != "visible":
                findings.append(f"the arrow keys read nothing out: {readout!r}, {cursor}")
            page.key("Escape")
            if page.value(READOUT) != ["", "hidden"]:
                findings.append("Escape does not end the read-out")
    charts = page.value("[...document.querySelectorAll('figure.chart')].map((chart) => 'chart ' + chart.id)")
    for chart in charts:
        if chart not in seen:
            findings.append(f"{chart} is not reached by the Tab key")
    if not seen or not seen[0].startswith("a #result"):
        findings.append(f"the first stop is no skip link: {seen[:1]}")
    return findings


def quiet(page):
    """What the page printed, or loaded beside itself."""
    if page.scripts:
        page.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    said, requests = page.said()
    findings = [f"said: {text}" for text in said]
    others = [url for url in requests if url != page.url]
    if others or len(requests) != 1:
        findings.append(f"asked for {others or requests}")
    return findings


def check(browser, folder, name, page_file=None, variants=None):
    """Opens a page in every way; findings with where they were seen."""
    with open(f"{folder}/{name}.json", encoding="utf-8") as file:
        result = json.load(file)
    with open(f"{folder}/{name}.txt", encoding="utf-8") as file:
        text = file.read()
    path = page_file or f"{folder}/{name}.html"
    findings = []
    for width_name, scheme in variants or [(w, s) for w in WIDTHS for s in SCHEMES]:
        page = Page(browser, path, WIDTHS[width_name], scheme)
        own = look(page, result, text)
        if width_name == "wide" and scheme == "light":
            own += by_keyboard(page)
        own += quiet(page)
        if page_file is None:
            page.picture(f"{folder}/{name}-{width_name}-{scheme}.png")
        page.close()
        findings += [f"{name}, {width_name}, {scheme}: {finding}" for finding in own]
    if page_file is None:
        # On paper, and where scripts do not run, there is the same to see.
        for media, scripts in [("print", True), ("screen", False)]:
            page = Page(browser, path, 800, "dark", media, scripts)
            own = look(page, result, text) + quiet(page)
            if media == "print":
                page.picture(f"{folder}/{name}-print.png")
            page.close()
            findings += [f"{name}, {media}, scripts {scripts}: {finding}" for finding in own]
    return findings


def policy_for(page):
    """The page with the hashes of what its style and script have become."""
    for tag, directive in [("style", "style-src"), ("script", "script-src")]:
        content = page[page.rindex(f"<{tag}>") + len(tag) + 2:page.rindex(f"</{tag}>")]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        page = re.sub(f"{directive} 'sha256-[^']*'", lambda _: f"{directive} 'sha256-{digest}'", page)
    return page


def once(pattern, replacement, page):
    changed, count = re.subn(pattern, lambda match: match.expand(replacement), page, count=1, flags=re.S)
    if count != 1:
        raise RuntimeError(f"nothing to break: {pattern}")
    return changed


# Ways to break a page, and what the check has to say then.
BREAKS = {
    "a series left out": (
        lambda page: once(r'<g class="series" data-name="acked".*?</g>', "", page),
        r"chart rates: shows",
    ),
    "a line of nothing": (
        lambda page: once(r'(data-name="p50" data-points="\d+"><path class="[^"]*" d=")[^"]*', r"\1", page),
        r"chart times: p50 draws 0 of",
    ),
    "a line outside its plot": (
        lambda page: once(r'(data-name="in flight".*? d="M)[\d.]+', r"\g<1>900.0", page),
        r"in flight leaves the plot",
    ),
    "a figure that is not the run's": (
        lambda page: page.replace(re.search(r"p99 ([\d.]+ [mµn]?s)", page)[1], "1.11 ms"),
        r"figures of the text report are not on the page",
    ),
    "an error in the script": (
        lambda page: policy_for(page.replace('"use strict";', '"use strict"; undefined.broken();')),
        r"said: thrown",
    ),
    "a script of someone else": (
        lambda page: page.replace("</main>", "<script>console.log(1)</script></main>"),
        r"said: .*Content Security Policy",
    ),
    "something loaded": (
        lambda page: once(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace(
            "</main>", '<img src="missing.png" alt=""></main>'),
        r"asked for .*missing\.png",
    ),
    "a word too long": (
        lambda page: page.replace("</main>", "<pre>" + "x" * 400 + "</pre></main>"),
        r"px wider than its window",
    ),
    "faint text": (
        lambda page: policy_for(page.replace("--soft: #55606b", "--soft: #b5c0cb")),
        r"too faint",
    ),
    "a chart beyond the keyboard": (
        lambda page: once(r'(role="img") tabindex="0"', r'\1 tabindex="-1"', page),
        r"is not reached by the Tab key",
    ),
}


def self_test(browser, folder, name):
    """Breaks a good page in every way; findings are the breaks that were not found out."""
    with open(f"{folder}/{name}.html", encoding="utf-8") as file:
        good = file.read()
    if policy_for(good) != good:
        return ["the page's policy is not that of its style and script"]
    findings = []
    for what, (spoil, wanted) in BREAKS.items():
        broken = f"{folder}/broken.html"
        with open(broken, "w", encoding="utf-8") as file:
            file.write(spoil(good))
        found = check(browser, folder, name, broken, [("narrow", "light"), ("wide", "light")])
        if any(re.search(wanted, finding) for finding in found):
            print(f"found out: {what}")
        else:
            findings.append(f"not found out: {what}; only {found}")
    return findings


def main():
    path, folder, mode = sys.argv[1:]
    names = sorted(name[:-5] for name in os.listdir(folder) if name.endswith(".json"))
    profile = tempfile.mkdtemp(prefix="browser-check-")
    browser = Browser(path, profile)
    findings, checked = [], 0
    try:
        version = browser.call("Browser.getVersion")["product"]
        if mode == "no":
            for name in names:
                findings += check(browser, folder, name)
                checked += 1
        if not findings:
            findings += self_test(browser, folder, "paced")
    finally:
        browser.close()
        shutil.rmtree(profile, ignore_errors=True)
    print("\n".join(findings) if findings else f"{version}: {checked} pages in 6 ways each, {len(BREAKS)} breaks found out")
    return 1 if findings else 0


sys.exit(main())
