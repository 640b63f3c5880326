"""The contenders: the functions, and the peers in their place behind the same gateway."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from system import REPOSITORY

PEERS = Path(__file__).resolve().parents[1] / "peers"
SPEAKS_FASTCGI = {"c", "php"}
#: Stacks that have no bcrypt among Debian's packages.
WITHOUT_LOGIN = {"node"}
LABELS = {"functions": "these functions (Swift)", "c": "C, libfcgi, libpq", "go": "Go, net/http, lib/pq",
          "php": "PHP-FPM, PDO", "node": "Node, pg", "fastapi": "FastAPI, asyncpg"}
FIRST_PORT = 8500
START_LIMIT_SECONDS = 120

# A peer's server: like a function's (limits, session check, errors, log), except for what answers.
SERVER = """
server {{
    listen 127.0.0.1:{port} backlog=4096;
    include headers.conf;
    include rest-errors.conf;
    include session.conf;
    location / {{
        if ($allow = "")    {{ return 404; }}
        if ($function = "") {{ return 405; }}
        auth_request /_session;
        auth_request_set $refusal $upstream_http_x_refusal;
{way}
    }}
}}
"""
FASTCGI = """
{function_conf}
        fastcgi_param QUERY_STRING    $query_string;
        fastcgi_param CONTENT_TYPE    $content_type;
        fastcgi_param SCRIPT_FILENAME {script};
"""
HTTP = """
        proxy_pass http://{name};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_buffer_size 16k;
        proxy_buffers 16 16k;
        proxy_busy_buffers_size 64k;
"""
UPSTREAM = """
upstream {name} {{
    server unix:{socket};
    keepalive 64;
}}
"""


class Functions:
    """The functions in the system's own pools."""
    name = "functions"

    def __init__(self, system):
        self.system = system
        self.url = system.url()

    def start(self, function, workers):
        pool = [slot for slot in self.system.pool(function) if slot["pid"]]
        assert len(pool) == workers, f"{function} has {len(pool)} workers, not {workers}"
        self.function = function

    def stop(self):
        pass

    def processes(self):
        return self.system.workers(self.function)


class Peer:
    """An alternative stack."""

    def __init__(self, system, name, number, folder):
        self.system, self.name, self.folder = system, name, Path(folder, name)
        self.port = FIRST_PORT + system.port_offset + number
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = self.folder / "socket"
        self.process = None

    def nginx(self):
        """Its part of the gateway's configuration."""
        if self.name in SPEAKS_FASTCGI:
            function_conf = re.sub(r"fastcgi_pass .*;", f"fastcgi_pass unix:{self.socket};",
                                   (self.system.state_dir / "nginx/function.conf").read_text())
            way = FASTCGI.format(function_conf=function_conf, script=PEERS / self.name / "index.php")
            return SERVER.format(port=self.port, way=way)
        upstream = UPSTREAM.format(name=self.name, socket=self.socket)
        return upstream + SERVER.format(port=self.port, way=HTTP.format(name=self.name))

    def environment(self, workers):
        build = REPOSITORY / ".build/peers" / self.name
        return {**os.environ, "SOCKET": str(self.socket), "WORKERS": str(workers), "BUILD_DIR": str(build),
                "PGHOST": self.system.postgres.socket_dir,
                "JWT_KEYS_FILE": str(self.system.state_dir / "secrets/jwt-keys.json")}

    def start(self, _function, workers):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o755)
        self.socket.unlink(missing_ok=True)
        self.output = open(self.folder / "output", "ab")
        self.process = subprocess.Popen(
            [PEERS / self.name / "start"], env=self.environment(workers), cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        end = time.monotonic() + START_LIMIT_SECONDS
        while not self._is_listening():
            assert self.process.poll() is None and time.monotonic() < end, (
                f"{self.name} does not start:\n" + Path(self.folder / "output").read_text()[-2000:])
            time.sleep(0.05)

    def _is_listening(self):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.socket))
            return self.socket.stat().st_mode & 0o006 == 0o006
        except OSError:
            return False

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.output.close()
        self.process = None

    def processes(self):
        """Returns the process that was started, and all of its descendants."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = Path(f"/proc/{entry}/stat").read_text()
                except OSError:
                    continue
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
        family, left = set(), [self.process.pid]
        while left:
            pid = left.pop()
            family.add(pid)
            left += children.get(pid, [])
        return family

    def versions(self):
        return subprocess.run([PEERS / self.name / "start", "--versions"], capture_output=True, text=True,
                              check=True, env=self.environment(1)).stdout.strip()


def packages(names):
    """Returns the Debian packages that these peers need."""
    return sorted({package for name in names for package in (PEERS / name / "packages.txt").read_text().split()})


def add_to_gateway(system, peers):
    """Adds a server for each peer to the running gateway."""
    path = system.state_dir / "nginx/nginx.conf"
    text = path.read_text().rstrip()
    assert text.endswith("}"), "nginx.conf does not end with its http block"
    path.write_text(text[:-1] + "".join(peer.nginx() for peer in peers) + "}\n")
    tried = subprocess.run(["nginx", "-t", "-q", "-c", path], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    pid = int((system.state_dir / "nginx/nginx.pid").read_text())
    old = gateway_workers(system)
    os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + 15
    while gateway_workers(system) & old:
        assert time.monotonic() < end, "nginx does not take its new settings: see nginx-error.log"
        time.sleep(0.1)


def gateway_workers(system):
    """nginx's workers."""
    master = (system.state_dir / "nginx/nginx.pid").read_text().strip()
    return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()}
