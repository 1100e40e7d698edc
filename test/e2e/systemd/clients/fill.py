"""fill.py PATH: fills the queue of a datagram socket. Prints how many messages it took."""

import socket
import sys

senders = []


def fill_as_one_sender():
    # One sender's messages are limited by its own buffer, too.
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    senders.append(wire)
    wire.connect(sys.argv[1])
    wire.setblocking(False)
    sent = 0
    try:
        while True:
            wire.send(b"X_FILLER=1")
            sent += 1
    except BlockingIOError:
        return sent


total = 0
while sent := fill_as_one_sender():
    total += sent
print(total)
