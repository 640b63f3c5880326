"""A service whose functions do what an attacker wants: what they may write must not lead root, or another service, astray."""

import os
import pwd
import subprocess

import pytest

from conftest import PORT_OFFSET
from system import System

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root's system has users of its own")

#: A file and a folder of root's that must stay as they are.
TARGETS = ("file", "folder")


def typed_as(user, command):
    return subprocess.run(["runuser", "-u", user, "--", "bash", "-c", command], cwd="/", capture_output=True, text=True, timeout=20)


def writable_by(user, folder):
    """Every folder of the state that this user may write to."""
    everything = subprocess.run(["find", folder, "-type", "d"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run(["runuser", "-u", user, "--", "bash", "-c", 'while read -r one; do [[ ! -w $one ]] || echo "$one"; done'],
                          input=everything, cwd="/", capture_output=True, text=True, timeout=20)
    return done.stdout.split()


@pytest.fixture
def targets(tmp_path):
    for place in (tmp_path, *tmp_path.parents):
        if str(place).startswith("/tmp/"):
            place.chmod(0o755)
    (tmp_path / "file").write_text("root's")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inside").write_text("root's")
    return tmp_path


def state_of(targets):
    return {(str(path), path.stat().st_uid, path.stat().st_mode, path.read_text() if path.is_file() else None)
            for path in (targets, *targets.rglob("*"))}


def test_root_follows_no_link_of_a_service(targets):
    """Every name in every folder that a service's user, or PostgreSQL's, may write to becomes a link to root's files."""
    system = System.start("hostile", PORT_OFFSET + 700)
    place = system.state_dir.resolve()
    users = [f"task-functions-{name}" for name in ("user", "auth", "task", "notification", "health")]
    folders = {user: writable_by(user, place) for user in users}
    assert any("/mail/" in folder for folder in folders["task-functions-notification"])
    assert not [folder for user in users for folder in folders[user] if folder.rstrip("/") in (f"{place}", f"{place}/mail")]
    before = state_of(targets)
    system.stop(remove=False)
    for user in users:
        for folder in folders[user]:
            for number, name in enumerate(["tmp", "new", "cur", "user", "mail", f"{user}.lock"]):
                target = targets / TARGETS[number % 2]
                typed_as(user, f"cd {folder} && rm -rf {name}; ln -s {target} {name}; ln -s {target} {name}.new")
        typed_as(user, f"cd {place}/mail && mv new new.old; ln -s {targets}/folder new")
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        typed_as("postgres", f"cd {place}/postgres && mv {name} {name}.old && ln -s {targets}/file {name} && ln -s {targets}/file {name}.new")
    done = system.script("run", "--detach", "--no-build", check=False)
    try:
        assert state_of(targets) == before, done
        assert done.returncode == 0, done
    finally:
        system.stop()


def test_a_mail_folder_of_an_earlier_release_is_made_safe(targets):
    """There it belonged to the notification service, which could put a link into the place of a folder."""
    system = System(System.start("hostile", PORT_OFFSET + 700).state_dir, PORT_OFFSET + 700)
    system.stop(remove=False)
    mail = system.state_dir.resolve() / "mail"
    user = pwd.getpwnam("task-functions-notification")
    os.chown(mail, user.pw_uid, user.pw_gid)
    assert typed_as(user.pw_name, f"cd {mail} && rm -rf new && ln -s {targets}/folder new").returncode == 0
    before = state_of(targets)
    system.script("run", "--detach", "--no-build", RATE_LIMIT="off", BCRYPT_COST="5")
    try:
        assert state_of(targets) == before
        assert mail.stat().st_uid == 0 and not (mail / "new").is_symlink() and (mail / "new").stat().st_uid == user.pw_uid
    finally:
        system.stop()


def test_no_service_can_take_another_ones_locks(system):
    place = system.state_dir.resolve()
    subprocess.run([place / "run-job", "task", "dispatch-reminders"], check=False, cwd="/",
                   **{"user": pwd.getpwnam("task-functions-task").pw_uid, "group": pwd.getpwnam("task-functions-task").pw_gid})
    assert (place / "locks/task/task-dispatch-reminders.lock").exists()
    for user in ("task-functions-user", "task-functions-health", "task-functions-notification"):
        done = typed_as(user, f"flock -n {place}/locks/task/task-dispatch-reminders.lock true")
        assert done.returncode != 0 and "denied" in done.stderr
        # Nor can it remove or replace the breakers that all share.
        typed_as("task-functions-task", f"touch {place}/breakers/somebody")
        assert typed_as(user, f"rm -f {place}/breakers/somebody").returncode != 0
        assert typed_as(user, f"mv {place}/breakers/somebody {place}/breakers/other").returncode != 0
    os.unlink(place / "breakers/somebody")
