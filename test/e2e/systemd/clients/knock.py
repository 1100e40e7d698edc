"""knock.py ADDRESS ROUNDS IDLE_MS: clients that arrive when a relay leaves for idleness.

Each round is a visit, then, once IDLE_MS have gone by since it ended, give or take a sweep of 30 ms
that the rounds divide among them, five visits 2 ms apart.
"""

import sys
import threading
import time

from connection import visit
from tally import Tally

SWEEP_S = 0.03
KNOCKS = 5
BETWEEN_S = 0.002

address, rounds, idle = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1000
tally = Tally()

for round in range(rounds):
    tally.count(visit, address)
    # Between two systems' timers there is no event to wait for: this is the race itself.
    time.sleep(idle - SWEEP_S + 2 * SWEEP_S * round / rounds)
    knocks = []
    for _ in range(KNOCKS):
        knock = threading.Thread(target=tally.count, args=(visit, address))
        knock.start()
        knocks.append(knock)
        time.sleep(BETWEEN_S)
    for knock in knocks:
        knock.join()
tally.show()
