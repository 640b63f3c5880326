"""Events, and the sagas that follow from them in other services."""

import random
import time
import uuid
from contextlib import contextmanager

import pytest
import requests

import jobs
from client import expect, sign_up
from conftest import PORT_OFFSET
from grpc_client import Services, notification_pb2, refusal, task_pb2
from smtp_sink import SMTPSink
from system import System
from test_reminders import in_minutes

#: The number of users that the test with the kills deletes.
MANY = 60


@pytest.fixture(scope="module")
def sink():
    with SMTPSink(light=True) as sink:
        yield sink


@pytest.fixture(scope="module")
def chain(request, sink):
    """A system whose jobs only run when a test starts them."""
    system = System.start("chain", PORT_OFFSET + 250, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{sink.port}", HOLD_SECONDS="5",
                          PUBLIC_URL=f"http://127.0.0.1:{8080 + PORT_OFFSET + 250}/")
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture(scope="module")
def boss(chain):
    return chain.create_admin()


@pytest.fixture
def ada(chain):
    return sign_up(chain.url(), time_zone="Europe/Berlin")


@pytest.fixture(autouse=True)
def clean(chain, sink):
    jobs.relay(chain)
    jobs.run(chain, "deliver-notifications", "--drain")
    sink.clear()


@contextmanager
def without(system, *functions):
    """Runs the block while these functions have no worker; afterwards, no circuit is open."""
    supervisor = system.supervisor()
    workers = [f"{name}:{slot['name']}" for name in functions for slot in system.pool(name) if slot["pid"]]
    for worker in workers:
        supervisor.stopProcess(worker)
    try:
        yield
    finally:
        for worker in workers:
            supervisor.startProcess(worker)
        system.close_circuits()


def contact(system, user_id):
    rows = system.sql("notification_db", "SELECT email, time_zone, email_notifications, push_notifications, "
                      "forgotten_at IS NOT NULL FROM contacts WHERE user_id = :'id'", id=user_id)
    return rows[0] if rows else None


def left_of(system, user_id):
    """Counts the rows of a user: tasks, notifications, subscriptions."""
    [[tasks]] = system.sql("task_db", "SELECT count(*) FROM tasks WHERE user_id = :'id'", id=user_id)
    [[notifications, subscriptions]] = system.sql(
        "notification_db", "SELECT (SELECT count(*) FROM notifications WHERE user_id = :'id'), "
        "(SELECT count(*) FROM push_subscriptions WHERE user_id = :'id')", id=user_id)
    return tasks, notifications, subscriptions


def add_subscription(system, user_id):
    system.sql("notification_db", "INSERT INTO push_subscriptions (id, user_id, endpoint, origin, p256dh, auth, created_at) "
               "VALUES (:'new', :'id', 'https://push.invalid/' || :'new', 'https://push.invalid', 'p', 'a', now())",
               id=user_id, new=str(uuid.uuid4()))


def subjects(sink):
    return [message.parsed["subject"] for message in sink.messages]


# Users


def test_the_notification_service_knows_a_new_user_and_each_change(chain, ada):
    jobs.relay(chain)
    assert contact(chain, ada.id) == [ada.user["email"], "Europe/Berlin", "t", "t", "f"]
    expect(ada.patch(f"/users/{ada.id}", {"time_zone": "Asia/Kathmandu", "push_notifications": False}), 200)
    jobs.relay(chain)
    assert contact(chain, ada.id) == [ada.user["email"], "Asia/Kathmandu", "t", "f", "f"]


def test_cron_does_it_within_moments_when_it_is_on(system):
    """The system of most tests has its own cron, so the relay of the current minute is running."""
    user = sign_up(system.url())
    jobs.wait_until(lambda: contact(system, user.id), 70, "the contact")


def test_reminders_of_new_users_go_out_while_the_user_service_is_down(chain, sink, ada):
    ada.new_task("Paint", due_date=in_minutes(20))
    jobs.relay(chain)
    with without(chain, "get-user"):
        jobs.remind(chain)
    assert subjects(sink) == ["Reminder: Paint"]


def test_who_has_mail_switched_off_gets_none(chain, sink, ada):
    expect(ada.patch(f"/users/{ada.id}", {"email_notifications": False}), 200)
    ada.new_task("Paint", due_date=in_minutes(20))
    jobs.remind(chain)
    assert subjects(sink) == []
    expect(ada.patch(f"/users/{ada.id}", {"email_notifications": True}), 200)
    ada.new_task("Wash", due_date=in_minutes(20))
    jobs.remind(chain)
    assert subjects(sink) == ["Reminder: Wash"]


