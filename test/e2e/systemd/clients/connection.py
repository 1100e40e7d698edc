"""A client's connection, as the programs beside this file use it."""

import os
import socket
import struct

PATIENCE_S = 20


def dial(address):
    """Connects to "/a/path" or "HOST:PORT"; blocks, but no longer than the tests' patience."""
    if address.startswith("/"):
        connection, target = socket.socket(socket.AF_UNIX), address
    else:
        host, _, port = address.rpartition(":")
        connection, target = socket.socket(socket.AF_INET), (host, int(port))
    # Not settimeout(): it makes the socket non-blocking, and a non-blocking connect(2) to a Unix
    # socket fails where a blocking one waits for room in the queue.
    patience = struct.pack("ll", PATIENCE_S, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
    try:
        connection.connect(target)
    except OSError:
        connection.close()
        raise
    return connection


def exchange(connection, size=1000):
    """Sends random bytes to an echo service and wants them back."""
    sent = os.urandom(size)
    connection.sendall(sent)
    got = b""
    while len(got) < size:
        piece = connection.recv(size - len(got))
        if not piece:
            raise EOFError(f"end after {len(got)} of {size} bytes")
        got += piece
    if got != sent:
        raise ValueError("other bytes came back")


def visit(address):
    """Connects, exchanges something, and leaves in good order."""
    with dial(address) as connection:
        exchange(connection)
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(1):
            raise ValueError("more bytes came back than were sent")
