"""hold.py ADDRESS COUNT: connections that stay open until standard input ends.

Says "ready" once all are served. Each line of standard input makes every connection exchange
something again and is answered with how that went; so is the end, after which they leave.
"""

import sys

from connection import dial, exchange
from tally import Tally

address, count = sys.argv[1], int(sys.argv[2])
connections = [dial(address) for _ in range(count)]


def round_of_exchanges():
    tally = Tally()
    for connection in connections:
        tally.count(exchange, connection)
    tally.show()


for connection in connections:
    exchange(connection)
print("ready", flush=True)
for _ in sys.stdin:
    round_of_exchanges()
round_of_exchanges()
