"""Tells whether we can listen at some places, and who is in the way.

Usage: ports.py ADDRESS PORT [ADDRESS PORT]...

The exit status is 1 if any of the places is taken; standard error names each with its holder.
"""

import os
import socket
import sys
from pathlib import Path

LISTENING, CLOSED_A_MOMENT_AGO = "0A", "06"


def sockets_at(port):
    """Yields state, inode and remote port of every socket whose local port this is."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[3], fields[9], int(fields[2].rpartition(":")[2], 16)


def owner_of(inode):
    """The program that has this socket, if we may know."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == f"socket:[{inode}]":
                process = descriptor.parts[2]
                return f"{Path('/proc', process, 'comm').read_text().strip()} (process {process})"
        except OSError:
            continue
    return "a process of another user"


def holder_of(port):
    for state, inode, remote in sorted(sockets_at(port), key=lambda found: found[0] != LISTENING):
        if state == LISTENING:
            return f"{owner_of(inode)} listens there"
        if state == CLOSED_A_MOMENT_AGO:
            return "an outgoing connection that was closed a moment ago still has it, for a minute at most"
        return f"the outgoing connection of {owner_of(inode)} to port {remote} has it"
    return None


def main():
    failed = False
    for address, port in zip(sys.argv[1::2], sys.argv[2::2]):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, int(port)))
            except OSError as error:
                failed = True
                holder = holder_of(int(port)) if error.errno == 98 else None
                print(f"port {port} of {address}: {error.strerror}{f': {holder}' if holder else ''}", file=sys.stderr)
    sys.exit(failed)


main()
