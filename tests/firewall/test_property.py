"""What src/firewall says of a packet against what the kernel does with it.

Random rulesets, in a namespace of their own, and a real connection for each as
the judge. It goes on for FIREWALL_SECONDS (30); FIREWALL_SEED repeats a run.
"""

import collections
import itertools
import os
import random
import socket
import time
import unittest

from hosts import Host, join
from rulesets import BEYOND_PORT, IPV4, IPV6, PORT, Iptables, Nft
from sandbox import BINARY
from waiting import wait_until

SECONDS = float(os.environ.get('FIREWALL_SECONDS', 30))
SEED = int(os.environ.get('FIREWALL_SEED', time.time_ns() % 10 ** 9))

# All hosts are on one machine, which may be busy: silence within PATIENCE is no
# proof. If kernel and walk disagree, the test asks again with LONG_PATIENCE.
PATIENCE = 0.1
LONG_PATIENCE = 3
CLOSED_TOLD = 0.95


class Property(unittest.TestCase):

    # A new port for each connection: tracking of earlier ones has no effect.
    ports = itertools.cycle(range(10000, 60000))

    @classmethod
    def setUpClass(cls):
        cls.sender, cls.host = Host('sender'), Host('host')
        for host in (cls.sender, cls.host):
            cls.addClassCleanup(host.destroy)
        join(cls.sender, 'near0', cls.host, 'eth0')
        cls.listeners = []
        for at in (IPV4, IPV6):
            cls.sender.ip(f'addr add {at.near}/{at.bits} dev near0',
                          f'addr add {at.second}/{at.bits} dev near0 '
                          'preferred_lft 0',
                          family=None)
            cls.host.ip(f'addr add {at.own}/{at.bits} dev eth0')
            cls.sender.run('ip', at.option, 'route', 'add', 'default', 'via',
                           at.own)
        cls.host.sysctl('ipv4/ip_forward', 1)
        cls.host.sysctl('ipv6/conf/all/forwarding', 1)
        for address in ('0.0.0.0', '::'):
            listener = cls.host.socket(
                socket.AF_INET6 if ':' in address else socket.AF_INET)
            if ':' in address:
                listener.setsockopt(socket.IPPROTO_IPV6,
                                    socket.IPV6_V6ONLY, 1)
            listener.bind((address, PORT))
            listener.listen(64)
            listener.settimeout(PATIENCE)
            cls.listeners.append(listener)
            cls.addClassCleanup(listener.close)
        for at in (IPV4, IPV6):
            wait_until(lambda: cls.sender.answers(at.own), f'{at.own} answers')

    def is_open(self, at, to, port, patience):
        """Whether a byte comes back."""
        af = socket.AF_INET6 if ':' in to else socket.AF_INET
        with self.sender.socket(af) as connection:
            connection.settimeout(patience)
            try:
                connection.bind((at.near, next(self.ports)))
                connection.connect((to, port))
                with self.accept(at, connection, patience) as accepted:
                    accepted.sendall(b'x')
                    return connection.recv(1) == b'x'
            except OSError:
                return False

    def accept(self, at, connection, patience):
        """That one: others are left of rulesets before."""
        listener = self.listeners[at is IPV6]
        listener.settimeout(patience)
        while True:
            accepted, peer = listener.accept()
            if peer[1] == connection.getsockname()[1]:
                return accepted
            accepted.close()

    def walk(self, *packets):
        """[(fate, destination, port, all of the line)] for each packet."""
        arguments = ' -- '.join(packets).split()
        lines = self.host.run(BINARY, *arguments).stdout.splitlines()
        self.assertEqual(len(lines), len(packets))
        return [(line.split()[0], line.split()[1], line.split()[2], line)
                for line in lines]

    def said_of_filter(self, at):
        """Of the SYN, what answers it, and all that follows."""
        to = (f'from={at.near} to={at.own} sport=40000 dport={PORT} iif=eth0 '
              'saddr_type=1 daddr_type=2 reverse_path=1 ')
        back = (f'from={at.own} to={at.near} sport={PORT} dport=40000 '
                'oif=eth0 state=2 direction=1 saddr_type=2 daddr_type=1 ')
        return self.walk(
            f'{to} prerouting input',
            f'{back} flags=18 ct_mark=last output postrouting',
            f'{to} state=2 flags=16 ct_mark=last prerouting input',
            f'{back} flags=24 ct_mark=last output postrouting')

    @staticmethod
    def merge(walked):
        fates = [fate for fate, *_ in walked]
        for fate in ('dropped', 'unknown'):
            if fate in fates:
                return fate, next(line for kind, *_, line in walked
                                  if kind == fate)
        return 'accepted', ''

    def said_of(self, at, judge):
        if judge == 'filter':
            return self.merge(self.said_of_filter(at))
        return self.said_of_nat(at)

    def said_of_nat(self, at):
        fate, _, port, line = self.walk(
            f'from={at.near} to={at.beyond} dport={BEYOND_PORT} iif=eth0 '
            'saddr_type=1 daddr_type=1 reverse_path=1 prerouting')[0]
        if fate == 'accepted' and port == '?':
            fate = 'unknown'
        elif fate == 'accepted' and port != str(PORT):
            fate = 'dropped'
        return fate, line

    def compare(self, at, judge):
        """(what the kernel does, what is said of it, and why)"""
        target = ((at.own, PORT) if judge == 'filter'
                  else (at.beyond, BEYOND_PORT))
        is_open = self.is_open(at, *target, PATIENCE)
        fate, line = self.said_of(at, judge)
        if not is_open and fate == 'accepted':
            is_open = self.is_open(at, *target, LONG_PATIENCE)
        return is_open, fate, line

    def judge(self, kinds):
        """Rulesets of these kinds in turn, until the time is over."""
        print(f'# FIREWALL_SEED={SEED}', flush=True)
        counts, wrong = collections.Counter(), []
        end = time.monotonic() + SECONDS / 2
        number = 0
        while time.monotonic() < end or number < len(kinds):
            kind, judge = kinds[number % len(kinds)]
            rules = kind(random.Random(f'{SEED} {number}'))
            number += 1
            text = getattr(rules, judge)()
            if rules.load(self.host, text).returncode:
                rules.clear(self.host)
                counts['refused'] += 1
                continue
            is_open, fate, line = self.compare(rules.places, judge)
            rules.clear(self.host)
            counts['open' if is_open else 'closed', fate] += 1
            if (fate, is_open) in (('dropped', True), ('accepted', False)):
                wrong.append(f'{rules.tool} {rules.places.name} number '
                             f'{number - 1}: {"open" if is_open else "closed"}'
                             f', but {fate}: {line}\n{text}')
            elif fate == 'unknown' and 'no rule' in line.split('?')[-1]:
                wrong.append(f'{number - 1}: no rule is named: {line}\n{text}')
        print(f'# {number} rulesets: {dict(counts)}', flush=True)
        closed = counts['closed', 'dropped'] + counts['closed', 'unknown']
        if wrong:
            self.fail(f'{len(wrong)}:\n' + '\n'.join(wrong[:5]))
        self.assertGreaterEqual(counts['closed', 'dropped'],
                                CLOSED_TOLD * closed - 2)
        return counts

    def test_nft(self):
        self.judge([(lambda random, at=at: Nft(random, at), judge)
                    for judge in ('filter', 'filter', 'nat')
                    for at in (IPV4, IPV6)])

    def test_iptables(self):
        self.judge([(lambda random, at=at, variant=variant:
                     Iptables(random, at, variant), judge)
                    for variant in ('nft', 'legacy')
                    for judge in ('filter', 'filter', 'nat')
                    for at in (IPV4, IPV6)])
