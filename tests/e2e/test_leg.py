"""The findings of `srcproxy doctor` about the leg, and a long leg."""

import re
import time

from cases import SERVER_PORT, RoutedCase
from doctor_case import (CLIENT_WITH_AUTH, PREFIXES, SERVER_WITH_ACL,
                         DoctorCase)
from families import IPV4
from long_wire import LongNetwork
from peers import Flood, receive
from segments import Segments
from test_congestion import find_forbidden, read_setting
from test_privilege import NOBODY
from test_protocol2 import Version2Case
from waiting import wait_until
from wire import CONNECTED

ROUND_TRIP_MS = 100
STATUS_ROUND_TRIP_MS = 600
WORDS_AFTER_SECONDS = 0.004


class Leg:

    def assert_says(self, kind, pattern, **options):
        findings = self.doctor(**options)
        self.assertTrue(findings.of(kind, pattern),
                        f'no {pattern} in\n{findings.text}')
        return findings

    def test_congestion_control_that_is_not_there(self):
        self.assert_wrong('this kernel does not have no_such$',
                          'modprobe tcp_no_such',
                          config=self.with_leg(congestion='no_such'))

    def test_congestion_control_that_is_there(self):
        self.assert_says('ok', 'congestion control: reno is available',
                         config=self.with_leg(congestion='reno'))

    def test_congestion_control_that_is_forbidden(self):
        forbidden = find_forbidden()
        if not forbidden:
            self.skipTest('this host allows every one')
        pattern = rf'this user \(uid 65534\) may not choose {forbidden}$'
        findings = self.assert_wrong(
            pattern, '^sysctl -w net.ipv4.tcp_allowed_congestion_control=',
            config=self.with_leg(congestion=forbidden), wrapper=NOBODY)
        self.assert_permits(findings.of('problem', pattern)[0][1], forbidden)

    def assert_permits(self, fix, forbidden):
        """All network namespaces share the setting: a file stands for it."""
        name = 'tcp_allowed_congestion_control'
        setting = f'/proc/sys/net/ipv4/{name}'
        allowed = read_setting(name)
        shown = self.host.run('unshare', '-m', 'sh', '-ec', f"""
            file=$(mktemp)
            cat {setting} >$file
            mount --bind $file {setting}
            {fix} >/dev/null
            umount {setting}
            cat $file
            rm $file""").stdout.split()
        self.assertEqual(shown, [*allowed, forbidden])
        self.assertEqual(read_setting(name), allowed)

    def test_congestion_control_of_the_host(self):
        self.assertRegex(self.doctor().text, 'congestion control: .*bbr')


class LegOfExit(Leg, DoctorCase):
    role = 'server'
    config = SERVER_WITH_ACL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.net.exit

    def with_leg(self, **leg):
        return leg

    def test_data_with_a_syn(self):
        self.assert_says('ok', 'TCP Fast Open: this host accepts')
        self.host.sysctl('ipv4/tcp_fastopen', 1)
        self.addCleanup(self.host.sysctl, 'ipv4/tcp_fastopen', 3)
        self.assert_says('note', 'TCP Fast Open: net.ipv4.tcp_fastopen is 1.*'
                         'sysctl -w net.ipv4.tcp_fastopen=3')
        findings = self.doctor(self.with_leg(fast_open=False))
        self.assertNotIn('Fast Open', findings.text)

    def test_small_windows(self):
        self.host.sysctl('ipv4/tcp_rmem', '4096 131072 262144')
        self.addCleanup(self.host.sysctl, 'ipv4/tcp_rmem',
                        '4096 131072 6291456')
        self.assert_says('note', 'one stream: at a round trip of 100 ms this '
                         'host can receive at most about 10 Mbit/s')


