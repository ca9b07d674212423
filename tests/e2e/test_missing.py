"""A missing part of the host costs only the features that need it."""

import os
import shutil
import tempfile
import unittest

from hosts import Host
from sandbox import WORK
from test_documents import ROOT

# This apt-get has all packages except one.
APT_GET = '''#!/bin/sh
case " $* " in *' install '*'zsh '*)
	echo 'E: Package zsh has no installation candidate' >&2
	exit 100
esac
'''
REASON = 'zsh: Package zsh has no installation candidate'
# Hides the files for which the table looks.
HIDE = 'mount --bind /dev/null "$0"; exec "$@"'

RESULTS = '''<testsuites><testsuite>
<testcase name="1 - a" classname="unit"/>
<testcase name="2 - b" classname="unit"><skipped/></testcase>
<system-out>ok 1 - a
ok 2 - b # SKIP needs nft
</system-out></testsuite></testsuites>
'''
NOTHING_RAN = '0 passed, 1 failed, 0 skipped'


def write_program(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, 0o755)


class OnHost(unittest.TestCase):

    def setUp(self):
        self.host = Host('alone')
        self.addCleanup(self.host.destroy)
        self.tree = tempfile.mkdtemp(dir=WORK)
        self.addCleanup(shutil.rmtree, self.tree)

    def copy(self, *path):
        source, copy = (os.path.join(top, *path) for top in (ROOT, self.tree))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(source, copy)
        return copy


@unittest.skipIf(shutil.which('apk'), 'this host has no apt-get')
@unittest.skipUnless(shutil.which('zsh'), 'needs zsh, to take it away')
class Packages(OnHost):

    def setUp(self):
        super().setUp()
        self.packages = self.copy('contrib', 'packages')
        write_program(self.tree + '/bin/apt-get', APT_GET)

    def get(self, *groups):
        return self.host.run(
            'unshare', '--mount', 'sh', '-ec', HIDE, shutil.which('zsh'),
            self.packages, *groups, check=False,
            env={**os.environ, 'PATH': f'{self.tree}/bin:{os.environ["PATH"]}'})

    def test_optional_one_is_named_with_the_reason(self):
        result = self.get('--optional', 'tests')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f'\n  {REASON}\n', result.stdout)

    def test_required_one_fails_with_the_reason(self):
        result = self.get('tests')
        self.assertEqual(result.returncode, 1)
        self.assertIn(f'\n  {REASON}\n', result.stderr)


class Run(OnHost):

    def check_last_line(self, packages):
        write_program(self.tree + '/contrib/packages', packages)
        result = self.host.run(self.copy('tests', 'run'), check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], NOTHING_RAN)

    def test_counts_are_last_when_packages_are_missing(self):
        self.check_last_line('#!/bin/sh\nexit 1\n')

    def test_counts_are_last_when_nothing_can_be_built(self):
        self.check_last_line('#!/bin/sh\n')


class Skipped(OnHost):

    def test_summary_says_why(self):
        path = self.tree + '/results'
        with open(path, 'w') as file:
            file.write(RESULTS)
        self.assertEqual(
            self.host.run(ROOT + '/tests/summary', path, '0').stdout,
            'skipped: unit 2 - b: needs nft\n1 passed, 0 failed, 1 skipped\n')

    def test_program_that_is_not_there_skips_its_test(self):
        for command in (['no-such-program', '-x'],
                        ['sh', '-c', 'no-such-program -x']):
            with self.assertRaisesRegex(unittest.SkipTest,
                                        '^needs no-such-program$'):
                self.host.run(*command)
        with self.assertRaisesRegex(unittest.SkipTest, 'no-such-program'):
            self.host.spawn('no-such-program')

    def test_other_failures_skip_nothing(self):
        with self.assertRaises(FileNotFoundError):
            self.host.run('/no/such/program')
        for command in ('exit 127', 'echo sh: not found >&2; exit 1'):
            with self.assertRaises(AssertionError):
                self.host.run('sh', '-c', command)
