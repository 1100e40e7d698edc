"""reconnect.py ADDRESS COUNT: clients that come back all the time, until standard input ends.

Says "ready" once as many visits are over as there are clients, and again so after each line of
standard input. Each client comes once more after the end, so that what was done before the end is
met by all.
"""

import sys
import threading

from connection import visit
from tally import Tally

address, count = sys.argv[1], int(sys.argv[2])
tally = Tally()
over = threading.Event()


def client():
    # The pause leaves the processor to the relay: what counts is the moment, not the number.
    while not over.wait(0.01):
        tally.count(visit, address)
    tally.count(visit, address)


threads = [threading.Thread(target=client) for _ in range(count)]
for thread in threads:
    thread.start()
tally.wait_for(count)
print("ready", flush=True)
for _ in sys.stdin:
    tally.wait_for(count)
    print("ready", flush=True)
over.set()
for thread in threads:
    thread.join()
tally.show()