class LegOfGate(Leg, DoctorCase):
    make_network = LongNetwork
    role = 'client'
    config = CLIENT_WITH_AUTH
    prefixes = PREFIXES

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.net.gate
        cls.server = cls.start_for_class(cls.net.exit, 'server',
                                         SERVER_WITH_ACL)

    def setUp(self):
        super().setUp()
        self.net.gate.run('ip', 'tcp_metrics', 'flush')

    def with_leg(self, **leg):
        return {'outbound': {**self.config['outbound'], **leg}}

    def test_data_with_a_syn(self):
        self.assert_says('ok', 'TCP Fast Open to .* are accepted')

    def test_exit_that_takes_none(self):
        self.net.exit.sysctl('ipv4/tcp_fastopen', 1)
        self.addCleanup(self.net.exit.sysctl, 'ipv4/tcp_fastopen', 3)
        findings = self.assert_says(
            'note', 'TCP Fast Open to .* are not accepted.*set '
            'net.ipv4.tcp_fastopen=3 on the exit')
        self.assertEqual(findings.of('note', 'to keep settings'), [])

    def test_gate_that_sends_none(self):
        self.host.sysctl('ipv4/tcp_fastopen', 0)
        self.addCleanup(self.host.sysctl, 'ipv4/tcp_fastopen', 1)
        self.assert_says('note', 'net.ipv4.tcp_fastopen is 0')

    def test_path_that_drops_it(self):
        self.net.exit.run('nft', '-f', '-', input='''table inet weather {
            chain prerouting {
                type filter hook prerouting priority -310
                tcp option fastopen exists tcp flags & (syn | ack) == syn drop
            }
        }''')
        self.addCleanup(self.net.exit.run, 'nft', 'delete', 'table', 'inet',
                        'weather')
        self.assert_says('note', 'TCP Fast Open to .*: SYNs that carry a '
                         'request are lost')

    def test_round_trip_and_what_it_allows(self):
        """doctor reports the real round trip and speed."""
        self.net.change(ROUND_TRIP_MS)
        self.addCleanup(self.net.change)
        for name in 'tcp_rmem', 'tcp_wmem':
            self.host.sysctl('ipv4/' + name, '4096 16384 524288')
            self.addCleanup(self.host.sysctl, 'ipv4/' + name,
                            '4096 131072 6291456')
        findings = self.assert_says(
            'note', r'one stream: at a round trip of \d{3,} ms \(to the server '
            r'half\)')
        said = re.search(r'round trip of (\d+) ms .*most about (\d+) Mbit/s '
                         r'and send (\d+)', findings.text)
        round_trip, *claims = map(int, said.groups())
        self.assertGreaterEqual(round_trip, ROUND_TRIP_MS)
        for direction, claim in enumerate(claims):
            # A busy machine makes the wire longer for doctor, and the stream
            # slower for a while.
            claim *= round_trip / ROUND_TRIP_MS
            measured = wait_until(
                lambda: (lambda mbit: 0.6 * claim < mbit and mbit)(
                    self.measure(sends=direction == 1)),
                f'{direction} is as fast as {said[0]}')
            self.assertLess(measured, 1.5 * claim, (direction, said[0]))

    def measure(self, sends):
        """Mbit/s of a plain stream between gate and exit."""
        listener = self.listen(self.net.exit, IPV4.exit_link)
        gate = self.connect(self.host, listener.getsockname()[:2])
        exit_ = self.accept(listener)
        source, sink = (gate, exit_) if sends else (exit_, gate)
        flood = Flood(source)
        # The window has grown to its full size by then. Measure only from
        # there.
        receive(sink, 2_000_000)
        began = time.monotonic()
        receive(sink, 8_000_000)
        seconds = time.monotonic() - began
        sink.close()
        flood.join()
        return 64 / seconds


class Status(Version2Case):
    """The status of version 2 goes soon if the destination says nothing."""

    make_network = LongNetwork
    family = IPV4

    def test_it_is_not_held_back_for_round_trips(self):
        self.start_with_acl()
        echo = self.listen(self.net.exit, IPV4.exit_link)
        near = self.connect(self.net.gate, echo.getsockname()[:2])
        far = self.accept(echo)
        self.net.change(STATUS_ROUND_TRIP_MS)
        self.addCleanup(self.net.change)
        client = self.send(self.request2())
        self.accept(self.listener)
        # Half of the first one is the status's way. By itself the kernel would
        # hold it back for three.
        for _ in range(3):
            near.sendall(b'?')
            far.sendall(receive(far, 1))
            receive(near, 1)
        client.setblocking(False)
        self.assertEqual(client.recv(1), bytes([CONNECTED]))


class Patience(RoutedCase):
    """On a long leg the request waits a moment for the user's first words."""

    make_network = LongNetwork
    family = IPV4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.exit.sysctl('ipv4/tcp_fastopen', 3)
        cls.net.change(ROUND_TRIP_MS)

    def setUp(self):
        super().setUp()
        self.start_server()
        self.client = self.start_client()
        # The first connection gets the cookie, the second one the round trip.
        self.assert_proxies()
        self.assert_proxies()

    def syn_of_one_who_says(self, words):
        """Returns the payload of the SYN, and the seconds until the answer.

        The user says the words a moment after connecting.
        """
        segments = Segments(self.net.gate, 'link0')
        self.addCleanup(segments.close)
        listener = self.listen_at_destination()
        began = time.monotonic()
        user = self.connect(self.net.user, listener.getsockname()[:2])
        # The client half is ready by then, and still waits for the words.
        time.sleep(WORDS_AFTER_SECONDS)
        user.sendall(words)
        destination = self.accept(listener)
        self.assertEqual(receive(destination, len(words)), words)
        destination.sendall(b'!')
        self.assertEqual(receive(user, 1), b'!')
        seconds = time.monotonic() - began
        return segments.take_syns(SERVER_PORT)[0].payload, seconds

    def test_first_words_go_with_the_syn(self):
        with_words = []

        def are_enough():
            payload, seconds = self.syn_of_one_who_says(b'hello')
            # On a busy machine the words often come too late.
            if payload.endswith(b'hello'):
                with_words.append(seconds)
            # The words cost no second round trip.
            return len(with_words) > 4 and \
                min(with_words) * 1000 < 2 * ROUND_TRIP_MS

        wait_until(are_enough, 'five SYNs have the words')

    def test_user_who_says_nothing_is_not_waited_for(self):
        def is_prompt():
            payload, seconds = self.syn_of_one_who_says(b'')
            self.assertNotEqual(payload, b'')
            return seconds * 1000 < 2 * ROUND_TRIP_MS

        wait_until(is_prompt, 'an answer without a second round trip')
