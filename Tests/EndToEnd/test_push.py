"""Push messages through a real push service on loopback: delivery to browsers, and failures."""

import json
import secrets
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

import jobs
from client import expect, sign_up
from conftest import PORT_OFFSET
from contract import NOTIFICATION_FIELDS, PUSH_SUBSCRIPTION_FIELDS
from grpc_client import Services, notification_pb2, refusal
from push_service import PushService, decode
from smtp_sink import SMTPSink
from system import System

HOUR = 3600


@pytest.fixture(scope="module")
def service():
    with PushService() as service:
        service.folder.chmod(0o755)     # the functions have users of their own
        yield service


@pytest.fixture(scope="module")
def sink():
    with SMTPSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def pushing(request, service, sink):
    """A system that may send to the push service, and whose jobs only run when a test starts them."""
    system = System.start("pushing", PORT_OFFSET + 200, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{sink.port}",
                          MAIL_FROM="Tasks <tasks@example.org>", PUSH_CA_FILE=str(service.ca_file),
                          PUSH_PRIVATE_ADDRESSES="allow", HOLD_SECONDS="10")
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture(scope="module")
def chief(pushing):
    return pushing.create_admin()


@pytest.fixture(autouse=True)
def clean(request):
    """No pending notification, and no push service that counts as down."""
    if "pushing" in request.fixturenames:
        system = request.getfixturevalue("pushing")
        system.sql("notification_db", "UPDATE notifications SET next_attempt_at = NULL; DELETE FROM push_services")


@pytest.fixture
def ada(pushing):
    return sign_up(pushing.url())


def subscribe(account, service, key=None):
    """Adds a browser that receives a user's messages; its `id` is that of the subscription."""
    browser = service.subscribe(key)
    browser.id = expect(account.post("/push-subscriptions", browser.subscription), 201)["id"]
    return browser


def send(chief, account, subject="Hello", body="How are you?"):
    return chief.post("/notifications/push", {"user_id": account.id, "subject": subject, "body": body})


def state(chief, made):
    return expect(chief.get(f"/notifications/{made['id']}"), 200)


def due_now(system):
    """Makes every pending notification due now."""
    system.sql("notification_db", "UPDATE notifications SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")


def deliver(system, **settings):
    due_now(system)
    jobs.run(system, "deliver-notifications", "--drain", **settings)


def waits_seconds(system, made):
    [[seconds]] = system.sql("notification_db", "SELECT extract(epoch FROM next_attempt_at - now()) FROM notifications "
                             "WHERE id = :'id'", id=made["id"])
    return float(seconds)


def remind(system, account, due, subject="Reminder: Call the bank"):
    """Creates a pending reminder by push."""
    id = f"0189{secrets.token_hex(2)}-0000-7000-8000-{secrets.token_hex(6)}"
    system.sql("notification_db", """
        INSERT INTO notifications (id, type, user_id, recipient, subject, body, due_date, created_at, next_attempt_at)
        VALUES (:'id', 'PUSH', :'user_id', :'user_id', :'subject', 'Task: Call the bank', now() + :'due'::interval, now(), now())""",
               id=id, user_id=account.id, due=due, subject=subject)
    return {"id": id}


# How a message travels

def test_a_message_comes_as_it_was_sent(pushing, service, chief, ada):
    key = expect(ada.get("/push-key"), 200)["public_key"]
    assert len(decode(key)) == 65 and decode(key)[0] == 4
    browser = subscribe(ada, service, key)      # accepts messages of that key only
    made = expect(send(chief, ada, "Grüße 💥", 'Zeile "eins"\nZeile zwei'), 201)
    assert set(made) == NOTIFICATION_FIELDS
    assert made["type"] == "PUSH" and made["recipient"] == made["user_id"] == ada.id
    assert made["sent"] and made["sent_at"] and made["attempts"] == 1 and made["next_attempt_at"] is None
    [message] = browser.messages
    assert json.loads(message.text) == {"id": made["id"], "title": "Grüße 💥", "body": 'Zeile "eins"\nZeile zwei'}
    assert message.headers["ttl"] == str(24 * HOUR)
    assert message.headers["urgency"] == "normal"
    assert message.headers["topic"] == made["id"].replace("-", "")
    assert message.claims["sub"] == "mailto:tasks@example.org"
    assert state(chief, made) == made
    assert [one["id"] for one in expect(ada.get("/notifications"), 200)["notifications"]] == [made["id"]]
    assert not service.complaints


