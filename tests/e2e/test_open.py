"""-t, doctor and the log report all that a configuration leaves open."""

import os
import re

from cases import CLIENT_CONFIG, SERVER_CONFIG, SERVER_PORT, NetworkCase
from daemons import write_config
from sandbox import BINARY

GOOD = 'a secret of more than 16'
SHORT = 'short'
ROOT = 'started by root without -u, so it keeps running as root'


def user(secret, *sources, **others):
    return {'auth': secret, 'allowed_src_ips': sources, **others}


def logged(pattern):
    """The pattern as the log has it: the level comes first there."""
    return pattern.replace('warning: ', '')


# Cases of an open configuration, and the warning about each.
SERVERS = {
    'the ACL is off': {'acl': []},
    r'acl\[0\]\.auth: warning: the secret \(auth\) is blank':
        {'acl': [user('', '192.0.2.1')]},
    r'acl\[0\]\.auth: warning: the secret is shorter than 16':
        {'acl': [user(SHORT, '192.0.2.1')]},
    'alice may send from any address': {'acl': [user(GOOD, name='alice')]},
    '192.0.2.8/32 of bob overlaps with 192.0.2.0/24 of alice':
        {'acl': [user(GOOD, '192.0.2.0/24', name='alice'),
                 user(GOOD + '!', '192.0.2.8', name='bob')]},
    'listen: warning: 0.0.0.0 listens for IPv4 only':
        {'listen': f'0.0.0.0:{SERVER_PORT}'},
}
CLIENTS = {
    'outbound: warning: the secret .auth. is blank': CLIENT_CONFIG,
    'outbound.auth: warning: the secret is shorter than 16':
        {**CLIENT_CONFIG,
         'outbound': {**CLIENT_CONFIG['outbound'], 'auth': SHORT}},
}
CASES = ([('server', pattern, {**SERVER_CONFIG, **config})
          for pattern, config in SERVERS.items()] +
         [('client', pattern, config) for pattern, config in CLIENTS.items()])

SAFE = {**SERVER_CONFIG, 'acl': [user(GOOD, '192.0.2.1')]}


class Open(NetworkCase):

    def run_with(self, role, config, *command, mode=0o640):
        path = write_config(config)
        os.chmod(path, mode)
        # doctor also reports other findings, so its status does not matter
        # here.
        return self.net.exit.run(BINARY, *command, role, path, check=False)

    def check(self, role, config, *flags):
        return self.run_with(role, config, '-t', *flags)

    def test_each_is_said_by_all_three_and_changes_no_status(self):
        for role, pattern, config in CASES:
            with self.subTest(pattern):
                checked = self.check(role, config)
                self.assertRegex(checked.stderr, pattern)
                self.assertEqual(checked.returncode, 0)
                self.assertIn('is fine', checked.stdout)
                self.assertRegex(
                    self.run_with(role, config, 'doctor').stdout,
                    f'(?m)^note: .*{pattern}')
                daemon = self.start(self.net.exit, role, config)
                self.assertRegex(daemon.log,
                                 f' warning config .*{logged(pattern)}')
                self.assertNotIn('warning: ', daemon.log)
                daemon.stop()

    def test_each_is_said_again_when_it_is_read_again(self):
        daemon = self.start(self.net.exit, 'server', SAFE)
        for pattern, config in SERVERS.items():
            daemon.mark()
            daemon.reload({**SERVER_CONFIG, **config})
            daemon.wait_for('reloaded')
            self.assertRegex('\n'.join(daemon.lines_since_mark()),
                             logged(pattern))

    def test_one_that_leaves_nothing_open_is_not_warned_of(self):
        result = self.check('server', SAFE, '-u', 'nobody')
        self.assertEqual((result.stderr, result.returncode), ('', 0))

    def test_root_is_warned_of_without_a_user(self):
        self.assertIn(ROOT, self.check('server', SAFE).stderr)
        self.assertIn(ROOT, self.run_with('server', SAFE, 'doctor').stdout)
        daemon = self.start(self.net.exit, 'server', SAFE)
        self.assertIn(ROOT, daemon.log)
        daemon.stop()
        daemon = self.start(self.net.exit, 'server', SAFE,
                            flags=['-u', 'nobody'])
        self.assertNotIn(ROOT, daemon.log)

    def test_others_are_warned_of(self):
        for mode, words in ((0o644, ['read this file']),
                            (0o646, ['read this file', 'write to this file'])):
            said = self.run_with('server', SAFE, '-t', mode=mode).stderr
            self.assertEqual(
                re.findall('other system users can (\\w+.*? file)', said), words)

    def test_rules_are_printed_without_it(self):
        result = self.run_with(
            'server', {**SERVER_CONFIG,
                       'acl': [user(SHORT, '192.0.2.0/24')]}, 'rules')
        self.assertEqual((result.stderr, result.returncode), ('', 0))

    def test_with_very_many_users_it_is_few_lines(self):
        config = {**SERVER_CONFIG, 'acl': [user(f'{n:x}', '10.0.0.0/8')
                                           for n in range(10000)]}
        said = self.check('server', config).stderr
        self.assertLess(len(said.splitlines()), 100)
        self.assertIn('more warnings like these are not shown', said)

    def test_prefixes_without_a_route_are_few_lines(self):
        """The log has few lines about them at start; doctor prints each."""
        config = {**SERVER_CONFIG,
                  'acl': [user(f'{GOOD}{n}', f'10.0.{n}.0/24')
                          for n in range(50)]}
        daemon = self.start(self.net.exit, 'server', config)
        daemon.wait_for_line('warning 30 more findings like these')
        self.assertEqual(daemon.log.count('no routing rule and local route'), 20)
        self.assertEqual(self.run_with('server', config, 'doctor').stdout
                         .count('no routing rule and local route'), 50)
