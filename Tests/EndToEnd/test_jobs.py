"""Jobs: their times and their runs by cron; and the mail sink."""

import email.policy
import getpass
import json
import os
import pwd
import re
import smtplib
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from conftest import PORT_OFFSET
from contract import JOBS
from system import REPOSITORY, System, _await as wait_for

LIBRARY = REPOSITORY / "scripts/lib"
USER = getpass.getuser()
MAIL_PORT = 8025
EACH_JOB = [(job, service) for job, services in JOBS.items() for service in services]


def debian_python(script, *arguments):
    """Runs a program that can import cron.py. Debian's Python has croniter; the tests' own does not."""
    return ["/usr/bin/python3", "-c", f"import sys; sys.path.insert(0, '{LIBRARY}'); import cron\n{script}", *arguments]


# The times


def fired(crontab, *times, zone="UTC"):
    """Returns the commands that each of these moments starts; the first moment is the start of cron."""
    script = """
import datetime, json
now = []
started = []
times = [datetime.datetime.fromisoformat(text).timestamp() for text in sys.argv[2:]]
jobs, problems = cron.read(sys.argv[1])
assert not problems, problems
times.reverse()
daemon = cron.Cron(jobs, clock=lambda: times[-1])
daemon.start = lambda job: started[-1].append(job.command)
while len(times) > 1:
    times.pop()
    started.append([])
    daemon.fire()
print("\\n" + json.dumps(started))
"""
    done = subprocess.run(debian_python(script, str(crontab), *times), capture_output=True, text=True,
                          timeout=20, env={**os.environ, "TZ": zone})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def crontab(tmp_path):
    """Writes a crontab with these lines, `times command`."""
    def make(*lines):
        path = tmp_path / "crontab"
        fields = [line.split(None, 5) for line in lines]
        path.write_text("".join(f"{' '.join(times)} {USER} {command}\n" for *times, command in fields))
        return path
    return make


def test_a_line_runs_once_in_each_of_its_minutes(crontab):
    lines = crontab("* * * * * always", "*/5 * * * * fifth", "30 4 1,15 * 5 fridays")
    assert fired(lines, "2026-01-01T00:03:30", "2026-01-01T00:04:00", "2026-01-01T00:04:59.9",
                 "2026-01-01T00:05:00.2", "2026-01-01T04:30:00") == [
        ["always"], [], ["always", "fifth"], ["always", "fifth", "fridays"]]


def test_the_day_of_the_month_or_of_the_week_is_enough(crontab):
    lines = crontab("0 0 13 * 5 unlucky")
    assert fired(lines, "2026-02-01T00:00:00", "2026-02-06T00:00:00", "2026-02-12T00:00:00",
                 "2026-02-13T00:00:00", "2026-04-13T00:00:00") == [["unlucky"], [], ["unlucky"], ["unlucky"]]


def test_the_minute_of_the_start_is_left_out(crontab):
    assert fired(crontab("* * * * * always"), "2026-01-01T00:00:01", "2026-01-01T00:00:05") == [[]]


def test_missed_minutes_are_not_made_up(crontab):
    lines = crontab("* * * * * always", "10 * * * * tenth")
    assert fired(lines, "2026-01-01T00:00:00", "2026-01-01T00:30:00", "2026-01-01T00:31:00") == [["always"], ["always"]]


def test_a_clock_that_is_corrected_backwards_runs_nothing_twice(crontab):
    assert fired(crontab("* * * * * always"), "2026-01-01T00:03:00", "2026-01-01T00:04:00", "2026-01-01T00:03:58",
                 "2026-01-01T00:04:00", "2026-01-01T00:05:00") == [["always"], [], [], ["always"]]


def test_a_clock_that_is_set_back_by_hours_goes_on_from_there(crontab):
    assert fired(crontab("* * * * * always"), "2026-01-01T12:00:00", "2026-01-01T12:01:00", "2026-01-01T09:00:30",
                 "2026-01-01T09:01:00") == [["always"], [], ["always"]]


