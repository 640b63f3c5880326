"""A running system: starting it, ending it, and disturbing its parts."""

import configparser
import http.client
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
import xmlrpc.client
from contextlib import contextmanager
from pathlib import Path

from client import Account, expect
from contract import GATEWAY_PORT, GRPC_GATEWAY_PORT, GRPC_SERVICE_PORTS, SERVICE_PORTS

REPOSITORY = Path(__file__).resolve().parents[2]
START_LIMIT_SECONDS = 180


class System:
    """One installation, identified by its state folder and port offset."""

    def __init__(self, state_dir, port_offset):
        self.state_dir = Path(state_dir)
        self.port_offset = port_offset
        self.postgres = Postgres(self)

    # Starting and ending

    @classmethod
    def start(cls, name, port_offset, **settings):
        """Starts a fresh system with `scripts/run --detach` in `.run-test/NAME`."""
        root = Path(os.environ.get("E2E_STATE_ROOT", REPOSITORY / ".run-test"))
        system = cls(root / name, port_offset)
        if system.state_dir.exists():
            system.script("stop")
            system.remove()
        settings = {"RATE_LIMIT": "off", "BCRYPT_COST": "5", **settings}
        done = system.script("run", "--detach", "--no-build", check=False, **settings)
        if done.returncode != 0:
            system.script("stop", check=False)
            raise AssertionError(f"scripts/run failed:\n{done.stdout}\n{done.stderr}")
        return system

    def stop(self, remove=True):
        self.script("stop", *(["--purge"] if remove else []))
        if remove:
            self.remove()

    def remove(self):
        place = self.state_dir.resolve()
        if self.state_dir.is_symlink():
            self.state_dir.unlink()
        if place.exists():
            shutil.rmtree(place)
        for output in self.state_dir.parent.glob(f"{self.state_dir.name}-*.[oe][ur][tr]"):
            output.unlink()

    def script(self, name, *arguments, check=True, stdin="", **settings):
        """Runs one of the operator's scripts on this system.

        Its output goes to files: processes that it leaves running would keep a pipe open.
        """
        environment = {**os.environ, "STATE_DIR": str(self.state_dir),
                       "PORT_OFFSET": str(self.port_offset), **settings}
        logs = self.state_dir.parent
        logs.mkdir(parents=True, exist_ok=True)
        out, err = (logs / f"{self.state_dir.name}-{name}.{kind}" for kind in ("out", "err"))
        with open(out, "w") as out_file, open(err, "w") as err_file:
            code = subprocess.run(
                [REPOSITORY / "scripts" / name, *arguments], cwd=REPOSITORY, env=environment,
                input=stdin.encode(), stdout=out_file, stderr=err_file,
                timeout=START_LIMIT_SECONDS).returncode
        done = subprocess.CompletedProcess(name, code, out.read_text(), err.read_text())
        if check:
            assert code == 0, f"scripts/{name} {arguments}: {done.stdout}\n{done.stderr}"
        return done

    def create_admin(self):
        """Creates an administrator with `scripts/create-admin`, signed in."""
        name = f"chief-{secrets.token_hex(4)}"
        self.script("create-admin", name, f"{name}@example.com", stdin="the admin's password\n")
        account = Account(self.url(), {"id": None, "username": name}, "the admin's password")
        account.sign_in()
        account.user = expect(account.post("/auth/validate", {"token": account.token}), 200)
        account.id = account.user["id"] = account.user["user_id"]
        return account

    # Addresses

    def port(self, service=None):
        return (SERVICE_PORTS[service] if service else GATEWAY_PORT) + self.port_offset

    def url(self, service=None):
        return f"http://127.0.0.1:{self.port(service)}"

    def grpc_port(self, service=None):
        return (GRPC_SERVICE_PORTS[service] if service else GRPC_GATEWAY_PORT) + self.port_offset

    # Pools

    def supervisor(self):
        """Opens a connection to the supervisor, which threads must not share."""
        settings = configparser.RawConfigParser(strict=False)
        settings.read(self.state_dir / "supervisord.conf")
        path = settings.get("unix_http_server", "file").split(";")[0].strip()
        return xmlrpc.client.ServerProxy(
            "http://supervisor", transport=_UnixTransport(path)).supervisor

    def pool(self, function, supervisor=None):
        """Returns all slots of a function's pool, including those without a process."""
        everything = (supervisor or self.supervisor()).getAllProcessInfo()
        slots = [slot for slot in everything if slot["group"] == function]
        assert slots, f"supervisor knows no pool {function}"
        return slots

    def workers(self, *functions):
        """Returns the process ids of the workers of these functions (without names: of every group)."""
        everything = self.supervisor().getAllProcessInfo()
        return {slot["pid"] for slot in everything
                if slot["pid"] and (not functions or slot["group"] in functions)}

    def replace_worker(self, function, supervisor=None):
        """Starts a new worker of a pool, then tells the oldest one to stop."""
        supervisor = supervisor or self.supervisor()
        slots = self.pool(function, supervisor)
        running = sorted((slot for slot in slots if slot["pid"]), key=lambda slot: slot["start"])
        spare = [slot for slot in slots if not slot["pid"]]
        assert running and spare, f"no worker or no spare slot in the pool {function}"
        supervisor.startProcess(f"{function}:{spare[0]['name']}", True)
        self.stop_process(f"{function}:{running[0]['name']}", supervisor)

    @staticmethod
    def stop_process(name, supervisor):
        """Tells the supervisor to stop a process, and waits until it is gone."""
        # supervisord checks its children once a second, or whenever it is asked something.
        supervisor.stopProcess(name, False)
        _await(lambda: not supervisor.getProcessInfo(name)["pid"], 30, f"{name} to end")

    @contextmanager
    def stopped(self, function):
        """Stops every worker of a pool for a while."""
        supervisor = self.supervisor()
        names = [f"{function}:{slot['name']}" for slot in self.pool(function) if slot["pid"]]
        for name in names:
            self.stop_process(name, supervisor)
        try:
            yield
        finally:
            for name in names:
                supervisor.startProcess(name, True)

    def close_circuits(self):
        """Closes all circuit breakers by emptying their files, which belong to whoever opened them first."""
        for path in (self.state_dir / "breakers").iterdir():
            os.truncate(path, 0)

    # Running a function by hand

    def environment_of(self, function):
        """The environment in which the pool runs this function."""
        pid = min(self.workers(function))
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def executable_of(self, function):
        """The file that the pool runs."""
        pid = min(self.workers(function))
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")

    def identity_of(self, function):
        """The user and groups that run a function, as arguments of `subprocess.run`."""
        pid = min(self.workers(function))
        if os.getuid() != 0:
            return {}
        fields = dict(line.split(":", 1)
                      for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return {"user": int(fields["Uid"].split()[0]), "group": int(fields["Gid"].split()[0]),
                "extra_groups": [int(group) for group in fields["Groups"].split()]}

    def run_function(self, function, *arguments, stdin=b"", **variables):
        """Runs a function's executable outside its pool, as the pool's user."""
        environment = self.environment_of(function)
        environment.pop("LOG_FILE", None)
        return subprocess.run(
            [self.executable_of(function), *arguments], input=stdin, capture_output=True, cwd="/", timeout=15,
            env={**environment, **variables}, **self.identity_of(function))

    def sql(self, database, statement, **variables):
        """Runs a query as the database's superuser, and returns rows as lists of text; `:'name'` is a variable."""
        return self.postgres.sql(database, statement, **variables)

    def logs(self):
        return [path for path in (self.state_dir / "logs").rglob("*") if path.is_file()]

    def log_entries(self, function, service="*"):
        """Returns the log of a function, or of a job of a service, so far."""
        time.sleep(0.15)    # its last lines may be buffered for a moment
        [path] = (self.state_dir / "logs").glob(f"{service}/{function}.log")
        return [json.loads(line) for line in path.read_text().splitlines()]

    def log_entry(self, function, request_id):
        """Waits for the one line about a request, and returns it."""
        def entries():
            return [entry for entry in self.log_entries(function) if entry.get("request_id") == request_id]
        _await(entries, 6, f"{request_id} in the log of {function}")
        [entry] = entries()
        return entry


@contextmanager
def halted(pids):
    """Stops these processes with SIGSTOP for a while."""
    stopped = [pid for pid in pids if _signal(pid, signal.SIGSTOP)]
    try:
        yield
    finally:
        for pid in stopped:
            _signal(pid, signal.SIGCONT)


class Postgres:
    """The private PostgreSQL cluster of a system, controlled as the owner of its data folder."""

    def __init__(self, system):
        self.system = system
        self.data_dir = system.state_dir / "postgres"

    def _pid_file(self):
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return None
        return [line.strip() for line in lines] if len(lines) >= 8 else None

    @property
    def pid(self):
        """The postmaster's process id."""
        return int(self._pid_file()[0])

    @property
    def socket_dir(self):
        return self._pid_file()[4]

    @property
    def _owner(self):
        owner = pwd.getpwuid(self.data_dir.stat().st_uid)
        if os.getuid() != 0:
            return {}
        return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    @property
    def _programs(self):
        newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        version = (self.data_dir / "PG_VERSION").read_text().strip()
        matching = [path for path in newest if path.parent.name == version]
        return (matching or newest)[-1]

    def sql(self, database, statement, limit_seconds=30, **variables):
        settings = [part for name, value in variables.items()
                    for part in ("-v", f"{name}={value}")]
        done = subprocess.run(
            ["psql", "-XAtq", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h", self.socket_dir,
             "-p", self._pid_file()[3], "-U", "postgres", "-d", database, *settings],
            input=statement.encode(), capture_output=True, cwd="/", timeout=limit_seconds, **self._owner)
        assert done.returncode == 0, done.stderr.decode()
        return [line.split("\x1f") for line in done.stdout.decode().splitlines()]

    def processes(self):
        """Returns the postmaster and then its children."""
        parent = self.pid
        return [parent, *(pid for pid, of in _parents() if of == parent)]

    def pause(self):
        """Stops all processes with SIGSTOP, and returns what `resume` needs."""
        stopped = []
        for signalled in (self.processes()[:1], self.processes()[1:]):
            for pid in signalled:
                if _signal(pid, signal.SIGSTOP):
                    stopped.append(pid)
        # A child that was started in between.
        for pid in self.processes():
            if pid not in stopped and _signal(pid, signal.SIGSTOP):
                stopped.append(pid)
        return stopped

    @staticmethod
    def resume(stopped):
        for pid in reversed(stopped):
            _signal(pid, signal.SIGCONT)

    @contextmanager
    def paused(self):
        """Stops all of it with SIGSTOP for a while."""
        stopped = self.pause()
        try:
            yield
        finally:
            self.resume(stopped)

    @contextmanager
    def away(self):
        """Shuts it down for a while."""
        slot, before, supervisor = self._slot(), self.pid, self.system.supervisor()
        self.system.stop_process(slot, supervisor)
        try:
            yield
        finally:
            supervisor.startProcess(slot, False)
            self._await_ready(before)

    def restart(self):
        """Restarts it in an orderly way, and returns when it was told to end and when it was ready again."""
        away = time.monotonic()
        before = self.pid
        slot = self._slot()
        if slot:
            supervisor = self.system.supervisor()
            self.system.stop_process(slot, supervisor)
            supervisor.startProcess(slot, False)
        else:
            self._start("-m", "fast")
        return away, self._await_ready(before)

    def kill(self):
        """Kills the postmaster with `kill -9`, starts it again, and returns when it died and when it was ready."""
        slot, before, family = self._slot(), self.pid, self.processes()
        away = time.monotonic()
        os.kill(before, signal.SIGKILL)
        if not slot:
            # Gone altogether: pg_ctl takes a zombie for a running server.
            _await(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), 20,
                   "its processes to end")
            self._start()
        return away, self._await_ready(before)

    def _slot(self):
        """The supervisor's name for PostgreSQL, if the supervisor runs it."""
        for slot in self.system.supervisor().getAllProcessInfo():
            if slot["pid"] and slot["pid"] == self.pid:
                return f"{slot['group']}:{slot['name']}"
        return None

    def _start(self, *arguments):
        # `restart` uses the same options as before, even if nothing is running.
        subprocess.run(
            [self._programs / "pg_ctl", "restart", "-w", "-t", "60", "-D",
             self.data_dir.resolve(), "-l", self.data_dir.resolve() / "restarts.log", *arguments],
            check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            timeout=90, **self._owner)

    def _await_ready(self, pid_before):
        def ready():
            lines = self._pid_file()
            return lines and lines[0] != str(pid_before) and lines[7] == "ready"
        _await(ready, 60, "PostgreSQL to be ready")
        return time.monotonic()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("supervisor", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        if not (self._connection and host == self._connection[0]):
            self._connection = host, _UnixConnection(self.path)
        return self._connection[1]


def _parents():
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield int(entry), int(stat.rpartition(")")[2].split()[1])


def _signal(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def _await(condition, limit_seconds, what):
    end = time.monotonic() + limit_seconds
    while not condition():
        assert time.monotonic() < end, f"waited {limit_seconds} s for {what}"
        time.sleep(0.005)
