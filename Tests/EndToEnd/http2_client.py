"""HTTP/2 without TLS, frame by frame, as a gRPC call uses it."""

import socket
import struct
from typing import NamedTuple, Optional

import h2.config
import h2.connection
import h2.errors
import h2.events


class Http2Reply(NamedTuple):
    """An answer as it arrived: the first HEADERS frame, the body, and the HEADERS frame at the end."""
    headers: dict
    body: bytes
    #: None if the stream ended without any.
    trailers: Optional[dict]

    @property
    def status(self):
        return int(self.headers[":status"])


def frame(message, flag=0, length=None):
    """Puts gRPC's prefix in front of a message: the compressed flag and the length."""
    return struct.pack(">BI", flag, len(message) if length is None else length) + message


def call(port, path, body=b"", headers=(), method="POST", timeout_seconds=8, **usual):
    """Sends one request on a separate connection, and reads the whole answer.

    It has the headers of a gRPC call, with `content_type` and `token`. A header that is None is left out.
    With `keep_open`, the end of the request is not signalled.
    """
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    sent = {":method": method, ":scheme": "http", ":authority": "127.0.0.1", ":path": path,
            "te": "trailers", "content-type": usual.get("content_type", "application/grpc")}
    if usual.get("token"):
        sent["authorization"] = f"Bearer {usual['token']}"
    sent |= dict(headers)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds) as line:
        connection.initiate_connection()
        connection.send_headers(1, [(name, value) for name, value in sent.items() if value is not None],
                                end_stream=not body)
        return _Exchange(line, connection, body, usual.get("keep_open", False)).reply()


class _Exchange:
    """One stream, from its first byte to its last."""

    def __init__(self, line, connection, body, keep_open):
        self.line = line
        self.connection = connection
        self.rest = body
        self.keep_open = keep_open
        self.received = bytearray()
        self.headers = None
        self.trailers = None
        self.ended = False

    def reply(self):
        while not self.ended:
            self._send()
            data = self.line.recv(65536)
            if not data:
                raise ConnectionError(f"closed after {self.headers} {bytes(self.received)!r}")
            for event in self.connection.receive_data(data):
                self._take(event)
        return Http2Reply(self.headers, bytes(self.received), self.trailers)

    def _send(self):
        while self.rest and (room := min(self.connection.local_flow_control_window(1),
                                         self.connection.max_outbound_frame_size)):
            piece, self.rest = self.rest[:room], self.rest[room:]
            self.connection.send_data(1, piece, end_stream=not (self.rest or self.keep_open))
        self.line.sendall(self.connection.data_to_send())

    def _take(self, event):
        match event:
            case h2.events.ResponseReceived():
                self.headers = dict(event.headers)
            case h2.events.DataReceived():
                self.received += event.data
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.TrailersReceived():
                self.trailers = dict(event.headers)
            case h2.events.StreamEnded():
                self.ended = True
            case h2.events.StreamReset():
                # A server that answers before it has read the whole request may ask for the rest not to be sent.
                assert event.error_code == h2.errors.ErrorCodes.NO_ERROR and self.headers, event
                self.ended = True
            case h2.events.ConnectionTerminated():
                raise ConnectionError(f"GOAWAY: {event}")
