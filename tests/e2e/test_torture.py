"""No byte is lost or changed, whatever the two ends and the network do.

SRCPROXY_TORTURE_SECONDS sets how long it lasts. SRCPROXY_TORTURE_SEED repeats
an earlier run, which has printed its seed.
"""

import os
import random
import time

from cases import ProxyCase
from families import IPV4, IPV6
from torture import End, bad_weather, draw_plans
from waiting import wait_until

SECONDS = float(os.environ.get('SRCPROXY_TORTURE_SECONDS', 4))
SEED = os.environ.get('SRCPROXY_TORTURE_SEED', str(time.time_ns()))
AT_ONCE = 12


class Torture:

    def test_every_byte_arrives_and_every_ending_is_passed_on(self):
        before = [half.descriptors() for half in (self.client, self.server)]
        until = time.monotonic() + SECONDS
        number = 0
        while time.monotonic() < until:
            self.torture(number)
            number += 1
        wait_until(lambda: [half.descriptors() for half in
                            (self.client, self.server)] == before,
                   f'{before} descriptors again')

    def torture(self, number):
        rng = random.Random(f'{SEED}/{self.family.user}/{number}')
        net = self.net
        hosts = (net.user, net.gate, net.exit, net.destination)
        links = ((net.gate, 'link0'), (net.exit, 'link0'))
        with bad_weather(rng, hosts, links) as weather:
            ends = [end for _ in range(AT_ONCE) for end in self.begin(rng)]
            wrong = [f'end {index}: {problem}' for index, problem in
                     enumerate(end.result() for end in ends) if problem]
        self.assertEqual(wrong, [], f'SRCPROXY_TORTURE_SEED={SEED}, round '
                         f'{number}, {weather}')

    def begin(self, rng):
        """Opens a connection.

        Returns two ends: the user's and the destination's.
        """
        plans = draw_plans(rng)
        pair = self.open()
        return [End(pair[side], plans[side], plans[not side])
                for side in (0, 1)]


class TortureIPv4(Torture, ProxyCase):
    family = IPV4


class TortureIPv6(Torture, ProxyCase):
    family = IPV6


class TortureWithVersion2IPv4(Torture, ProxyCase):
    """The status byte must neither get lost nor into a stream."""

    family = IPV4
    client_config = {'protocol': 2}