def test_the_link_in_a_mail_switches_its_readers_mail_off(chain, sink, ada, boss):
    """As mail programs do. Source: RFC 2369, RFC 8058."""
    ada.new_task("Paint", due_date=in_minutes(20))
    jobs.remind(chain)
    [message] = sink.messages
    assert message.parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = message.parsed["List-Unsubscribe"].strip("<>")
    assert link.startswith(chain.url().replace("/api/v1", "") + "/api/v1/unsubscribe/")
    reply = requests.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=10)
    assert (reply.status_code, reply.content) == (204, b"")
    assert requests.post(link[:-1] + ("A" if link[-1] != "A" else "B"), timeout=10).status_code == 404
    user = expect(ada.get(f"/users/{ada.id}"), 200)
    assert not user["email_notifications"] and user["push_notifications"]
    # A client that does not know the setting replaces the user.
    kept = {name: user[name] for name in ("username", "email", "full_name", "time_zone")}
    assert not expect(ada.put(f"/users/{ada.id}", kept), 200)["email_notifications"]
    ada.new_task("Wash", due_date=in_minutes(20))
    jobs.remind(chain)
    assert subjects(sink) == ["Reminder: Paint"]
    # Mail to an address rather than a user has no such link.
    expect(boss.post("/notifications/email", {"recipient": "a@example.com", "subject": "Hello", "body": "x"}), 201)
    assert "List-Unsubscribe" not in sink.messages[-1].parsed


def test_of_a_deleted_user_nothing_is_left_after_one_run(chain, sink, ada):
    for number in range(3):
        ada.new_task(f"task {number}", due_date=in_minutes(20))
    add_subscription(chain, ada.id)
    jobs.run(chain, "dispatch-reminders")
    tasks, notifications, subscriptions = left_of(chain, ada.id)
    assert (tasks, subscriptions) == ("3", "1") and int(notifications) >= 3
    expect(ada.delete(f"/users/{ada.id}"), 204)
    jobs.relay(chain, "user")
    assert left_of(chain, ada.id) == ("0", "0", "0")
    assert contact(chain, ada.id) == ["", "UTC", "t", "t", "t"]
    jobs.remind(chain)
    assert subjects(sink) == []


def test_a_user_with_thousands_of_tasks_is_gone_too(chain, ada):
    jobs.add_tasks(chain, ada.id, 3000, due="10 days")
    expect(ada.delete(f"/users/{ada.id}"), 204)
    jobs.relay(chain, "user")
    assert left_of(chain, ada.id) == ("0", "0", "0")


