"""Run the installed ``narrate`` command as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path

NARRATE = Path(sys.executable).with_name("narrate")


def narrate(*arguments, home, stdin=None, timeout_s=110, **environment):
    """Return the finished process; ``home`` becomes NARRATION_HOME."""
    return subprocess.run(
        [NARRATE, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "NARRATION_HOME": str(home), **environment},
    )


def narrate_json(*arguments, home, status=0, **options):
    """Return what ``--json`` printed, after checking the exit status."""
    done = narrate(*arguments, "--json", home=home, **options)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)
