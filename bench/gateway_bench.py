#!/usr/bin/env python3
"""The figures of the whole gateway: start, memory, turns, calls. Load comes from C programs (load, model) and wrk.

Names of parts (crowd, turns, ...) as arguments: only those."""
import contextlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ["MOLTBOT_BUILD"])
PROGRAM = BUILD / "src/cli/moltbot"
LOAD = BUILD / "bench/load"
MODEL = BUILD / "bench/model"
SECONDS = os.environ.get("BENCH_SECONDS", "3")


def row(name, measured, unit, limit, goal):
    print(f"{name}\t{measured}\t{unit}\t{limit}\t{goal}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gateway:
    def __init__(self, config="{}", directory=None):
        self.dir = directory or tempfile.mkdtemp(prefix="moltbot-bench-")
        self.port = free_port()
        self.token = secrets.token_urlsafe(36)
        self.env = {"PATH": os.environ["PATH"], "HOME": self.dir, "MOLTBOT_STATE_DIR": self.dir, "MOLTBOT_GATEWAY_TOKEN": self.token,
                    "MOLTBOT_GATEWAY_PORT": str(self.port)}
        pathlib.Path(self.dir, "moltbot.json").write_text(config)
        os.chmod(pathlib.Path(self.dir, "moltbot.json"), 0o600)

    def start(self):
        self.log = open(os.path.join(self.dir, "console"), "wb")
        self.child = subprocess.Popen([PROGRAM, "gateway", "run"], env=self.env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        return self

    def load(self, mode, lanes, seconds=SECONDS, env=None):
        done = subprocess.run([LOAD, str(self.port), mode, str(lanes), seconds], env={**self.env, **(env or {})}, stdout=subprocess.PIPE, text=True, timeout=120)
        rate, p50, p99, errors = done.stdout.split()[-4:]
        if int(errors):
            print(f"{mode}: {errors} errors")
        return float(rate), int(p50), int(p99)

    @contextlib.contextmanager
    def crowd(self, mode, n):
        """Signed in, and there."""
        with subprocess.Popen([LOAD, str(self.port), mode, str(n), "60"], env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            if child.stdout.readline().strip() != "ready":
                print(f"{mode}: not all of the clients could sign in")
            yield
            child.stdin.close()
            child.wait()

    def tree(self):
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue
            pid = int(text.split()[0])
            parents.setdefault(int(text.rsplit(")", 1)[1].split()[1]), []).append(pid)
        found, queue = [], [self.child.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            queue += parents.get(pid, [])
        return found

    def agent(self):
        """The agent that is kept ahead, and will be the next run's: forked from the agents' zygote."""
        def stat(pid):
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
            return text[text.index("(") + 1:text.rindex(")")], int(text.rsplit(")", 1)[1].split()[1])
        for pid in self.tree():
            name, parent = stat(pid)
            if name == stat(parent)[0] == "moltbot-agent":
                return pid
        raise RuntimeError("no agent is kept ahead")

    def pss_kib(self, detail=False):
        total, lines = 0, []
        for pid in self.tree():
            try:
                pss = int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1))
                name = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except (OSError, AttributeError):
                continue
            total += pss
            lines.append((pss, os.path.basename(name.split(" ")[0]) + " " + " ".join(name.split(" ")[1:2])))
        if detail:
            for pss, name in sorted(lines, reverse=True):
                print(f"PSS {pss:6} KiB {name[:40]}")
        return total

    def stop(self, keep=False):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(15)
        self.log.close()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def start_time():
    """On a state directory that has been used, as every start but the first; the first one, which makes its files, as well."""
    first, later = [], []
    for _ in range(4):
        gateway = Gateway()
        for times in first, later, later:
            from_ = time.monotonic()
            gateway.start()
            gateway.load("once", 1, "10")
            times.append((time.monotonic() - from_) * 1000)
            gateway.stop(keep=times is first or len(later) % 2 == 1)
    row("start to first authenticated answer", f"{sorted(later)[len(later) // 2]:.1f}", "ms", 50, 20)
    row("the same, first start of all", f"{sorted(first)[len(first) // 2]:.1f}", "ms", "-", "-")


def calls():
    gateway = Gateway().start()
    gateway.load("once", 1, "10")
    time.sleep(2.5)
    row("memory of the whole tree, idle", f"{gateway.pss_kib(True) / 1024:.1f}", "MB PSS", 40, 20)
    row("health calls over 8 WebSockets", f"{gateway.load('health', 8)[0]:.0f}", "/s", 20000, 60000)
    row("connect + authenticate + health + close, 8 at once", f"{gateway.load('connect', 8)[0]:.0f}", "/s", 2000, 10000)
    wrk = subprocess.run(["wrk", "-t1", "-c16", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{gateway.port}/healthz"], stdout=subprocess.PIPE, text=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", wrk.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", wrk.stdout)
    row("GET /healthz, 16 connections", f"{float(rate.group(1)):.0f}", "/s", 30000, 60000)
    row("GET /healthz, p99", f"{float(p99.group(1)) * {'us': 0.001, 'ms': 1, 's': 1000}[p99.group(2)]:.2f}", "ms", 5, 1)
    before = gateway.pss_kib()
    with gateway.crowd("idle", 500):
        time.sleep(0.5)
        row("authenticated idle WebSocket", f"{(gateway.pss_kib() - before) / 500:.1f}", "KiB", 16, 4)
    gateway.stop()


def turns():
    """The same load with the sessions it makes, and with 100,000 more stored; then turns for memory's sake."""
    with Model() as config:
        gateway = Gateway(config).start()
        few = turn_figures(gateway, "")
        grown(gateway)
        gateway.stop(keep=True)
        fill(gateway.dir, 100000)
        gateway.start()
        many = turn_figures(gateway, ", 100,000 sessions stored")
        gateway.stop()
    row("a turn's own time with 100,000 sessions stored against 1", f"{many[0] / few[0]:.2f}", "x", 1.1, 1)
    row("turns a second with 1 session stored against 100,000", f"{few[1] / many[1]:.2f}", "x", 1.1, 1)


def crowd():
    """The same turns beside 1,000 clients that read what they are sent, and beside as many of which a tenth never does; by turns, the middle of three."""
    times = {"turns": [], "idle": [], "slow": []}
    with Model() as config:
        gateway = Gateway(config).start()
        gateway.load("once", 1, "10")
        time.sleep(2.5)
        gateway.load("turns", 1, "1")
        for _ in range(3):
            for mode, found in times.items():
                with contextlib.ExitStack() as stack:
                    if mode != "turns":
                        stack.enter_context(gateway.crowd(mode, 1000))
                    found.append(gateway.load("turns", 1, "2")[1])
        gateway.stop()
    alone, reading, slow = (sorted(t)[1] for t in times.values())
    row("a turn's own time beside 1,000 clients, 100 of which never read, against 1,000 that do", f"{slow / reading:.2f}", "x", 1.1, 1)
    row("the same against none of them", f"{slow / alone:.2f}", "x", "-", "-")


def turn_figures(gateway, with_what):
    bound = {"": (5, 1, 15, 5, 200, 800)}.get(with_what, ("-",) * 6)
    gateway.load("once", 1, "10")
    time.sleep(2.5)
    _, p50, p99 = gateway.load("turns", 1)
    row("a turn's own time, p50" + with_what, f"{p50 / 1000:.2f}", "ms", *bound[0:2])
    row("a turn's own time, p99" + with_what, f"{p99 / 1000:.2f}", "ms", *bound[2:4])
    rate = gateway.load("turns", 16)[0]
    row("turns, durable, 16 sessions at once" + with_what, f"{rate:.0f}", "/s", *bound[4:6])
    return p50, rate


def grown(gateway):
    """Memory once 1,000 turns and more are done (by now they are) against 15 seconds of turns later."""
    time.sleep(1.5)
    before = gateway.pss_kib()
    rate = gateway.load("turns", 16, "15")[0]
    time.sleep(1.5)
    row(f"memory after {rate * 15 / 1000:.0f},000 more turns", f"{gateway.pss_kib() / before:.2f}", "x", 1.05, 1)


def held_before_sign_in():
    """Each kind of stranger by thirds; the largest sum seen while their time to sign in runs."""
    gateway = Gateway().start()
    gateway.load("once", 1, "10")
    time.sleep(2.5)
    before = gateway.pss_kib()
    flood = subprocess.Popen([LOAD, str(gateway.port), "flood", "10000", "60"], env=gateway.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    most, said = before, False
    os.set_blocking(flood.stdout.fileno(), False)
    until = time.monotonic() + 8
    while time.monotonic() < until:
        most = max(most, gateway.pss_kib())
        said = said or bool(flood.stdout.readline())
        time.sleep(0.1)
    if not said:
        print("flood: not all of the connections could be opened")
    row("memory for 10,000 connections that do not sign in", f"{(most - before) / 1024:.1f}", "MB PSS", 16, 8)
    flood.stdin.close()
    flood.wait()
    gateway.stop()


class Model:
    def __enter__(self):
        self.port = free_port()
        self.child = subprocess.Popen([MODEL, str(self.port)], stdin=subprocess.PIPE)
        return ('{gateway:{rateLimit:{enabled:false}},agents:{defaults:{model:{primary:"bench/m"}}},models:{providers:{bench:{'
                'baseUrl:"http://127.0.0.1:%d/v1",api:"openai-completions",models:[{id:"m",name:"m"}]}}}}' % self.port)

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait()


def kill_switch():
    """From the call on a WebSocket to the end of the last of four tools; the longest of three."""
    times = []
    with Model() as config:
        for _ in range(3):
            gateway = Gateway(config).start()
            gateway.load("once", 1, "10")
            time.sleep(3)
            times.append(gateway.load("panic", 4, "10")[1] / 1000)
            gateway.stop()
    row("kill switch to the end of the last tool, longest of 3", f"{max(times):.1f}", "ms", 100, 10)


def abort():
    """From chat.abort on a WebSocket to the end of the run's tool and of its agent; the longest of five."""
    times = []
    with Model() as config:
        gateway = Gateway(config).start()
        gateway.load("once", 1, "10")
        time.sleep(3)
        for _ in range(5):
            times.append(gateway.load("abort", 1, "10", {"LOAD_AGENT": str(gateway.agent())})[1] / 1000)
            time.sleep(1)
        gateway.stop()
    row("chat.abort to the end of tool and agent, longest of 5", f"{max(times):.1f}", "ms", 100, 10)


def fill(directory, sessions):
    """That many sessions with one answered message each, put beside what the store has, as the store would."""
    with contextlib.closing(sqlite3.connect(os.path.join(directory, "store", "store.db"))) as db:
        first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM session WHERE id < 1 << 48").fetchone()[0]
        now = int(time.time() * 1000)
        ids = range(first, first + sessions)
        run = {s: (now - sessions + i << 22) + s for i, s in enumerate(ids)}
        db.executemany("INSERT INTO session(id, key, session_id, created, updated, turns, items, tokens_in, tokens_out, model, title, label) "
                       "VALUES(?, ?, ?, ?, ?, 1, 2, 1, 1, 'm', 'hello', x'')",
                       ((s, f"agent:main:stored-{s}", f"{s:032x}", now - s, now - s) for s in ids))
        db.executemany("INSERT INTO run(run, session, turn, idem, principal, at, state, call, label, options, reason) "
                       "VALUES(?, ?, 1, ?, 1, ?, 4, 0, x'', x'', '')", ((run[s], s, f"stored-{s}", now - s) for s in ids))
        db.executemany("INSERT INTO item VALUES(?, ?, ?, ?, 1, '', '', 0, ?, x'', x'', ?, 0)",
                       ((s, (1 << 20) + i, run[s], 1 + i, now - s, b"What is the weather like in the town where I was born?")
                        for s in ids for i in (0, 1)))
        db.execute("UPDATE meta SET sessions = sessions + ?, items = items + 2 * ?, runs = runs + ?", (sessions, sessions, sessions))
        db.commit()


def security_audit():
    gateway = Gateway().start()
    gateway.load("once", 1, "10")
    time.sleep(2.5)
    times = []
    for _ in range(5):
        from_ = time.monotonic()
        done = subprocess.run([PROGRAM, "security", "audit", "--deep", "--json"], env=gateway.env, stdout=subprocess.PIPE, timeout=30)
        times.append(time.monotonic() - from_)
        if b'"deep.escapes"' not in done.stdout:
            print(f"security audit: exit status {done.returncode}")
    row("security audit --deep", f"{sorted(times)[len(times) // 2]:.2f}", "s", 2, 0.5)
    gateway.stop()


def installed_size():
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--strip", "--destdir", root], stdout=subprocess.DEVNULL)
        total = sum(f.stat().st_size for f in pathlib.Path(root).rglob("*") if f.is_file() and not f.is_symlink())
    row("installed size", f"{total / 1e6:.2f}", "MB", 6, 3)


if not PROGRAM.exists():
    sys.exit("the gateway is not built")
for part in (start_time, calls, held_before_sign_in, turns, crowd, kill_switch, abort, security_audit, installed_size):
    if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
        part()
