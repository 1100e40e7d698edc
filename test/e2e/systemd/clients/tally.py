"""How the clients of a program fared, counted over its threads."""

import collections
import json
import threading


class Tally:
    def __init__(self):
        self._lock = threading.Lock()
        self._served = 0
        self._lost = collections.Counter()

    def count(self, visit, *arguments):
        """Calls `visit` and counts it as served, or as lost by the name of what it raised."""
        try:
            visit(*arguments)
        except (OSError, EOFError, ValueError) as error:
            with self._lock:
                self._lost[f"{type(error).__name__}: {error}"] += 1
        else:
            with self._lock:
                self._served += 1

    def served(self):
        with self._lock:
            return self._served

    def show(self):
        """Prints {"served": N, "lost": {"what it raised": N}} as the program's last line."""
        with self._lock:
            print(json.dumps({"served": self._served, "lost": self._lost}), flush=True)
