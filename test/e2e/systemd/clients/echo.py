"""An echo service: echo.py ADDRESS... Tells systemd when it listens on all of them."""

import os
import socket
import socketserver
import sys
import threading


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        # A client that resets its connection is nothing to report.
        try:
            while piece := self.request.recv(1 << 18):
                self.request.sendall(piece)
        except OSError:
            return


class TcpServer(socketserver.ThreadingTCPServer):
    request_queue_size = 4096
    allow_reuse_address = True
    daemon_threads = True


class UnixServer(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 4096
    daemon_threads = True


def server(address):
    if address.startswith("/"):
        os.makedirs(os.path.dirname(address), exist_ok=True)
        if os.path.exists(address):
            os.unlink(address)
        listening = UnixServer(address, Echo)
        os.chmod(address, 0o666)
        return listening
    host, _, port = address.rpartition(":")
    return TcpServer((host, int(port)), Echo)


def tell_systemd(message):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
        notification.sendto(message, os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))


servers = [server(address) for address in sys.argv[1:]]
threads = [threading.Thread(target=one.serve_forever) for one in servers]
for thread in threads:
    thread.start()
tell_systemd(b"READY=1")
