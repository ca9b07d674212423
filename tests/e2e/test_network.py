"""What becomes of connections when the network breaks; see FAULTS.md."""

import os
import time

from cases import ProxyCase
from families import IPV4
from peers import (Flood, background, digest, receive, receive_all,
                   receive_until_reset, reset, send_and_end)

MEBIBYTE = 1024 * 1024

# Some retransmissions of TCP.
AWAY_S = 0.5


class BrokenCase(ProxyCase):
    family = IPV4

    def drop(self, host, chain, *match):
        """For the rest of the test."""
        rule = [chain, '-p', 'tcp', *match, '-j', 'DROP']
        host.run('iptables', '-t', 'mangle', '-A', *rule)
        self.addCleanup(host.run, 'iptables', '-t', 'mangle', '-D', *rule)


class BlackHole(BrokenCase):
    """In the middle of a stream."""

    server_config = {'timeout': '800ms'}

    def assert_idle(self, *match):
        listener = self.listen_at_destination()
        user, destination = self.open(listener)
        flood = Flood(user)
        receive(destination, MEBIBYTE)
        self.drop(self.net.exit, 'POSTROUTING', '-o', 'out0', '--dport',
                  str(listener.getsockname()[1]), *match)
        # Nobody else is hurt meanwhile.
        self.assert_proxies()
        flood.assert_reset()
        self.server.wait_for('closed', end='idle')

    def test_stream_into_it_is_reset_as_idle(self):
        self.assert_idle()

    def test_path_that_loses_large_packets_only(self):
        """As where nobody is told of a smaller MTU."""
        self.assert_idle('-m', 'length', '--length', '600:65535')


class Lossy(BrokenCase):

    def drop_first(self, host, flag):
        self.drop(host, 'INPUT', '--tcp-flags', flag, flag, '-m', 'statistic',
                  '--mode', 'nth', '--every', '1000', '--packet', '0')

    def test_end_that_is_lost_is_told_again(self):
        user, destination = self.open()
        for host in (self.net.gate, self.net.exit, self.net.destination):
            self.drop_first(host, 'FIN')
        send_and_end(user, b'question')
        self.assertEqual(receive_all(destination), b'question')
        send_and_end(destination, b'answer')
        self.assertEqual(receive_all(user), b'answer')

    def test_reset_that_is_lost_is_found_out(self):
        user, destination = self.open()
        self.drop_first(self.net.gate, 'RST')
        reset(user)
        destination.sendall(b'are you there?')
        receive_until_reset(destination)
        self.client.wait_for('closed', end='reset', by='user')


class Away(BrokenCase):
    """What comes back in time has cost nothing."""

    def assert_survives(self, away, back):
        """A stream each way, in the middle of which something happens."""
        user, destination = self.open()
        data = os.urandom(8 * MEBIBYTE)
        asking = background(send_and_end, user, data)
        answering = background(send_and_end, destination, data)
        asked = receive(destination, MEBIBYTE)
        away()
        time.sleep(AWAY_S)
        back()
        asking_more = background(receive_all, destination)
        self.assertEqual(digest(receive_all(user)), digest(data))
        self.assertEqual(digest(asked + asking_more.result()), digest(data))
        asking.result()
        answering.result()

    def test_link_that_is_down_for_a_while(self):
        out = self.net.exit
        self.assert_survives(lambda: out.ip('link set out0 down'),
                             lambda: out.ip('link set out0 up'))

    def test_address_that_is_gone_for_a_while(self):
        address = f'{IPV4.exit_out}/{IPV4.length} dev out0'
        out = self.net.exit
        self.assert_survives(lambda: out.ip(f'addr del {address}'),
                             lambda: out.ip(f'addr add {address}'))

    def test_link_that_is_slow(self):
        link = ('dev', 'link0', 'root')
        self.net.gate.run('tc', 'qdisc', 'add', *link, 'tbf', 'rate',
                          '100mbit', 'burst', '16kb', 'latency', '20ms')
        self.addCleanup(self.net.gate.run, 'tc', 'qdisc', 'del', *link)
        self.assert_survives(lambda: None, lambda: None)

    def test_firewall_that_forgets_the_connection(self):
        user, destination = self.open()
        self.net.gate.run('conntrack', '-F')
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(user, 6), b'answer')