@pytest.mark.parametrize("due, ttl, sentence", [
    ("2 hours", 2 * HOUR, "Due in 2 hours."), ("20 minutes", HOUR, "Due in 20 minutes."),
    ("-20 minutes", HOUR, "This was due 20 minutes ago.")])
def test_a_reminder_is_urgent_and_says_how_far_away_the_due_date_is(pushing, service, chief, ada, due, ttl, sentence):
    browser = subscribe(ada, service)
    made = remind(pushing, ada, due)
    deliver(pushing)
    [message] = browser.messages
    assert message.headers["urgency"] == "high"
    assert ttl - 30 <= int(message.headers["ttl"]) <= ttl
    assert json.loads(message.text) == {
        "id": made["id"], "title": "Reminder: Call the bank", "body": f"{sentence}\n\nTask: Call the bank"}
    assert state(chief, made)["sent"]


def test_a_task_that_is_due_reaches_mailbox_and_browsers(pushing, service, sink, ada):
    sink.clear()
    browser = subscribe(ada, service)
    ada.new_task("Call the bank", due_date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 20 * 60)))
    jobs.remind(pushing)
    jobs.remind(pushing)
    [mail] = sink.messages
    [pushed] = browser.wait_for_messages(1)
    said = json.loads(pushed.text)
    assert mail.parsed["subject"] == said["title"] == "Reminder: Call the bank"
    assert said["body"].startswith("Due in 20 minutes.")
    expect(ada.patch(f"/users/{ada.id}", {"push_notifications": False}), 200)
    ada.new_task("Wash", due_date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 20 * 60)))
    jobs.remind(pushing)
    assert len(sink.messages) == 2 and len(browser.messages) == 1


