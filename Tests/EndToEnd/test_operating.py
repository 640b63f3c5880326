"""An operator's mistakes and changes: upgrades, starts that disturb each other, rights, and ends of pipes."""

import os
import pty
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from client import sign_up
from conftest import PORT_OFFSET
from system import REPOSITORY, System


def root():
    return Path(os.environ.get("E2E_STATE_ROOT", REPOSITORY / ".run-test"))


@pytest.fixture(scope="module")
def own(request):
    system = System.start("operating", PORT_OFFSET + 500)
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture
def newer(tmp_path):
    """A newer checkout with executables of its own."""
    for name in ("scripts", "nginx", "Shared/Migrations", "Shared/API"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    shutil.copytree(REPOSITORY / ".build/functions", tmp_path / ".build/functions")
    if os.getuid() == 0:
        for place in (tmp_path, *tmp_path.parents):
            if str(place).startswith("/tmp/"):
                place.chmod(0o755)
    return tmp_path


def change(executable):
    """A build that differs: bytes behind the end of an executable mean nothing to it."""
    with open(executable, "ab") as file:
        file.write(b"newer")


def upgrade(checkout, system):
    return subprocess.run(
        [checkout / "scripts/upgrade", "--no-build"], capture_output=True, text=True, timeout=170,
        env={**os.environ, "STATE_DIR": str(system.state_dir), "FUNCTIONS_DIR": str(checkout / ".build/functions")})


class Load:
    """Requests without a pause, of which none may fail."""

    def __init__(self, account, task):
        self.account, self.task, self.failed, self.count, self.ends = account, task, [], 0, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ends:
            reply = requests.get(f"{self.account.base_url}/api/v1/tasks/{self.task['id']}", timeout=10,
                                 headers={"Authorization": f"Bearer {self.account.token}"})
            self.count += 1
            if reply.status_code != 200:
                self.failed.append((reply.status_code, reply.text))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()


def test_an_upgrade_migrates_and_exchanges_without_a_failed_request(own, newer):
    last = max((newer / "Shared/Migrations/task_db").glob("*.sql"))
    number = int(last.name[:4]) + 1
    (newer / f"Shared/Migrations/task_db/{number:04}_newer.sql").write_text("CREATE TABLE newer (id integer);\n")
    for name in ("get-task", "create-task", "relay-events"):
        change(newer / ".build/functions" / name)
    account = sign_up(own.url())
    with Load(account, account.new_task()) as load:
        done = upgrade(newer, own)
    assert done.returncode == 0, done
    assert "Upgraded: 3 executables exchanged." in done.stdout
    assert own.sql("task_db", "SELECT count(*) FROM newer") == [["0"]]
    assert (own.state_dir / "functions/get-task").read_bytes().endswith(b"newer")
    assert load.count > 100 and not load.failed, load.failed[:3]
    # What runs is said to differ from what lies in the older checkout.
    done = own.script("run", "--detach", "--no-build", SIGN_UP="closed")
    assert "Already running" in done.stdout
    assert "other values of SIGN_UP." in done.stderr and "3 executables differ" in done.stderr


def test_a_bad_migration_leaves_the_old_system_serving(own, newer):
    last = max((newer / "Shared/Migrations/user_db").glob("*.sql"))
    number = int(last.name[:4]) + 1
    (newer / f"Shared/Migrations/user_db/{number:04}_bad.sql").write_text("CREATE TABLE half (id integer); SELECT 1 / 0;\n")
    # What this system has got from the test before is no part of this checkout.
    shutil.copy(max((own.state_dir / "migrations/task_db").glob("*.sql")), newer / "Shared/Migrations/task_db")
    change(newer / ".build/functions/get-task")
    before = own.workers("get-task")
    done = upgrade(newer, own)
    assert done.returncode == 1 and "nothing was exchanged: the old executables go on working" in done.stderr, done
    assert own.workers("get-task") == before
    assert own.sql("user_db", "SELECT to_regclass('half') IS NULL") == [["t"]]
    sign_up(own.url()).new_task()


def test_a_bad_build_puts_everything_back(own, newer):
    shutil.copy(max((own.state_dir / "migrations/task_db").glob("*.sql")), newer / "Shared/Migrations/task_db")
    before = {path.name: path.read_bytes() for path in (own.state_dir / "functions").iterdir()}
    change(newer / ".build/functions/check-session")
    shutil.copy(newer / ".build/functions/list-tasks", newer / ".build/functions/update-task")
    done = upgrade(newer, own)
    assert done.returncode == 1 and "update-task was not exchanged; the old executables go on working" in done.stderr, done
    after = {path.name: path.read_bytes() for path in (own.state_dir / "functions").iterdir()}
    assert {name for name in before if before[name] != after[name]} <= {"migrate"}
    task = sign_up(own.url()).new_task()
    assert task["status"] == "PENDING"
    assert own.script("status").returncode == 0


def test_a_port_that_is_taken_is_named_with_its_holder(own):
    other = System(root() / "second", own.port_offset)
    done = other.script("run", "--detach", "--no-build", check=False)
    other.script("stop", "--purge")
    assert done.returncode == 1
    assert f"port {own.port()} of 127.0.0.1: Address already in use: nginx (process" in done.stderr


def test_no_outgoing_connection_can_take_a_port_of_ours(own):
    reserved = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
    if not os.access(reserved, os.W_OK):
        pytest.skip("the kernel's settings cannot be written here")
    ranges = [[int(end) for end in part.split("-")] for part in reserved.read_text().strip().split(",")]
    for port in range(own.grpc_port(), own.grpc_port() + 5):
        assert any(ends[0] <= port <= ends[-1] for ends in ranges), (port, ranges)


def test_two_first_starts_at_once_are_one_start():
    system = System(root() / "twice", PORT_OFFSET + 700)
    environment = {**os.environ, "STATE_DIR": str(system.state_dir), "PORT_OFFSET": str(system.port_offset),
                   "RATE_LIMIT": "off", "BCRYPT_COST": "5"}
    outputs = [root() / f"twice-{number}.out" for number in (1, 2)]
    both = [subprocess.Popen([REPOSITORY / "scripts/run", "--detach", "--no-build"], stdin=subprocess.DEVNULL,
                             stdout=open(output, "w"), stderr=subprocess.STDOUT, env=environment) for output in outputs]
    try:
        codes = [process.wait(120) for process in both]
        texts = [output.read_text() for output in outputs]
        assert codes == [0, 0], texts
        assert sum("Already running" in text for text in texts) == 1, texts
        assert sum("Ready: " in text for text in texts) == 1, texts
        assert not any("File exists" in text for text in texts)
    finally:
        system.stop()
        for output in outputs:
            output.unlink(missing_ok=True)


def test_the_cluster_has_connections_for_every_worker(own):
    [[allowed]] = own.sql("postgres", "SHOW max_connections")
    slots = [slot for slot in own.supervisor().getAllProcessInfo() if slot["group"] not in ("nginx", "postgres", "cron")]
    assert int(allowed) > len(slots) + 40


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount something")
def test_a_checkout_that_cannot_be_written_is_enough_for_a_start():
    system = System(root() / "read-only", PORT_OFFSET + 700)
    environment = {**os.environ, "STATE_DIR": str(system.state_dir), "PORT_OFFSET": str(system.port_offset), "CRON": "off"}
    system.state_dir.parent.mkdir(exist_ok=True)
    # A file system of its own over the state folder's parent, in case that lies in the checkout.
    mounts = f"mount --bind {REPOSITORY} {REPOSITORY} && mount -o remount,ro,bind {REPOSITORY}"

    def typed(command):
        return subprocess.run(["unshare", "-m", "bash", "-c", f"{mounts} || exit 77; {command}"], cwd=REPOSITORY,
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env=environment)

    done = typed("touch README.md")
    if done.returncode == 77 or "Read-only" not in done.stderr:
        pytest.skip("this machine does not let a test mount anything")
    done = typed("scripts/build")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "cannot write to" in done.stderr, done
    if system.state_dir.is_relative_to(REPOSITORY):
        environment["STATE_DIR"] = f"/tmp/read-only-{os.getpid()}"
    try:
        done = typed("scripts/run --detach --no-build && scripts/stop --purge")
        assert done.returncode == 0 and "Ready: " in done.stdout, done
        assert not [line for line in done.stderr.splitlines() if "line " in line], done.stderr
    finally:
        shutil.rmtree(environment["STATE_DIR"], ignore_errors=True)


@pytest.mark.parametrize("pipe", ["|", "2>&1 |"])
def test_a_reader_that_goes_away_leaves_nothing_half_started(pipe):
    system = System(root() / "piped", PORT_OFFSET + 700)
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {REPOSITORY}/scripts/run --no-build {pipe} head -n 1"], capture_output=True, text=True,
        timeout=120, env={**os.environ, "STATE_DIR": str(system.state_dir), "PORT_OFFSET": str(system.port_offset)})
    assert done.returncode != 0 and len(done.stdout.splitlines()) == 1
    for _ in range(100):
        if not (system.state_dir / "supervisord.pid").exists():
            break
        time.sleep(0.1)
    left = subprocess.run(["pgrep", "-f", str(system.state_dir.resolve())], capture_output=True, text=True).stdout
    assert not left, left
    system.script("stop", "--purge")
    assert not system.state_dir.exists()


