"""burst.py ADDRESS COUNT: as many clients at one moment; each exchanges something and leaves."""

import sys
import threading

from connection import visit
from tally import Tally

address, count = sys.argv[1], int(sys.argv[2])
tally = Tally()
start = threading.Barrier(count)


def client():
    start.wait()
    tally.count(visit, address)


threads = [threading.Thread(target=client) for _ in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
tally.show()
