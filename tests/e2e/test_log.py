"""No connection waits for a log that accepts no more lines."""

import os
import pty
import select
import subprocess

from cases import RoutedCase
from daemons import is_log_line
from families import IPV4
from sandbox import WORK
from waiting import wait_until

PAGE = 4096

# The lines of that many connections do not fit into a terminal (12 KiB) or a
# page.
MANY = 120

# Large enough for the lines about the end of the connections, too.
DISK = 32 * PAGE


class LogCase(RoutedCase):
    family = IPV4

    def start_with_log(self, log):
        """Starts both halves. The server half logs there."""
        self.launch_ready(self.net.gate, 'client', self.client_config())
        return self.launch_ready(
            self.net.exit, 'server',
            self.server_config({'drain_timeout': '100ms'}), stderr=log)

    def serve_many(self):
        listener = self.listen_at_destination()
        for _ in range(MANY):
            self.open(listener)


class Terminal(LogCase):

    def test_terminal_that_nobody_reads_stops_no_connection(self):
        reader, writer = pty.openpty()
        self.addCleanup(os.close, reader)
        server = self.start_with_log(writer)
        os.close(writer)
        self.serve_many()
        said = bytearray(self.read_all(reader))
        # The next line reports how many were lost.
        self.assert_proxies()

        def is_told():
            said.extend(self.read_all(reader))
            return b'log-lost' in said

        wait_until(is_told, 'the log says how many lines were lost')
        self.assertEqual(server.stop(), 0)

    @staticmethod
    def read_all(reader):
        data = b''
        while select.select([reader], [], [], 0)[0]:
            data += os.read(reader, PAGE)
        return data


class Disk(LogCase):

    def test_device_that_is_full_stops_no_connection(self):
        with open('/dev/full', 'w') as log:
            server = self.start_with_log(log)
        self.serve_many()
        self.assertEqual(server.stop(), 0)

    def test_disk_that_was_full_has_whole_lines_again(self):
        directory = self.mount_small_disk(DISK)
        with open(directory + '/ballast', 'wb') as ballast:
            ballast.write(bytes(DISK - PAGE))
        with open(directory + '/log', 'a+') as log:
            server = self.start_with_log(log)
            self.serve_many()
            self.assertEqual(os.path.getsize(log.fileno()), PAGE)
            os.unlink(ballast.name)
            self.assertEqual(server.stop(), 0)
            log.seek(0)
            lines = log.read().splitlines()
        # The full disk has cut one line off. The next line must not be glued
        # to it.
        self.assertLessEqual(sum(not is_log_line(line) for line in lines), 1)
        self.assertEqual([line for line in lines if line.count('Z ') > 1], [])
        self.assertRegex('\n'.join(lines), ' log-lost lines=[1-9]')
        self.assertTrue(any(line.endswith(f'stopped reset={MANY}')
                            for line in lines))

    def mount_small_disk(self, size):
        directory = WORK + '/small'
        os.mkdir(directory)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs',
                        directory], check=True)
        self.addCleanup(subprocess.run, ['umount', directory], check=True)
        return directory
