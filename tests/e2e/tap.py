"""Runs tests and prints the result as TAP version 13, which meson reads."""

import sys
import time
import unittest

# ../summary finds the reasons of a test behind this.
FAILED = '=== failed: '


class TapResult(unittest.TestResult):
    """Prints a line for each test when it ends, and why it failed."""

    def __init__(self):
        super().__init__()
        self._count = 0
        self._problems = []
        self._skipped = None
        self._running = False
        self._started = time.monotonic()

    def startTest(self, test):
        super().startTest(test)
        self._running = True

    def stopTest(self, test):
        super().stopTest(test)
        self._running = False
        self._report(test)

    def addError(self, test, err):
        super().addError(test, err)
        self._add_problem(test, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add_problem(test, self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            text = self._exc_info_to_string(err, test)
            self._add_problem(test, f'{subtest}\n{text}')

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._skipped = reason
        self._report_outsider(test)

    def finish(self):
        """Prints the plan. Returns the exit status."""
        self._print(f'1..{self._count}')
        return 0 if self.wasSuccessful() else 1

    def _add_problem(self, test, text):
        # Get them now: the daemons and their logs are gone later.
        diagnostics = getattr(test, 'diagnostics', lambda: '')
        self._problems.append(text + diagnostics())
        self._report_outsider(test)

    def _report_outsider(self, test):
        """Reports an error outside of a test, for example in setUpClass()."""
        if not self._running:
            self._report(test)

    def _report(self, test):
        self._count += 1
        verdict = 'not ok' if self._problems else 'ok'
        line = f'{verdict} {self._count} - {test.id()}'
        if self._skipped is not None and not self._problems:
            line += f' # SKIP {self._skipped}'
        self._print(line)
        self._print_seconds()
        for problem in self._problems:
            # Meson shows only the verdicts of standard output, so the details
            # go to standard error. ../summary looks for the first line.
            print(f'{FAILED}{test.id()}', problem, sep='\n',
                  file=sys.stderr, flush=True)
        self._problems = []
        self._skipped = None

    def _print_seconds(self):
        """Prints the time since the last test, including this test's setup."""
        now = time.monotonic()
        self._print(f'# {now - self._started:.1f} s')
        self._started = now

    @staticmethod
    def _print(line):
        print(line, flush=True)


def run(tests):
    """Runs the tests. Returns the exit status."""
    print('TAP version 13', flush=True)
    result = TapResult()
    try:
        unittest.TestSuite(tests).run(result)
    except KeyboardInterrupt:
        print('Bail out! interrupted', flush=True)
        return 1
    return result.finish()


def skip(tests, reason):
    """Like run(), for tests that cannot run here."""
    print('TAP version 13')
    for number, test in enumerate(tests, 1):
        print(f'ok {number} - {test.id()} # SKIP {reason}')
    print(f'1..{len(tests)}')
    return 0


def flatten(suite):
    """The tests in a suite of suites, in order."""
    if isinstance(suite, unittest.TestCase):
        return [suite]
    return [test for part in suite for test in flatten(part)]


def fail_usage(message):
    print(f'{sys.argv[0]}: {message}', file=sys.stderr)
    sys.exit(2)
