"""A mail server for tests that keeps what it receives: aiosmtpd on 127.0.0.1, in a thread.

    with SMTPSink(port=2525) as sink:
        sink.answer("away@example.com", REFUSE)
        ...
        sink.wait_for(3)
        assert sink.messages[0].parsed["subject"] == "Your task is due"

A test that counts thousands of messages takes `SMTPSink(light=True)`, which accepts everything and is several
times as fast.
"""

import asyncio
import email
import email.policy
import threading
from collections import Counter
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP, AuthResult

#: The answers that a recipient can be given, see `SMTPSink.answer`.
POSTPONE_ONCE = "451 at the first RCPT, 250 at the next ones: greylisting"
POSTPONE = "451 at RCPT"
REFUSE = "550 at RCPT"
REFUSE_MESSAGE = "554 after the message"
SLOW = "250 after the message, late"
DROP = "closes the connection in the middle of the message"
DROP_AFTER = "closes the connection after the message, without an answer"
GARBAGE = "an answer after the message that is none"
STOP = "421 at RCPT"


@dataclass(frozen=True)
class Received:
    """A message that was accepted."""
    sender: str
    recipients: tuple
    #: The bytes between DATA and the dot, without the dots that SMTP adds.
    content: bytes
    #: The number of the connection, counted from 1.
    connection: int
    #: Whether the connection used TLS.
    tls: bool
    #: The user who had signed in, or None.
    user: str | None

    @property
    def parsed(self):
        return email.message_from_bytes(self.content, policy=email.policy.default)


