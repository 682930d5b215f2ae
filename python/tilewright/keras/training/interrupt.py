# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C between steps: a step that has begun is finished, so that weights and state belong together."""

from __future__ import annotations

import signal
import threading


class StopBetweenSteps:
    """Inside `with`, `check` raises KeyboardInterrupt for the first Ctrl-C; a second raises at once.

    Only where Python's own handler is in place and in the main thread; elsewhere nothing changes.
    """

    def __init__(self):
        self._asked = False
        self._before = None

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, kind, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._asked and kind is None:
            raise KeyboardInterrupt

    def _note(self, *_):
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed since."""
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt
