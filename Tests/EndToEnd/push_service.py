"""A push service on loopback, and the browsers that subscribe at it.

It does what the push services of browser makers do: accepts messages over HTTPS, identifies the sender by its VAPID
key and answers 201. Third-party libraries (http_ece, PyJWT) decrypt the messages with the keys of the browser.
Source: RFC 8030, RFC 8188, RFC 8291, RFC 8292.

    with PushService() as service:
        browser = service.subscribe()
        ...send to browser.subscription, trusting service.ca_file...
        assert browser.wait_for_messages(1)[0].text == "Hello"
        browser.answer(410)
"""

import base64
import contextlib
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LONGEST_BODY = 4096
LONGEST_TOKEN_LIFE_SECONDS = 24 * 3600
URGENCIES = ("very-low", "low", "normal", "high")


def encode(data):
    """Encodes bytes in base64url without padding, as browsers do."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Message:
    """A message that a browser has received."""

    payload: bytes
    headers: dict  # names in lower case
    claims: dict  # the claims of the VAPID token
    encrypted: bytes
    client: tuple  # address and port: the same for two messages on one connection
    at: float  # seconds since 1970

    @property
    def text(self):
        return self.payload.decode()


class Browser:
    """A browser: a subscription with its own keys."""

    def __init__(self, service, application_server_key):
        self.service = service
        self.application_server_key = application_server_key
        self.token = secrets.token_urlsafe(24)
        self.private_key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        self.messages = []  # the accepted messages (answered with 2xx)
        self.attempts = 0  # all requests, whatever the answer
        self.answers = []

    @property
    def endpoint(self):
        return f"{self.service.url}/push/{self.token}"

    @property
    def subscription(self):
        """The subscription as PushSubscription.toJSON() returns it."""
        point = self.private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "endpoint": self.endpoint,
            "expirationTime": None,
            "keys": {"p256dh": encode(point), "auth": encode(self.auth)},
        }

    def answer(self, *statuses, headers=None, body=b""):
        """Sets the answers from now on: the statuses in order, then the last one for ever."""
        self.answers = [(status, headers or {}, body) for status in statuses]

    def stay_silent(self):
        """Accepts requests but does not answer from now on."""
        self.answers = [(None, {}, b"")]

    def next_answer(self):
        if len(self.answers) > 1:
            return self.answers.pop(0)
        return self.answers[0] if self.answers else (201, {}, b"")

    def wait_for_messages(self, count, timeout_seconds=10):
        """Returns the messages as soon as there are this many."""
        arrived = self.service.arrived
        with arrived:
            if not arrived.wait_for(lambda: len(self.messages) >= count, timeout_seconds):
                raise AssertionError(
                    f"{len(self.messages)} messages instead of {count}; complaints: {self.service.complaints}"
                )
            return list(self.messages)


class PushService:
    """The service: a certificate authority, a server in threads, and its browsers."""

    def __init__(self, port=0, host="127.0.0.1", clock_skew_seconds=60):
        self.host = host
        self.clock_skew_seconds = clock_skew_seconds
        self.browsers = {}
        self.complaints = []  # one sentence for each request that broke the rules
        self.arrived = threading.Condition()
        self.stopping = threading.Event()
        self.folder = Path(tempfile.mkdtemp(prefix="push-service-"))
        self.ca_file = self.folder / "ca.pem"
        self._make_certificates()
        self.server = _Server((host, port), self)
        self.port = self.server.server_address[1]
        self.url = f"https://{host}:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def subscribe(self, application_server_key=None):
        """Adds a browser. With a key (base64url), it accepts messages of that sender only."""
        browser = Browser(self, application_server_key)
        self.browsers[f"/push/{browser.token}"] = browser
        return browser

    def unsubscribe(self, browser):
        """Makes a browser's endpoint unknown from now on (404)."""
        del self.browsers[f"/push/{browser.token}"]

    def _make_certificates(self):
        """Creates a certificate authority that nobody trusts yet, and its certificate for this host."""

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
        ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Push test authority"]
        openssl("req", "-x509", *key, *ca, "-days", "2")
        openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=push service")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\n")
        openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "names",
        )  # fmt: skip

    def tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


class Refusal(Exception):
    """A request that breaks the rules: the status and one sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, service):
        self.service = service
        self.connections = set()
        super().__init__(address, _Handler)
        # The connection's own thread does the handshake: a client that stalls holds up nobody else.
        self.socket = service.tls().wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self):
        """Closes the persistent connections, too."""
        super().server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Prints no traceback for a client that ends a connection, or does not trust us."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = 65_536  # the answer in one piece: in two, the second would wait for an acknowledgement

    def log_message(self, *_):
        pass

    def do_POST(self):
        service = self.server.service
        encrypted = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        browser = service.browsers.get(self.path)
        if browser is None:
            self.reply(404, {}, b"there is no such subscription")
            return
        browser.attempts += 1
        status, headers, body = browser.next_answer()
        if status is None:
            service.stopping.wait(self.timeout)
            self.close_connection = True
            return
        if 200 <= status < 300:
            try:
                message = self.message(browser, encrypted)
            except Refusal as refusal:
                service.complaints.append(str(refusal))
                self.reply(refusal.status, {}, str(refusal).encode())
                return
            with service.arrived:
                browser.messages.append(message)
                service.arrived.notify_all()
            headers = {"Location": f"{service.url}/message/{secrets.token_urlsafe(8)}", **headers}
        self.reply(status, headers, body)

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def message(self, browser, encrypted):
        """Returns the message that arrived, if everything about it is right. Raises `Refusal`."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if len(encrypted) > LONGEST_BODY:
            raise Refusal(413, f"the message has {len(encrypted)} bytes")
        if not headers.get("ttl", "").isdigit():
            raise Refusal(400, f"TTL is {headers.get('ttl')}")
        if headers.get("urgency", "normal") not in URGENCIES:
            raise Refusal(400, f"the urgency is {headers['urgency']}")
        if headers.get("content-encoding") != "aes128gcm":
            raise Refusal(415, f"the content encoding is {headers.get('content-encoding')}")
        claims = self.claims(browser, headers.get("authorization", ""))
        try:
            payload = http_ece.decrypt(
                encrypted, private_key=browser.private_key, auth_secret=browser.auth, version="aes128gcm"
            )
        except Exception as error:
            raise Refusal(400, f"the browser cannot decrypt the message: {error}") from error
        return Message(payload, headers, claims, encrypted, self.client_address, time.time())

    def claims(self, browser, authorization):
        """Returns the claims of a VAPID token that is valid in all respects. Raises `Refusal`."""
        scheme, _, rest = authorization.partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        if scheme.lower() != "vapid" or set(parts) != {"t", "k"}:
            raise Refusal(401, "there is no VAPID authorization")
        if browser.application_server_key not in (None, parts["k"]):
            raise Refusal(403, "the key is not the one that the browser has subscribed with")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(parts["k"]))
            claims = jwt.decode(
                parts["t"],
                key,
                algorithms=["ES256"],
                audience=self.server.service.url,
                options={"require": ["aud", "exp", "sub"]},
                leeway=self.server.service.clock_skew_seconds,
            )
        except (ValueError, jwt.PyJWTError) as error:
            raise Refusal(403, f"the VAPID token is wrong: {error}") from error
        if claims["exp"] > time.time() + LONGEST_TOKEN_LIFE_SECONDS + self.server.service.clock_skew_seconds:
            raise Refusal(403, "the VAPID token lives for more than 24 hours")
        if not claims["sub"].startswith(("mailto:", "https:")):
            raise Refusal(403, f"the subject is {claims['sub']}")
        return claims
