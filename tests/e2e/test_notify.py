"""Messages to the service manager: sd_notify(3)."""

import os
import re
import socket
import tempfile
import time

from cases import RoutedCase
from families import IPV4
from sandbox import WORK


class Manager(RoutedCase):
    family = IPV4

    def manage(self, host, name):
        """Binds the manager's socket.

        An abstract name belongs to the host's network namespace.
        """
        with host.inside():
            manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        self.manager = manager
        return {**os.environ, 'NOTIFY_SOCKET': name.replace('\0', '@')}

    def manage_by_path(self, host):
        return self.manage(
            host, os.path.join(tempfile.mkdtemp(dir=WORK), 'notify'))

    def receive(self):
        return self.manager.recv(4096).decode()

    def assert_told(self, expected):
        told = self.receive()
        # How it does, when this takes long.
        while told.startswith('STATUS=') and 'STATUS' not in expected:
            told = self.receive()
        self.assertRegex(told, f'^{expected}$')
        return told

    def assert_life(self, half):
        self.assert_told('READY=1')
        self.assert_reloads(half, self.client_config(), 'reloaded')
        self.assert_reloads(half, '{', 'reload-failed')
        half.stop()
        self.assert_told('STOPPING=1')

    def assert_reloads(self, half, config, event):
        before = time.monotonic_ns() // 1000
        half.reload(config)
        told = self.assert_told(r'RELOADING=1\nMONOTONIC_USEC=\d+')
        self.assertGreaterEqual(int(re.search(r'\d+$', told)[0]), before)
        self.assert_told('READY=1')
        half.wait_for(event)

    def test_socket_with_a_path(self):
        self.assert_life(self.start_client(
            env=self.manage_by_path(self.net.gate)))

    def test_abstract_socket(self):
        self.assert_life(self.start_client(
            env=self.manage(self.net.gate, '\0srcproxy-test')))

    def test_how_it_does_is_told_every_ten_seconds_and_not_more_often(self):
        before = time.monotonic()
        self.start_client(env=self.manage_by_path(self.net.gate))
        self.assert_told('READY=1')
        self.assert_told('STATUS=client: 0 connections, 0 kB/s sent, 0 kB/s '
                         'received by the users')
        self.assertGreaterEqual(time.monotonic() - before, 9)

    def test_half_that_cannot_listen_is_never_ready(self):
        env = self.manage_by_path(self.net.gate)
        self.start_client()
        second = self.launch(self.net.gate, 'client', self.client_config(),
                             env=env)
        self.assertEqual(second.wait(), 1)
        self.manager.setblocking(False)
        self.assertRaises(BlockingIOError, self.manager.recv, 1)

    def test_manager_that_is_not_there_is_no_obstacle(self):
        client = self.start_client(
            env={**os.environ, 'NOTIFY_SOCKET': '/nonexistent'})
        client.wait_for_line('warning .*NOTIFY_SOCKET=/nonexistent: No such')
