"""How the clients of a program fared, counted over its threads."""

import collections
import json
import threading


class Tally:
    def __init__(self):
        self._changed = threading.Condition()
        self._served = 0
        self._lost = collections.Counter()

    def count(self, visit, *arguments):
        """Calls `visit` and counts it as served, or as lost by the name of what it raised."""
        try:
            visit(*arguments)
        except (OSError, EOFError, ValueError) as error:
            with self._changed:
                self._lost[f"{type(error).__name__}: {error}"] += 1
                self._changed.notify_all()
        else:
            with self._changed:
                self._served += 1
                self._changed.notify_all()

    def wait_for(self, count):
        """Waits until so many more visits are over, well or not."""
        with self._changed:
            enough = self._total() + count
            self._changed.wait_for(lambda: self._total() >= enough)

    def show(self):
        """Prints {"served": N, "lost": {"what it raised": N}} as the program's last line."""
        with self._changed:
            print(json.dumps({"served": self._served, "lost": self._lost}), flush=True)

    def _total(self):
        return self._served + self._lost.total()
