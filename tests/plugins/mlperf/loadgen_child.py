"""One short loadgen run over a system that answers at once: `python loadgen_child.py SPEC`.

SPEC is JSON: {folder, total, loaded, nap_s, settings}; settings are attributes of TestSettings.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from typing import Any


def main(spec: dict[str, Any]) -> None:
    import mlperf_loadgen as loadgen

    settings = loadgen.TestSettings()
    for name, value in spec["settings"].items():
        kind = {"scenario": loadgen.TestScenario, "mode": loadgen.TestMode}.get(name)
        setattr(settings, name, getattr(kind, value) if kind else value)
    answer = array("f", [985.0])
    address, items = answer.buffer_info()
    size = items * answer.itemsize

    def issue(samples: list[Any]) -> None:
        make = loadgen.QuerySampleResponse
        if spec["nap_s"]:
            time.sleep(spec["nap_s"])
        loadgen.QuerySamplesComplete([make(sample.id, address, size) for sample in samples])

    output = loadgen.LogOutputSettings()
    output.outdir = spec["folder"]
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = False
    system = loadgen.ConstructSUT(issue, lambda: None)
    library = loadgen.ConstructQSL(spec["total"], spec["loaded"], lambda _: None, lambda _: None)
    loadgen.StartTestWithLogSettings(system, library, settings, log)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
