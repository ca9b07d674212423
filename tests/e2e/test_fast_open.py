"""TCP Fast Open between the halves: requests in SYNs, TCP's promises kept."""

import contextlib
import os
import random
import re
import signal
import time

import rules
import sandbox
from cases import CLIENT_CONFIG, SERVER_PORT, RoutedCase
from families import IPV4, IPV6, endpoint
from hosts import ESTABLISHED
from injection import Injection
from peers import (background, receive, receive_all, receive_until_reset,
                   reset)
from segments import FAST_OPEN_OPTION, Segments
from torture import FIN, End, draw_plans
from waiting import wait_until
from wire import encode_again

# Values of the exit's sysctl. Bit 1 lets it send data in a SYN, bit 2 lets it
# accept data in a SYN.
ACCEPTED, NOT_ACCEPTED = 3, 1

CONNECT_TIMEOUT = '1s'
NAME = 'exit.example'

TORTURE_SECONDS = float(os.environ.get('SRCPROXY_TORTURE_SECONDS', 4))
TORTURE_SEED = os.environ.get('SRCPROXY_TORTURE_SEED', str(time.time_ns()))
AT_ONCE = 24

# To be in time on a busy machine.
ATTEMPTS = 5


def count(host, name):
    """A counter of the host's kernel: nstat(8)."""
    return int(host.run('nstat', '-asz', name).stdout.split()[-2])


