"""fill.py PATH: fills the queue of a datagram socket. Prints how many messages it took."""

import socket
import sys

wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
wire.connect(sys.argv[1])
wire.setblocking(False)
sent = 0
try:
    while True:
        wire.send(b"X_FILLER=1")
        sent += 1
except BlockingIOError:
    print(sent)
