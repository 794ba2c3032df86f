"""Stands between RocketMQ's Java client and a real cluster and keeps the frames that scripts/java/RecordedCalls.java
names: `scripts/golden --record` runs it.

usage: record.py VERSION NAMESRV OUTFILE

Addresses of brokers in what the name server answers are replaced by ones of this program, so that the client comes
here; what is kept is what was written before that. A line of the file is one frame: its name (a response has that of
its request and `/response`), the client's call it belongs to, who wrote it, its header and its body. A JSON header and
a printable body stand as text, others as hex; the lengths before them follow from theirs."""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 60  # longest wait for a frame, e.g. the check of a transaction
ADDRESS = re.compile(rb"127\.0\.0\.1:(\d+)")
RESPONSE, ONEWAY = 1, 2


class Frame:
    def __init__(self, body):
        self.body = body  # all but the length before it
        word = struct.unpack_from(">I", body)[0]
        self.binary, self.header_end = word >> 24 == 1, 4 + (word & 0xFFFFFF)
        header = body[4:self.header_end]
        if self.binary:
            self.code, self.opaque, self.flag = struct.unpack_from(">hxxxii", header)
        else:
            fields = json.loads(header)
            self.code, self.opaque, self.flag = fields["code"], fields["opaque"], fields["flag"]

    def bytes(self):
        return struct.pack(">I", len(self.body)) + self.body

    def with_payload(self, payload):
        return Frame(self.body[:self.header_end] + payload)

    def line(self, name, call, writer):
        line = {"name": name, "call": call, "from": writer}
        line.update(shown("header", self.body[4:self.header_end]))
        line.update(shown("body", self.body[self.header_end:]))
        return json.dumps(line, ensure_ascii=False)


def shown(name, content):
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and all(c.isprintable() for c in text):
        return {name: text}
    return {name + "_hex": content.hex()}


class Kept:
    """What is wanted now, and what came of it. Of frames of a kind the last one is kept: calls may repeat themselves."""

    def __init__(self):
        self.changed = threading.Condition()
        self.wanted = {}  # name by code
        self.requests = {}  # (connection, request, its writer) by name
        self.responses = {}  # (response, its writer) by name
        self.lines = []

    def see(self, connection, frame, writer):
        with self.changed:
            if not frame.flag & RESPONSE:
                name = self.wanted.get(frame.code)
                if name:
                    self.requests[name] = (connection, frame, writer)
                    self.responses.pop(name, None)
            else:
                for name, (of, request, by) in self.requests.items():
                    if (of, request.opaque) == (connection, frame.opaque) and by != writer:
                        self.responses[name] = (frame, writer)
            self.changed.notify_all()

    def missing(self):
        gone = [name for name in self.wanted.values() if name not in self.requests]
        gone += [f"{name}/response" for name, (_, request, _) in self.requests.items()
                 if not request.flag & ONEWAY and name not in self.responses]
        return gone

    def expect(self, wanted):
        with self.changed:
            self.wanted, self.requests, self.responses = wanted, {}, {}

    def settle(self, call):
        with self.changed:
            if not self.changed.wait_for(lambda: not self.missing(), PATIENCE_S):
                return "missing: " + ", ".join(self.missing())
            for name in self.wanted.values():
                _, request, writer = self.requests[name]
                self.lines.append(request.line(name, call, writer))
                if name in self.responses:
                    response, writer = self.responses[name]
                    self.lines.append(response.line(name + "/response", call, writer))
            self.wanted = {}
            return "ok"


class Proxy:
    def __init__(self, kept):
        self.kept = kept
        self.ports = {}  # ours by the broker's
        self.lock = threading.Lock()

    def listen(self, upstream, server):
        """Takes connections for this server; the port they come to."""
        listener = socket.create_server(("127.0.0.1", 0))
        spawn(self.accept, listener, upstream, server)
        return listener.getsockname()[1]

    def accept(self, listener, upstream, server):
        while True:
            client, _ = listener.accept()
            there = socket.create_connection(upstream)
            connection = object()
            spawn(self.pump, connection, client, there, "client", False)
            spawn(self.pump, connection, there, client, server, server == "namesrv")

    def pump(self, connection, source, sink, writer, rewrite):
        try:
            while True:
                frame = Frame(exactly(source, struct.unpack(">I", exactly(source, 4))[0]))
                self.kept.see(connection, frame, writer)
                if rewrite:
                    payload = frame.body[frame.header_end:]
                    frame = frame.with_payload(ADDRESS.sub(self.ours, payload))
                sink.sendall(frame.bytes())
        except (EOFError, OSError):
            for end in (source, sink):
                end.close()

    def ours(self, match):
        port = int(match.group(1))
        with self.lock:
            if port not in self.ports:
                self.ports[port] = self.listen(("127.0.0.1", port), "broker")
            return b"127.0.0.1:%d" % self.ports[port]


def spawn(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


def exactly(source, count):
    parts = bytearray()
    while len(parts) < count:
        part = source.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def obey(listener, kept):
    """The calls' own account: `CALL <tab> CODE NAME <tab> ...` before one, `done` after it."""
    control, _ = listener.accept()
    call = None
    with control.makefile("rw", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            parts = line.rstrip("\n").split("\t")
            if parts == ["done"]:
                answer = kept.settle(call)
            else:
                call, answer = parts[0], "ok"
                kept.expect({int(code): name for code, name in (part.split() for part in parts[1:])})
            lines.write(answer + "\n")
            lines.flush()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    version, namesrv, out = sys.argv[1:]
    kept = Kept()
    host, port = namesrv.split(":")
    here = Proxy(kept).listen((host, int(port)), "namesrv")
    control = socket.create_server(("127.0.0.1", 0))
    spawn(obey, control, kept)
    command = ["scripts/lib/java-run", version, "RecordedCalls", version, f"127.0.0.1:{here}", str(control.getsockname()[1])]
    # Unique ids begin with the machine's address: four bytes, as most have it.
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": "-Djava.net.preferIPv4Stack=true"}
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in kept.lines)


main()