@pytest.mark.parametrize("character", ["x", "ä", "💥", '"', "👩‍👩‍👧"])
def test_a_long_text_is_cut_between_two_characters(service, chief, ada, character):
    browser = subscribe(ada, service)
    body = character * (2000 // len(character))
    made = expect(send(chief, ada, "💥" * 255, body), 201)
    [message] = browser.messages
    said = json.loads(message.text)
    assert len(message.encrypted) <= 4096
    assert said["title"] == "💥" * 255
    assert said["body"] == body or body.startswith(said["body"].removesuffix("…")) and said["body"].endswith("…")
    assert len(said["body"].removesuffix("…")) % len(character) == 0
    assert made["body"] == body


def test_each_browser_of_a_user_has_it_and_nobody_elses(service, chief, ada, pushing):
    mine = [subscribe(ada, service) for _ in range(3)]
    other = subscribe(sign_up(pushing.url()), service)
    expect(send(chief, ada), 201)
    assert [len(browser.messages) for browser in mine] == [1, 1, 1]
    assert not other.messages


def test_a_second_message_of_one_worker_uses_the_same_connection(pushing, service, ada):
    browser = subscribe(ada, service)
    for _ in range(4):
        remind(pushing, ada, "1 hour")
    deliver(pushing, DELIVERY_WORKERS="1")
    assert len({message.client for message in browser.messages}) == 1 and len(browser.messages) == 4


# Failures

@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_forgotten(service, chief, ada, status):
    browser, other = subscribe(ada, service), subscribe(ada, service)
    browser.answer(status)
    made = expect(send(chief, ada), 201)
    assert made["sent"] and len(other.messages) == 1 and f"HTTP {status}" in made["last_error"]
    assert [one["id"] for one in expect(ada.get("/push-subscriptions"), 200)["subscriptions"]] == [other.id]
    # Only admins see which push service it was, and what it said.
    assert expect(ada.get(f"/notifications/{made['id']}"), 200)["last_error"] is None
    other.answer(status)
    last = expect(send(chief, ada), 202)
    assert not last["sent"] and last["next_attempt_at"] is None and f"HTTP {status}" in last["last_error"]
    expect(send(chief, ada), 409, "NO_SUBSCRIPTION")
    assert browser.attempts == 1


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_refusal_is_final_for_this_message_only(service, chief, ada, status):
    browser = subscribe(ada, service)
    browser.answer(status, 201, body=b"no")
    made = expect(send(chief, ada), 202)
    assert made["next_attempt_at"] is None and f"HTTP {status}: no" in made["last_error"]
    assert expect(send(chief, ada), 201)["sent"] and len(browser.messages) == 1


def test_a_discarded_notification_is_retried_when_an_operator_says_so(pushing, service, chief, ada):
    browser = subscribe(ada, service)
    browser.answer(403, 201)
    made = expect(send(chief, ada), 202)
    jobs.run(pushing, "deliver-notifications", "--revive", made["id"])
    deliver(pushing)
    assert state(chief, made)["sent"] and len(browser.messages) == 1


@pytest.mark.parametrize("status, headers, earliest, latest", [
    (429, {"Retry-After": "120"}, 110, 121), (503, {"Retry-After": "600"}, 590, 601), (500, {}, 10, 31), (429, {}, 10, 31)])
def test_who_asks_for_time_gets_it(pushing, service, chief, ada, status, headers, earliest, latest):
    browser = subscribe(ada, service)
    browser.answer(status, 201, headers=headers)
    made = expect(send(chief, ada), 202)
    assert earliest <= waits_seconds(pushing, made) <= latest
    assert made["attempts"] == 1 and f"HTTP {status}" in made["last_error"]
    jobs.run(pushing, "deliver-notifications", "--drain")
    assert browser.attempts == 1            # not before it is due
    deliver(pushing)
    again = state(chief, made)
    assert again["sent"] and again["attempts"] == 2 and len(browser.messages) == 1


def test_a_failure_of_one_browser_repeats_nothing_to_the_other(pushing, service, chief, ada):
    good, bad, last = (subscribe(ada, service) for _ in range(3))
    bad.answer(500, 503, 201)
    made = expect(send(chief, ada), 202)
    assert not made["sent"] and len(good.messages) == len(last.messages) == 1
    deliver(pushing)
    assert not state(chief, made)["sent"]
    deliver(pushing)
    assert state(chief, made)["sent"]
    assert [len(browser.messages) for browser in (good, bad, last)] == [1, 1, 1]


def test_a_browser_that_comes_in_between_has_it_too(pushing, service, chief, ada):
    first = subscribe(ada, service)
    first.answer(503, 201)
    made = expect(send(chief, ada), 202)
    second = subscribe(ada, service)
    deliver(pushing)
    assert state(chief, made)["sent"] and len(first.messages) == len(second.messages) == 1


def test_a_sender_that_is_killed_repeats_a_message_at_one_browser_at_most(pushing, service, chief, ada):
    first, second, third = (subscribe(ada, service) for _ in range(3))
    second.stay_silent()
    made = remind(pushing, ada, "1 hour")
    job = jobs.start(pushing, "deliver-notifications", "--drain")
    jobs.wait_until(lambda: second.attempts == 1, 10, "the second browser to be asked")
    jobs.kill(job)
    second.answer(201)
    jobs.run(pushing, "deliver-notifications", "--drain")       # its claim has ended with it
    assert state(chief, made)["sent"]
    assert [len(browser.messages) for browser in (first, second, third)] == [1, 1, 1]
    assert second.attempts == 2


class DeafService:
    """Accepts connections and sends nothing."""

    def __init__(self):
        self.calls = 0
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                self.connections.append(self.listener.accept()[0])
            except OSError:
                return
            self.calls += 1

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def deaf():
    service = DeafService()
    yield service
    service.close()


def at(service, port):
    """Adds a browser whose push service is at this port."""
    subscription = service.subscribe().subscription
    return {**subscription, "endpoint": f"https://127.0.0.1:{port}/{secrets.token_hex(8)}"}


def test_a_push_service_that_is_deaf_costs_one_time_out_and_holds_up_nobody(pushing, service, sink, chief, deaf):
    unlucky = [sign_up(pushing.url()) for _ in range(3)]
    lucky = sign_up(pushing.url())
    for account in unlucky:
        expect(account.post("/push-subscriptions", at(service, deaf.port)), 201)
    browser = subscribe(lucky, service)
    begin = time.monotonic()
    first = expect(send(chief, unlucky[0]), 202)
    assert time.monotonic() - begin < 3.5       # its one timeout
    begin = time.monotonic()
    others = [expect(send(chief, account), 202) for account in unlucky[1:] * 5]
    expect(send(chief, lucky), 201)
    assert time.monotonic() - begin < 2 and deaf.calls == 1
    for made in (first, *others):
        assert made["attempts"] == 0 and made["next_attempt_at"] and 20 < waits_seconds(pushing, made) <= 31

    # With everything due at once, sent by the job: at most one more attempt, and mail and other push services on time.
    sink.clear()
    written = chief.post("/notifications/email", {"recipient": "ada@example.com", "subject": "x", "body": "x"})
    expect(written, 201)
    pushing.sql("notification_db", "UPDATE notifications SET sent = false, sent_at = NULL, next_attempt_at = now() "
                "WHERE id = :'id'", id=written.json()["id"])
    pushing.sql("notification_db", "UPDATE push_services SET retry_at = now()")
    remind(pushing, lucky, "1 hour")
    due_now(pushing)
    begin = time.monotonic()
    job = jobs.start(pushing, "deliver-notifications", "--drain")
    jobs.wait_until(lambda: len(browser.messages) == 2 and len(sink.messages) == 2, 5, "the others to be served")
    assert time.monotonic() - begin < 5
    assert job.wait(60) == 0
    assert deaf.calls == 2


def test_a_mail_server_that_is_down_holds_up_no_push_message(service, request):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    system = System.start("mute", PORT_OFFSET + 300, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{port}",
                          PUSH_CA_FILE=str(service.ca_file), PUSH_PRIVATE_ADDRESSES="allow")
    try:
        chief, ada = system.create_admin(), sign_up(system.url())
        browser = subscribe(ada, service)
        for _ in range(7):      # five failures open the circuit for all
            expect(chief.post("/notifications/email", {"recipient": "a@example.com", "subject": "x", "body": "x"}), 202)
        expect(send(chief, ada), 201)
        remind(system, ada, "1 hour")
        deliver(system)
        assert len(browser.messages) == 2
    finally:
        system.stop(remove=request.session.testsfailed == 0)


def test_a_push_service_that_comes_back_is_noticed(pushing, service, chief, ada):
    with PushService() as gone:
        port = gone.port
    expect(ada.post("/push-subscriptions", at(service, port)), 201)
    made = expect(send(chief, ada), 202)
    assert f"https://127.0.0.1:{port}: Couldn't connect" in made["last_error"]
    assert pushing.sql("notification_db", "SELECT failures FROM push_services") == [["1"]]
    with PushService(port) as back:
        # Not the trusted authority: that is a failure to connect, too.
        pushing.sql("notification_db", "UPDATE push_services SET retry_at = now()")
        deliver(pushing)
        assert not state(chief, made)["sent"] and not back.browsers
        assert pushing.sql("notification_db", "SELECT failures FROM push_services") == [["2"]]


# Ownership of subscriptions

def test_a_subscription_is_its_owners(pushing, service, ada):
    bob = sign_up(pushing.url())
    browser = service.subscribe()
    made = expect(ada.post("/push-subscriptions", browser.subscription), 201)
    assert set(made) == PUSH_SUBSCRIPTION_FIELDS and made["user_id"] == ada.id and made["expires_at"] is None
    assert expect(ada.get("/push-subscriptions"), 200) == {"subscriptions": [made]}
    assert expect(bob.get("/push-subscriptions"), 200) == {"subscriptions": []}
    expect(bob.delete(f"/push-subscriptions/{made['id']}"), 404, "SUBSCRIPTION_NOT_FOUND")
    # The next user who signs in there takes it over.
    taken = expect(bob.post("/push-subscriptions", browser.subscription), 201)
    assert taken["id"] == made["id"] and taken["user_id"] == bob.id
    assert expect(ada.get("/push-subscriptions"), 200) == {"subscriptions": []}
    assert expect(bob.delete(f"/push-subscriptions/{made['id']}"), 204) is None
    expect(bob.delete(f"/push-subscriptions/{made['id']}"), 404, "SUBSCRIPTION_NOT_FOUND")


def test_a_subscription_says_where_it_is_and_never_its_keys(service, ada):
    browser = service.subscribe()
    reply = ada.post("/push-subscriptions", browser.subscription)
    assert reply.headers["Location"] == f"/api/v1/push-subscriptions/{reply.json()['id']}"
    keys = browser.subscription["keys"]
    for text in (reply.text, ada.get("/push-subscriptions").text):
        assert keys["auth"] not in text and keys["p256dh"] not in text


def test_new_keys_of_a_browser_count(service, chief, ada):
    browser = subscribe(ada, service)
    other = service.subscribe()
    browser.private_key, browser.auth = other.private_key, other.auth
    assert expect(ada.post("/push-subscriptions", browser.subscription), 201)["id"] == browser.id
    expect(send(chief, ada), 201)
    assert len(browser.messages) == 1 and not service.complaints


def test_of_more_than_twenty_browsers_the_oldest_makes_room(service, ada):
    browsers = [subscribe(ada, service) for _ in range(22)]
    left = [one["id"] for one in expect(ada.get("/push-subscriptions"), 200)["subscriptions"]]
    assert left == [browser.id for browser in browsers[:1:-1]]


def test_a_subscription_that_has_ended_is_left_out(pushing, service, chief, ada):
    browser = service.subscribe()
    ends = int((time.time() + 2) * 1000)
    made = expect(ada.post("/push-subscriptions", {**browser.subscription, "expirationTime": ends}), 201)
    assert made["expires_at"].startswith(time.strftime("%Y-%m-%dT%H:%M", time.gmtime(ends / 1000)))
    time.sleep(2.1)
    expect(send(chief, ada), 409, "NO_SUBSCRIPTION")


@pytest.mark.parametrize("change, bad", [
    ({"endpoint": "http://push.example.net/x"}, {"endpoint"}), ({"endpoint": None}, {"endpoint"}),
    ({"endpoint": "https://push.example.net/" + "x" * 2030}, {"endpoint"}), ({"endpoint": 7}, {"endpoint"}),
    ({"endpoint": "https://user:secret@push.example.net/x"}, {"endpoint"}), ({"expirationTime": 1}, {"expirationTime"}),
    ({"expirationTime": "soon"}, {"expirationTime"}), ({"expirationTime": 1e30}, {"expirationTime"}),
    ({"keys": None}, {"keys"}), ({"keys": []}, {"keys"}), ({"keys": {}}, {"keys.p256dh", "keys.auth"}),
    ({"keys": {"p256dh": "B" * 87, "auth": "A" * 21, "foo": 1}}, {"keys.p256dh", "keys.auth", "keys.foo"}),
    ({"endpoint": "x", "keys": {"p256dh": "", "auth": "x"}, "p256dh": "x"}, {"endpoint", "keys.p256dh", "keys.auth", "p256dh"})])
def test_everything_that_is_wrong_is_said_at_once(service, ada, change, bad):
    answer = expect(ada.post("/push-subscriptions", {**service.subscribe().subscription, **change}), 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == bad


def test_users_may_not_send(service, ada):
    browser = subscribe(ada, service)
    expect(send(ada, ada), 403, "PERMISSION_DENIED")
    assert not browser.messages


def test_to_somebody_without_a_browser_nothing_is_written_down(pushing, chief, ada):
    expect(send(chief, ada), 409, "NO_SUBSCRIPTION")
    assert pushing.sql("notification_db", "SELECT count(*) FROM notifications WHERE user_id = :'id'", id=ada.id) == [["0"]]


def test_who_is_no_more_gets_nothing(pushing, service, chief, ada):
    browser = subscribe(ada, service)
    pushing.sql("notification_db", "INSERT INTO contacts (user_id, email, time_zone, updated_at, forgotten_at) "
                "VALUES (:'id', '', 'UTC', now(), now())", id=ada.id)
    expect(send(chief, ada), 404, "USER_NOT_FOUND")
    expect(ada.post("/push-subscriptions", service.subscribe().subscription), 404, "USER_NOT_FOUND")
    assert not browser.messages


def test_the_same_by_grpc(pushing, service, chief, ada):
    browser = service.subscribe()
    said = browser.subscription
    with Services(pushing, ada.token) as mine, Services(pushing, chief.token, own_ports=True) as theirs:
        key = mine.notifications.GetPushKey(notification_pb2.GetPushKeyRequest()).public_key
        assert key == expect(ada.get("/push-key"), 200)["public_key"]
        request = notification_pb2.RegisterPushSubscriptionRequest(
            endpoint=said["endpoint"], keys=notification_pb2.PushKeys(**said["keys"]))
        made = mine.notifications.RegisterPushSubscription(request)
        assert made.user_id == ada.id and made.endpoint == said["endpoint"] and not made.HasField("expires_at")
        sent = theirs.notifications.SendPushNotification(notification_pb2.SendPushNotificationRequest(
            user_id=ada.id, subject="Hello", body="by gRPC"))
        assert sent.sent and sent.type == notification_pb2.PUSH
        assert json.loads(browser.messages[0].text)["body"] == "by gRPC"
        own = mine.notifications.ListPushSubscriptions(notification_pb2.ListPushSubscriptionsRequest())
        assert list(own.subscriptions) == [made]
        mine.notifications.DeletePushSubscription(notification_pb2.DeletePushSubscriptionRequest(id=made.id))
        refused = refusal(theirs.notifications.SendPushNotification, notification_pb2.SendPushNotificationRequest(
            user_id=ada.id, subject="Hello"), "NO_SUBSCRIPTION")
        assert refused.status == "FAILED_PRECONDITION"


# Permitted addresses

@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "2130706433", "printer.local"])
def test_an_endpoint_in_our_own_network_is_refused(user, service, host):
    """On a system without the setting that allows it."""
    subscription = {**service.subscribe().subscription, "endpoint": f"https://{host}:{service.port}/x"}
    answer = expect(user.post("/push-subscriptions", subscription), 400, "INVALID_ARGUMENT")
    assert answer["details"] == {"endpoint": "must be on the public internet"}


