"""How the tests wait: for events, and never without a time limit."""

import socket
import time

# Anything that takes longer has failed. A good run never waits that long, so
# the limit can be generous to slow and busy machines.
TIMEOUT = 20

socket.setdefaulttimeout(TIMEOUT)


def wait_until(condition, what):
    """Waits for something that sends no event: looks again and again.

    Returns the value of the condition.
    """
    deadline = time.monotonic() + TIMEOUT
    value = condition()
    while not value:
        if time.monotonic() > deadline:
            raise AssertionError(f'waited in vain: {what}')
        time.sleep(0.005)
        value = condition()
    return value