class FastOpenCase(RoutedCase):
    """The leg between the halves has the same family as the users."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server_address = (cls.family.exit_link, SERVER_PORT)

    def setUp(self):
        super().setUp()
        self.accept_data(ACCEPTED)
        # Forget the cookies of earlier tests.
        self.net.gate.run('ip', 'tcp_metrics', 'flush')

    def accept_data(self, value):
        self.net.exit.sysctl('ipv4/tcp_fastopen', value)

    def start_both(self, server=None, **outbound):
        self.start_exit(server)
        return self.start_gate(**outbound)

    def start_exit(self, config=None):
        return self.start_server({'listen': endpoint(*self.server_address),
                                  'timeout': '20s', **(config or {})})

    def start_gate(self, timeout='20s', options=None, **outbound):
        return self.start_client({
            'outbound': {'server': endpoint(*self.server_address), **outbound},
            'timeout': timeout}, **(options or {}))

    def watch(self):
        segments = Segments(self.net.exit, 'link0')
        self.addCleanup(segments.close)
        return segments

    def get_cookie(self):
        """Gets the cookie by a first connection; later ones use it."""
        self.assert_proxies()

    def serve_one(self, listener=None):
        """Opens a connection and returns both ends, after a byte each way."""
        user, destination = self.open(listener)
        user.sendall(b'?')
        self.assertEqual(receive(destination, 1), b'?')
        destination.sendall(b'!')
        self.assertEqual(receive(user, 1), b'!')
        return user, destination

    @staticmethod
    @contextlib.contextmanager
    def stopped(half):
        """Stops all threads of the half inside the with block."""
        half.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: half.thread_status('State') == {'T (stopped)'},
                   f'the {half.role} half is stopped')
        try:
            yield
        finally:
            half.process.send_signal(signal.SIGCONT)

    def assert_acknowledged_early(self, serve):
        """The gate must not delay an acknowledgement, by 40 or 200 ms.

        An acknowledgement of the handshake may wait for data that never comes.
        A busy gate may be as late by itself, but not each time.
        """
        def count_late():
            before = count(self.net.gate, 'TcpExtDelayedACKs')
            serve()
            return count(self.net.gate, 'TcpExtDelayedACKs') - before

        self.assertIn(0, (count_late() for _ in range(ATTEMPTS)))

    def take_only_syn(self, segments):
        syns = segments.take_syns(SERVER_PORT)
        self.assertEqual(len(syns), 1)
        return syns[0]


class Opening:

    def test_syn_carries_the_request(self):
        self.start_both()
        self.get_cookie()
        segments = self.watch()
        user, destination = self.serve_one()
        syn = self.take_only_syn(segments)
        self.assertIn(FAST_OPEN_OPTION, syn.options)
        self.assertTrue(syn.payload.startswith(encode_again(
            syn.payload, user.getsockname()[:2],
            destination.getsockname()[:2])), syn.payload)

    def test_syn_carries_what_the_user_has_said_by_then(self):
        client = self.start_both()
        self.get_cookie()
        segments = self.watch()
        listener = self.listen_at_destination()
        # The user's host finishes the handshake before the half accepts.
        with self.stopped(client):
            user = self.connect(self.net.user, listener.getsockname()[:2])
            user.sendall(b'first words')
        destination = self.accept(listener)
        self.assertEqual(receive(destination, 11), b'first words')
        self.assertTrue(
            self.take_only_syn(segments).payload.endswith(b'first words'))

    def test_first_words_that_do_not_fit_follow(self):
        client = self.start_both()
        self.get_cookie()
        listener = self.listen_at_destination()
        words = random.Random(0).randbytes(100_000)
        with self.stopped(client):
            user = self.connect(self.net.user, listener.getsockname()[:2])
            user.sendall(words[:60_000])
        destination = self.accept(listener)
        user.sendall(words[60_000:])
        self.assertEqual(receive(destination, len(words)), words)

    def test_handshake_is_over_before_anybody_says_more(self):
        self.start_both()
        self.get_cookie()

        def established():
            return sum(
                entry.state == ESTABLISHED and entry.local[1] == SERVER_PORT
                for entry in self.net.exit.tcp_entries(self.family.af))

        def serve():
            before = established()
            self.open()
            wait_until(lambda: established() > before, 'the handshake is over')

        self.assert_acknowledged_early(serve)

    def test_off_at_the_client(self):
        self.start_both(fast_open=False)
        self.get_cookie()
        segments = self.watch()
        self.serve_one()
        syn = self.take_only_syn(segments)
        self.assertNotIn(FAST_OPEN_OPTION, syn.options)
        self.assertEqual(syn.payload, b'')

    def test_off_at_the_server(self):
        self.assert_asks_in_vain({'fast_open': False})

    def test_off_at_the_servers_host(self):
        self.accept_data(NOT_ACCEPTED)
        self.assert_asks_in_vain()

    def assert_asks_in_vain(self, config=None):
        """The server gives no cookie, and connections work as usual."""
        self.start_both(config)
        self.get_cookie()
        segments = self.watch()
        self.serve_one()
        self.assertEqual(self.take_only_syn(segments).payload, b'')

    def test_off_at_the_clients_host(self):
        self.net.gate.sysctl('ipv4/tcp_fastopen', 0)
        self.addCleanup(self.net.gate.sysctl, 'ipv4/tcp_fastopen', 1)
        self.start_both()
        self.serve_one()

    def test_it_is_turned_off_by_a_reload(self):
        client = self.start_both()
        self.get_cookie()
        client.reload({**CLIENT_CONFIG, 'outbound': {
            'server': endpoint(*self.server_address), 'fast_open': False}})
        client.wait_for('reloaded')
        segments = self.watch()
        self.serve_one()
        self.assertEqual(self.take_only_syn(segments).payload, b'')

    def test_mark_and_address_are_those_of_the_configuration(self):
        gate = self.net.gate
        gate.ip(f'route add {self.family.exit_link}/{self.family.host_bits} '
                'dev link0 table 77',
                'rule add fwmark 0x1234 lookup 77 pref 100',
                f'route add unreachable {self.family.exit_link}/'
                f'{self.family.host_bits}', family=self.family)
        self.addCleanup(
            gate.ip, 'rule del pref 100',
            f'route del unreachable {self.family.exit_link}/'
            f'{self.family.host_bits}', family=self.family)
        for name in 'all', 'link0':
            gate.sysctl(f'ipv4/conf/{name}/rp_filter', 0)
        self.start_both(fwmark=0x1234,
                        local_addr=self.family.second_gate_link)
        self.get_cookie()
        segments = self.watch()
        self.serve_one()
        syn = self.take_only_syn(segments)
        self.assertNotEqual(syn.payload, b'')
        self.assertEqual(syn.source[0], self.family.second_gate_link)


class OpeningIPv4(Opening, FastOpenCase):
    family = IPV4


class OpeningIPv6(Opening, FastOpenCase):
    family = IPV6


class Failing:
    """With a cookie, errors are the same as without."""

    def assert_refused(self, client, reason):
        client.mark()
        self.assert_reset(self.net.user, (self.family.destination, 80))
        refused = client.wait_for('refused', reason=re.compile(reason))
        self.assertEqual(refused['tried'], 'connect to the server')
        self.assertEqual(refused.level, 'error')

    def start_with_cookie(self, **options):
        server = self.start_exit()
        client = self.start_gate(**options)
        self.get_cookie()
        return server, client

    def test_server_that_is_down(self):
        server, client = self.start_with_cookie()
        server.finish()
        self.assert_refused(client, '^Connection refused$')

    def test_server_in_a_black_hole(self):
        _, client = self.start_with_cookie(timeout=CONNECT_TIMEOUT)
        with rules.black_hole(self.net.exit, self.family, SERVER_PORT):
            self.assert_refused(client, '^Connection timed out$')

    def test_server_without_a_route(self):
        _, client = self.start_with_cookie()
        host = f'{self.family.exit_link}/{self.family.host_bits}'
        self.net.gate.ip(f'route add unreachable {host}', family=self.family)
        self.addCleanup(self.net.gate.ip, f'route del unreachable {host}',
                        family=self.family)
        self.assert_refused(client, '^No route to host$')

    def test_user_who_gives_up(self):
        _, client = self.start_with_cookie(timeout='10m')
        client.mark()
        with rules.black_hole(self.net.exit, self.family, SERVER_PORT):
            user = self.connect(self.net.user, (self.family.destination, 80))
            wait_until(lambda: self.net.gate.is_dialling(self.server_address),
                       'the client half dials')
            reset(user)
            self.assertEqual(client.wait_for('refused').level, 'info')

    def test_next_address_is_tried(self):
        addresses = (self.family.exit_link, self.family.second_exit_link)
        sandbox.write_hosts_file(f'127.0.0.1 localhost\n'
                                 f'{addresses[0]} {NAME}\n'
                                 f'{addresses[1]} {NAME}\n')
        self.addCleanup(sandbox.write_hosts_file, '127.0.0.1 localhost\n')
        self.start_gate(server=endpoint(NAME, SERVER_PORT))
        for address in addresses * 2:
            with self.subTest(server=address):
                server = self.start_server(
                    {'listen': endpoint(address, SERVER_PORT)})
                self.assert_proxies()
                self.serve_one()
                server.finish()


class FailingIPv4(Failing, FastOpenCase):
    family = IPV4


class FailingIPv6(Failing, FastOpenCase):
    family = IPV6


class Guard:
    """Fast Open is off on paths where it loses time, and only there."""

    OFF = 'fast-open-off'

    def assert_off_after_two(self, client, reason):
        """Two connections lose time, and Fast Open is off for the next one."""
        client.mark()
        self.serve_one()
        self.serve_one()
        warning = client.wait_for(self.OFF, reason=re.compile(reason))
        self.assertEqual(warning.level, 'warning')
        self.assertEqual(warning['server'], endpoint(*self.server_address))
        segments = self.watch()
        self.serve_one()
        syn = self.take_only_syn(segments)
        self.assertNotIn(FAST_OPEN_OPTION, syn.options)
        self.serve_one()
        self.assertEqual(len(client.events(self.OFF)), 1)

    def test_path_that_drops_syns_with_data(self):
        client = self.start_both()
        self.get_cookie()
        self.serve_one()
        with rules.dropping_data(self.net.exit, self.family):
            self.assert_off_after_two(client, 'lost')

    def test_it_is_tried_again_after_an_hour(self):
        injection = Injection()
        self.start_exit()
        client = self.start_gate(options=injection.options)
        with rules.dropping_data(self.net.exit, self.family):
            self.get_cookie()
            self.assert_off_after_two(client, 'lost')
        for seconds, is_on in (3500, False), (3700, True):
            with self.subTest(seconds=seconds):
                injection.let_pass(seconds)
                segments = self.watch()
                self.serve_one()
                syn = self.take_only_syn(segments)
                self.assertEqual(syn.payload != b'', is_on)

    def test_path_that_drops_the_option(self):
        client = self.start_both()
        with rules.dropping(self.net.exit, 'tcp flags & (syn | ack) == syn '
                            'tcp option fastopen exists'):
            self.assert_off_after_two(client, 'lost')

    def test_one_that_is_lost_now_and_then_is_no_reason(self):
        client = self.start_both()
        self.get_cookie()
        client.mark()
        for _ in range(2):
            with rules.dropping_data(self.net.exit, self.family):
                self.serve_one()
            self.serve_one()
        segments = self.watch()
        self.serve_one()
        self.assertNotEqual(self.take_only_syn(segments).payload, b'')
        self.assertEqual(client.events(self.OFF), [])

    def test_proxy_of_the_handshake(self):
        client = self.start_both()
        self.get_cookie()
        self.net.exit.sysctl('netfilter/nf_conntrack_tcp_loose', 0)
        client.mark()
        with rules.firewall(self.net.exit, f'''
                chain prerouting {{
                    type filter hook prerouting priority -300
                    tcp dport {SERVER_PORT} tcp flags syn notrack
                }}''', f'''
                chain input {{
                    type filter hook input priority 0
                    tcp dport {SERVER_PORT} ct state invalid,untracked \
                        synproxy mss 1460 wscale 7 timestamp sack-perm
                }}'''):
            for _ in range(2):
                user, destination = self.serve_one()
                user.close()
                destination.close()
            wait_until(lambda: len(client.events('closed')) == 2,
                       'both are over')
            client.wait_for(self.OFF, reason=re.compile('held up'))
            segments = self.watch()
            self.assert_acknowledged_early(self.serve_one)
            self.assertEqual({syn.payload for syn in
                              segments.take_syns(SERVER_PORT)}, {b''})

    def test_server_that_takes_no_data_any_more_is_no_reason(self):
        client = self.start_both()
        self.get_cookie()
        self.accept_data(NOT_ACCEPTED)
        client.mark()
        for number in range(4):
            user, destination = self.serve_one()
            user.close()
            destination.close()
            wait_until(lambda: len(client.events('closed')) > number,
                       'it is over')
        self.accept_data(ACCEPTED)
        segments = self.watch()
        self.serve_one()
        self.assertNotEqual(self.take_only_syn(segments).payload, b'')
        self.assertEqual(client.events(self.OFF), [])


class GuardIPv4(Guard, FastOpenCase):
    family = IPV4


class GuardIPv6(Guard, FastOpenCase):
    family = IPV6


class Honest:
    """TCP keeps its promises if the SYN had the request."""

    def start_with_cookie(self):
        server, client = self.start_exit(), self.start_gate()
        self.get_cookie()
        return server, client

    def test_a_signal_while_the_syn_waits_repeats_nothing(self):
        _, client = self.start_with_cookie()
        listener = self.listen_at_destination()
        with rules.dropping(self.net.gate,
                            'tcp flags & (syn | ack) == (syn | ack)'):
            with self.stopped(client):
                user = self.connect(self.net.user, listener.getsockname()[:2])
                user.sendall(b'once')
            wait_until(lambda: self.net.gate.is_dialling(self.server_address),
                       'the client half dials')
            # The half's call returns EINTR: signal(7), "even without a
            # handler".
            with self.stopped(client):
                pass
        destination = self.accept(listener)
        user.shutdown(1)
        self.assertEqual(receive_all(destination), b'once')

    def test_what_was_said_before_a_reset_arrives(self):
        self.start_with_cookie()
        listener = self.listen_at_destination()
        for _ in range(30):
            user = self.connect(self.net.user, listener.getsockname()[:2])
            destination = self.accept(listener)
            destination.sendall(b'goodbye')
            reset(destination)
            self.assertEqual(receive_until_reset(user), b'goodbye')

    def test_what_was_said_before_a_reset_that_overtakes_the_half_arrives(
            self):
        server, client = self.start_with_cookie()
        server.mark()
        listener = self.listen_at_destination()
        with rules.dropping(self.net.gate,
                            'tcp flags & (syn | ack) == (syn | ack)'):
            user = self.connect(self.net.user, listener.getsockname()[:2])
            destination = self.accept(listener)
            destination.sendall(b'goodbye')
            reset(destination)
            wait_until(lambda: self.net.gate.is_dialling(self.server_address),
                       'the client half waits')
            client.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: client.thread_status('State') ==
                       {'T (stopped)'}, 'the client half is stopped')
        # The kernel goes on with the handshake and takes the reset while the
        # half is stopped.
        server.wait_for('closed', end='reset', by='destination')
        client.process.send_signal(signal.SIGCONT)
        self.assertEqual(receive_until_reset(user), b'goodbye')

    def test_an_answer_that_ends_at_once_arrives_whole(self):
        self.start_with_cookie()
        listener = self.listen_at_destination()
        for _ in range(30):
            user = self.connect(self.net.user, listener.getsockname()[:2])
            destination = self.accept(listener)
            destination.sendall(b'that is all')
            destination.close()
            self.assertEqual(receive_all(user), b'that is all')

    def test_destination_that_refuses(self):
        server, client = self.start_with_cookie()
        with self.net.destination.listen(self.family.destination) as listener:
            to = listener.getsockname()[:2]
        for _ in range(30):
            client.mark()
            self.assert_reset(self.net.user, to)
            client.wait_for_refusal(destination=endpoint(*to))
            self.assertEqual(
                len(client.events('closed') + client.events('refused')), 1)

    def test_server_that_is_restarted(self):
        server, _ = self.start_with_cookie()
        server.finish()
        self.start_exit()
        self.serve_one()

    def test_cookies_that_are_not_valid_any_more(self):
        self.start_with_cookie()
        for key in '00000001-00000002-00000003-00000004', \
                '0000000a-0000000b-0000000c-0000000d':
            self.net.exit.sysctl('ipv4/tcp_fastopen_key', key)
            self.serve_one()
        segments = self.watch()
        self.serve_one()
        self.assertNotEqual(self.take_only_syn(segments).payload, b'')


class HonestIPv4(Honest, FastOpenCase):
    family = IPV4


class HonestIPv6(Honest, FastOpenCase):
    family = IPV6


# The host that loses them, and how many of ten. Acknowledgements of data are
# lost, too: of more, seven in a row would make a connection idle.
SYN_LOST = ('exit', 'tcp flags & (syn | ack) == syn', 3)
SYN_ACK_LOST = ('gate', 'tcp flags & (syn | ack) == (syn | ack)', 3)
ACK_LOST = ('exit', 'tcp flags & (fin | syn | rst | ack | psh) == ack', 1)


class Torture:
    """Packets of the handshake are lost at random."""

    def test_every_byte_arrives_and_every_ending_is_passed_on(self):
        until = time.monotonic() + TORTURE_SECONDS
        number = opened = 0
        while number < 1 or time.monotonic() < until:
            for host, what, share in SYN_LOST, SYN_ACK_LOST, ACK_LOST:
                opened += self.torture(number, getattr(self.net, host),
                                       f'{what} numgen random mod 10 < {share}')
            number += 1
        # A round may have none: two lost SYNs in a row turn Fast Open off.
        self.assertGreater(opened, 0)

    def torture(self, number, host, what):
        """Runs one round with new halves, whose guard has not seen a loss yet.

        Returns how many connections began with data in the SYN.
        """
        rng = random.Random(f'{TORTURE_SEED}/{self.family.user}/{number}')
        # A connection that loses SYNs tries again after one second, three and
        # seven.
        halves = self.start_exit(), self.start_gate()
        self.get_cookie()
        before = self.passive_opens()
        with rules.dropping(host, what):
            ends = self.begin(rng)
            wrong = [f'end {index}: {problem}' for index, problem in
                     enumerate(end.result() for end in ends) if problem]
        self.assertEqual(wrong, [], f'SRCPROXY_TORTURE_SEED={TORTURE_SEED}, '
                         f'round {number}, lost: {what}')
        opened = self.passive_opens() - before
        for half in halves:
            half.finish()
        return opened

    def begin(self, rng):
        """Opens connections, all at once: those that lose a SYN take long."""
        plans = [draw_plans(rng) for _ in range(AT_ONCE)]
        for of_user, _ in plans:
            # If a user resets before the client half is connected, the first
            # words are lost, with and without Fast Open.
            of_user.ending = FIN
        opening = [background(self.open) for _ in plans]
        return [End(pair.result()[side], both[side], both[not side])
                for both, pair in zip(plans, opening) for side in (0, 1)]

    def passive_opens(self):
        """How many SYNs with data the exit's kernel has accepted."""
        return count(self.net.exit, 'TcpExtTCPFastOpenPassive')


class TortureIPv4(Torture, FastOpenCase):
    family = IPV4


class TortureIPv6(Torture, FastOpenCase):
    family = IPV6
