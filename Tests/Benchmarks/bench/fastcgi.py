"""A minimal FastCGI client: one request, one answer. Source: the FastCGI specification 1.0, §3-§6."""

import socket
import struct

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
RESPONDER = 1
MAXIMUM_CONTENT = 65_528


def ask(path, variables, body=b"", timeout=30):
    """Sends one request to a Unix socket and returns the answer's bytes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(request(variables, body))
        return answer(connection)


def request(variables, body=b""):
    """Returns the bytes of a request."""
    variables = {"CONTENT_LENGTH": str(len(body)) if body else "", **variables}
    pairs = b"".join(_pair(name.encode(), value.encode()) for name, value in variables.items())
    return (_record(BEGIN_REQUEST, struct.pack(">HB5x", RESPONDER, 0))
            + _stream(PARAMS, pairs) + _stream(STDIN, body))


def answer(connection):
    """Reads a whole answer; raises if it is cut short."""
    received, parts = bytearray(), []
    while True:
        while len(received) < 8 or len(received) < 8 + struct.unpack(">H", received[4:6])[0] + received[6]:
            chunk = connection.recv(65_536)
            if not chunk:
                raise ConnectionError(f"the answer ends early, after {bytes(received[-200:])}")
            received += chunk
        kind, length = received[1], struct.unpack(">H", received[4:6])[0]
        if kind == STDOUT:
            parts.append(bytes(received[8:8 + length]))
        elif kind == END_REQUEST:
            return b"".join(parts)
        del received[:8 + length + received[6]]


def _record(kind, content):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def _stream(kind, content):
    records = [_record(kind, content[start:start + MAXIMUM_CONTENT])
               for start in range(0, len(content), MAXIMUM_CONTENT)]
    return b"".join(records) + _record(kind, b"")


def _pair(name, value):
    return _length(name) + _length(value) + name + value


def _length(text):
    return bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 0x8000_0000)
