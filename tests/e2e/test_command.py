"""The command line, and what -t says of a configuration."""

import fcntl
import os
import resource
import subprocess
import unittest

from daemons import write_config
from sandbox import BINARY
from waiting import TIMEOUT

SERVER_SAMPLE = '''
{
  "listen": "192.0.2.1:21829", // The listen address for connection from clients
  "acl": [  // (Optional) The ACL policy for restricting source addresses.
    // An empty "acl" array would completely disable the ACL feature.
    {
      "auth": "613200f2-0af9-40e3-9dc2-a5d6f365db1b",
      "allowed_src_ips": [  // (Optional)
        "192.0.2.128/25",
        "2001:db8:aaaa::/64"
      ],
    },
    {
      "auth": "", // A blank "auth" is acceptable.
      "allowed_src_ips": [
        // An empty "allowed_src_ips" array is acceptable.
      ],
    },
  ],
  "timeout": "5m", // (Optional) Connect & idle timeout.
  "log_level": "info", // (Optional) Log level.
}
'''

CLIENT_SAMPLE = '''
{
  "inbound": {
    "mode": "redirect", // (Optional) Only supports iptables -j REDIRECT now.
    "listen": ":9001"  // The listen address for REDIRECT --to-port.
  },
  "outbound": {
    "server": "192.0.2.1:21829",  // The address of the srcproxy server.
    "auth": "613200f2-0af9-40e3-9dc2-a5d6f365db1b", // (Optional)
    "local_addr": "192.0.2.2%eth0", // (Optional) bind(2) to it.
    "fwmark": 0x1234,  // (Optional) Set the specified fwmark.
  },
  "timeout": "5m", // (Optional) Connect & idle timeout.
  "log_level": "info", // (Optional) Log level.
}
'''

# The mistake has a line of the configuration to itself. The last item is the
# beginning of the error: the position and the words.
MISTAKES = [
    ('server', '{"listen": ":21829",\n"acl": [{"allowed_src_ips": [\n'
               '  "10.0.0.0/33"]}]}',
     ':3:3: acl[0].allowed_src_ips[0]: "10.0.0.0/33": '),
    ('server', '{"listen": ":21829",\n"alc": []}', ':2:1: alc: '),
    ('server', '{"listen": ":21829",\n\n "listen": ":1"}', ':3:2: listen: '),
    ('server', '{"timeout": "5m"}', ':1:1: listen: '),
    ('server', '{"listen": ":21829",\n"timeout": "5 minutes"}',
     ':2:12: timeout: "5 minutes": '),
    ('server', '{"listen": ":21829"}\nmore', ':2:1: '),
    ('client', '{"inbound": {"listen": ":9001"},\n"outbound": {\n'
               '"server": "192.0.2.1"}}', ':3:11: outbound.server: '),
    ('client', '{"inbound": {"listen": ":9001"},\n"outbound": {\n'
               '"server": "192.0.2.1:1", "fwmark": 0x100000000}}',
     ':3:36: outbound.fwmark: '),
    ('client', '{"inbound": {"listen": 9001},\n'
               '"outbound": {"server": "192.0.2.1:1"}}',
     ':1:24: inbound.listen: '),
]


def srcproxy(*arguments):
    return subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=TIMEOUT)


