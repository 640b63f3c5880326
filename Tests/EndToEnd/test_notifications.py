"""E-mail through a real SMTP server: recording, sending, and failures."""

import os
import re
import signal
import socket
import threading
import time

import pytest

import jobs
import smtp_sink
from client import expect, sign_up
from conftest import PORT_OFFSET
from contract import NOTIFICATION_FIELDS
from smtp_sink import SMTPSink
from system import System


@pytest.fixture(scope="module")
def sink():
    with SMTPSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def post(request, sink):
    """A system whose mail goes to the sink, and whose jobs only run when a test starts them."""
    system = System.start("post", PORT_OFFSET + 200, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{sink.port}",
                          MAIL_FROM="Aufgaben für alle <tasks@example.org>", HOLD_SECONDS="5")
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture(scope="module")
def chief(post):
    return post.create_admin()


@pytest.fixture(autouse=True)
def clean(sink, post):
    """No mail, no pending notification, and a closed circuit."""
    sink.clear()
    post.sql("notification_db", "UPDATE notifications SET next_attempt_at = NULL")
    close_circuit(post)


def close_circuit(system):
    system.close_circuits()


def write(chief, recipient="ada@example.com", subject="Hello", body="How are you?"):
    return chief.post("/notifications/email", {"recipient": recipient, "subject": subject, "body": body})


def due_now(system):
    """Makes every pending notification due now."""
    system.sql("notification_db", "UPDATE notifications SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")


# Sending

def test_a_mail_is_sent_at_once_and_the_answer_says_so(sink, chief):
    made = expect(write(chief, subject="Grüße 💥", body="Zeile eins\n.\nZeile drei, die länger ist: " + "ä" * 500), 201)
    assert set(made) == NOTIFICATION_FIELDS
    assert made["sent"] and made["sent_at"] and made["attempts"] == 1 and made["next_attempt_at"] is None
    [message] = sink.messages
    assert message.sender == "tasks@example.org" and message.recipients == ("ada@example.com",)
    mail = message.parsed
    assert mail["subject"] == "Grüße 💥" and mail["to"] == "ada@example.com"
    assert mail["from"].addresses[0].display_name == "Aufgaben für alle"
    assert mail["message-id"] == f"<{made['id']}@example.org>" and mail["auto-submitted"] == "auto-generated"
    assert abs(mail["date"].datetime.timestamp() - time.time()) < 60
    text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n")
    assert text == "Zeile eins\n.\nZeile drei, die länger ist: " + "ä" * 500
    assert "ä" * 500 in mail.get_body(("html",)).get_content()
    assert expect(chief.get(f"/notifications/{made['id']}"), 200) == made


def test_a_mail_to_an_internationalised_domain_goes_to_its_ascii_form(sink, chief):
    made = expect(write(chief, "ada@Bücher.example"), 201)
    assert made["recipient"] == "ada@xn--bcher-kva.example"
    [message] = sink.messages
    assert message.recipients == ("ada@xn--bcher-kva.example",)
    assert message.parsed["to"] == "ada@xn--bcher-kva.example"


def test_html_in_a_text_stays_text(sink, chief):
    expect(write(chief, body="<script>alert(1)</script> & more"), 201)
    html = sink.messages[0].parsed.get_body(("html",)).get_content()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html and "<script>" not in html


@pytest.mark.parametrize("field, value", [
    ("recipient", "ada@example.com\r\nBcc: eve@example.com"), ("recipient", "ada@example.com, eve@example.com"),
    ("recipient", "Ada <ada@example.com>"), ("recipient", "ädä@example.com"), ("recipient", "ada@bücher.example\n"),
    ("subject", "Hello\r\nBcc: eve@example.com"), ("subject", "Hello\nthere"), ("subject", "a\0b"), ("subject", ""),
    ("subject", "x" * 256), ("body", ""), ("body", "x" * 10_001)])