def test_times_are_local(crontab):
    assert fired(crontab("0 9 * * * morning"), "2026-07-01T08:59:00", "2026-07-01T09:00:00",
                 zone="Europe/Berlin") == [["morning"]]
    assert fired(crontab("0 9 * * * morning"), "2026-07-01T08:59:00+02:00", "2026-07-01T09:00:00+02:00") == [[]]


# The file


@pytest.mark.parametrize("line, reason", [
    ("60 * * * * {user} true", "is no time"),
    ("* * * thirteenth * {user} true", "is no time"),
    ("* * * * * {user}", "needs minute, hour, day, month, weekday, user and command"),
    ("@daily {user} true", "needs minute"),
    ("0 0 30 2 * {user} true", "is no time"),
    ("* * * * * nobody-knows-me true", "there is no user"),
    ("* * * * * {user} date +%s", "line break"),
])
def test_a_crontab_that_is_not_right_is_refused_with_the_line(tmp_path, line, reason):
    path = tmp_path / "crontab"
    path.write_text("# comment\n\nNAME = value\n" + line.format(user=USER) + "\n")
    for check in (["--check"], []):
        done = subprocess.run(["/usr/bin/python3", LIBRARY / "cron.py", *check, path],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and "line 4: " in done.stderr and reason in done.stderr


def test_a_last_line_without_its_end_is_refused(tmp_path):
    path = tmp_path / "crontab"
    path.write_text(f"* * * * * {USER} true")
    done = subprocess.run(["/usr/bin/python3", LIBRARY / "cron.py", "--check", path],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "no end" in done.stderr


# Running jobs


class RunningCron:
    """cron.py with a crontab, and a clock set to a moment before the next minute."""

    def __init__(self, crontab):
        script = """
import time
offset = 59.5 - time.time() % 60
cron.main(sys.argv[1:], clock=lambda: time.time() + offset)
"""
        self.process = subprocess.Popen(debian_python(script, crontab), stdout=subprocess.PIPE, text=True)

    def end(self, limit_seconds=5):
        """Ends it as supervisord does, and returns its messages."""
        self.process.terminate()
        output, _ = self.process.communicate(timeout=limit_seconds)
        assert self.process.returncode == 0
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def run_cron():
    started = []

    def run(crontab):
        started.append(RunningCron(crontab))
        return started[-1]
    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()


def lives(pid_file):
    try:
        status = Path(f"/proc/{int(pid_file.read_text())}/status").read_text()
    except (FileNotFoundError, ValueError):
        return False
    return "State:\tZ" not in status


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_job_has_the_environment_of_its_user_and_the_files_settings(tmp_path, run_cron):
    seen = tmp_path / "seen"
    path = tmp_path / "crontab"
    path.write_text(f'COLOUR = "blue green"\nHOME=/\n* * * * * {USER} (env; id -un; pwd) >{seen}.new; mv {seen}.new {seen}\n')
    run_cron(path)
    wait_for(seen.exists, 10, "the job")
    lines = seen.read_text().splitlines()
    assert {"COLOUR=blue green", "HOME=/", f"LOGNAME={USER}", "PATH=/usr/bin:/bin", USER} <= set(lines)
    assert lines[-1] == "/"
    assert not [line for line in lines if line.startswith(("PYTHON", "E2E_", "STATE_DIR"))]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start something as somebody else")
def test_a_job_runs_as_its_lines_user_with_the_users_groups(tmp_path, run_cron):
    path = tmp_path / "crontab"
    path.write_text("* * * * * nobody id >&2; id; kill -9 $$\n")
    cron = run_cron(path)
    said = cron.process.stdout.readline()
    nobody = pwd.getpwnam("nobody")
    assert f"uid={nobody.pw_uid}(nobody) gid={nobody.pw_gid}(nogroup) groups={nobody.pw_gid}(nogroup)" in said


def test_a_job_that_takes_long_holds_up_nobody_and_ends_with_cron(crontab, tmp_path, run_cron):
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    lines = crontab(f"* * * * * echo $$ >{slow}; exec sleep 300", f"* * * * * echo $$ >{quick}")
    cron = run_cron(lines)
    wait_for(lambda: lives(slow) and quick.exists() and quick.read_text(), 10, "both jobs")
    wait_for(lambda: children(cron.process.pid) == slow.read_text().split(), 10, "the quick job to be reaped")
    assert cron.end() == []
    assert not lives(slow)


def test_a_job_may_finish_when_cron_ends(crontab, tmp_path, run_cron):
    ready, finished = tmp_path / "ready", tmp_path / "finished"
    lines = crontab(f"* * * * * trap 'sleep 1; echo >{finished}; exit 0' TERM; echo >{ready}; while :; do sleep 0.1; done")
    cron = run_cron(lines)
    wait_for(ready.exists, 10, "the job")
    cron.end()
    assert finished.exists()


def test_a_job_that_does_not_end_is_killed_with_what_it_started(crontab, tmp_path, run_cron):
    shell, child = tmp_path / "shell", tmp_path / "child"
    lines = crontab(f"* * * * * trap '' TERM; sleep 300 & echo $! >{child}; echo $$ >{shell}; wait; sleep 300")
    cron = run_cron(lines)
    wait_for(lambda: lives(shell), 10, "the job")
    before = time.monotonic()
    [said] = cron.end(limit_seconds=13)
    assert "killed, because it did not end within 10 seconds" in said["message"]
    assert 9.5 < time.monotonic() - before < 12
    wait_for(lambda: not lives(shell) and not lives(child), 2, "their end")


def test_a_job_that_fails_is_in_the_log(crontab, tmp_path, run_cron):
    done = tmp_path / "done"
    lines = crontab("* * * * * exit 3", "* * * * * kill -11 $$", f"* * * * * echo >{done}")
    cron = run_cron(lines)
    wait_for(done.exists, 10, "the jobs")
    wait_for(lambda: not children(cron.process.pid), 5, "their end")
    time.sleep(0.1)
    said = cron.end()
    assert {(entry["level"], entry["message"]) for entry in said} == {
        ("warning", "ended with status 3: exit 3"), ("warning", "ended by signal 11: kill -11 $$")}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{15}Z", entry["time"]) and entry["function"] == "cron" for entry in said)


def test_no_more_than_twenty_jobs_run_at_once(crontab, tmp_path, run_cron):
    places = [tmp_path / str(number) for number in range(22)]
    lines = crontab(*(f"* * * * * echo $$ >{place}; exec sleep 300" for place in places))
    cron = run_cron(lines)
    wait_for(lambda: sum(lives(place) for place in places) == 20, 10, "the jobs")
    said = cron.end()
    assert len(said) == 2 and all("skipped, because 20 jobs are running" in entry["message"] for entry in said)
    assert not any(place.exists() for place in places[20:])


# In a system


def user_of(service):
    return f"task-functions-{service}" if os.getuid() == 0 else USER


def test_the_crontab_has_each_job_as_its_services_user(system):
    text = (system.state_dir / "crontab").read_text()
    assert "@" not in text.split("# minute hour")[1]
    place = system.state_dir.resolve()
    for job, service in EACH_JOB:
        times = r"\d+ \* \* \* \*" if job == "purge-expired" else r"\* \* \* \* \*"
        assert re.search(f"^{times} {user_of(service)} exec {place}/run-job {service} {job}( mail| push)?$", text, re.MULTILINE)


def test_the_crontab_can_go_to_etc_cron_d(system):
    """cron requires a file that belongs to root, that nobody else can write, and that has only existing users."""
    status = (system.state_dir / "crontab").stat()
    assert status.st_mode & 0o777 == 0o644 and status.st_uid == os.getuid()
    text = (system.state_dir / "crontab").read_text()
    assert text.endswith("\n") and "%" not in re.sub(r"^#.*", "", text, flags=re.MULTILINE)
    for line in text.splitlines():
        assert re.match(r"$|#|[A-Z]+=\S+$|(\S+ ){5}[a-z][\w-]* exec /\S+( [a-z-]+)+$", line), line


def test_cron_runs_as_long_as_the_system(system):
    assert system.supervisor().getProcessInfo("cron")["statename"] == "RUNNING"


@pytest.mark.parametrize("service", ["user", "auth", "task", "notification", "health"])
def test_only_a_service_reads_its_settings(system, service):
    for other in {"user", "auth", "task", "notification", "health"}:
        path = (system.state_dir / "env" / f"{other}.env").resolve()
        assert path.stat().st_mode & 0o777 == (0o640 if os.getuid() == 0 else 0o600)
        assert path.stat().st_uid == os.getuid()
        if os.getuid() == 0:
            readable = subprocess.run(["runuser", "-u", user_of(service), "--", "cat", path],
                                      capture_output=True, cwd="/").returncode == 0
            assert readable == (other == service), f"{service} and {other}"


#: One function of each service.
SOME_FUNCTION = {"user": "get-user", "auth": "validate-token", "task": "get-task", "notification": "get-notification"}


@pytest.mark.parametrize("job, service", EACH_JOB)
def test_a_job_has_its_services_settings_and_a_log_of_its_own(system, tmp_path, job, service):
    """Runs the wrapper with a program of the test's in place of the job."""
    tmp_path.chmod(0o755)
    for folder in list(tmp_path.parents)[:2]:
        folder.chmod(0o755)
    place = tmp_path / "state"
    (place / "functions").mkdir(parents=True)
    (place / "env").symlink_to(system.state_dir.resolve() / "env")
    (place / "functions" / job).write_text("#!/bin/sh\nenv\n")
    (place / "functions" / job).chmod(0o755)
    (place / "run-job").write_text((LIBRARY / "run-job").read_text())
    (place / "run-job").chmod(0o755)
    identity = system.identity_of(SOME_FUNCTION[service])
    done = subprocess.run([place / "run-job", service, job], capture_output=True, text=True, cwd="/",
                          env={"PATH": "/usr/bin:/bin"}, timeout=20, **identity)
    assert done.returncode == 0, done.stderr
    given = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert given["LOG_FILE"] == str(place / "logs" / service / f"{job}.log")
    assert given["SERVICE"] == service
    wanted = system.environment_of(SOME_FUNCTION[service])
    for name in ("DATABASE_URL", "JWT_KEYS_FILE", "BREAKER_DIR"):
        assert given[name] == wanted[name]


def test_the_services_that_speak_to_others_know_where_they_are(system):
    task, notification = (system.environment_of(name) for name in ("get-task", "get-notification"))
    assert task["NOTIFICATION_SERVICE_URL"] == f"http://127.0.0.1:{system.grpc_port('notification')}"
    user = system.environment_of("get-user")
    assert user["TASK_SERVICE_URL"] == f"http://127.0.0.1:{system.grpc_port('task')}"
    assert user["NOTIFICATION_SERVICE_URL"] == task["NOTIFICATION_SERVICE_URL"]
    assert notification["USER_SERVICE_URL"] == task["USER_SERVICE_URL"] == f"http://127.0.0.1:{system.grpc_port('user')}"
    assert notification["SMTP_URL"] == f"smtp://127.0.0.1:{MAIL_PORT + system.port_offset}"
    assert notification["MAIL_FROM"] == "Task Management <tasks@localhost.localdomain>"
    for name in ("get-task", "get-user", "login", "health"):
        assert "SMTP_URL" not in system.environment_of(name)


def test_mail_that_is_sent_lands_in_the_maildir(system):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tasks@example.com", "ada@example.com", "Grüße"
    message.set_content("Zwölf Boxkämpfer\n.\n..\n")
    place = system.state_dir / "mail/new"
    before = set(place.iterdir())
    with smtplib.SMTP("127.0.0.1", MAIL_PORT + system.port_offset, timeout=10) as sink:
        sink.send_message(message)
    [arrived] = set(place.iterdir()) - before
    parsed = email.message_from_bytes(arrived.read_bytes(), policy=email.policy.default)
    assert (parsed["Subject"], parsed["To"]) == ("Grüße", "ada@example.com")
    assert parsed.get_content() == "Zwölf Boxkämpfer\n.\n..\n"
    assert arrived.owner() == user_of("notification") and arrived.stat().st_mode & 0o077 == 0


def test_only_this_host_reaches_the_sink(system):
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    port = f":{MAIL_PORT + system.port_offset:04X} "
    places = [line.split()[1] for line in listening.splitlines() if port in line and line.split()[3] == "0A"]
    assert places == [f"0100007F:{MAIL_PORT + system.port_offset:04X}"]


# With a mail server and a cron of the operator's


PASSWORD = "correct-horse-9d1f"


@pytest.fixture(scope="module")
def served_system(request):
    """A system that leaves jobs to the host's cron and mail to a server."""
    system = System.start("served", PORT_OFFSET + 200, CRON="off", SMTP_URL=f"smtps://tasks:{PASSWORD}@127.0.0.1:2465",
                          MAIL_FROM="Tasks, all of them <tasks@example.com>", MAIL_TLS="required",
                          REMINDER_LEAD_TIMES="2d,30m")
    yield system
    system.stop(remove=request.session.testsfailed == 0)


def test_a_server_takes_the_place_of_the_sink_and_the_hosts_cron_that_of_ours(served_system):
    programs = {one["name"] for one in served_system.supervisor().getAllProcessInfo()}
    assert not programs & {"cron", "mail-sink"}
    assert not (served_system.state_dir / "mail").exists()
    assert (served_system.state_dir / "crontab").exists()


def test_settings_go_to_the_service_that_they_concern(served_system):
    notification = served_system.environment_of("send-email")
    assert notification["SMTP_URL"] == f"smtps://tasks:{PASSWORD}@127.0.0.1:2465"
    assert notification["MAIL_FROM"] == "Tasks, all of them <tasks@example.com>"
    assert notification["MAIL_TLS"] == "required" and "REMINDER_LEAD_TIMES" not in notification
    task = served_system.environment_of("create-task")
    assert task["REMINDER_LEAD_TIMES"] == "2d,30m" and not {"SMTP_URL", "MAIL_FROM", "MAIL_TLS"} & set(task)


def test_the_mail_servers_password_is_in_no_file_that_others_read_and_in_no_log(served_system):
    files = [path for path in served_system.state_dir.resolve().rglob("*") if path.is_file() and "postgres" not in path.parts]
    holding = {str(path.relative_to(served_system.state_dir.resolve())) for path in files if PASSWORD.encode() in path.read_bytes()}
    assert holding == {"settings", "supervisord.conf", "env/notification.env"}
    for name in ("settings", "supervisord.conf"):
        assert (served_system.state_dir / name).stat().st_mode & 0o077 == 0
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert PASSWORD.encode() not in command.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            pass


@pytest.mark.parametrize("settings, reason", [
    ({"MAIL_FROM": "Tasks ;-) <tasks@example.com>"}, "MAIL_FROM must not contain"),
    ({"MAIL_FROM": '"Tasks" <tasks@example.com>'}, "MAIL_FROM must not contain"),
    ({"DATABASE_URL_NOTIFICATION": "postgresql:///x"}, "or none of them"),
    ({"DATABASE_URL_USER": "postgresql:///x", "DATABASE_URL_TASK": "postgresql:///x"}, "or none of them"),
])
def test_settings_that_cannot_be_are_refused(settings, reason):
    root = Path(os.environ.get("E2E_STATE_ROOT", REPOSITORY / ".run-test"))
    system = System(root / "refused", PORT_OFFSET + 300)
    done = system.script("run", "--detach", "--no-build", check=False, **settings)
    system.script("stop")
    system.remove()
    assert done.returncode == 1 and reason in done.stderr
