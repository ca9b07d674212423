"""The example of two exits, of which each has a part of the users."""

import rules
from cases import NetworkCase
from families import BOTH, IPV4, IPV6
from peers import receive, receive_until_reset, reset
from sandbox import BINARY
from test_examples import read_example
from two_exits import TwoExits
from waiting import wait_until

NAMES = 'first', 'second'

# The parts of the users' prefixes, and an address of the user in each.
PARTS = {
    'first': {IPV4: ('198.51.100.0/25', IPV4.user),
              IPV6: ('2001:db8:aaaa::/65', IPV6.user)},
    'second': {IPV4: ('198.51.100.128/25', '198.51.100.200'),
               IPV6: ('2001:db8:aaaa:0:8000::/65', '2001:db8:aaaa:0:8000::10')},
}


class RoutedParts(TwoExits):
    """Each exit is the way back to its part of the users."""

    def _set_addresses(self, family):
        super()._set_addresses(family)
        bits = family.length
        second_out = family.exit_out.removesuffix('1') + '2'
        self.user.ip(f'addr add {PARTS["second"][family][1]}/{bits} dev eth0')
        for host, link, out in (
                (self.first, family.exit_link, family.exit_out),
                (self.second, family.second_exit_link, second_out)):
            host.ip(f'addr add {link}/{bits} dev link0',
                    f'addr add {out}/{bits} dev out0')
            self.destination.ip(
                f'route add {PARTS[host.name][family][0]} via {out}')


class Sharding(NetworkCase):
    make_network = RoutedParts

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        cls.exits = {}
        for name in NAMES:
            cls.start_exit(name)
            cls.start_half(cls.net.gate, 'client', f'gate-{name}.json')

    @classmethod
    def start_half(cls, host, role, name):
        daemon = cls.start_for_class(host, role,
                                     read_example('sharding/' + name))
        printed = host.run(BINARY, 'rules', role, daemon.config_path)
        host.run('sh', '-e', input=printed.stdout)
        return daemon

    @classmethod
    def start_exit(cls, name):
        cls.exits[name] = cls.start_half(getattr(cls.net, name),
                                         'server', f'exit-{name}.json')

    def open(self, family, name):
        """Opens a connection of a user of that part, and returns its ends."""
        listener = self.listen(self.net.destination, family.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2],
                            (PARTS[name][family][1], 0))
        return user, self.accept(listener)

    def assert_talk(self, user, destination):
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(user, 6), b'answer')

    def assert_serves(self, name):
        """That exit, and no other, carries its users' connections."""
        for daemon in self.exits.values():
            daemon.mark()
        for family in BOTH:
            user, destination = self.open(family, name)
            self.assertEqual(destination.getpeername()[:2],
                             user.getsockname()[:2])
            self.assert_talk(user, destination)
            reset(user)
            receive_until_reset(destination)
        wait_until(lambda: len(self.exits[name].events('established')) ==
                   len(BOTH), f'the connections of {name}')
        self.assertEqual([other for other, daemon in self.exits.items()
                          if daemon.events('established')], [name])

    def test_each_exit_serves_its_part(self):
        for name in NAMES:
            self.assert_serves(name)

    def test_exit_that_is_taken_away_and_put_back(self):
        lost = [self.open(family, 'first') for family in BOTH]
        kept = [self.open(family, 'second') for family in BOTH]
        self.exits.pop('first').kill()
        for user, destination in lost:
            self.assertEqual(receive_until_reset(user), b'')
            self.assertEqual(receive_until_reset(destination), b'')
        for family in BOTH:
            listener = self.listen(self.net.destination, family.destination)
            with self.assertRaises(ConnectionResetError):
                user = self.connect(self.net.user, listener.getsockname()[:2],
                                    (PARTS['first'][family][1], 0))
                receive(user, 1)
        for ends in kept:
            self.assert_talk(*ends)
        self.assert_serves('second')
        self.start_exit('first')
        self.assert_serves('first')
        for ends in kept:
            self.assert_talk(*ends)
