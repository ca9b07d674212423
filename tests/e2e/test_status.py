"""srcproxy status, and the socket at which it asks a running half."""

import fcntl
import glob
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

from cases import RoutedCase
from cgroup import limit_threads
from families import IPV4, endpoint
from injection import Injection
from machines import UNPACKED
from peers import receive, receive_all, receive_until_reset, reset
from sandbox import BINARY, PROGRAMS, WORK
from waiting import TIMEOUT, wait_until

CONTRIB = (pathlib.Path(__file__).resolve().parent.parent.parent /
           'contrib/prometheus')

ALICE = {'name': 'alice', 'auth': 'of alice, and long enough',
         'allowed_src_ips': ['198.51.100.0/24', '2001:db8:aaaa::/64']}
BOB = {'name': 'bob', 'auth': 'of bob, and it is long enough',
       'allowed_src_ips': ['192.0.2.77']}
ANSWER_SECONDS = 5      # in which a client must read its answer
UNPRIVILEGED = ('setpriv', '--reuid', '65534', '--regid', '65534',
                '--clear-groups')


def run_status(daemon, *options, wrapper=(), **more):
    return subprocess.run(
        [*wrapper, BINARY, 'status', *options, daemon.role,
         daemon.config_path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=TIMEOUT, **more)


def ask(daemon, *options):
    result = run_status(daemon, *options)
    if result.returncode:
        raise AssertionError(result.stderr)
    return result.stdout


def ask_json(daemon, *options):
    return json.loads(ask(daemon, '--json', *options))


def user_of(answer, name):
    user, = [user for user in answer['users'] if user['user'] == name]
    return user


def path_of(daemon):
    port = {'server': 21829, 'client': 9001}[daemon.role]
    return f'{WORK}/srcproxy/{daemon.role}-{port}.sock'


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    connection.connect(path)
    return connection


class StatusCase(RoutedCase):
    family = IPV4

    def start_both(self, client=None, **options):
        self.server = self.start_server({'acl': [ALICE, BOB]}, **options)
        self.client = self.start_client(
            {'outbound': {**self.client_config()['outbound'],
                          'auth': ALICE['auth']}, **(client or {})}, **options)

    def carry(self, question, answer):
        user, destination = self.open()
        user.sendall(question)
        receive(destination, len(question))
        destination.sendall(answer)
        receive(user, len(answer))
        return user, destination


class Status(StatusCase):

    def test_it_tells_who_moved_how_much_and_through_whom(self):
        self.start_both()
        user, _ = self.carry(b'12345', b'123')
        answer = wait_until(
            lambda: (lambda told: user_of(told, 'alice')['received'] == 3
                     and told)(ask_json(self.server)), 'alice has 3 bytes')
        alice = user_of(answer, 'alice')
        self.assertEqual((alice['connections'], alice['established'],
                          alice['sent']), (1, 1, 5))
        self.assertLessEqual(abs(alice['last_seen'] - time.time()), 60)
        self.assertIsNone(user_of(answer, 'bob')['last_seen'])
        self.assertEqual(answer['gates'][0]['address'], '192.0.2.2')
        self.assertEqual(answer['gates'][0]['requests'], 1)
        self.assertEqual(answer['listeners'], ['192.0.2.1:21829'])
        self.assertEqual(answer['pid'], self.server.process.pid)
        self.assertEqual(answer['limits']['connections'], 1)
        asked = ask_json(self.client)
        self.assertEqual(asked['server']['address'], '192.0.2.1:21829')
        self.assertEqual([(one['address'], one['requests'])
                          for one in asked['servers']],
                         [('192.0.2.1:21829', 1)])
        self.assertLessEqual(
            abs(asked['server']['last_answer'] - time.time()), 60)
        self.assertEqual(asked['half'], 'client')
        told, = ask_json(self.server, '--connections')['connections']
        self.assertEqual(told['source'],
                         endpoint(*user.getsockname()[:2]))
        self.assertEqual(told['user'], 'alice')

    def test_gate_is_one_from_all_of_its_ports(self):
        self.start_both()
        for _ in range(2):
            self.carry(b'1', b'2')
        self.assertEqual([(one['address'], one['requests'])
                          for one in ask_json(self.server)['gates']],
                         [('192.0.2.2', 2)])
        self.assertRegex(ask(self.client),
                         r'(?m)^SERVER +REQUESTS .*\n192\.0\.2\.1:21829 +2 ')

    def test_control_group_that_bounds_it_is_named(self):
        # systemd.unit(5): a dash in a name is escaped.
        cgroup = limit_threads(300, prefix='srcproxy\\x2dtest-')
        if not cgroup:
            self.skipTest('no control group can limit threads here')
        self.addCleanup(cgroup.remove)
        server = self.start_server(wrapper=cgroup.wrapper)
        self.assertEqual(ask_json(server)['limits']['bounded_by'],
                         f'{cgroup.path}/pids.max')

    def test_connections_of_one_user_are_listed(self):
        self.start_both()
        self.carry(b'1', b'2')
        for half, name in ((self.server, 'alice'), (self.client, '-')):
            for options in (('--connections', name),
                            (f'--connections={name}',)):
                said = ask(half, *options).splitlines()
                self.assertEqual(len(said), 2)
                self.assertIn(self.family.user, said[1])
        self.assertEqual(
            ask_json(self.server, '--connections', 'bob')['connections'], [])

    def test_log_begins_with_what_was_started(self):
        self.start_both()
        for half in (self.client, self.server):
            started = half.wait_for('starting', role=half.role,
                                    config=half.config_path)
            self.assertIn(' info starting ', half.log.splitlines()[0])
            self.assertEqual(started['version'],
                             ask_json(half)['version'])

    def test_person_finds_the_users_their_bytes_and_the_reasons(self):
        self.start_both()
        self.carry(b'12345', b'123')
        said = ask(self.server)
        self.assertRegex(said, r'(?m)^srcproxy +\S+ server, running, pid \d+')
        self.assertRegex(said, r'(?m)^alice +1 ')
        self.assertNotIn('\033', said)

    def test_latest_refusals_have_their_reasons(self):
        self.start_both()
        with self.net.destination.listen(self.family.destination) as one:
            closed = one.getsockname()[:2]
        for _ in range(11):
            self.server.mark()
            self.assert_reset(self.net.user, closed)
            # With version 2 the user is reset before the server half has noted
            # it, and the next one may come before that.
            self.server.wait_for('refused')
        answer = wait_until(
            lambda: (lambda told: user_of(told, 'alice')['refused'].get(
                'unreachable') == 11 and told)(ask_json(self.server)),
            'eleven are refused')
        self.assertEqual([refusal['id'] for refusal in answer['refusals']],
                         sorted((r['id'] for r in answer['refusals']),
                                reverse=True))
        self.assertEqual(len(answer['refusals']), 10)
        self.assertEqual(answer['refusals'][0]['destination'],
                         endpoint(*closed))
        self.assertIn('refused', answer['refusals'][0]['reason'])
        self.assertIn('Connection refused', ask(self.server))

    def test_gate_warns_of_what_the_server_half_refuses(self):
        """Version 2 gives it the reason: see test_versions.py."""
        self.start_both({'protocol': 1})
        with self.net.destination.listen(self.family.destination) as one:
            closed = one.getsockname()[:2]
        self.assert_reset(self.net.user, closed)
        warning = self.client.wait_for('closed', end='reset', by='server')
        self.assertEqual(warning.level, 'warning')
        self.assertIn('see its log', warning['reason'])
        refused = self.server.wait_for('refused')
        self.assertEqual(warning['used'], refused['peer'])
        self.assertEqual(self.client.events('established'), [])
        reasons = [refusal['reason'] for refusal in
                   ask_json(self.client)['refusals']]
        self.assertEqual(len(reasons), 1)
        self.assertIn('see its log', reasons[0])

    def test_gate_logs_established_when_it_knows(self):
        self.start_both()
        user, destination = self.open()
        self.server.wait_for('established')
        self.assertEqual(self.client.events('established'), [])
        destination.sendall(b'1')
        receive(user, 1)
        first = self.client.wait_for('established')['id']
        user, destination = self.open()
        user.close()
        destination.close()
        closed = self.client.wait_for('closed', end='eof')
        self.assertNotEqual(closed['id'], first)
        self.assertEqual([event['id'] for event in
                          self.client.events('established')],
                         [first, closed['id']])

    def test_gate_does_not_warn_of_a_reset_after_an_answer(self):
        self.start_both()
        _, destination = self.carry(b'1', b'2')
        reset(destination)
        closed = self.client.wait_for('closed', end='reset', by='server')
        self.assertEqual(closed.level, 'info')
        self.assertEqual(ask_json(self.client)['refusals'], [])

    def test_what_a_reload_did_not_take_is_said(self):
        self.start_both()
        self.assertIsNone(ask_json(self.server)['config']['problem'])
        config = json.dumps(self.server_config({'acl': [ALICE, BOB]}))
        path = pathlib.Path(self.server.config_path)
        path.write_text(config[:-1] + ', "tiemout": 1}')
        self.server.send_signal(signal.SIGHUP)
        self.server.wait_for('reload-failed')
        path.write_text(config)
        self.assertIn('tiemout', ask_json(self.server)['config']['problem'])
        self.assertRegex(ask(self.server), 'not taken .*tiemout')
        self.server.reload(config)
        self.server.wait_for('reloaded')
        self.assertIsNone(ask_json(self.server)['config']['problem'])

    def test_bytes_that_are_no_utf8_leave_json_whole(self):
        server = self.start_server(wrapper=(
            'sh', '-c', 'odd=$(printf "%s\\344" "$3"); cp -p "$3" "$odd"; '
            'exec "$1" "$2" "$odd"', 'sh'))
        self.assertTrue(ask_json(server)['config']['path'].endswith('json?'))
        odd = os.fsencode(server.config_path) + b'\xe4'
        # A message shows the first 80 bytes, half a letter at their end.
        pathlib.Path(os.fsdecode(odd)).write_text(
            '{ listen: ":1", log_level: "x' + 'ä' * 80 + '" }', encoding='utf-8')
        server.send_signal(signal.SIGHUP)
        server.wait_for('reload-failed')
        self.assertIn('ä?', ask_json(server)['config']['problem'])

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_only_root_and_the_group_may_ask(self):
        self.start_both(flags=('-u', 'nobody:nogroup'))
        path = path_of(self.server)
        status = os.stat(path)
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o660)
        self.assertEqual((status.st_uid, status.st_gid), (65534, 65534))
        ask(self.server)
        self.assertEqual(run_status(self.server,
                                    wrapper=UNPRIVILEGED).returncode, 0)
        stranger = run_status(self.server, wrapper=(
            'setpriv', '--reuid', '1', '--regid', '1', '--clear-groups'))
        self.assertEqual(stranger.returncode, 1)
        self.assertIn('only root and the group', stranger.stderr)

    def test_socket_is_gone_at_the_end(self):
        for flags in ((), ('-u', 'nobody')):
            self.start_both(flags=flags)
            for half in (self.client, self.server):
                self.assertTrue(os.path.exists(path_of(half)))
                half.stop()
                self.assertFalse(os.path.exists(path_of(half)), flags)
            result = run_status(self.server)
            self.assertEqual(result.returncode, 1)
            self.assertIn('does not run', result.stderr)

    def test_stale_socket_is_taken_over(self):
        self.start_both()
        self.server.kill()
        self.assertIn('nobody answers', run_status(self.server).stderr)
        server = self.start_server()
        self.assertEqual(ask_json(server)['pid'], server.process.pid)

    def test_live_socket_is_not_taken_over(self):
        self.start_both()
        other = self.start(self.net.destination, 'server',
                           {'listen': ':21829', 'acl': [ALICE]})
        other.wait_for_line('warning .*another srcproxy answers there')
        other.stop()
        self.assertEqual(ask_json(self.server)['pid'],
                         self.server.process.pid)

    def test_what_is_no_socket_stays(self):
        path = tempfile.mkdtemp(dir=WORK) + '/precious'
        pathlib.Path(path).write_text('data')
        server = self.start_server({'status': path})
        server.wait_for_line('warning .*it is no socket')
        server.stop()
        self.assertEqual(pathlib.Path(path).read_text(), 'data')

    def test_false_makes_none(self):
        server = self.start_server({'status': False})
        self.assertFalse(os.path.exists(path_of(server)))
        self.assertIn('status is false', run_status(server).stderr)

    def test_status_answers_while_it_stops(self):
        server = self.start(self.net.destination, 'server', {
            'listen': ':21829', 'status': WORK + '/other.sock',
            'drain_timeout': '20s'})
        idle = self.connect(self.net.destination, ('127.0.0.1', 21829))
        wait_until(lambda: ask_json(server)['limits']['connections'] == 1,
                   'it is there')
        server.send_signal(signal.SIGTERM)
        server.wait_for('stopping')
        self.assertEqual(ask_json(server)['state'], 'stopping')
        idle.close()
        self.assertEqual(server.wait(), 0)


