"""SIGHUP: the settings that change, and the connections that they affect."""

import os
import re
import shutil
import signal

from cases import RoutedCase, SERVER, SERVER_PORT, fresh_port
from daemons import write_config
from families import IPV4, IPV6, endpoint
from peers import (background, receive, receive_all, receive_until_reset,
                   reset, send_and_end)
from sandbox import write_hosts_file
from waiting import wait_until
from wire import encode_request

RELOADS = 30

# It finds the configuration as its last argument.
MOVED_BEHIND_A_LINK = (
    'sh', '-c', 'for path; do :; done; mv "$path" "$path.old"; '
    'ln -s "${path##*/}.old" "$path"; exec "$@"', 'sh')
AUTH = 'the secret of one user'
USER = {'name': 'alice', 'auth': AUTH}


class ReloadCase(RoutedCase):
    family = IPV4

    def with_auth(self, auth):
        config = self.client_config()
        config['outbound'] = {**config['outbound'], 'auth': auth}
        return config

    def assert_carries(self, user, destination):
        user.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(user, 6), b'answer')


class Taken(ReloadCase):

    def test_acl_is_the_new_one_for_new_connections_only(self):
        server = self.start_server({'acl': [USER]})
        self.start(self.net.gate, 'client', self.with_auth(AUTH))
        before = self.open()
        server.reload(self.server_config({'acl': [{'auth': 'another'}]}))
        server.wait_for('reloaded')
        self.assert_refused()
        self.assert_carries(*before)
        server.mark()
        server.reload(self.server_config({'acl': [USER]}))
        server.wait_for('reloaded')
        self.assert_carries(*self.open())
        self.assert_carries(*before)
        # The log uses the name from a configuration that was replaced long
        # ago.
        reset(before[0])
        server.wait_for('closed', id='1', user='alice')

    def assert_refused(self):
        listener = self.listen_at_destination()
        self.assert_reset(self.net.user, listener.getsockname()[:2])

    def test_outbound_is_the_new_one_for_new_connections_only(self):
        self.start_server({'acl': [USER]})
        client = self.start_client()
        self.assert_refused()
        client.reload(self.with_auth(AUTH))
        client.wait_for('reloaded')
        before = self.open()
        self.assert_carries(*before)
        client.mark()
        config = self.client_config()
        config['outbound'] = {'server': endpoint(IPV4.exit_link, 9)}
        client.reload(config)
        client.wait_for('reloaded')
        self.assert_refused()
        self.assert_carries(*before)

    def test_timeout_is_the_new_one_for_new_connections_only(self):
        server = self.start_server()
        self.start_client()
        before = self.open()
        server.reload(self.server_config({'timeout': '300ms'}))
        server.wait_for('reloaded')
        user, destination = self.open()
        source = endpoint(*user.getsockname()[:2])
        self.assertEqual(receive_until_reset(user), b'')
        server.wait_for('closed', end='idle', source=source)
        self.assert_carries(*before)

    def test_log_level_is_the_new_one(self):
        _, server = self.launch_both({'log_level': 'error'})
        self.assert_carries(*self.open())
        self.assertEqual(server.events('established'), [])
        server.reload(self.server_config())
        server.wait_for('reloaded')
        self.open()
        server.wait_for('established')

    def assert_taken(self, half, config, put):
        """A reload takes the file that an editor put in place of the old."""
        half.mark()
        put(write_config({**config, 'max_connections': 77}))
        half.send_signal(signal.SIGHUP)
        half.wait_for('reloaded')
        half.wait_for('limit', max_connections='77')

    def test_file_that_another_one_is_moved_to(self):
        named = self.client_config()
        named['outbound'] = {'server': f'exit.example:{SERVER_PORT}'}
        for host, role, config in (
                (self.net.exit, 'server', self.server_config()),
                (self.net.gate, 'client', self.client_config()),
                (self.net.gate, 'client', named)):
            with self.subTest(role=role, config=config):
                half = self.start(host, role, config)
                # The new file must be in the same directory: no file from
                # elsewhere can replace the old one by rename(2).
                self.assert_taken(half, config, lambda new: shutil.move(
                    new, half.config_path))
                half.finish()

    def test_link_that_leads_to_another_file(self):
        server = self.start_server(wrapper=MOVED_BEHIND_A_LINK)
        directory = os.path.dirname(server.config_path)

        def put(new):
            shutil.move(new, directory + '/newer')
            os.symlink('newer', directory + '/link')
            os.rename(directory + '/link', server.config_path)

        self.assert_taken(server, self.server_config(), put)

    def test_whoever_waited_for_room_has_the_new_one(self):
        write_hosts_file(f'{IPV4.exit_link} both\n{IPV6.exit_link} both\n')
        server = self.start_server({'listen': f'both:{SERVER_PORT}',
                                    'max_connections': 1})
        request = encode_request((IPV4.user, fresh_port()),
                                 self.listen_at_destination().getsockname())
        server.wait_for('listening', address=endpoint(*SERVER))
        first = self.connect(self.net.gate, SERVER)
        first.sendall(request)
        server.wait_for('established')
        second = self.connect(self.net.gate, (IPV6.exit_link, SERVER_PORT))
        second.sendall(request)
        server.reload(self.server_config({'acl': [USER]}))
        server.wait_for('reloaded')
        reset(first)
        self.assertEqual(receive_until_reset(second), b'')
        server.wait_for('refused', reason=re.compile('no user has this auth'))

    def test_half_that_reloads_all_the_time_serves_all(self):
        halves = [self.start_server(), self.start_client()]
        echoes = [self.open() for _ in range(4)]
        data = os.urandom(1024 * 1024)
        sending = [background(send_and_end, user, data) for user, _ in echoes]
        receiving = [background(receive_all, destination)
                     for _, destination in echoes]
        for _ in range(RELOADS):
            for half in halves:
                half.send_signal(signal.SIGHUP)
            self.assert_proxies()
        for sent, received in zip(sending, receiving):
            sent.result()
            self.assertEqual(received.result(), data)
        for half in halves:
            half.wait_for('reloaded')


