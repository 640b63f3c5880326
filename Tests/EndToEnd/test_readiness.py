"""Readiness that means something, and the operator's commands that rest on the same probes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import grpc
import jwt
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

from client import Client, expect, sign_up
from conftest import PORT_OFFSET
from system import REPOSITORY, System, halted


@pytest.fixture(scope="module")
def own(request):
    system = System.start("readiness", PORT_OFFSET + 500)
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture(autouse=True)
def well_again(own):
    """Every test begins and ends with a system that is well."""
    yield
    await_ready(own, 200, "UP")


def ready(system, service=None):
    reply = Client(system.url()).get("/health/ready", params={"service": service} if service else None)
    return reply.status_code, reply.json()


def await_ready(system, status, word=None, service=None, limit_seconds=10):
    """Answers are a second old at most in each of the workers, so the expected one must come several times."""
    end, seen = time.monotonic() + limit_seconds, 0
    while seen < 8:
        answer = ready(system, service)
        seen = seen + 1 if answer[0] == status and answer[1].get("status") == word else 0
        assert time.monotonic() < end, answer
        time.sleep(0.05)
    return answer[1]


def grpc_status(system, service=""):
    with grpc.insecure_channel(f"127.0.0.1:{system.grpc_port()}") as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return health_pb2_grpc.HealthStub(channel).Check(request, timeout=5).status


def exchange(system, function, source):
    """Puts another executable in the place of a function's, as a deployment by hand does."""
    place = system.state_dir / "functions" / function
    shutil.copy(source, f"{place}.new")
    os.chmod(f"{place}.new", 0o755)
    os.rename(f"{place}.new", place)


def restore(system, function):
    exchange(system, function, REPOSITORY / ".build/functions" / function)


def test_a_pool_without_workers_degrades_and_is_named(own):
    with own.stopped("login"):
        answer = await_ready(own, 200, "DEGRADED")
        assert answer["checks"]["login"] == "DOWN" and answer["checks"]["user_db"] == "UP"
        await_ready(own, 200, "DEGRADED", service="auth")
        await_ready(own, 200, "UP", service="task")
        assert grpc_status(own) == health_pb2.HealthCheckResponse.SERVING
        done = own.script("status", check=False)
        assert done.returncode == 1 and "login                      does not answer (0 of 2" in done.stdout


def test_a_pool_whose_workers_hang_is_found_out_within_two_seconds(own):
    with halted(own.workers("get-notification")):
        begin = time.monotonic()
        answer = await_ready(own, 200, "DEGRADED")
        assert answer["checks"]["get-notification"] == "DOWN"
        assert time.monotonic() - begin < 10
        assert "cannot" not in json.dumps(answer)


def test_a_pool_that_crashes_in_a_loop_is_named_and_its_last_words_are_shown(own, tmp_path):
    script = tmp_path / "crashes"
    script.write_text("#!/bin/sh\necho the disk is made of cheese\nexit 7\n")
    exchange(own, "delete-task", script)
    try:
        subprocess.run(["kill", "-9", *map(str, own.workers("delete-task"))], check=True)
        answer = await_ready(own, 200, "DEGRADED")
        assert answer["checks"]["delete-task"] == "DOWN"
        done = own.script("status", "delete-task", check=False)
        assert done.returncode == 1 and "the disk is made of cheese" in done.stdout
    finally:
        restore(own, "delete-task")


def test_a_service_without_any_worker_cannot_serve(own):
    functions = [line.split("\t")[0] for line in (REPOSITORY / "scripts/lib/functions.tsv").read_text().splitlines()
                 if line.endswith("\tnotification")]
    with halted(own.workers(*functions)):
        await_ready(own, 503, service="notification", limit_seconds=30)
        await_ready(own, 503, limit_seconds=30)
        await_ready(own, 200, "UP", service="task", limit_seconds=30)
        assert grpc_status(own, "notification.v1.NotificationService") == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_key_file_that_cannot_be_used_is_part_of_readiness(own):
    keys = own.state_dir / "secrets/jwt-keys.json"
    before = keys.read_bytes()
    account = sign_up(own.url())
    owner = keys.stat()
    try:
        keys.write_bytes(b"{}")
        time.sleep(1.2)
        status, answer = ready(own)
        assert (status, answer.get("status"), answer["checks"]["keys"]) == (200, "DEGRADED", "DOWN")
        # A new worker would have no keys at all, so the old ones stay.
        done = own.script("restart-pool", "login", check=False)
        assert done.returncode == 1 and "no usable keys" in done.stderr, done
        account.another_session()
    finally:
        keys.write_bytes(before)
    assert keys.stat().st_uid == owner.st_uid


