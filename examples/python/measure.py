"""A campaign from Python: what is due is built and measured, and the results are objects.

`python measure.py` runs the whole campaign, `python measure.py engine` only what is named.
"""

import sys

from benchwright.campaign import Campaign
from benchwright.errors import BenchwrightError
from benchwright.outcome import TasksFailed
from benchwright.progress import TaskProgress


def show(event: TaskProgress) -> None:
    """One line for each task that ends; `event.done` of `event.total` would draw a bar."""
    if event.status not in ("started", "running"):
        print(f"{event.status:10} {event.task} ({event.seconds:.1f} s)")


def main(names: list[str]) -> int:
    try:
        outcome = Campaign.load("bench.yaml").plan().run(*names, quiet=True, progress=show)
    except TasksFailed as error:
        for name, why in error.failures.items():
            print(f"{name}: {why}", file=sys.stderr)
        return 1
    except BenchwrightError as error:
        # The request is wrong, or the disk is full: it says what, where, why and what to do.
        print(error, file=sys.stderr)
        return 2
    for result in outcome.results:
        value = result.accuracy if result.mode == "accuracy" else result.value
        verdict = "VALID" if result.valid else f"INVALID: {'; '.join(result.reasons)}"
        print(f"{result.task}: {value} {result.unit or '%'}, {verdict}")
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