class Memory(ReloadCase):

    def test_short_file_takes_little_memory(self):
        """A file may be long, but a short one must not take much memory.

        A small host has 64 MiB for everything.
        """
        server = self.start_server()
        before = self.resident_kib(server)
        for _ in range(3):
            server.mark()
            server.reload(self.server_config())
            server.wait_for('reloaded')
        self.assertLess(self.resident_kib(server) - before, 4096)

    def resident_kib(self, daemon):
        """The most memory that the daemon has had since its start.

        All threads share it, but it may grow between two of them.
        """
        return max(int(value.split()[0])
                   for value in daemon.thread_status('VmHWM'))


class Refused(ReloadCase):
    """The half keeps the old configuration."""

    def test_broken_file_is_told_of_with_each_place(self):
        server = self.start_server({'timeout': '10m'})
        self.start_client()
        before = self.open()
        server.reload('{\n  listen: 5,\n  acl: [{allowed_src_ips: "x"}],\n}')
        server.wait_for('reload-failed', path=server.config_path)
        for place in ('2:11: listen: ', '3:27: acl[0].allowed_src_ips: '):
            server.wait_for_line('error config ' + re.escape(
                f'{server.config_path}:{place}'))
        self.assert_carries(*before)
        self.assert_carries(*self.open())

    def test_file_that_is_gone(self):
        client = self.start_client()
        self.start_server()
        os.unlink(client.config_path)
        client.send_signal(signal.SIGHUP)
        client.wait_for('reload-failed')
        client.wait_for_line('error config .*: No such file')
        self.assert_carries(*self.open())

    def test_listener_stays_where_it_is(self):
        server = self.start_server()
        self.start_client()
        server.reload(self.server_config({
            'listen': endpoint(IPV4.exit_link, SERVER_PORT + 1)}))
        server.wait_for_line('warning listen has changed.* restart')
        server.wait_for('reloaded')
        self.assert_carries(*self.open())

    def test_address_that_has_become_a_name(self):
        self.start_server()
        client = self.start_client()
        if client.wait_for('sandbox')['seccomp'] != 'on':
            self.skipTest('built without a sandbox')
        config = self.client_config()
        config['outbound'] = {'server': f'exit.example:{SERVER_PORT}'}
        client.reload(config)
        client.wait_for('reload-failed')
        client.wait_for_line('error outbound.server is now a name, '
                             'exit.example: restart the client half')
        self.assert_carries(*self.open())

    def test_fifo_in_its_place_is_not_waited_for(self):
        server = self.start_server()
        self.start_client()
        os.unlink(server.config_path)
        os.mkfifo(server.config_path)
        server.send_signal(signal.SIGHUP)
        server.wait_for('reload-failed')
        server.wait_for_line('error config .*: this is not a regular file')
        self.assert_carries(*self.open())
