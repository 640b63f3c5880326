"""A PostgreSQL of the operator's own: set up as scripts/README.md says, reached directly and through PgBouncer."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from client import Account, expect, sign_up
from conftest import PORT_OFFSET
from system import REPOSITORY, System

ROLES = {"user": ("user_service", "user_db"), "auth": ("auth_service", "user_db"),
         "task": ("task_service", "task_db"), "notification": ("notification_service", "notification_db"),
         "user_owner": ("user_db_owner", "user_db"), "task_owner": ("task_db_owner", "task_db"),
         "notification_owner": ("notification_db_owner", "notification_db"),
         "health_user": ("health", "user_db"), "health_task": ("health", "task_db"),
         "health_notification": ("health", "notification_db")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A program that runs as the user `postgres`, if root starts it, with a folder of its own."""

    def __init__(self, *command, **streams):
        self.process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, **streams, **as_postgres())

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def as_postgres():
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def folder():
    place = Path(tempfile.mkdtemp(prefix="own-database-"))
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(place, user.pw_uid, user.pw_gid)
    yield place
    shutil.rmtree(place)


class Cluster:
    """A cluster with passwords on a port of its own, with the roles and databases of roles.sql."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.password = secrets.token_urlsafe(12)
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        secret = folder / "superuser"
        secret.write_text(self.password)
        secret.chmod(0o644)
        subprocess.run([programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=scram-sha-256",
                        f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
                       check=True, cwd="/", capture_output=True, **as_postgres())
        self.server = Server(programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(self.port),
                             "-c", f"unix_socket_directories={folder}", "-c", "fsync=off",
                             "-c", "max_connections=200", stderr=open(folder / "postgres.log", "wb"))
        for _ in range(300):
            if subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0:
                break
            time.sleep(0.1)
        # As scripts/README.md says: the roles once, then passwords.
        self.psql("-f", REPOSITORY / "scripts/lib/roles.sql")
        for role in {role for role, _ in ROLES.values()}:
            self.psql("-c", f"ALTER ROLE {role} PASSWORD '{self.password}'")

    def psql(self, *arguments, database="postgres"):
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url("postgres", database), *arguments],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def url(self, role, database, port=None):
        return f"postgresql://{role}:{self.password}@127.0.0.1:{port or self.port}/{database}"

    def end(self):
        self.server.end()


@pytest.fixture(scope="module")
def cluster(folder):
    one = Cluster(folder)
    yield one
    one.end()


@pytest.fixture(scope="module")
def pooler(cluster):
    """The port of PgBouncer in transaction mode."""
    port, place = free_port(), cluster.folder
    names = {role for role, _ in ROLES.values()}
    (place / "users.txt").write_text("".join(f'"{name}" "{cluster.password}"\n' for name in names))
    (place / "pgbouncer.ini").write_text(f"""
[databases]
* = host=127.0.0.1 port={cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {place}/users.txt
pool_mode = transaction
default_pool_size = 5
max_client_conn = 500
""")
    server = Server("/usr/sbin/pgbouncer", place / "pgbouncer.ini", stderr=open(place / "pgbouncer.log", "wb"))
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield port
    server.end()


def journey(system):
    """Signs up, signs in, refreshes, works with tasks, and waits until a reminder's mail has arrived."""
    ada = sign_up(system.url())
    task = ada.new_task(due_date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60)), reminders=[1])
    assert expect(ada.get("/tasks"), 200)["tasks"][0]["id"] == task["id"]
    assert ada.patch(f"/tasks/{task['id']}", {"status": "IN_PROGRESS"}).status_code == 200
    refreshed = expect(Account(system.url(), ada.user, ada.password).post(
        "/auth/refresh", {"refresh_token": ada.refresh_token}), 200)
    ada.token = refreshed["access_token"]
    chief = system.create_admin()
    assert expect(chief.get("/users"), 200)["users"]
    for _ in range(900):
        mails = [path.read_text() for path in (system.state_dir / "mail/new").iterdir()]
        if any("write the report" in mail for mail in mails):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the reminder's mail has not arrived")
    assert ada.post("/auth/logout", {"refresh_token": refreshed["refresh_token"]}).status_code == 204
    assert ada.delete(f"/tasks/{task['id']}").status_code == 401
    assert expect(chief.get("/health/ready"), 200)["status"] == "UP"


def settings(cluster, names, port=None):
    return {f"DATABASE_URL_{name.upper()}": cluster.url(*ROLES[name], port=port) for name in names}


OWNERS = ("user_owner", "task_owner", "notification_owner")
SERVICES = ("user", "auth", "task", "notification")
HEALTH = ("health_user", "health_task", "health_notification")


def test_direct(cluster):
    system = System.start("own-database", PORT_OFFSET + 300, **settings(cluster, SERVICES + OWNERS + HEALTH))
    try:
        journey(system)
        # Every process connects as its own role, and there is no private cluster.
        assert set(cluster.psql("-c", "SELECT DISTINCT usename FROM pg_stat_activity WHERE usename <> 'postgres'").split()) >= {
            "user_service", "auth_service", "task_service", "notification_service", "health"}
        assert not (system.state_dir / "postgres").exists()
    finally:
        system.stop()


def test_through_a_pooler(cluster, pooler):
    """Functions go through PgBouncer; jobs, migrations and create-admin past it."""
    past_it = {f"DATABASE_URL_{name.upper()}_DIRECT": cluster.url(*ROLES[name]) for name in SERVICES}
    system = System.start("pooled-database", PORT_OFFSET + 300, PREPARED_STATEMENTS="off", **past_it,
                          **settings(cluster, SERVICES + HEALTH, port=pooler), **settings(cluster, OWNERS))
    try:
        journey(system)
        # In its log: the functions' log-ins, and none by the owners, who migrate.
        seen = (cluster.folder / "pgbouncer.log").read_text()
        assert "user=task_service" in seen and "user=auth_service" in seen and "owner" not in seen
    finally:
        system.stop()


def test_three_of_four_databases_are_refused(cluster):
    system = System(REPOSITORY / ".run-test" / "refused", PORT_OFFSET + 300)
    done = system.script("run", "--detach", "--no-build", check=False,
                         **settings(cluster, ("user", "task", "notification")))
    system.remove()
    assert done.returncode == 1 and "DATABASE_URL_AUTH must be set, too" in done.stderr