class Counters(StatusCase):

    def rules(self, *options):
        commands = subprocess.run(
            [BINARY, 'rules', *options, 'server',
             self.server.config_path], stdout=subprocess.PIPE, text=True,
            check=True, timeout=TIMEOUT).stdout
        self.net.exit.run('sh', '-e', input=commands)

    def prefix(self):
        """What the exit's kernel has counted of IPv4 users."""
        answer = json.loads(self.net.exit.run(
            BINARY, 'status', '--json', 'server',
            self.server.config_path).stdout)
        counted, = [entry for entry in answer.get('prefixes', ())
                    if entry['prefix'] == '198.51.100.0/24'] or [None]
        return counted

    def doctor(self):
        return self.net.exit.run(BINARY, 'doctor', '-u', 'nobody', 'server',
                                 self.server.config_path, check=False).stdout

    def test_bytes_of_a_prefix_are_counted_across_a_restart(self):
        self.start_both()
        self.assertIsNone(self.prefix())
        self.rules('--count')
        self.addCleanup(self.rules, '--remove')
        user, destination = self.carry(b'1' * 5000, b'2' * 20000)
        reset(user)
        receive_until_reset(destination)
        before = self.prefix()
        self.assertTrue(5000 < before['sent'] < 8000, before)
        self.assertTrue(20000 < before['received'] < 25000, before)
        self.server.stop()
        self.server = self.start_server({'acl': [ALICE, BOB]})
        self.rules('--count')
        self.assertEqual(self.prefix(), before)
        said = self.net.exit.run(BINARY, 'status', 'server',
                                 self.server.config_path).stdout
        self.assertRegex(said, r'(?m)^198\.51\.100\.0/24 +\d+\.\d KiB')
        self.assertIn('prefix="2001:db8:aaaa::/64",direction="sent"} 0\n',
                      self.net.exit.run(BINARY, 'status', '--metrics',
                                        'server',
                                        self.server.config_path).stdout)

    def test_they_are_removed_and_doctor_takes_no_notice(self):
        self.start_both()
        self.rules()
        without = self.doctor()
        self.rules('--count')
        self.assertEqual(self.prefix(), {'prefix': '198.51.100.0/24',
                                         'sent': 0, 'received': 0})
        self.assertEqual(self.doctor(), without)
        self.rules('--remove')
        self.assertIsNone(self.prefix())
        self.assertNotIn('count', self.net.exit.run(
            'nft', 'list', 'tables').stdout)


