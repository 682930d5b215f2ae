# SPDX-License-Identifier: Apache-2.0
"""Workspace that does not fit: an error with the operation and the size, and the next call works."""

import subprocess
import sys

PROGRAM = """
import re, resource
import numpy as np
from tilewright import _simt

rows = 1 << 22  # whose sorted ids take 32 MiB
dy = np.broadcast_to(np.ones((1, 2), np.float32), (rows, 2))
ids = np.broadcast_to(np.zeros(1, np.int32), rows)
table = np.zeros((3, 2), np.float32)
_simt.embedding_scatter_add(table, dy[:5], ids[:5])
taken = int(re.search(r"VmSize:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1)) << 10
resource.setrlimit(resource.RLIMIT_AS, (taken + (16 << 20), resource.RLIM_INFINITY))
try:
    _simt.embedding_scatter_add(table, dy, ids)
except MemoryError as error:
    print(error)
_simt.embedding_scatter_add(table, dy[:5], ids[:5])
print(table[0, 0])
"""


def test_workspace_that_does_not_fit():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[embedding_backward] workspace of 33554432 bytes does not fit the device",
        "10.0",
    ]
