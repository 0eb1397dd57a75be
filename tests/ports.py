"""Ports of this machine for tests that name one, or listen on one again after a stop."""

from __future__ import annotations

import random
import socket
from typing import Final

__all__ = ["free_port"]

BELOW_OUTGOING: Final = range(20_000, 32_000)
"""The system gives outgoing connections ports from 32,768: one of those may be taken by another test in between."""


def free_port() -> int:
    """Return a port that nobody listens on, and that no connection takes by chance."""
    drawn = random.SystemRandom()  # two processes of one run draw different ones, whatever their seeds
    for _ in range(1_000):
        port = drawn.choice(BELOW_OUTGOING)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")