def processor_time(*arguments):
    """The processor time of a run, in seconds. The run must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = srcproxy(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        raise AssertionError(result.stderr)
    return (after.ru_utime + after.ru_stime -
            before.ru_utime - before.ru_stime)


class Check(unittest.TestCase):
    """srcproxy -t"""

    def test_both_samples_are_fine(self):
        for role, sample in (('server', SERVER_SAMPLE),
                             ('client', CLIENT_SAMPLE)):
            for option in ('-t', '--test'):
                path = write_config(sample)
                result = srcproxy(option, role, path)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(path, result.stdout)

    def test_every_mistake_is_told_with_its_place(self):
        for role, text, expected in MISTAKES:
            with self.subTest(text=text):
                path = write_config(text)
                result = srcproxy('-t', role, path)
                self.assertEqual(result.returncode, 1)
                self.assertIn(path + expected, result.stderr)
                self.assertEqual(result.stdout, '')

    def test_mistyped_key_is_guessed(self):
        path = write_config('{"listen": ":21829", "log_levl": "info"}')
        self.assertIn('did you mean "log_level"?',
                      srcproxy('-t', 'server', path).stderr)

    def test_configuration_of_the_other_half_is_refused(self):
        self.assertEqual(srcproxy(
            '-t', 'client', write_config(SERVER_SAMPLE)).returncode, 1)
        self.assertEqual(srcproxy(
            '-t', 'server', write_config(CLIENT_SAMPLE)).returncode, 1)

    def test_work_grows_with_the_users_and_not_with_their_square(self):
        users = {
            'named': '{{name:"u{0}",auth:"{0:x}"}}',
            'with addresses': '{{auth:"{0:x}",allowed_src_ips:["10.0.{1}.'
                              '{2}"]}}',
        }

        def configuration(user, count):
            entries = ',\n'.join(user.format(n, n >> 8, n & 255)
                                 for n in range(count))
            return write_config(f'{{listen:":1",acl:[{entries}]}}')

        for name, user in users.items():
            few, many = (configuration(user, n) for n in (5000, 20000))
            # Other load makes a run slower, so the fastest ones count, and
            # the bound is between 4 and the 16 of the square.
            runs = [(processor_time('-t', 'server', many),
                     processor_time('-t', 'server', few)) for _ in range(8)]
            with self.subTest(name):
                self.assertLess(min(run[0] for run in runs),
                                8 * min(run[1] for run in runs))

    def test_file_that_cannot_be_read(self):
        for path in ('/nonexistent', os.path.dirname(write_config('{}'))):
            result = srcproxy('-t', 'server', path)
            self.assertEqual(result.returncode, 1)
            self.assertIn(path + ': ', result.stderr)

    def test_daemon_does_not_start_with_a_mistake(self):
        for role, text, expected in MISTAKES:
            with self.subTest(text=text):
                result = srcproxy(role, write_config(text))
                self.assertEqual(result.returncode, 1)
                self.assertIn(expected, result.stderr)


class Usage(unittest.TestCase):

    def assert_usage(self, *arguments):
        result = srcproxy(*arguments)
        self.assertEqual(result.returncode, 2)
        self.assertIn('usage: srcproxy', result.stderr)
        self.assertEqual(result.stdout, '')
        return result.stderr

    def test_no_arguments(self):
        self.assert_usage()

    def test_unknown_option(self):
        self.assert_usage('-x', 'server', write_config(SERVER_SAMPLE))
        self.assert_usage('--frobnicate')

    def test_neither_client_nor_server(self):
        self.assert_usage('sever', write_config(SERVER_SAMPLE))

    def test_no_configuration(self):
        self.assert_usage('server')
        self.assert_usage('-t', 'client')

    def test_two_configurations(self):
        path = write_config(SERVER_SAMPLE)
        self.assert_usage('server', path, path)

    def test_options_of_another_command(self):
        path = write_config(SERVER_SAMPLE)
        for option in ('--iptables', '--simple', '--output', '--count',
                       '--remove',
                       '--json', '--metrics', '--connections', '--watch'):
            self.assertIn(
                f'{option} is no option of the daemon\n',
                self.assert_usage(option, 'server', path))
        for command, options in (
                ('rules', ('--pidfile=p', '--syslog', '--test', '--user=u')),
                ('doctor', ('--pidfile=p', '--syslog', '--test',
                            '--iptables', '--remove', '--watch')),
                ('status', ('--pidfile=p', '--test', '--user=u',
                            '--remove'))):
            for option in options:
                name = option.split('=')[0]
                self.assertIn(
                    f'{name} is no option of {command}\n',
                    self.assert_usage(option, command, 'server', path))

    def test_counters_need_nft_and_the_server_half(self):
        self.assertIn('--count needs nft', self.assert_usage(
            'rules', '--count', '--iptables', 'server',
            write_config(SERVER_SAMPLE)))
        self.assertIn('--count is for the server half', self.assert_usage(
            'rules', '--count', 'client', write_config(CLIENT_SAMPLE)))

    def test_options_of_the_other_half(self):
        self.assert_usage('rules', '--output', 'server',
                          write_config(SERVER_SAMPLE))
        self.assert_usage('rules', '--simple', 'client',
                          write_config(CLIENT_SAMPLE))
        self.assert_usage('rules', '--simple', '--iptables', 'server',
                          write_config(SERVER_SAMPLE))

    def test_help_and_version(self):
        for options, expected in ((('-h', '--help'), 'usage: srcproxy'),
                                  (('-V', '--version'), 'srcproxy ')):
            for option in options:
                result = srcproxy(option)
                self.assertEqual(result.returncode, 0)
                self.assertTrue(result.stdout.startswith(expected))
                self.assertEqual(result.stderr, '')


class Output(unittest.TestCase):

    def test_hole_in_the_rules_is_an_error(self):
        """Whole buffers find no room, but the last piece does."""
        path = write_config({
            'inbound': {'listen': ':9001',
                        'users': [f'10.0.{i}.0/24' for i in range(0, 256, 2)]},
            'outbound': {'server': '192.0.2.1:21829', 'auth': 'x' * 20}})
        file = os.memfd_create('rules', os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, file)
        os.truncate(file, 4000)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        result = subprocess.run([BINARY, 'rules', 'client', path], text=True,
                                stdout=file, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 1)
        self.assertIn('cannot write the rules: a part of the output is '
                      'missing', result.stderr)


class Rules(unittest.TestCase):
    """The messages of srcproxy rules when it prints no rules."""

    def assert_says(self, status, expected, *arguments):
        result = srcproxy('rules', *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(expected, result.stderr)
        self.assertEqual(result.stdout, '')

    def test_prefixes_are_missing(self):
        self.assert_says(2, 'rules client CONFIG PREFIX...', 'client',
                         write_config(CLIENT_SAMPLE))
        # Its second user may send from anywhere.
        self.assert_says(2, 'rules server CONFIG PREFIX...', 'server',
                         write_config(SERVER_SAMPLE))

    def test_prefix_is_wrong(self):
        self.assert_says(2, '"10.0.0.0/33": prefix length is 0 to 32',
                         'server', write_config(SERVER_SAMPLE), '10.0.0.0/33')

    def test_configuration_is_wrong(self):
        self.assert_says(1, 'acl', 'client', write_config(SERVER_SAMPLE),
                         '10.0.0.0/8')

    def test_server_that_cannot_be_told_apart(self):
        self.assert_says(1, 'outbound.fwmark', '--output', 'client',
                         write_config('{inbound: {listen: ":9001"}, outbound: '
                                      '{server: "nowhere.test:21829"}}'),
                         '10.0.0.0/8')