class SMTPSink:
    """The server. All methods may be called from any thread."""

    def __init__(self, port=0, *, light=False, starttls=None, tls=None, user=None, password=None,
                 slow_seconds=2.0):
        """`starttls` and `tls` (from the first byte) are SSL contexts. With a user, AUTH is required before MAIL."""
        self.port = port
        self.slow_seconds = slow_seconds
        self._light = light
        self._tls = tls
        self._credentials = (user, password)
        self._options = {"tls_context": starttls, "require_starttls": starttls is not None,
                         "ident": "sink", "hostname": "sink.example", "enable_SMTPUTF8": False}
        if user is not None:
            self._options |= {"authenticator": self._authenticate, "auth_required": True,
                              "auth_require_tls": False}
        self._lock = threading.Condition()
        self._messages = []
        self._counts = Counter()
        self._answers = {}
        self._open = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="smtp-sink", daemon=True)
        self._ready = threading.Event()
        self._failure = None

    # Methods for tests.

    def answer(self, recipient, how):
        """Sets the answer for this recipient from now on; `None` removes it."""
        with self._lock:
            self._answers[recipient] = how

    @property
    def messages(self):
        """The messages accepted so far, oldest first."""
        with self._lock:
            return list(self._messages)

    def to(self, recipient):
        """Returns the accepted messages to one recipient."""
        return [message for message in self.messages if recipient in message.recipients]

    def count(self, what):
        """Returns a count: `connections`, `messages`, `logins`, `bad logins`, or of RCPT for an address."""
        with self._lock:
            return self._counts[what]

    def wait_for(self, messages, timeout_seconds=10.0):
        """Waits until this many messages were accepted, and returns whether they were."""
        with self._lock:
            return self._lock.wait_for(lambda: self._counts["messages"] >= messages, timeout_seconds)

    def clear(self):
        """Forgets messages, counts and answers."""
        with self._lock:
            self._messages.clear()
            self._counts.clear()
            self._answers.clear()

    # Start and end.

    def start(self):
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def stop(self):
        """Ends the server and every connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        try:
            server = self._loop.run_until_complete(self._loop.create_server(
                self._connection, "127.0.0.1", self.port, ssl=self._tls, backlog=128))
            self.port = server.sockets[0].getsockname()[1]
        except OSError as failure:
            self._failure = failure
            self._loop.close()
            return
        finally:
            self._ready.set()
        self._loop.run_forever()
        server.close()
        for transport in list(self._open):
            transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def _connection(self):
        number = self._add("connections")
        if self._light:
            return _LightConnection(self, number)
        return _Connection(self, number, loop=self._loop, **self._options)

    # Methods for the connections.

    def _add(self, what):
        with self._lock:
            self._counts[what] += 1
            return self._counts[what]

    def _keep(self, message):
        with self._lock:
            self._messages.append(message)
            self._counts["messages"] += 1
            self._lock.notify_all()

    def _answer_of(self, recipients):
        with self._lock:
            return next((self._answers[each] for each in recipients if self._answers.get(each)), None)

    def _authenticate(self, server, session, envelope, mechanism, data):
        user, password = data.login.decode(), data.password.decode()
        if (user, password) != self._credentials:
            self._add("bad logins")
            return AuthResult(success=False, handled=False)
        self._add("logins")
        return AuthResult(success=True, auth_data=user)


class _Connection(SMTP):
    """A connection of aiosmtpd: it calls the `handle_` methods, and their answers go to the client."""

    def __init__(self, sink, number, **options):
        self.sink = sink
        self.number = number
        super().__init__(self, **options)

    def connection_made(self, transport):
        self.sink._open.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error):
        self.sink._open.discard(self.transport)
        super().connection_lost(error)

    async def handle_exception(self, error):
        # For example, a client that does not accept our certificate.
        return f"421 4.3.0 {type(error).__name__}"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        attempt = self.sink._add(address)
        how = self.sink._answer_of([address])
        if how == POSTPONE or (how == POSTPONE_ONCE and attempt == 1):
            return "451 4.7.1 Please come back later"
        if how == REFUSE:
            return "550 5.1.1 There is no such mailbox"
        if how == STOP:
            return "421 4.3.2 The service stops"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def smtp_DATA(self, arg):
        if self.sink._answer_of(self.envelope.rcpt_tos) == DROP:
            await self.push("354 Go on")
            await self._reader.readline()
            self.transport.abort()
            while await self._reader.read(65536):
                pass  # data that was still under way is not a command
            return
        await super().smtp_DATA(arg)

    async def handle_DATA(self, _server, session, envelope):
        how = self.sink._answer_of(envelope.rcpt_tos)
        if how == DROP_AFTER:
            self.transport.abort()
        if how == GARBAGE:
            return "what do you mean"
        if how == REFUSE_MESSAGE:
            return "554 5.7.1 We do not like this message"
        if how == SLOW:
            await asyncio.sleep(self.sink.slow_seconds)
        self.sink._keep(Received(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content,
                                 self.number, session.ssl is not None or self.sink._tls is not None,
                                 session.auth_data))
        return "250 2.0.0 Taken"


class _LightConnection(asyncio.Protocol):
    """The part of SMTP that a well-behaved sender needs."""

    def __init__(self, sink, number):
        self.sink = sink
        self.number = number
        self.received = bytearray()
        self.in_message = False
        self.sender = ""
        self.recipients = []

    def connection_made(self, transport):
        self.transport = transport
        self.sink._open.add(transport)
        transport.write(b"220 sink.example ESMTP\r\n")

    def connection_lost(self, _error):
        self.sink._open.discard(self.transport)

    def data_received(self, data):
        self.received += data
        while (end := self.received.find(b"\r\n.\r\n" if self.in_message else b"\r\n")) >= 0:
            piece = bytes(self.received[:end + 2])
            if self.in_message:
                del self.received[:end + 5]
                self._take(piece)
            else:
                del self.received[:end + 2]
                self._command(piece)

    def _command(self, line):
        verb = line[:4].upper()
        argument = line[line.find(b"<") + 1:line.find(b">")].decode()
        if verb == b"DATA":
            self.in_message = True
            self.transport.write(b"354 Go on\r\n")
            return
        if verb == b"QUIT":
            self.transport.write(b"221 Bye\r\n")
            self.transport.close()
            return
        if verb == b"MAIL":
            self.sender, self.recipients = argument, []
        if verb == b"RCPT":
            self.recipients.append(argument)
        self.transport.write(b"250 OK\r\n")

    def _take(self, content):
        self.in_message = False
        content = content.replace(b"\r\n..", b"\r\n.")
        self.sink._keep(Received(self.sender, tuple(self.recipients), content, self.number, False, None))
        self.transport.write(b"250 2.0.0 Taken\r\n")
