"""`benchwright ci`: a pipeline file that runs the campaign and fails on a worse result."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path

from benchwright.build.recipe import explain_os_error
from benchwright.campaign import load_campaign
from benchwright.comparison import parse_percent
from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE, Layout

STORE = ".benchwright-store"
"""The store's folder in a pipeline, which its cache keeps from one run to the next."""

BASELINE = "benchwright-baseline.json"
RESULTS = "benchwright-results.json"

FILES = {"github": ".github/workflows/benchwright.yml", "gitlab": ".gitlab-ci.yml"}
"""Service → where it looks for a pipeline, from the repository's root."""

GITHUB = """\
# Written by `benchwright ci github`; yours to change.
# Results of two machines do not compare: for a baseline that means something, let `runs-on` name
# a machine of your own.
name: benchwright
on:
  push:
  pull_request:
  workflow_dispatch:
permissions:
  contents: read
jobs:
  benchmark:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    env:
      BENCHWRIGHT_STORE: ${{ github.workspace }}/@STORE@
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - name: What earlier runs have built
        uses: actions/cache@v4
        with:
          path: @STORE@
          key: benchwright-${{ runner.os }}-${{ runner.arch }}-${{ github.run_id }}
          restore-keys: |
            benchwright-${{ runner.os }}-${{ runner.arch }}-
      - name: Install
        run: |
@INSTALL@
      - name: Build and measure; an INVALID result fails
        run: |
@RUN@
      - name: Compare with the baseline; a slower result fails
        run: |
@COMPARE@
      - name: Results
        if: always()
        run: |
@RESULTS@
      - name: Keep results and report
        if: always()
        uses: actions/upload-artifact@v4
        with:
          name: benchwright
          if-no-files-found: ignore
          path: |
            @RESULTS_FILE@
            @REPORT@
"""

GITLAB = """\
# Written by `benchwright ci gitlab`; yours to change.
# Results of two machines do not compare: for a baseline that means something, let `tags` name a
# runner of your own.
benchwright:
  image: python:3.12
  timeout: 2h
  variables:
    BENCHWRIGHT_STORE: $CI_PROJECT_DIR/@STORE@
  cache:
    key: benchwright
    paths:
      - @STORE@/
    when: always
  before_script:
    - |
@INSTALL@
  script:
    - |
@RUN@
    - |
@COMPARE@
  after_script:
    - |
@RESULTS@
  artifacts:
    when: always
    paths:
      - @RESULTS_FILE@
      - @REPORT@
"""


def main(arguments: Namespace) -> int:
    """Writes the pipeline file of a service, or prints it."""
    campaign = load_campaign(Path(arguments.campaign or CAMPAIGN_FILE))
    parse_percent(arguments.fail_if_slower, "--fail-if-slower")
    if arguments.campaign is not None and "${{" in arguments.campaign:
        raise UsageError("this name would mean something else there", where=arguments.campaign)
    text = pipeline(
        arguments.service,
        arguments.campaign,
        f"{Layout.of(campaign.name).report}",
        arguments.fail_if_slower,
    )
    if arguments.stdout:
        sys.stdout.write(text)
        return 0
    path = Path(FILES[arguments.service])
    if path.exists() and not arguments.force:
        raise UsageError(
            "this file is there already",
            where=str(path),
            fix="`--force` overwrites it, `--stdout` prints what would be written",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise explain_os_error(error, str(path)) from error
    print(
        f"wrote {path}; next: commit it. When a run there is as you want it, commit its "
        f"{RESULTS} as {BASELINE}: from then on a slower result fails"
    )
    return 0


def pipeline(service: str, campaign: str | None, report: str, limit: str) -> str:
    """The pipeline's text. campaign: the file, or None for the default one; report: its page;
    limit: the percentage by which a result may be slower than the baseline."""
    option = "" if campaign is None else f" -c {shlex.quote(campaign)}"
    commands = {
        "INSTALL": "python -m pip install benchwright",
        "RUN": f"benchwright run{option}\nbenchwright store prune --max-size 5GB",
        "COMPARE": (
            f"if [ -f {BASELINE} ]; then\n"
            f"  benchwright results{option} --against {BASELINE} "
            f"--fail-if-slower {shlex.quote(limit)}\n"
            "else\n"
            f'  echo "there is no {BASELINE}: nothing to compare with"\n'
            "fi"
        ),
        "RESULTS": f"benchwright results{option} --json > {RESULTS}",
    }
    values = {"STORE": STORE, "RESULTS_FILE": RESULTS, "REPORT": report}
    lines = []
    for line in (GITHUB if service == "github" else GITLAB).splitlines():
        name = line.strip("@")
        if name in commands and line == f"@{name}@":
            depth = " " * (10 if service == "github" else 6)
            lines += [f"{depth}{command}" for command in commands[name].splitlines()]
            continue
        for key, value in values.items():
            line = line.replace(f"@{key}@", value)
        lines.append(line)
    return "\n".join(lines) + "\n"
