"""The example of a spare exit, which takes over when the first one fails."""

import os
import subprocess

import rules
from cases import NetworkCase
from families import BOTH, IPV4, IPV6
from peers import receive, receive_until_reset, reset
from sandbox import BINARY, WORK
from test_examples import EXAMPLES, read_example
from two_exits import TwoExits
from waiting import wait_until

# The last part of the own addresses of each exit.
FIRST, SPARE = 11, 12
SHARED = (IPV4.exit_link, IPV4.exit_out, IPV6.exit_out)

# Replaces an interval of a second. Only version 3 of the protocol has shorter
# ones.
HASTE = ('advert_int 1', 'version 3\n\tadvert_int 0.1')


class SharedAddresses(TwoExits):
    """Each exit has addresses of its own, and keepalived moves others."""

    def _set_addresses(self, family):
        super()._set_addresses(family)
        bits = family.length
        self.destination.ip(f'route add default via {family.exit_out}')
        for host, number in ((self.first, FIRST), (self.second, SPARE)):
            for address, name in ((family.exit_link, 'link0'),
                                  (family.exit_out, 'out0')):
                own = address.removesuffix('1') + str(number)
                host.ip(f'addr add {own}/{bits} dev {name}')
            host.sysctl('ipv4/ip_nonlocal_bind', 1)


class SpareExit(NetworkCase):
    make_network = SharedAddresses

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        cls.halves = {}
        for host in (cls.net.first, cls.net.second):
            cls.start_half(host, 'server', 'exit.json')
        cls.start_half(cls.net.gate, 'client', 'gate.json',
                       *(family.users for family in BOTH))

    @classmethod
    def start_half(cls, host, role, name, *users):
        daemon = cls.start_for_class(host, role,
                                     read_example('keepalived/' + name))
        printed = host.run(BINARY, 'rules', role, daemon.config_path, *users)
        host.run('sh', '-e', input=printed.stdout)
        cls.halves[host] = daemon

    def setUp(self):
        super().setUp()
        self.keepalived = {}
        self.start_keepalived(self.net.first)
        self.wait_for_addresses(self.net.first)
        self.start_keepalived(self.net.second, ('state MASTER', 'state BACKUP'),
                              ('priority 150', 'priority 100'))

    def start_keepalived(self, host, *changes):
        text = read_example('keepalived/exit.keepalived.conf')
        for old, new in (HASTE, *changes):
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = f'{WORK}/{host.name}.keepalived'
        with open(path + '.conf', 'w') as file:
            file.write(text)
        self.keepalived[host] = host.spawn(
            'keepalived', '--vrrp', '--dont-fork', '--log-console',
            f'--use-file={path}.conf', f'--pid={path}.pid',
            f'--vrrp_pid={path}.vrrp.pid', stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop_keepalived, host)

    def stop_keepalived(self, host):
        """Stops keepalived, which then removes its addresses.

        It also stops like this when its host is shut down.
        """
        process = self.keepalived.pop(host, None)
        if process:
            process.terminate()
            process.wait()

    def wait_for_addresses(self, host):
        def has_them():
            text = host.run('ip', '-o', 'addr').stdout
            return all(f' {address}/' in text for address in SHARED)
        wait_until(has_them, f'{host.name} has the shared addresses')

    def open(self, family):
        """Opens a connection through the exit that has the addresses.

        Returns both ends.
        """
        listener = self.listen(self.net.destination, family.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        return user, self.accept(listener)

    def assert_serves(self, host):
        """That exit carries connections, with the users' own addresses."""
        self.halves[host].mark()
        for family in BOTH:
            user, destination = self.open(family)
            self.assertEqual(destination.getpeername()[:2],
                             user.getsockname()[:2])
            user.sendall(b'question')
            self.assertEqual(receive(destination, 8), b'question')
            destination.sendall(b'answer')
            self.assertEqual(receive(user, 6), b'answer')
            self.halves[host].wait_for('established')
            reset(user)

    def assert_spare_takes_over(self):
        self.wait_for_addresses(self.net.second)
        self.assert_serves(self.net.second)

    def test_configuration_says_nothing_wrong(self):
        result = self.net.first.run(
            'keepalived', '-t', '-f',
            os.path.join(EXAMPLES, 'keepalived/exit.keepalived.conf'))
        self.assertEqual(result.stdout + result.stderr, '')

    def test_first_exit_serves_as_long_as_it_can(self):
        self.assert_serves(self.net.first)

    def test_spare_takes_over_when_keepalived_ends(self):
        self.stop_keepalived(self.net.first)
        self.assert_spare_takes_over()

    def test_spare_takes_over_when_a_link_is_down_and_gives_back(self):
        for name in ('link0', 'out0'):
            user, _ = self.open(IPV4)
            self.net.first.ip(f'link set {name} down')
            self.assert_spare_takes_over()
            # The spare exit does not know that connection.
            user.sendall(b'still there?')
            self.assertEqual(receive_until_reset(user), b'')
            self.net.first.ip(f'link set {name} up')
            self.wait_for_addresses(self.net.first)
            self.assert_serves(self.net.first)

    def test_spare_takes_over_when_srcproxy_ends(self):
        half = self.halves[self.net.first]
        half.finish()
        self.assert_spare_takes_over()
        self.start_half(self.net.first, 'server', 'exit.json')
        self.wait_for_addresses(self.net.first)
        self.assert_serves(self.net.first)
