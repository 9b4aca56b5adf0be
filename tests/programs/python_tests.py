"""Runs modules of Python's own tests and prints their outcome: which tests failed, and how many ran.

A module that fails here is no fault of an allocator, as long as it fails in the same way."""

import re
import subprocess
import sys

bad = re.compile(r"^(?:ERROR|FAIL|UNEXPECTED SUCCESS): .*|^(?:Ran \d+ tests?).*|^(?:OK|FAILED)\b.*", re.M)
for module in sys.argv[1:]:
    # One by one: a crash must not hide the others.
    command = [sys.executable, "-m", "unittest", "-v", f"test.{module}"]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(f"{module}: {run.returncode}")
    for line in sorted(bad.findall(run.stderr)):
        print(f"    {line}")
    sys.stdout.flush()
