"""How the tests wait: for events, and never for ever."""

import socket
import time

# What takes longer has failed. Nothing waits that long when all is well, so
# it can be generous to slow and busy machines.
TIMEOUT = 20

socket.setdefaulttimeout(TIMEOUT)


def wait_until(condition, what):
    """For what sends no event: looks again and again. Returns its value."""
    deadline = time.monotonic() + TIMEOUT
    value = condition()
    while not value:
        if time.monotonic() > deadline:
            raise AssertionError(f'waited in vain: {what}')
        time.sleep(0.005)
        value = condition()
    return value
