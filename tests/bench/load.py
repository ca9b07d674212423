"""The load generator as the benchmark runs it."""

import json
import subprocess

_LETTERS = {
    'connections': '-n',
    'milliseconds': '-t',
    'threads': '-w',
    'message': '-s',
    'ports': '-p',
    'down': '-d',
}
_MODES_WITH_ADDRESS = ('serve', 'connect', 'pingpong', 'stream')


class Load:
    """A process of it, until the end of the with statement."""

    def __init__(self, account, generator, mode, address, options):
        words = [*generator]
        for name, value in options.items():
            if value is True:
                words.append(_LETTERS[name])
            elif value is not False:
                words += [_LETTERS[name], str(value)]
        words.append(mode)
        if mode in _MODES_WITH_ADDRESS:
            words.append(address)
        self._command = ' '.join(words)
        self._process = account.spawn(
            *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._process.kill()
        self._process.communicate()

    def event(self):
        """Waits for the next line that it prints. Returns a dictionary."""
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f'{self._command}: '
                                 f'{self._process.stderr.read().strip()}')
        return json.loads(line)

    def go_on(self):
        self._process.stdin.write('\n')
        self._process.stdin.flush()
