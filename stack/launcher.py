"""Start a program that ends with its parent: `python -IS launcher.py PARENT_PID PROGRAM ARGUMENT…`.

On Linux the kernel kills the program if the parent is gone, even if the parent was killed itself
and could tell nobody. Elsewhere this only replaces itself with the program. It imports as little
as it can, since it runs before every child.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process with the program; exits 1 if the parent has gone meanwhile."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the wish was known; nobody would kill us then.
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