def test_purge_asks_on_a_terminal():
    system = System(root() / "asked", PORT_OFFSET + 700)
    system.script("run", "--database-only", "--detach", "--no-build", MAX_CONNECTIONS="123")
    assert system.sql("postgres", "SHOW max_connections") == [["123"]]
    environment = {**os.environ, "STATE_DIR": str(system.state_dir)}

    def purge(answer, *arguments):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([REPOSITORY / "scripts/stop", "--purge", *arguments], stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
        os.write(ours, answer)
        text, _ = process.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        return process.returncode, text

    code, text = purge(b"n\n")
    assert code == 1 and "nothing was stopped or removed" in text
    assert system.sql("user_db", "SELECT 1") == [["1"]]
    code, text = purge(b"", "--yes")
    assert code == 0 and not system.state_dir.exists(), text


@pytest.mark.skipif(os.getuid() != 0, reason="only root has a system that others do not")
def test_others_are_told_whose_system_it_is(own):
    if subprocess.run(["runuser", "-u", "nobody", "--", "test", "-x", REPOSITORY / "scripts/stop"]).returncode != 0:
        pytest.skip("other users cannot reach this checkout")
    for script in ("stop", "run", "status", "rotate-keys", "upgrade", "restart-pool get-task", "create-admin a a@example.com"):
        done = subprocess.run(
            ["runuser", "-u", "nobody", "--", "bash", "-c", f"cd / && {REPOSITORY}/scripts/{script}"], capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=30, env={**os.environ, "STATE_DIR": str(own.state_dir.resolve())})
        assert done.returncode == 1, done
        assert done.stderr.splitlines() == [
            f"{script.split()[0]}: {own.state_dir.resolve()} belongs to root: run this as that user, or choose another STATE_DIR"]