def test_users_are_deleted_while_reminders_go_out_and_everything_is_killed_again_and_again(chain, sink):
    """In the end, none of their tasks, subscriptions and notifications is left, and all other users have each reminder once."""
    users = [sign_up(chain.url(), signed_in=False) for _ in range(MANY)]
    for user in users:
        jobs.add_tasks(chain, user.id, 3, title=f"of {user.id}")
        add_subscription(chain, user.id)
    gone, stay = users[::2], users[1::2]
    kinds = {"relay": ("relay-events", "user"), "dispatch": ("dispatch-reminders", "task"),
             "deliver": ("deliver-notifications", "notification")}

    def begin(name):
        job, service = kinds[name]
        return jobs.start(chain, job, service=service, **jobs.ELSEWHERE, DELIVERY_WORKERS=2)

    admin = chain.create_admin()
    running = {name: begin(name) for name in kinds}
    kills = 0
    for user in gone:
        expect(admin.delete(f"/users/{user.id}"), 204)
        time.sleep(random.uniform(0.01, 0.15))
        name = random.choice(list(kinds))
        jobs.kill(running[name])
        kills += name == "deliver"
        running[name] = begin(name)
    for process in running.values():
        jobs.kill(process)
    # The claims of killed jobs have ended with them. Others wait to be retried; the clock is moved instead of waiting.
    chain.sql("user_db", "UPDATE events SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    chain.sql("task_db", "UPDATE reminders SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    chain.sql("notification_db", "UPDATE notifications SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL AND type = 'EMAIL'")
    jobs.relay(chain, "user")
    for user in gone:
        assert left_of(chain, user.id) == ("0", "0", "0")
    jobs.remind(chain)
    arrived = [subject for subject in subjects(sink) if any(user.id in subject for user in stay)]
    assert set(arrived) == {f"Reminder: of {user.id} {number}" for user in stay for number in (1, 2, 3)}
    assert len(arrived) - len(set(arrived)) <= 2 * kills


# Tasks that are assigned to another user


def test_who_is_given_a_task_by_an_admin_is_told(chain, sink, boss, ada):
    expect(boss.post("/tasks", {"title": "Paint", "user_id": ada.id, "due_date": "2030-01-31T16:00:00Z"}), 201)
    expect(boss.post("/tasks", {"title": "my own"}), 201)
    jobs.relay(chain)
    jobs.relay(chain)
    jobs.run(chain, "deliver-notifications", "--drain")
    [message] = sink.messages
    assert message.recipients == (ada.user["email"],)
    assert message.parsed["subject"] == "New task: Paint"
    text = message.parsed.get_body(("plain",)).get_content()
    assert "Priority: MEDIUM" in text and "Due: Thursday, 31 January 2030, 17:00 CET, UTC+1 (Europe/Berlin)" in text


def test_a_task_that_is_handed_on_is_news_to_the_new_owner(chain, sink, boss, ada):
    other = sign_up(chain.url())
    task = ada.new_task("Paint")
    expect(boss.patch(f"/tasks/{task['id']}", {"user_id": other.id}), 200)
    expect(boss.patch(f"/tasks/{task['id']}", {"user_id": other.id, "title": "Paint it"}), 200)
    jobs.relay(chain)
    jobs.run(chain, "deliver-notifications", "--drain")
    assert [(message.recipients, message.parsed["subject"]) for message in sink.messages] == [
        ((other.user["email"],), "New task: Paint it")]


def test_a_task_for_somebody_who_turns_out_not_to_exist_is_cancelled_and_its_creator_told(chain, sink, boss):
    nobody = str(uuid.uuid4())
    expect(boss.post("/tasks", {"title": "at once", "user_id": nobody}), 404, "USER_NOT_FOUND")
    with without(chain, "get-user"):
        task = expect(boss.post("/tasks", {"title": "Paint", "user_id": nobody}), 201)
        # It is not known yet whether the user exists, so the event waits.
        process = jobs.start(chain, "relay-events", "--drain", service="task")
        process.communicate(timeout=30)
        assert process.returncode == 1
        assert expect(boss.get(f"/tasks/{task['id']}"), 200)["status"] == "PENDING"
    chain.sql("task_db", "UPDATE events SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    jobs.relay(chain)
    assert expect(boss.get(f"/tasks/{task['id']}"), 200)["status"] == "CANCELLED"
    jobs.run(chain, "deliver-notifications", "--drain")
    [message] = sink.messages
    assert message.recipients == (expect(boss.get(f"/users/{boss.id}"), 200)["email"],)
    assert message.parsed["subject"] == "Task cancelled: Paint"


# Failures


def test_events_wait_for_a_service_that_is_down(chain, boss):
    user = sign_up(chain.url())
    with without(chain, "save-contact"):
        process = jobs.start(chain, "relay-events", "--drain", service="user")
        process.communicate(timeout=30)
        assert process.returncode == 1
        assert contact(chain, user.id) is None
        entry = chain.log_entries("relay-events", "user")[-1]
        assert entry["postponed"] >= 1 and entry["error"]
    chain.sql("user_db", "UPDATE events SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    jobs.relay(chain)
    assert contact(chain, user.id)


def test_a_discarded_event_is_reported_and_can_be_retried(chain, ada):
    jobs.relay(chain)
    chain.sql("user_db", "UPDATE events SET relayed_at = NULL, steps_done = 0, last_error = 'a bug' WHERE subject = :'id'", id=ada.id)
    [[number]] = chain.sql("user_db", "SELECT number FROM events WHERE subject = :'id'", id=ada.id)
    chain.sql("notification_db", "DELETE FROM contacts WHERE user_id = :'id'", id=ada.id)
    jobs.relay(chain)
    assert contact(chain, ada.id) is None
    assert "1 event will be relayed again" in jobs.run(chain, "relay-events", "--revive", number, service="user")
    jobs.relay(chain)
    assert contact(chain, ada.id)


def test_only_services_may_say_what_has_happened(chain, ada, boss):
    """REST does not have it at all; gRPC requires the token of a service."""
    for person in (ada, boss):
        with Services(chain, person.token) as services:
            for call, request in (
                    (services.notifications.SaveContact, notification_pb2.SaveContactRequest(
                        user_id=ada.id, email="evil@example.com", time_zone="UTC", version=99)),
                    (services.notifications.ForgetUser, notification_pb2.ForgetUserRequest(user_id=boss.id)),
                    (services.notifications.NotifyUser, notification_pb2.NotifyUserRequest(
                        user_id=boss.id, key="k", subject="s", body="b")),
                    (services.tasks.DeleteUserTasks, task_pb2.DeleteUserTasksRequest(user_id=boss.id))):
                refusal(call, request, "PERMISSION_DENIED")


def test_what_has_expired_is_removed_little_by_little(chain, ada):
    jobs.relay(chain)
    chain.sql("user_db", "UPDATE events SET relayed_at = now() - interval '8 days' WHERE subject = :'id'", id=ada.id)
    chain.sql("user_db", "UPDATE refresh_tokens SET expires_at = now() - interval '8 days' WHERE user_id = :'id'", id=ada.id)
    chain.sql("notification_db", "INSERT INTO notifications (id, type, recipient, subject, body, created_at) "
              "SELECT gen_random_uuid(), 'EMAIL', 'old@example.com', 's', 'b', now() - interval '91 days' "
              "FROM generate_series(1, 1100)")
    for service in ("user", "auth", "task", "notification"):
        jobs.run(chain, "purge-expired", service=service)
    assert not chain.sql("user_db", "SELECT FROM events WHERE subject = :'id'", id=ada.id)
    assert not chain.sql("user_db", "SELECT FROM refresh_tokens WHERE user_id = :'id'", id=ada.id)
    assert not chain.sql("notification_db", "SELECT FROM notifications WHERE recipient = 'old@example.com'")
    entry = chain.log_entries("purge-expired", "notification")[-1]
    assert entry["notifications"] == 1100 and entry["exit_code"] == 0
