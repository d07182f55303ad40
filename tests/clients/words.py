"""Run with the Python of an AWS CLI: does what `aws WORDS` does for each line {words, environ}, and answers with
{code, out, err}. It decides nothing; it is here because to start `aws` takes a second each time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys

from awscli.clidriver import create_clidriver

before = dict(os.environ)
answers = sys.stdout
for line in sys.stdin:
    asked = json.loads(line)
    os.environ.update(asked["environ"])
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = create_clidriver().main(asked["words"])
        except SystemExit as end:  # argparse ends the process
            code = end.code
    os.environ.clear()
    os.environ.update(before)
    out.flush()
    told = {"code": code, "out": out.buffer.getvalue().decode(), "err": err.getvalue()}
    answers.write(json.dumps(told) + "\n")
    answers.flush()
