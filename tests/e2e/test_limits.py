"""How many connections there may be, and what happens to further ones."""

import socket
import time

from cases import RoutedCase, ServerCase
from families import IPV4
from peers import receive, receive_until_reset, reset
from waiting import wait_until

FEW_DESCRIPTORS = ('prlimit', '--nofile=40:40')
DESCRIPTORS_ALLOW = 9

# ADMISSION_GRACE_MS of src/proxy/admission.h
GRACE_SECONDS = 0.25


class Bound(RoutedCase):
    family = IPV4

    def test_what_is_set_is_the_bound(self):
        self.start_server({'max_connections': 7}).wait_for(
            'limit', max_connections='7', bounded_by='configuration')

    def test_what_is_not_set_comes_from_the_host(self):
        server = self.start_server(wrapper=FEW_DESCRIPTORS)
        server.wait_for('limit', max_connections=str(DESCRIPTORS_ALLOW),
                        bounded_by='ulimit -n')

    def test_more_than_the_host_allows_is_warned_of(self):
        server = self.start_server({'max_connections': 1000},
                                   wrapper=FEW_DESCRIPTORS)
        server.wait_for_line('warning max_connections=1000 is more than this '
                             r'host allows \(10\): raise ulimit -n')

    def test_bound_may_change_while_it_runs(self):
        server = self.start_server({'max_connections': 1})
        self.start_client()
        self.open()
        listener = self.listen_at_destination()
        waiting = self.connect(self.net.user, listener.getsockname()[:2])
        server.wait_for('full', connections='1')
        server.reload(self.server_config({'max_connections': 2}))
        waiting.sendall(b'at last')
        self.assertEqual(receive(self.accept(listener), 7), b'at last')


class LastPlace(ServerCase):
    family = IPV4

    def test_who_has_it_may_take_their_time(self):
        self.start_server({'max_connections': 1})
        client = self.send()
        # After that time a newcomer would get the place. Nobody comes here, so
        # there is no event to wait for.
        time.sleep(2 * GRACE_SECONDS)
        client.sendall(self.request() + b'good')
        self.assertEqual(receive(self.accept(self.listener), 4), b'good')


class Full:
    """At the limit connections are not reset: they wait for others to end."""

    family = IPV4

    def assert_waits(self, half, count):
        """Opens twice as many connections as allowed: half of them wait first.

        All are served in the end.
        """
        listener = self.listen_at_destination()
        users = [self.connect(self.net.user, listener.getsockname()[:2])
                 for _ in range(2 * count)]
        for number, user in enumerate(users):
            user.sendall(b'%03d' % number)
        served = [self.accept(listener) for _ in range(count)]
        half.wait_for('full', connections=str(count), times='1')
        listener.settimeout(0.1)
        self.assertRaises(socket.timeout, listener.accept)
        listener.settimeout(socket.getdefaulttimeout())
        numbers = []
        for _ in range(count):
            numbers.append(receive(served[0], 3))
            reset(served.pop(0))
            served.append(self.accept(listener))
        numbers += [receive(connection, 3) for connection in served]
        self.assertEqual(sorted(numbers),
                         [b'%03d' % number for number in range(2 * count)])
        self.assertEqual(half.events('refused'), [])

    def test_the_rest_waits_in_the_backlog(self):
        self.assert_waits(self.start_limited({'max_connections': 3}), 3)

    def test_it_is_told_once_each_time(self):
        half = self.start_limited({'max_connections': 2})
        before = half.descriptors()
        for times in ('1', '2'):
            listener = self.listen_at_destination()
            pairs = [self.open(listener), self.open(listener)]
            self.assertEqual(len(half.events('full')), int(times) - 1)
            # Only a connection that has to wait makes the half full.
            user = self.connect(self.net.user, listener.getsockname()[:2])
            half.wait_for('full', times=times)
            reset(pairs[0][0])
            pairs.append((user, self.accept(listener)))
            for user, destination in pairs[1:]:
                reset(user)
                receive_until_reset(destination)
            # A connection gives its place back only after the line about its
            # end.
            self.wait_until_served(half, 3 * int(times))
            wait_until(lambda: half.descriptors() == before,
                       f'{before} descriptors again')
        self.assertEqual(len(half.events('full')), 2)

    def wait_until_served(self, half, count):
        wait_until(lambda: len(half.events('closed')) == count,
                   f'{count} connections are closed')

    def test_as_many_as_the_descriptors_allow(self):
        self.assert_waits(
            self.start_limited(wrapper=FEW_DESCRIPTORS), DESCRIPTORS_ALLOW)


class FullServer(Full, RoutedCase):

    def start_limited(self, config=None, **options):
        self.start_client()
        return self.start_server(config, **options)


class FullClient(Full, RoutedCase):

    def start_limited(self, config=None, **options):
        self.start_server()
        return self.start_client(config, **options)