def test_no_message_goes_to_an_address_that_was_allowed_once(system, admin, user, service):
    browser = service.subscribe()
    made = expect(user.post("/push-subscriptions", {
        **browser.subscription, "endpoint": f"https://push.example.net/{browser.token}"}), 201)
    system.sql("notification_db", "UPDATE push_subscriptions SET endpoint = :'endpoint', origin = :'origin' WHERE id = :'id'",
               id=made["id"], endpoint=browser.endpoint, origin=service.url)
    sent = expect(send(admin, user), 202)
    assert sent["next_attempt_at"] is None and "must be on the public internet" in sent["last_error"]
    assert browser.attempts == 0


def name_of_this_host():
    """A name that /etc/hosts maps to this host, although it does not look like it."""
    for line in Path("/etc/hosts").read_text().splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if address in ("::1", "127.0.1.1") or address.startswith(("127.", "10.", "172.", "192.168.")):
            for name in names:
                if name.split(".")[-1] not in ("localhost", "local"):
                    return name
    return None


def test_no_message_goes_to_a_name_that_leads_into_our_own_network(admin, user, service):
    name = name_of_this_host()
    if name is None:
        pytest.skip("this host has no name but localhost")
    browser = service.subscribe()
    expect(user.post("/push-subscriptions", {
        **browser.subscription, "endpoint": f"https://{name}:{service.port}/push/{browser.token}"}), 201)
    sent = expect(send(admin, user), 202)
    assert sent["next_attempt_at"] is None and "is not on the public internet" in sent["last_error"]
    assert browser.attempts == 0


# Secrets

def test_the_private_key_is_the_notification_services_alone(pushing):
    path = pushing.state_dir / "secrets/vapid-key.pem"
    mode = path.stat()
    assert stat.S_IMODE(mode.st_mode) == 0o400
    assert mode.st_uid == pushing.identity_of("get-push-key").get("user", mode.st_uid)
    assert "VAPID_KEY_FILE" in pushing.environment_of("get-push-key")
    assert not any("VAPID" in name or "PUSH" in name for name in pushing.environment_of("get-task"))


def test_the_log_has_no_endpoint_and_no_text(pushing, service, chief, ada):
    browser = subscribe(ada, service)
    browser.answer(503, 410, body=b"secretive words")
    made = expect(send(chief, ada, subject="confidential-subject"), 202)
    deliver(pushing)
    assert state(chief, made)["last_error"]
    time.sleep(0.3)
    for path in pushing.logs():
        text = path.read_text(errors="replace")
        assert not {word for word in (browser.token, "confidential-subject", "secretive") if word in text}, path
