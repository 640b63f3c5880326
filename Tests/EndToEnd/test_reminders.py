"""Reminders, from a due task to the mail in a real SMTP server: none lost, none sent twice."""

import fcntl
import json
import os
import random
import re
import socket
import tempfile
import threading
import time
import uuid
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from google.protobuf import json_format

import jobs
from client import expect, sign_up
from conftest import PORT_OFFSET
from contract import JOBS
from grpc_client import Services, notification_pb2, refusal, task_pb2
from smtp_sink import SMTPSink
from system import System
from test_tokens import mint

#: The number of reminders in the test with the kills; `scripts/soak reminders` has ten thousand.
MANY = 600


@pytest.fixture(scope="module")
def sink():
    with SMTPSink(light=True) as sink:
        yield sink


@pytest.fixture(scope="module")
def clockwork(request, sink):
    system = System.start("clockwork", PORT_OFFSET + 200, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{sink.port}")
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture
def ada(clockwork):
    return sign_up(clockwork.url(), time_zone="Europe/Berlin")


@pytest.fixture(autouse=True)
def clean(sink, clockwork):
    jobs.remind(clockwork)
    sink.clear()


def in_minutes(minutes):
    return (datetime.now(timezone.utc) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def body(message):
    return message.parsed.get_body(("plain",)).get_content()


def names(sink):
    """Counts the arrivals of each message, by its Message-ID."""
    return Counter(re.search(rb"^Message-ID: (.*?)\r$", message.content, re.MULTILINE).group(1)
                   for message in sink.messages)


def test_a_task_that_is_due_soon_is_reminded_of_once(clockwork, sink, ada):
    task = ada.new_task("Räum auf", priority="URGENT", due_date=in_minutes(20))
    for _ in range(3):
        jobs.remind(clockwork)
    [message] = sink.messages
    assert message.recipients == (ada.user["email"],)
    assert message.parsed["subject"] == "Reminder: Räum auf"
    text = body(message)
    assert text.startswith("Due in 20 minutes.") and "Räum auf" in text and "Priority: URGENT" in text
    assert "(Europe/Berlin)" in text
    [[lead, state]] = clockwork.sql(
        "task_db", "SELECT lead_minutes, state FROM reminders WHERE task_id = :'id' AND state <> 'SKIPPED'", id=task["id"])
    assert (lead, state) == ("60", "HANDED_OVER")
    [seen] = expect(ada.get("/notifications"), 200)["notifications"]
    assert seen["sent"] and seen["user_id"] == ada.id


@pytest.mark.parametrize("change, code, bad", [
    ({}, None, set()),
    ({"task_id": "x", "title": "", "lead_minutes": -1}, "INVALID_ARGUMENT", {"task_id", "title", "lead_minutes"}),
    ({"user_id": "01890000-0000-7000-8000-000000000000"}, "USER_NOT_FOUND", set())])
def test_it_is_the_same_by_both_of_its_doors(clockwork, ada, change, code, bad):
    """REST does not have it: only services hand reminders over."""
    fields = {"task_id": str(uuid.uuid4()), "user_id": ada.id, "title": "by both", "lead_minutes": 60,
              "due_date": "2030-01-31T16:00:00Z", "priority": "HIGH", **change}
    done = clockwork.run_function("send-task-reminder", "--once", "--as", f"{ada.id}:SERVICE",
                                  stdin=json.dumps(fields).encode())
    by_hand = json.loads(done.stdout)
    with Services(clockwork, mint(clockwork, ada, role="SERVICE")) as services:
        call, request = services.notifications.SendTaskReminder, notification_pb2.SendTaskReminderRequest()
        request = json_format.ParseDict(fields, request)
        if code:
            refused = refusal(call, request, code)
            assert by_hand["code"] == code
            assert set(refused.fields) == set(by_hand.get("details", {})) == bad
        else:
            [by_hand] = by_hand["notifications"]
            [by_grpc] = json_format.MessageToDict(call(request), preserving_proto_field_name=True)["notifications"]
            assert {name: by_hand[name] for name in by_grpc if not name.endswith("_at")} == {
                name: value for name, value in by_grpc.items() if not name.endswith("_at")}
    with Services(clockwork, ada.token) as services:
        refusal(services.notifications.SendTaskReminder, request, "PERMISSION_DENIED")


@pytest.mark.parametrize("due, local", [
    ("2027-03-28T00:59:00Z", "Sunday, 28 March 2027, 01:59 CET, UTC+1"),
    ("2027-03-28T01:00:00Z", "Sunday, 28 March 2027, 03:00 CEST, UTC+2"),
    ("2027-10-31T00:30:00Z", "Sunday, 31 October 2027, 02:30 CEST, UTC+2"),
    ("2027-10-31T01:30:00Z", "Sunday, 31 October 2027, 02:30 CET, UTC+1")])
def test_the_due_time_is_right_on_both_sides_of_a_change_of_the_clocks(clockwork, sink, ada, due, local):
    """Between creation and due date, Berlin's clocks change; the mail has the time that they will show."""
    with Services(clockwork, mint(clockwork, ada, role="SERVICE")) as services:
        request = notification_pb2.SendTaskReminderRequest(task_id=str(uuid.uuid4()), user_id=ada.id, title="clocks", lead_minutes=60)
        request.due_date.FromJsonString(due)
        services.notifications.SendTaskReminder(request)
    jobs.run(clockwork, "deliver-notifications", "--drain")
    [message] = sink.messages
    assert f"Due: {local} (Europe/Berlin)" in body(message)


@pytest.mark.parametrize("reminders, minutes, sent", [
    ([30, 10], 29, True), ([30, 10], 31, False), ([], 5, False), (None, 59, True)])
def test_a_tasks_own_reminders_count(clockwork, sink, ada, reminders, minutes, sent):
    task = ada.new_task("own", due_date=in_minutes(minutes), reminders=reminders)
    assert task["reminders"] == reminders
    jobs.remind(clockwork)
    assert bool(sink.messages) == sent
    changed = expect(ada.patch(f"/tasks/{task['id']}", {"reminders": [minutes + 2]}), 200)
    assert changed["reminders"] == [minutes + 2]
    sink.clear()
    jobs.remind(clockwork)
    assert len(sink.messages) == 1
    refused = expect(ada.patch(f"/tasks/{task['id']}", {"reminders": [-1, 50000]}), 400, "INVALID_ARGUMENT")
    assert set(refused["details"]) == {"reminders"}


def test_a_late_reminder_says_so(clockwork, sink, ada):
    jobs.add_tasks(clockwork, ada.id, 1, due="-20 minutes", title="late")
    jobs.remind(clockwork)
    [message] = sink.messages
    assert body(message).startswith("This was due 20 minutes ago.")


def test_mail_that_waited_says_how_late_it_is_by_then(clockwork, sink, ada):
    ada.new_task("waits", due_date=in_minutes(30))
    jobs.run(clockwork, "dispatch-reminders")
    clockwork.sql("notification_db", "UPDATE notifications SET due_date = due_date - interval '45 minutes' "
                  "WHERE user_id = :'id'", id=ada.id)
    jobs.run(clockwork, "deliver-notifications", "--drain")
    [message] = sink.messages
    assert body(message).startswith("This was due 15 minutes ago.")


def test_a_look_ahead_changes_nothing(clockwork, sink, ada):
    task = ada.new_task("later", due_date=in_minutes(20))
    said = jobs.run(clockwork, "dispatch-reminders", "--dry-run")
    assert f"{task['id']} due {task['due_date']}, 60 minutes before: to be sent\n" in said
    assert not clockwork.sql("task_db", "SELECT 1 FROM reminders WHERE task_id = :'id'", id=task["id"])
    assert not sink.messages
    jobs.remind(clockwork)
    assert len(sink.messages) == 1


def test_a_due_date_that_is_moved_after_its_reminder_makes_another_one(clockwork, sink, ada):
    task = ada.new_task("moves", due_date=in_minutes(20))
    jobs.remind(clockwork)
    expect(ada.patch(f"/tasks/{task['id']}", {"due_date": in_minutes(45)}), 200)
    jobs.remind(clockwork)
    jobs.remind(clockwork)
    assert [body(message).splitlines()[0] for message in sink.messages] == ["Due in 20 minutes.", "Due in 45 minutes."]


@pytest.mark.parametrize("change", [
    {"status": "COMPLETED"}, {"status": "CANCELLED"}, {"due_date": None}, {"due_date": "2040-01-01T00:00:00Z"}])
def test_nobody_is_reminded_of_what_is_over(clockwork, sink, ada, change):
    task = ada.new_task("over", due_date=in_minutes(20))
    expect(ada.patch(f"/tasks/{task['id']}", change), 200)
    jobs.remind(clockwork)
    assert not sink.messages


def test_an_edit_after_the_due_date_loses_no_reminder(clockwork, sink, ada):
    """Cron has not run since: what was owed goes out, whatever was edited, unless the edit ended it."""
    due = datetime.now(timezone.utc) + timedelta(seconds=4)
    fields = {"due_date": due.isoformat(), "reminders": [0]}
    patches = {
        "begun": {"status": "IN_PROGRESS"}, "same status": {"status": "PENDING"}, "same reminders": {"reminders": [0]},
        "more reminders": {"reminders": [0, 5]}, "same date": {"due_date": fields["due_date"]}, "priority": {"priority": "LOW"},
        "completed": {"status": "COMPLETED"}, "removed": {"reminders": [5]}, "moved": {"due_date": "2040-01-01T00:00:00Z"}}
    tasks = {title: ada.new_task(title, **fields) for title in [*patches, "replaced", "by gRPC"]}
    time.sleep(max(0, (due - datetime.now(timezone.utc)).total_seconds()) + 0.5)
    for title, change in patches.items():
        expect(ada.patch(f"/tasks/{tasks[title]['id']}", change), 200)
    expect(ada.put(f"/tasks/{tasks['replaced']['id']}", {"title": "replaced by this", **fields}), 200)
    with Services(clockwork, ada.token) as services:
        request = task_pb2.UpdateTaskRequest(id=tasks["by gRPC"]["id"], status="IN_PROGRESS")
        request.update_mask.paths.extend(["status", "description"])
        services.tasks.UpdateTask(request)
    for _ in range(2):
        jobs.remind(clockwork)
    assert sorted(message.parsed["subject"] for message in sink.messages) == sorted(
        f"Reminder: {title}" for title in ["begun", "same status", "same reminders", "more reminders", "same date", "priority",
                                          "replaced by this", "by gRPC"])


def test_nobody_is_reminded_of_a_deleted_task(clockwork, sink, ada):
    task = ada.new_task("gone", due_date=in_minutes(20))
    expect(ada.delete(f"/tasks/{task['id']}"), 204)
    jobs.remind(clockwork)
    assert not sink.messages


def test_after_three_hours_without_cron_each_task_gets_one_reminder(clockwork, sink, ada):
    # One of each kind: both times have passed, only the hour, only the day, and the due date itself.
    for minutes in (-100, 30, 23 * 60):
        jobs.add_tasks(clockwork, ada.id, 20, due=f"{minutes} minutes", title=f"in {minutes}")
    jobs.add_tasks(clockwork, ada.id, 5, due="-8 hours", title="too old")
    jobs.remind(clockwork)
    subjects = Counter(message.parsed["subject"].rsplit(" ", 1)[0] for message in sink.messages)
    assert subjects == {f"Reminder: in {minutes}": 20 for minutes in (-100, 30, 23 * 60)}
    [[count]] = clockwork.sql("task_db", "SELECT count(*) FROM reminders r JOIN tasks t ON t.id = task_id "
                              "WHERE t.title LIKE 'too old%' AND t.user_id = :'id' AND reason = 'too late'", id=ada.id)
    assert count == "5"


def test_while_the_user_service_is_away_reminders_go_to_the_address_it_last_gave(clockwork, sink, ada):
    ada.new_task("before", due_date=in_minutes(20))
    jobs.remind(clockwork)
    ada.new_task("meanwhile", due_date=in_minutes(20))
    stranger = sign_up(clockwork.url())
    stranger.new_task("unknown", due_date=in_minutes(20))
    supervisor = clockwork.supervisor()
    workers = [f"get-user:{slot['name']}" for slot in clockwork.pool("get-user") if slot["pid"]]
    for worker in workers:
        supervisor.stopProcess(worker)
    try:
        process = jobs.start(clockwork, "dispatch-reminders")
        process.communicate(timeout=60)
        assert process.returncode == 1     # somebody could not be reached, and the exit status says so
        jobs.run(clockwork, "deliver-notifications", "--drain")
        assert [message.parsed["subject"] for message in sink.messages] == ["Reminder: before", "Reminder: meanwhile"]
    finally:
        for worker in workers:
            supervisor.startProcess(worker)
    clockwork.close_circuits()
    clockwork.sql("task_db", "UPDATE reminders SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    jobs.remind(clockwork)
    assert sink.messages[-1].parsed["subject"] == "Reminder: unknown" and len(sink.messages) == 3


def test_a_run_beside_one_that_is_still_at_work_does_nothing(clockwork, sink, ada):
    ada.new_task("waits", due_date=in_minutes(20))
    jobs.run(clockwork, "dispatch-reminders")
    with open(clockwork.state_dir / "locks/task/task-dispatch-reminders.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jobs.run(clockwork, "dispatch-reminders")
        assert clockwork.log_entries("dispatch-reminders")[-1]["message"] == "the last run is still at work"
    jobs.run(clockwork, "dispatch-reminders")
    assert clockwork.log_entries("dispatch-reminders")[-1]["exit_code"] == 0


def test_who_sends_finishes_what_is_in_its_hands_when_it_is_told_to_stop(clockwork, sink, ada):
    jobs.add_tasks(clockwork, ada.id, 300)
    jobs.run(clockwork, "dispatch-reminders")
    sender = jobs.start(clockwork, "deliver-notifications")
    sink.wait_for(20)
    sender.terminate()
    sender.communicate(timeout=10)
    assert sender.returncode == 0
    jobs.run(clockwork, "deliver-notifications", "--drain")     # no lease is left
    assert len(sink.messages) == len(names(sink)) == 300


def test_whatever_is_killed_every_reminder_arrives_and_none_twice(clockwork, sink, ada):
    """Four hosts run both jobs; one of them is repeatedly killed in the middle."""
    jobs.add_tasks(clockwork, ada.id, MANY)
    dispatchers, deliverers, kills = [None] * 4, [None] * 4, 0

    def start(kind, host):
        if kind is dispatchers:
            return jobs.start(clockwork, "dispatch-reminders", **jobs.ELSEWHERE)
        return jobs.start(clockwork, "deliver-notifications", **jobs.ELSEWHERE, DELIVERY_WORKERS=1)

    for kind in (dispatchers, deliverers):
        for host in range(4):
            kind[host] = start(kind, host)
    end = time.monotonic() + 120
    while len(names(sink)) < MANY:
        assert time.monotonic() < end, (len(names(sink)), clockwork.sql(
            "task_db", "SELECT state, reason, count(*), min(next_attempt_at) FROM reminders GROUP BY 1, 2"),
            clockwork.sql("notification_db", "SELECT sent, attempts, last_error, count(*), min(next_attempt_at) "
                          "FROM notifications GROUP BY 1, 2, 3"), clockwork.sql("task_db", "SELECT now()"))
        time.sleep(random.uniform(0.05, 0.4))
        kind, host = random.choice((dispatchers, deliverers)), random.randrange(4)
        if kind[host].poll() is None:
            jobs.kill(kind[host])
            kills += kind is deliverers
        kind[host] = start(kind, host)
    for process in dispatchers + deliverers:
        jobs.kill(process)
    jobs.remind(clockwork)      # every claim has ended with its holder
    arrived = names(sink)
    titles = {message.parsed["subject"] for message in sink.messages}
    assert titles == {f"Reminder: task {number}" for number in range(1, MANY + 1)}
    assert len(arrived) == MANY, "a reminder went out under two names"
    twice = sum(count - 1 for count in arrived.values())
    assert twice <= kills, f"{twice} mails came twice, and {kills} senders were killed"


def latest_lease(system, database, table):
    """Returns when the latest lease ends that has more than a minute to go; an empty text when there is none."""
    [[end]] = system.sql(database, f"SELECT max(next_attempt_at) FROM {table} WHERE next_attempt_at > now() + interval '1 minute'")
    return end


def kill_at_work(system, job, database, table):
    """Kills a job with `kill -9` while it has claimed something, as if on a host of its own."""
    before = latest_lease(system, database, table)
    process = jobs.start(system, job, **jobs.ELSEWHERE)
    jobs.wait_until(lambda: latest_lease(system, database, table) not in ("", before), 30, "something to be claimed")
    jobs.kill(process)
    assert latest_lease(system, database, table), f"{job} was done before it was killed"


def test_after_a_kill_everything_goes_out_at_the_next_run(clockwork, sink, ada):
    """The leases would last for five minutes, but the claims of a process end with it."""
    many = 3 * MANY      # enough for a job to be at work when it is killed
    jobs.add_tasks(clockwork, ada.id, many)
    for _ in range(3):
        kill_at_work(clockwork, "dispatch-reminders", "task_db", "reminders")
    jobs.run(clockwork, "dispatch-reminders")
    kill_at_work(clockwork, "deliver-notifications", "notification_db", "notifications")
    jobs.run(clockwork, "deliver-notifications", "--drain")
    assert {message.parsed["subject"] for message in sink.messages} == {f"Reminder: task {n}" for n in range(1, many + 1)}
    arrived = names(sink)
    assert len(arrived) == many, "a reminder went out under two names"
    assert sum(arrived.values()) - many <= 4, "each of four workers may have had one mail under way"


def test_another_host_takes_over_at_once(clockwork, sink, ada):
    jobs.add_tasks(clockwork, ada.id, MANY)
    jobs.run(clockwork, "dispatch-reminders")
    kill_at_work(clockwork, "deliver-notifications", "notification_db", "notifications")
    other = jobs.start(clockwork, "deliver-notifications", **jobs.ELSEWHERE)
    try:
        jobs.wait_until(lambda: len(names(sink)) == MANY, 30, "all to arrive")
    finally:
        jobs.kill(other)


def test_connections_that_are_lost_under_way_lose_nothing(clockwork, sink, ada):
    """Each worker whose connection is ended by an administrator sends nothing more of what it had claimed."""
    jobs.add_tasks(clockwork, ada.id, MANY)
    jobs.run(clockwork, "dispatch-reminders")
    sender = jobs.start(clockwork, "deliver-notifications")
    ended = 0
    for count in (20, 150, 300):
        sink.wait_for(count, 30)
        ended += len(clockwork.sql("notification_db", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                   "WHERE application_name = 'deliver-notifications'"))
    jobs.wait_until(lambda: len(names(sink)) == MANY, 30, "all to arrive")
    sender.terminate()
    sender.communicate(timeout=10)
    assert sender.returncode == 1 and re.search(
        "database unreachable", clockwork.log_entries("deliver-notifications")[-1]["error"])
    jobs.run(clockwork, "deliver-notifications", "--drain")
    arrived = names(sink)
    assert len(arrived) == MANY and sum(arrived.values()) - MANY <= ended


def test_a_restart_of_the_database_under_way_loses_nothing(clockwork, sink, ada):
    jobs.add_tasks(clockwork, ada.id, MANY)
    jobs.run(clockwork, "dispatch-reminders")
    for restart in (clockwork.postgres.restart, clockwork.postgres.kill):
        sink.clear()
        clockwork.sql("notification_db", "UPDATE notifications SET sent = false, sent_at = NULL, next_attempt_at = now() "
                      "WHERE user_id = :'id'", id=ada.id)
        sender = jobs.start(clockwork, "deliver-notifications")
        sink.wait_for(50, 30)
        restart()
        jobs.wait_until(lambda: len(names(sink)) == MANY, 30, "all to arrive")
        sender.terminate()
        sender.communicate(timeout=10)
        jobs.run(clockwork, "deliver-notifications", "--drain")
        arrived = names(sink)
        assert len(arrived) == MANY and sum(arrived.values()) - MANY <= 4


class Pooler:
    """Passes connections on to PostgreSQL as PgBouncer does: clients see another process number than the server's."""

    def __init__(self, folder, target):
        self.target = target
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/.s.PGSQL.5432")
        os.chmod(f"{folder}/.s.PGSQL.5432", 0o777)
        self.listener.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            threading.Thread(target=self._pass, args=(client, server, lambda data: data), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, self._disguise), daemon=True).start()

    @staticmethod
    def _disguise(data):
        # BackendKeyData: its length is 12, then come the process and a secret.
        return re.sub(rb"(K\x00\x00\x00\x0c)....", lambda found: found[1] + b"\x7f\x00\x00\x01", data, flags=re.DOTALL)

    @staticmethod
    def _pass(source, sink, change):
        try:
            while data := source.recv(65_536):
                sink.sendall(change(data))
        except OSError:
            pass
        for end in (source, sink):
            end.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def pooler(clockwork):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        pooler = Pooler(folder, f"{clockwork.postgres.socket_dir}/.s.PGSQL.5432")
        yield lambda role, database: f"postgresql://{role}@/{database}?host={folder}"
        pooler.close()


def test_a_job_that_claims_refuses_to_go_through_a_pooler(clockwork, sink, ada, pooler):
    """There, its claims would not end with its connection, and somebody else might have them."""
    ada.new_task("waits", due_date=in_minutes(20))
    for job, services in JOBS.items():
        for service in services:
            database = "user_db" if service == "auth" else f"{service}_db"
            process = jobs.start(clockwork, job, service=service, DATABASE_URL=pooler(f"{service}_service", database))
            _, said = process.communicate(timeout=20)
            entry = clockwork.log_entries(job, service)[-1]
            if job == "purge-expired":
                assert process.returncode == 0, entry
            else:
                assert process.returncode == 78 and "DATABASE_URL leads through a connection pooler" in entry["error"]
                assert b"DATABASE_URL leads through a connection pooler" in said
    assert not sink.messages
    jobs.remind(clockwork)
    assert len(sink.messages) == 1


@pytest.mark.parametrize("job, service", [(job, service) for job, services in JOBS.items() for service in services])
def test_each_run_has_its_line_in_the_log_whatever_becomes_of_it(clockwork, job, service):
    arguments = {"dispatch-reminders": ["--dry-run"], "purge-expired": []}.get(job, ["--drain"])
    jobs.run(clockwork, job, *arguments, service=service)
    assert clockwork.log_entries(job, service)[-1]["exit_code"] == 0

    wrong = jobs.start(clockwork, job, "--nonsense", service=service)
    _, said = wrong.communicate(timeout=10)
    assert wrong.returncode == 78 and b"unknown argument --nonsense; try --help" in said
    assert clockwork.log_entries(job, service)[-1]["exit_code"] == 78

    with clockwork.postgres.away():
        lost = jobs.start(clockwork, job, service=service)
        lost.communicate(timeout=30)
    entry = clockwork.log_entries(job, service)[-1]
    assert lost.returncode == 1 and entry["exit_code"] == 1 and "database unreachable" in entry["error"]
    assert "password" not in entry["error"] and entry["level"] == "error"