class Hostile(StatusCase):

    def test_clients_that_say_or_read_nothing_hold_up_nobody(self):
        self.start_both()
        path = path_of(self.server)
        hostile = [connect(path) for _ in range(3)]
        self.addCleanup(lambda: [one.close() for one in hostile])
        hostile[1].sendall(b'connections\n' * 1000)
        hostile[2].sendall(b'\0' * 4096)
        self.assert_proxies()
        self.assertEqual(ask_json(self.server)['state'], 'running')
        self.assertEqual(self.server.stop(), 0)

    def test_clients_that_leave_or_trickle_hold_up_nobody(self):
        self.start_both()
        path = path_of(self.server)
        for request in (b'', b'status\n', b'connections\n', b'connections '):
            with connect(path) as leaver:
                leaver.sendall(request)
        with connect(path) as trickling:
            trickling.sendall(b'conn')
            self.assert_proxies()
            trickling.sendall(b'ections\n')
            self.assertIn(b'"connections":[', receive_all(trickling))
        self.assertEqual(ask_json(self.server)['state'], 'running')

    def test_crowd_holds_up_no_connection_and_no_end(self):
        """They fill the queue of the socket, and say nothing."""
        self.start_both()
        crowd = [self.keep(socket.socket(socket.AF_UNIX)) for _ in range(30)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(path_of(self.server))
        self.assert_proxies()
        self.assertEqual(self.server.stop(), 0)

    def ask_for_much(self, **options):
        """The answer is longer than what the socket holds."""
        acl = [{**BOB, 'name': f'user-{number}', 'auth': f'{number:032}',
                'allowed_src_ips': [f'10.{number // 256}.{number % 256}.1']}
               for number in range(2000)]
        server = self.start_server({'acl': acl}, **options)
        slow = self.keep(connect(path_of(server)))
        slow.sendall(b'status\n')
        self.assertTrue(slow.recv(1))
        return server, slow

    def test_client_that_does_not_read_is_cut_off_at_the_end(self):
        server, slow = self.ask_for_much()
        self.assertEqual(server.stop(), 0)
        whole = b''.join(iter(lambda: slow.recv(65536), b''))
        self.assertNotIn(b'user-1999', whole)

    def test_client_that_reads_too_late_gets_no_end_without_the_rest(self):
        injection = Injection()
        _, slow = self.ask_for_much(**injection.options)
        injection.let_pass(2 * ANSWER_SECONDS)
        whole = receive_all(slow)
        self.assertNotIn(b'user-1999', whole)
        self.assertNotIn(b'\n', whole)

    def test_unknown_requests_are_said_to_be_unknown(self):
        server = self.start_server()
        for request in (b'\n', b'nothing\n', b'connectionsx\n'):
            with connect(path_of(server)) as client:
                client.sendall(request)
                self.assertIn('error', json.loads(receive_all(client)))


def families_of(text):
    """By the name of the metric: its type, help and series, as they come."""
    families, current = {}, None
    for line in text.splitlines()[:-1]:
        kind = re.fullmatch(r'# (HELP|TYPE) (\w+) (.+)', line)
        if kind and kind[1] == 'HELP':
            current = families[kind[2]] = {'help': kind[3], 'series': {}}
        elif kind:
            current['type'] = kind[3]
        else:
            series, value = line.rsplit(' ', 1)
            assert series.partition('{')[0] in families, line
            current['series'][series] = float(value)
    return families


class Metrics(StatusCase):

    def setUp(self):
        super().setUp()
        self.start_both()
        self.carry(b'12345', b'123')
        wait_until(lambda: user_of(ask_json(self.server), 'alice')[
            'received'] == 3, 'alice has her bytes')

    def test_form_is_the_one_that_all_readers_take(self):
        for half in (self.server, self.client):
            text = ask(half, '--metrics')
            self.assertTrue(text.endswith('\n# EOF\n'))
            self.assertNotIn('\n\n', text)
            self.assertNotIn('\r', text)
            for name, family in families_of(text).items():
                self.assertRegex(name, '^srcproxy_[a-z_]+$')
                self.assertEqual(family['type'] == 'counter',
                                 name.endswith('_total'), name)
                self.assertTrue(family['series'], name)

    def test_users_have_series_and_connections_have_none(self):
        text = ask(self.server, '--metrics')
        series = families_of(text)['srcproxy_bytes_total']['series']
        sent, = [value for name, value in series.items()
                 if 'user="alice"' in name and 'direction="sent"' in name]
        self.assertEqual(sent, 5)
        before = text.count('\n')
        self.carry(b'1', b'2')
        self.assertEqual(ask(self.server, '--metrics').count('\n'), before)

    def test_two_halves_can_stand_side_by_side(self):
        of_server, of_client = (families_of(ask(half, '--metrics'))
                                for half in (self.server, self.client))
        for name in set(of_server) & set(of_client):
            self.assertEqual(
                (of_server[name]['help'], of_server[name]['type']),
                (of_client[name]['help'], of_client[name]['type']))
            self.assertFalse(set(of_server[name]['series']) &
                             set(of_client[name]['series']))

    def test_textfile_is_whole_or_not_there(self):
        directory = tempfile.mkdtemp(dir=WORK)
        command = [CONTRIB / 'textfile', directory, 'server',
                   self.server.config_path]
        environment = {**os.environ, 'PATH': f'{PROGRAMS}:/usr/bin:/bin'}
        subprocess.run(command, env=environment, check=True, timeout=TIMEOUT)
        path, = glob.glob(directory + '/*')
        self.assertEqual(os.path.basename(path),
                         'srcproxy-server-server.prom')
        self.assertTrue(pathlib.Path(path).read_text().endswith('# EOF\n'))
        self.server.stop()
        self.assertEqual(subprocess.run(
            command, env=environment, stderr=subprocess.DEVNULL,
            timeout=TIMEOUT).returncode, 1)
        self.assertEqual(os.listdir(directory), [])

    def test_dashboard_asks_for_what_there_is(self):
        known = set(families_of(ask(self.server, '--metrics')))
        dashboard = json.loads((CONTRIB / 'grafana.json').read_text())
        asked = [target['expr'] for panel in dashboard['panels']
                 for target in panel['targets']]
        self.assertGreater(len(asked), 5)
        for expression in asked:
            names = set(re.findall(r'srcproxy_\w+', expression))
            self.assertTrue(names and names <= known, expression)


def program(*names):
    """The path of one of these programs; contrib/packages unpacks them."""
    path = f'{os.environ["PATH"]}:{UNPACKED}/usr/bin'
    return next(filter(None, (shutil.which(name, path=path)
                              for name in names)), None)


PROMTOOL = program('promtool')
PROMETHEUS = program('prometheus')
NODE_EXPORTER = program('prometheus-node-exporter', 'node_exporter')
AT = {'prometheus': 9090, 'node': 9100, 'file': 9900}

# Serves a file in the format that the path names.
SERVER = """
import http.server, sys
TYPES = {'/text': 'text/plain; version=0.0.4',
         '/open': 'application/openmetrics-text; version=1.0.0'}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Type', TYPES[self.path])
        self.end_headers()
        self.wfile.write(open(sys.argv[1], 'rb').read())
http.server.HTTPServer(('127.0.0.1', int(sys.argv[2])),
                       Handler).serve_forever()
"""


@unittest.skipUnless(PROMTOOL and PROMETHEUS and NODE_EXPORTER,
                     'needs Prometheus and node_exporter')
class Readers(StatusCase):
    """What the metrics are written for, on a host of its own network."""

    def setUp(self):
        super().setUp()
        self.start_both()
        self.carry(b'12345', b'123')
        self.directory = tempfile.mkdtemp(dir=WORK)
        self.files = {}
        for half in (self.server, self.client):
            path = pathlib.Path(self.directory, half.role + '.prom')
            path.write_text(ask(half, '--metrics'))
            self.files[half.role] = str(path)

    def spawn(self, *command):
        process = self.net.exit.spawn(
            *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=self.directory)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def get(self, service, path):
        """The answer of the service on the exit, or '' before it listens."""
        return self.net.exit.run(
            'curl', '-sfg', f'http://127.0.0.1:{AT[service]}{path}',
            check=False).stdout

    def query(self, expression):
        """The values by job."""
        text = self.get('prometheus', f'/api/v1/query?query={expression}')
        found = json.loads(text)['data']['result'] if text else ()
        return {one['metric']['job']: float(one['value'][1])
                for one in found}

    def test_promtool_finds_nothing_to_say(self):
        for path in self.files.values():
            with open(path) as file:
                result = subprocess.run(
                    [PROMTOOL, 'check', 'metrics'], stdin=file, text=True,
                    timeout=TIMEOUT, capture_output=True)
            self.assertEqual((result.returncode, result.stderr), (0, ''))

    def test_prometheus_and_the_textfile_collector_take_them(self):
        """Scraped in both formats, and as node_exporter shows the files."""
        config = pathlib.Path(self.directory, 'prometheus.yml')
        config.write_text(json.dumps({
            'global': {'scrape_interval': '1s'},
            'scrape_configs': [
                {'job_name': job, 'metrics_path': path, 'static_configs': [
                    {'targets': [f'127.0.0.1:{AT[service]}']}]}
                for job, path, service in (
                    ('text', '/text', 'file'), ('open', '/open', 'file'),
                    ('node', '/metrics', 'node'))]}))
        self.spawn(sys.executable, '-c', SERVER, self.files['server'],
                   str(AT['file']))
        self.spawn(NODE_EXPORTER, '--collector.disable-defaults',
                   '--collector.textfile',
                   '--collector.textfile.directory', self.directory,
                   '--web.listen-address', f'127.0.0.1:{AT["node"]}')
        self.spawn(PROMETHEUS, f'--config.file={config}',
                   f'--storage.tsdb.path={self.directory}/data',
                   f'--web.listen-address=127.0.0.1:{AT["prometheus"]}')
        alice = 'srcproxy_bytes_total{user=%22alice%22,direction=%22sent%22}'
        everywhere = {'text': 5, 'open': 5, 'node': 5}
        wait_until(lambda: self.query(alice) == everywhere,
                   'Prometheus has the bytes of alice from all three')
        self.assertEqual(self.query('up'), dict.fromkeys(everywhere, 1))
        shown = self.get('node', '/metrics')
        self.assertIn('\nnode_textfile_scrape_error 0\n', shown)
        types = json.loads(self.get('prometheus', '/api/v1/metadata'))['data']
        for name, family in families_of(ask(self.server, '--metrics')).items():
            self.assertIn(f'# TYPE {name} {family["type"]}\n', shown)
            self.assertEqual({entry['type'] for entry in types[name]},
                             {family['type']}, name)


class Watch(StatusCase):

    def watch(self, daemon, columns):
        """What is on a terminal of that width, once it was drawn twice."""
        main, end = pty.openpty()
        self.addCleanup(os.close, main)
        fcntl.ioctl(end, termios.TIOCSWINSZ,
                    struct.pack('HHHH', 10, columns, 0, 0))
        environment = {**os.environ, 'TERM': 'xterm'}
        environment.pop('NO_COLOR', None)
        process = subprocess.Popen(
            [BINARY, 'status', '--watch', daemon.role, daemon.config_path],
            stdout=end, stderr=subprocess.PIPE, env=environment)
        os.close(end)
        text = b''
        while text.count(b'\033[H') < 2:
            text += os.read(main, 65536)
        process.terminate()
        process.communicate()
        return text.decode().split('\033[H\033[J')[1]

    def test_table_has_colour_and_fits_the_terminal(self):
        self.start_both()
        self.carry(b'1', b'2')
        for columns in (20, 40, 100):
            screen = self.watch(self.server, columns)
            self.assertIn('\033[1m', screen)
            lines = re.sub(r'\033\[\d*m', '', screen).splitlines()
            self.assertLessEqual(len(lines), 9)
            table = [line for line in lines if line.startswith('alice')]
            self.assertEqual(len(table), 1)
            # A line that wraps scrolls the first ones away.
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertEqual('LAST SEEN' in screen, columns == 100)

    def test_it_ends_with_its_terminal(self):
        """Under nohup(1) no signal tells it."""
        server = self.start_server()
        main, end = pty.openpty()
        process = subprocess.Popen(
            [BINARY, 'status', '--watch', 'server', server.config_path],
            stdout=end, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(end)
        self.assertTrue(os.read(main, 1))
        os.close(main)
        self.assertEqual(process.wait(TIMEOUT), 1)

    def test_it_is_for_a_terminal(self):
        server = self.start_server()
        result = run_status(server, '--watch')
        self.assertEqual(result.returncode, 2)
        self.assertIn('terminal', result.stderr)
