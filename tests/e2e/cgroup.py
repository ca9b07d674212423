"""A control group for one program, to take something away from it."""

import os
import tempfile

# Version 1, and version 2 where pids are delegated.
_MOUNTS = ('/sys/fs/cgroup/pids', '/sys/fs/cgroup')


class Cgroup:

    def __init__(self, path):
        self.path = path
        self.wrapper = ('sh', '-c', f'echo $$ >{path}/cgroup.procs; exec "$@"',
                        'sh')

    def limit_threads(self, count):
        self._write('pids.max', count)

    def _write(self, name, value):
        # Not to be created where there is none.
        with open(os.path.join(self.path, name), 'r+') as file:
            file.write(str(value))

    def remove(self):
        os.rmdir(self.path)


def make_cgroup(threads):
    """One that limits them; None where there can be none."""
    for mount in _MOUNTS:
        if not os.path.isdir(mount):
            continue
        cgroup = Cgroup(tempfile.mkdtemp(prefix='srcproxy-test-', dir=mount))
        try:
            cgroup.limit_threads(threads)
            return cgroup
        except OSError:
            cgroup.remove()
    return None
