"""Programs of Python in processes of their own."""

import signal
import subprocess
import sys
import textwrap
import time


def run(program, **options):
    """Begins a program of Python in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], text=True, **options)


def assert_ctrl_c_ends(program):
    """Ctrl-C ends a program within a second, once it has said that it is on."""
    process = run(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "on\n", process.stderr.read()
    time.sleep(1.5)
    assert process.poll() is None, process.stderr.read()
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    took = time.monotonic() - asked
    # Python ends by the signal that nobody caught, and not by a fault of threads that are still at work.
    assert "KeyboardInterrupt" in errors and process.returncode == -signal.SIGINT
    # .05 s until signals are looked for, .7 s that work has to stop, and what it takes Python to end beside a busy machine.
    assert took < 2, took
