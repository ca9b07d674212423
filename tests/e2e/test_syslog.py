"""-s: the log goes to syslogd, which may be slow, stuck or gone."""

import os
import re
import socket
import tempfile

import rules
from cases import CLIENT_CONFIG, RoutedCase
from families import IPV4
from sandbox import WORK

# The test's own log is /dev/log. Otherwise /dev has only /dev/null.
OWN_DEV = '''
mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 &&
ln -s "$0" /dev/log && exec "$@"
'''
LINE = re.compile(r'<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d '
                  r'srcproxy\[(\d+)\]: info (\S+)')

# More connections than a queue of datagrams can hold.
QUEUE_LEN = 10
MANY = 2 * QUEUE_LEN


class Syslog(RoutedCase):
    family = IPV4

    def setUp(self):
        super().setUp()
        self.path = os.path.join(tempfile.mkdtemp(dir=WORK), 'log')
        os.chmod(os.path.dirname(self.path), 0o755)
        self.start_server()

    def start_syslogd(self):
        syslogd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        syslogd.bind(self.path)
        os.chmod(self.path, 0o666)
        return self.keep(syslogd)

    def stop_syslogd(self, syslogd):
        syslogd.close()
        os.unlink(self.path)

    def start_gate(self):
        client = self.launch(
            self.net.gate, 'client', CLIENT_CONFIG,
            flags=('-s', '-u', 'nobody'),
            wrapper=('unshare', '--mount', 'sh', '-c', OWN_DEV, self.path))
        self.net.gate.wait_for_listener(rules.REDIRECT_PORT)
        return client

    def wait_for(self, syslogd, event):
        """Reads the log up to that event.

        Returns the process id in its line.
        """
        match = None
        while match is None or match[2] != event:
            match = LINE.match(syslogd.recv(2000).decode())
        return int(match[1])

    def test_lines_reach_syslogd_and_nobody_else(self):
        syslogd = self.start_syslogd()
        client = self.start_gate()
        self.assertEqual(self.wait_for(syslogd, 'listening'),
                         client.process.pid)
        self.assert_proxies()
        self.wait_for(syslogd, 'established')
        self.assertEqual(client.log, '')

    def test_syslogd_that_is_stuck_stalls_nobody(self):
        self.net.gate.sysctl('unix/max_dgram_qlen', QUEUE_LEN)
        with self.net.gate.inside():
            syslogd = self.start_syslogd()
        self.start_gate()
        for _ in range(MANY):
            self.assert_proxies()
        for _ in range(QUEUE_LEN):
            syslogd.recv(2000)
        self.assert_proxies()
        lines = syslogd.recv(2000).decode()
        while 'log-lost' not in lines:
            lines = syslogd.recv(2000).decode()
        self.assertRegex(lines, r'^<28>.*: warning log-lost lines=\d+ ')

    def test_syslogd_that_is_started_again_is_found_from_inside(self):
        syslogd = self.start_syslogd()
        self.start_gate()
        self.wait_for(syslogd, 'listening')
        self.stop_syslogd(syslogd)
        self.assert_proxies()
        syslogd = self.start_syslogd()
        self.assert_proxies()
        self.wait_for(syslogd, 'established')

    def test_syslogd_that_is_missing_at_start_is_told_and_found(self):
        client = self.start_gate()
        client.wait_for_line('srcproxy: warning: /dev/log: No such file')
        syslogd = self.start_syslogd()
        self.assert_proxies()
        self.wait_for(syslogd, 'established')
