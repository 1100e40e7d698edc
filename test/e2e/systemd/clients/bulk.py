"""bulk.py ADDRESS COUNT: connections that send and get back as much as they can.

Says "ready" when bytes flow on all, ends when standard input does, and then prints the bytes that
came back; fails where one is wrong or missing.
"""

import os
import socket
import sys
import threading

from connection import dial

PATTERN = os.urandom(1 << 16)
# Any read of up to 256 KiB is a slice of this, whatever its place in the stream.
REPEATED = PATTERN * 5

address, count = sys.argv[1], int(sys.argv[2])
over = threading.Event()
flowing = threading.Barrier(count + 1)
received = [0] * count


def send(connection, sent):
    while not over.is_set():
        connection.sendall(PATTERN)
        sent[0] += len(PATTERN)
    connection.shutdown(socket.SHUT_WR)


def client(index):
    connection = dial(address)
    sent = [0]
    sender = threading.Thread(target=send, args=(connection, sent))
    sender.start()
    got = 0
    while piece := connection.recv(1 << 18):
        start = got % len(PATTERN)
        if piece != REPEATED[start : start + len(piece)]:
            raise ValueError(f"a wrong byte after {got}")
        if got == 0:
            flowing.wait()
        got += len(piece)
    sender.join()
    if got != sent[0]:
        raise EOFError(f"end after {got} of {sent[0]} bytes")
    received[index] = got


def end_at_once(problem):
    threading.__excepthook__(problem)
    os._exit(1)


threading.excepthook = end_at_once
threads = [threading.Thread(target=client, args=(index,)) for index in range(count)]
for thread in threads:
    thread.start()
flowing.wait()
print("ready", flush=True)
sys.stdin.read()
over.set()
for thread in threads:
    thread.join()
print(sum(received), flush=True)
