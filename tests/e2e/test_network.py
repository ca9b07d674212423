"""Connections when the network breaks; see FAULTS.md."""

import os
import signal
import socket
import time

from cases import ProxyCase
from families import IPV4
from peers import (Flood, background, digest, receive, receive_all,
                   receive_until_reset, reset, send_and_end, send_in_pieces)

MEBIBYTE = 1024 * 1024
SO_RCVBUFFORCE = 33     # socket(7)

# Long enough for some retransmissions of TCP.
AWAY_S = 0.5


class BrokenCase(ProxyCase):
    family = IPV4

    def drop(self, host, chain, *match):
        """Drops these packets for the rest of the test."""
        rule = [chain, '-p', 'tcp', *match, '-j', 'DROP']
        host.run('iptables', '-t', 'mangle', '-A', *rule)
        self.addCleanup(host.run, 'iptables', '-t', 'mangle', '-D', *rule)


class BlackHole(BrokenCase):
    """Packets vanish in the middle of a stream."""

    server_config = {'timeout': '3s'}

    def assert_idle(self, *match):
        listener = self.listen_at_destination()
        user, destination = self.open(listener)
        flood = Flood(user)
        receive(destination, MEBIBYTE)
        self.drop(self.net.exit, 'POSTROUTING', '-o', 'out0', '--dport',
                  str(listener.getsockname()[1]), *match)
        # Other connections must still work.
        self.assert_proxies()
        flood.assert_reset()
        self.server.wait_for('closed', end='idle')

    def test_stream_into_it_is_reset_as_idle(self):
        self.assert_idle()

    def test_path_that_loses_large_packets_only(self):
        """This happens where no host is told of a smaller MTU."""
        self.assert_idle('-m', 'length', '--length', '600:65535')


class Narrow(BrokenCase):
    """The path silently loses large packets."""

    def test_kernel_that_begins_with_small_ones_carries_all(self):
        # With 1 the kernel finds this out by losing some, which takes a
        # quarter of a minute.
        self.net.exit.sysctl('ipv4/tcp_mtu_probing', 2)
        # Otherwise the rule below takes several small packets for a large one.
        self.net.exit.ip('link set out0 gso_max_segs 1')
        user, destination = self.open()
        # Drop them on the destination: the exit's kernel would know of packets
        # that it drops itself.
        self.drop(self.net.destination, 'PREROUTING', '-m', 'length',
                  '--length', '1200:65535')
        data = os.urandom(MEBIBYTE // 8)
        asking = background(send_and_end, user, data)
        self.assertEqual(digest(receive_all(destination)), digest(data))
        asking.result()


class ResetAtByte(BrokenCase):
    """The destination's kernel resets the connection after so many bytes."""

    # The rule counts bytes of packets, headers included.
    AT = 3 * MEBIBYTE

    def reset_at(self, direction):
        match = ('INPUT', '-p', 'tcp', '-m', 'connbytes', '--connbytes',
                 f'{self.AT}:', '--connbytes-mode', 'bytes',
                 '--connbytes-dir', direction,
                 '-j', 'REJECT', '--reject-with', 'tcp-reset')
        self.net.destination.run('iptables', '-A', *match)
        self.addCleanup(self.net.destination.run, 'iptables', '-D', *match)

    @staticmethod
    def send_for_ever(speaker, data):
        """Sends data until the connection breaks, however much fits."""
        while True:
            speaker.sendall(data)

    def test_what_was_sent_before_it_has_arrived(self):
        self.reset_at('original')
        listener = self.listen_at_destination()
        # Let all bytes arrive, even if few of them have been read.
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 2 * self.AT)
        user, destination = self.open(listener)
        data = os.urandom(self.AT)
        sending = background(self.send_for_ever, user, data)
        # The rule keeps the rest and the end from the destination.
        arrived = receive(destination, self.AT // 2)
        self.assertEqual(digest(arrived), digest(data[:len(arrived)]))
        with self.assertRaises(ConnectionResetError):
            sending.result()
        self.server.wait_for('closed', end='reset', by='destination')
        self.client.wait_for('closed', end='reset', by='server')

    def test_what_was_received_before_it_is_delivered(self):
        self.reset_at('reply')
        user, destination = self.open()
        data = os.urandom(2 * self.AT)
        background(destination.sendall, data)
        arrived = receive_until_reset(user)
        self.assertEqual(digest(arrived), digest(data[:len(arrived)]))
        closed = self.server.wait_for('closed', end='reset', by='destination')
        self.assertEqual(len(arrived), int(closed['received']))
        self.assertGreater(len(arrived), self.AT * 15 // 16)


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
    """A network that comes back in time costs no connection."""

    def assert_survives(self, away, back):
        """Both ends send a stream, and the network is away in the middle."""
        user, destination = self.open()
        data = os.urandom(8 * MEBIBYTE)
        asking = background(send_in_pieces, user, data)
        answering = background(send_in_pieces, destination, data)
        asked = receive(destination, MEBIBYTE)
        away()
        # No packet arrives, so there is no event to wait for.
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

    def test_firewall_that_forgets_it_before_it_is_accepted(self):
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        self.client.pause()
        try:
            user = self.connect(self.net.user, to)
            self.net.gate.run('conntrack', '-D', '-p', 'tcp', '--orig-dst',
                              to[0], '--orig-port-dst', str(to[1]))
        finally:
            self.client.send_signal(signal.SIGCONT)
        self.client.wait_for('refused', reason='no firewall rule redirected '
                             'this connection (-j REDIRECT)')
        # The first reset came from the gate's own address, so the user's
        # connection lives on. This packet gets another reset.
        user.sendall(b'who is there?')
        self.assertEqual(receive_until_reset(user), b'')
        # The first connection that the destination sees is the next one.
        user, destination = self.open(listener)
        self.assertEqual(destination.getpeername(), user.getsockname())

    def test_firewall_that_forgets_the_connection(self):
        user, destination = self.open()
        self.net.gate.run('conntrack', '-F')
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(user, 6), b'answer')