def test_keys_are_rotated_and_nobody_is_signed_out(own):
    account = sign_up(own.url())
    task = account.new_task()
    keys = own.state_dir / "secrets/jwt-keys.json"
    mode = keys.stat()
    done = own.script("rotate-keys")
    after = json.loads(keys.read_text())["keys"]
    signing = [key["kid"] for key in after if "sign" in key["key_ops"]]
    assert done.stdout == f"Key {signing[0]} signs. {len(after)} keys verify.\n" and len(signing) == 1
    assert (keys.stat().st_mode, keys.stat().st_uid, keys.stat().st_gid) == (mode.st_mode, mode.st_uid, mode.st_gid)
    assert account.get(f"/tasks/{task['id']}").status_code == 200
    fresh = account.another_session()

    assert jwt.get_unverified_header(fresh.token)["kid"] == signing[0]
    assert expect(Client(own.url()).post("/auth/refresh", {"refresh_token": account.refresh_token}), 200)
    # A second one, while requests go on, leaves three; those that have been retired for long are removed.
    ring = json.loads(keys.read_text())
    ring["keys"][0]["retired_at"] = 1_000_000_000
    keys.write_text(json.dumps(ring))
    own.script("rotate-keys")
    assert [key["kid"] for key in json.loads(keys.read_text())["keys"]][0] == signing[0]


@pytest.mark.parametrize("kind, reason", [
    ("another function", "is another function: list-tasks"), ("dies at once", "exits as soon as it starts"),
    ("dies soon", "exits as soon as it starts"), ("never answers", "has not answered within 5 seconds"),
    ("dies after its first answer", "ends within 1 second")])
def test_a_bad_build_leaves_the_old_workers(own, tmp_path, kind, reason):
    real = REPOSITORY / ".build/functions/get-task"
    bad = {"dies at once": "exit 1", "dies soon": "sleep 0.4; exit 1", "never answers": "exec sleep 100",
           "dies after its first answer": f"exec 3<&0; {real} <&3 & sleep 0.6; kill $!"}
    source = tmp_path / "bad"
    if kind == "another function":
        shutil.copy(REPOSITORY / ".build/functions/list-tasks", source)
    else:
        source.write_text(f"#!/bin/sh\n{bad[kind]}\n")
    account = sign_up(own.url())
    task = account.new_task()
    before = own.workers("get-task")
    exchange(own, "get-task", source)
    try:
        done = own.script("restart-pool", "get-task", check=False)
        assert done.returncode == 1 and done.stderr.startswith("get-task: the old workers stay, because a new one"), done
        # On a busy machine, one that dies after its first answer may die before it.
        assert reason in done.stderr or kind.startswith("dies after"), done
        assert own.workers("get-task") == before
        assert account.get(f"/tasks/{task['id']}").status_code == 200
    finally:
        restore(own, "get-task")
    assert own.script("restart-pool", "get-task").stdout == "get-task: 2 workers replaced\n"
    assert not own.workers("get-task") & before


def test_probes_reach_no_function_and_strangers_cannot_send_them(own):
    path = str(own.state_dir / "probe/probe.sock")

    def ask(request):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(request)
            return connection.makefile("rb").read()
    assert b'"function":"get-task"' in ask(b"GET /get-task HTTP/1.0\r\n\r\n")
    assert b" 403 " in ask(b"POST /get-task HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    for wrong in (b"/", b"/../postgres", b"/get-task/x", b"/nothing-of-ours"):
        assert ask(b"GET %s HTTP/1.0\r\n\r\n" % wrong).split()[1] in (b"400", b"404", b"502")
    # The method that a probe is sent as is none for a client.
    for target in ("/api/v1/tasks", "/health/ready", "/api/v1/auth/login"):
        assert Client(own.url()).call("PROBE", target).status_code == 405
    if os.getuid() == 0:
        stranger = subprocess.run(["runuser", "-u", "nobody", "--", "curl", "-s", "--unix-socket", path, "http://p/get-task"])
        assert stranger.returncode != 0


def nginx_processes(own):
    """The master and its workers: supervisord makes a process group of them."""
    [group] = own.workers("nginx")
    return {int(pid) for pid in subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True).stdout.split()}


@pytest.mark.parametrize("with_workers", [True, False])
def test_a_killed_nginx_comes_back(own, with_workers):
    """Workers that it leaves behind go on listening, and so does its socket for probes."""
    [master] = own.workers("nginx")
    before = nginx_processes(own)
    assert len(before) > 1
    os.kill(master, signal.SIGKILL)
    for pid in before - {master} if with_workers else ():
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while True:
        try:
            if not alive(before) and ready(own)[0] == 200:
                break
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end, "nginx does not come back"
        time.sleep(0.05)
    await_ready(own, 200, "UP")
    after = nginx_processes(own)
    assert len(after) > 1 and not after & before
    assert not alive(before)


def alive(pids):
    """Those that run; a zombie only waits for its parent."""
    def runs(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return ") Z" not in file.read()
        except (FileNotFoundError, ProcessLookupError):
            return False
    return {pid for pid in pids if runs(pid)}


def test_a_stop_ends_the_workers_of_a_killed_nginx():
    system = System.start("killed-nginx", PORT_OFFSET + 700)
    before = nginx_processes(system)
    # supervisord, too, so that it cannot start another one.
    supervisor = int((system.state_dir / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    [master] = [pid for pid in before if b"master" in open(f"/proc/{pid}/cmdline", "rb").read()]
    os.kill(master, signal.SIGKILL)
    system.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", system.port())) != 0
    assert not alive(before)