def test_what_could_become_another_header_or_recipient_is_refused(sink, chief, field, value):
    answer = expect(write(chief, **{field: value}), 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {field}
    assert not sink.messages


def test_users_may_not_send_mail(post, sink, chief):
    user = sign_up(post.url())
    expect(write(user), 403, "PERMISSION_DENIED")
    assert not sink.messages


# Failures

@pytest.mark.parametrize("how, then", [
    (smtp_sink.POSTPONE_ONCE, "sent later"), (smtp_sink.POSTPONE, "waits"), (smtp_sink.REFUSE, "given up"),
    (smtp_sink.REFUSE_MESSAGE, "given up"), (smtp_sink.DROP, "waits"), (smtp_sink.DROP_AFTER, "waits"),
    (smtp_sink.GARBAGE, "waits"), (smtp_sink.SLOW, "sent")])
def test_each_answer_of_a_mail_server_has_its_outcome(post, sink, chief, how, then):
    recipient = f"r{time.monotonic_ns()}@example.com"
    sink.answer(recipient, how)
    reply = write(chief, recipient)
    made = reply.json()
    assert reply.status_code == (201 if then == "sent" else 202), made
    if then == "given up":
        assert made["next_attempt_at"] is None and re.search(r"\b55[04] ", made["last_error"])
    elif then != "sent":
        assert made["next_attempt_at"] and made["last_error"] and made["attempts"] == 1
        due_now(post)
        jobs.run(post, "deliver-notifications", "--drain")
        again = expect(chief.get(f"/notifications/{made['id']}"), 200)
        assert again["sent"] == (then == "sent later") and again["attempts"] == 2
    mails = [message.parsed["message-id"] for message in sink.to(recipient)]
    if how == smtp_sink.DROP_AFTER:     # accepted, but the answer was lost: it arrives twice, with one Message-ID
        assert mails == [f"<{made['id']}@example.org>"] * 2
    else:
        assert mails == ([f"<{made['id']}@example.org>"] if then in ("sent", "sent later") else [])


def test_a_discarded_notification_is_retried_when_an_operator_says_so(post, sink, chief):
    recipient = f"r{time.monotonic_ns()}@example.com"
    sink.answer(recipient, smtp_sink.REFUSE)
    made = expect(write(chief, recipient), 202)
    due_now(post)
    jobs.run(post, "deliver-notifications", "--drain")
    assert not sink.to(recipient)
    sink.answer(recipient, None)
    assert jobs.run(post, "deliver-notifications", "--revive", made["id"]) == "1 notification will be tried again\n"
    jobs.run(post, "deliver-notifications", "--drain")
    assert len(sink.to(recipient)) == 1
    assert expect(chief.get(f"/notifications/{made['id']}"), 200)["sent"]


class DeadServer:
    """Accepts connections on the sink's port in its place and closes them at once."""

    def __init__(self, port):
        self.calls = 0
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_an_unavailable_mail_server_costs_one_attempt_per_interval_and_loses_nothing(request):
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    system = System.start("deaf", PORT_OFFSET + 300, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{port}")
    try:
        chief = system.create_admin()
        dead = DeadServer(port)
        made = [expect(write(chief, f"a{number}@example.com"), 202) for number in range(30)]
        # Five failures open the circuit; libcurl may connect twice for each.
        assert 5 <= dead.calls <= 10
        assert all(one["attempts"] == 0 for one in made)
        calls = dead.calls
        due_now(system)
        started = time.monotonic()
        jobs.run(system, "deliver-notifications", "--drain")
        assert time.monotonic() - started < 5 and dead.calls == calls
        started = time.monotonic()
        expect(write(chief, "quick@example.com"), 202)
        assert time.monotonic() - started < 1
        dead.close()
        with SMTPSink(port) as sink:
            close_circuit(system)
            due_now(system)
            jobs.run(system, "deliver-notifications", "--drain")
            assert sorted(message.recipients[0] for message in sink.messages) == sorted(
                [one["recipient"] for one in made] + ["quick@example.com"])
    finally:
        system.stop(remove=request.session.testsfailed == 0)


def test_after_a_long_outage_all_arrives_and_the_probes_were_few(request):
    """An hour in which a mail server is down, scaled down: a probe every second instead of every half minute."""
    seconds, count = 20, 150
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    system = System.start("outage", PORT_OFFSET + 300, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{port}", MAIL_PROBE_SECONDS="1")
    try:
        user = sign_up(system.url())
        dead = DeadServer(port)
        jobs.add_tasks(system, user.id, count)
        deliverer = jobs.start(system, "deliver-notifications")
        started = time.monotonic()
        jobs.run(system, "dispatch-reminders")
        assert time.monotonic() - started < 10      # it does not know the mail server
        time.sleep(max(0, started + seconds - time.monotonic()))
        # Five failures open the circuit, then there is one attempt a second; libcurl may connect twice for each.
        assert 5 <= dead.calls <= 2 * (5 + seconds + 1)
        [[attempts]] = system.sql("notification_db", "SELECT max(attempts) FROM notifications WHERE NOT sent")
        assert int(attempts) <= 1       # except for what is under lease
        dead.close()
        with SMTPSink(port, light=True) as sink:
            sink.wait_for(count, 30)
            deliverer.terminate()
            deliverer.communicate(timeout=20)
            jobs.run(system, "deliver-notifications", "--drain")
            assert sorted(message.parsed["subject"] for message in sink.messages) == sorted(
                f"Reminder: task {number}" for number in range(1, count + 1))
    finally:
        system.stop(remove=request.session.testsfailed == 0)


def test_a_mail_that_a_killed_function_was_sending_goes_out_at_the_next_run(post, sink, chief):
    sink.answer("ada@example.com", smtp_sink.SLOW)
    made = threading.Thread(target=write, args=(chief,))
    made.start()
    time.sleep(0.7)
    for pid in post.workers("send-email"):
        os.kill(pid, signal.SIGKILL)
    made.join(10)
    [[sent, attempts]] = post.sql("notification_db", "SELECT sent, attempts FROM notifications WHERE next_attempt_at IS NOT NULL")
    assert (sent, attempts) == ("f", "1")
    sink.answer("ada@example.com", None)
    jobs.run(post, "deliver-notifications", "--drain")
    assert not post.sql("notification_db", "SELECT 1 FROM notifications WHERE next_attempt_at IS NOT NULL")
    [name] = {message.parsed["message-id"] for message in sink.messages}
    assert name


def test_the_log_has_neither_addresses_nor_passwords(post, sink, chief):
    recipient = f"secretive{time.monotonic_ns()}@example.com"
    sink.answer(recipient, smtp_sink.REFUSE)
    expect(write(chief, recipient, subject="confidential-subject"), 202)
    time.sleep(0.3)
    for path in post.logs():
        text = path.read_text(errors="replace")
        assert recipient not in text and "confidential-subject" not in text, path
