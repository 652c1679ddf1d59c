"""The table of rules: what each demands, and how to meet it. The texts are data; names in braces
are filled in where a finding is made.

A rule's identifier is `<group>.<defect>` and never changes its meaning. What is found in a tree
is told by the modules that look; nothing is looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchwright.contracts.formatter import Level

V31, V6 = "v3.1", "v6"
"""The layouts of the rounds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. rehearsal: breaking it is inherent to quick or tiny runs, so that a rehearsal only
    notes it. open: the layouts whose official checker waives it in the open division. verdict: the
    field of the round's verdicts that has to be `error`; elsewhere breaking it is only noted."""

    demands: str
    fix: str
    level: Level = "error"
    rehearsal: bool = False
    open: tuple[str, ...] = ()
    verdict: str = ""


_STRUCTURE = {
    "structure.no-folder": Rule(
        "a folder that holds closed/, open/ or network/",
        "name the root of a submission: the folder that holds the division folders",
    ),
    "structure.nothing-submitted": Rule(
        "results at <division>/<submitter>/results/, the division being closed, open or network",
        "name the root of the submission, the folder that holds the division folders; "
        "`benchwright run submission` writes one",
    ),
    "structure.unknown-division": Rule(
        "only closed, open and network (and .git, .github, assets) beside each other in the root",
        "rename or move this folder: nothing in it is submitted{hint}",
        level="note",
    ),
    "structure.root-file": Rule(
        "nothing beside the division folders but *.md and *.pdf",
        "move the file into the submitter's folder, or delete it",
    ),
    "structure.division-file": Rule(
        "nothing between the division and the submitters' folders",
        "move the file into the submitter's folder, or delete it",
    ),
    "structure.no-results": Rule(
        "a folder results/ for each submitter",
        "add the results, or remove this folder: without results nothing in it is looked at",
    ),
    "structure.not-for-submission": Rule(
        "no mark that the results are a rehearsal's",
        "measure with `duration: official` and the official preset, or check with --rehearsal",
        rehearsal=True,
    ),
    "structure.broken-link": Rule(
        "links whose targets exist",
        "put the file itself there",
    ),
    "structure.link": Rule(
        "no symbolic links in this round",
        "put the file itself there",
    ),
    "structure.relative-link": Rule(
        "links that lead to their targets also when read from the submission's root, "
        "as the official checker reads them",
        "put the file itself there",
    ),
    "structure.outside-link": Rule(
        "links that lead to places in the tree, wherever the tree is put",
        "put the file itself there",
        level="note",
    ),
    "structure.special-file": Rule(
        "only files and folders",
        "delete it",
    ),
    "structure.large-file": Rule(
        "at most {limit} MiB in a file",
        "truncate logs of accuracy runs, leave traces out, and link to weights instead",
    ),
    "structure.hidden-name": Rule(
        "no name that starts with a dot",
        "delete or rename it",
    ),
    "structure.space-in-name": Rule(
        "no space in a name",
        "rename it",
    ),
    "structure.bytecode-folder": Rule(
        "no __pycache__ folder",
        "delete it",
    ),
    "structure.unreadable-folder": Rule(
        "folders that can be listed",
        "give whoever checks the right to read it (`chmod -R u+rX`)",
    ),
    "structure.empty-folder": Rule(
        "something in each folder",
        "delete the folder, or add what is missing in it",
    ),
    "structure.unused-entry": Rule(
        "results of each system that is described or has measurements",
        "add the results of `{system}`, or delete this",
        verdict="unused_entries",
    ),
    "structure.unused-scenario": Rule(
        "results of each scenario that has measurements or compliance tests",
        "add the results, or delete this",
        level="note",
    ),
    "structure.no-calibration": Rule(
        "a text on calibration outside open: {files}",
        "say there how weights were calibrated, or that none were",
        verdict="calibration",
    ),
}

_SYSTEM = {
    "system.missing": Rule(
        "a description {file} for each folder in results/",
        "add the description, or rename one of the two so that the names agree",
    ),
    "system.unreadable": Rule(
        "one JSON object",
        "write the file again; `benchwright run submission` makes one from what the probes see",
    ),
    "system.status": Rule(
        "status: {allowed}",
        "say whether the system can be bought (available), soon can be (preview) or neither (rdi)",
    ),
    "system.type": Rule(
        "system_type: {allowed}",
        "name the category, spelt exactly so, without a space",
    ),
    "system.field-missing": Rule(
        "every field of the round",
        "add the field `{field}`",
    ),
    "system.field-empty": Rule(
        'an answer in this field (a number 0 counts as none, the text "0" as one)',
        'fill in `{field}`; where there is no such thing, say so: "N/A"',
        verdict="emptiness",
    ),
    "system.field-text": Rule(
        "a text in this field: official tools take it apart as one",
        "put the value of `{field}` in quotes",
    ),
    "system.whole-number": Rule(
        "a whole number: official tools multiply with it",
        "state `{field}` as a number, 0 where there are none",
    ),
    "system.submitter": Rule(
        "the submitter's name as the folder has it (in any case): {folder}",
        "correct `submitter`, or rename the folder",
    ),
    "system.division": Rule(
        "the division as the folder has it: {folder}",
        "correct `division`, or move the results",
    ),
    "system.network": Rule(
        'is_network "true" in the network division and nothing else in closed',
        "correct `is_network`, or move the results to the right division",
    ),
    "system.network-fields": Rule(
        "the fields that describe the network, where is_network says anything",
        "add them, or remove `is_network` from a system that is measured on its own",
    ),
    "system.unknown-field": Rule(
        "fields that the round knows",
        "remove `{field}`{hint}",
        level="note",
    ),
}

_MODEL = {
    "model.mapping-unreadable": Rule(
        "a JSON object: own model names → the round's",
        'write it as {{"own-name": "official-name"}}',
    ),
    "model.unknown": Rule(
        "a model of the round: {allowed}",
        "rename the folder; in the open division, map the name in model_mapping.json",
    ),
    "model.not-in-suite": Rule(
        "a model of the suite that system_type names",
        "correct `system_type` in the system description, or leave the model out",
        open=(V6,),
    ),
    "scenario.unknown": Rule(
        "a scenario's name: {allowed}",
        "rename the folder{hint}",
    ),
    "scenario.not-allowed": Rule(
        "for this model and system type only {allowed}",
        "remove the folder, or correct `system_type`",
    ),
    "scenario.repeated": Rule(
        "one folder for each scenario",
        "delete one of them",
        level="note",
    ),
    "scenario.missing": Rule(
        "{allowed}",
        "measure it, or move the model to the open division",
    ),
    "scenario.one-of": Rule(
        "at least one of {allowed}",
        "measure one of them, or move the model to the open division",
    ),
}

_MEASUREMENTS = {
    "measurements.missing": Rule(
        "a folder that says how the result was measured",
        "add it with its files: {files}",
    ),
    "measurements.file-missing": Rule(
        "{files}",
        "add {file}",
    ),
    "measurements.file-empty": Rule(
        "some content, of a comment at least",
        "write into {file} what the result was measured with",
        verdict="emptiness",
    ),
    "measurements.description-missing": Rule(
        "the description of the implementation: {file}",
        "add it with the fields {fields}",
    ),
    "measurements.description-unreadable": Rule(
        "one JSON object",
        "write it again with the fields {fields}",
    ),
    "measurements.field-missing": Rule(
        "the fields {fields}",
        "add the field `{field}`",
    ),
    "measurements.field-empty": Rule(
        "an answer in each of the fields {fields}",
        'fill in `{field}`; "No" is an answer too',
        verdict="emptiness",
    ),
    "measurements.code-missing": Rule(
        "the implementation's code at {folder}",
        "add the code, or a README there that says where it is and how to run it",
    ),
    "measurements.calibration-missing": Rule(
        "for quantised weights, a text that says how they were calibrated ({file})",
        "describe the calibration there; the official checkers do not look for it, reviewers do",
        level="note",
    ),
}

_ACCURACY = {
    "accuracy.no-text": Rule(
        "accuracy.txt, as the official accuracy script prints it",
        "run the accuracy mode and its script; open submissions need the file too",
    ),
    "accuracy.file-list": Rule(
        "exactly {files}",
        "add what is missing, remove what is too much",
        verdict="accuracy_file_list",
    ),
    "accuracy.metric-missing": Rule(
        "a line of accuracy.txt that states {metric}",
        "put the accuracy script's output there unchanged",
        open=(V31, V6),
    ),
    "accuracy.metric-number": Rule(
        "a number for {metric}: the official checkers stop at anything else, in open too",
        "put the accuracy script's output there unchanged",
    ),
    "accuracy.below-target": Rule(
        "{metric} of at least {target}",
        "use weights or a precision that reach it, or move the result to the open division",
        open=(V31, V6),
    ),
    "accuracy.above-limit": Rule(
        "{metric} of at most {target}",
        "find why the model answers more than the reference does",
        open=(V31, V6),
    ),
    "accuracy.no-hash": Rule(
        "a line hash=<sha256 of the whole accuracy log>",
        "truncate the log with the official script, which adds the line",
        open=(V31, V6),
    ),
    "accuracy.hash-form": Rule(
        "a SHA-256 checksum in the line hash=: 64 hexadecimal digits",
        "truncate the whole log with the official script, which adds the line",
        open=(V31, V6),
    ),
    "accuracy.hash-mismatch": Rule(
        "the checksum of the log, which here is short enough to be whole",
        "make sure that accuracy.txt and the log come from the same run",
        level="note",
    ),
    "accuracy.log-missing": Rule(
        "mlperf_log_accuracy.json",
        "add the truncated accuracy log",
        open=(V31,),
    ),
    "accuracy.log-empty": Rule(
        "the two ends of the accuracy log",
        "add the truncated accuracy log",
        level="note",
    ),
    "accuracy.summary": Rule(
        "the summary that loadgen wrote",
        "add the run's mlperf_log_summary.txt unchanged",
        level="note",
    ),
    "accuracy.log-too-large": Rule(
        "at most {limit} bytes: the log's two ends",
        "truncate it with the official script, and keep the whole log",
        open=(V31,),
    ),
    "accuracy.detail-missing": Rule(
        "the detail log of the accuracy run",
        "add the run's mlperf_log_detail.txt",
        open=(V31,),
    ),
    "accuracy.detail-unreadable": Rule(
        "the detail log that loadgen wrote",
        "add the run's mlperf_log_detail.txt unchanged",
    ),
    "accuracy.damaged-lines": Rule(
        "nothing but whole records of loadgen in its detail log",
        "add the run's mlperf_log_detail.txt unchanged",
    ),
    "accuracy.contradiction": Rule(
        "a log that states each setting and result once",
        "add the run's mlperf_log_detail.txt unchanged",
    ),
    "accuracy.loadgen-error": Rule(
        "a run without an error of loadgen",
        "mend what it names, then run it again",
        open=(V31,),
    ),
    "accuracy.wrong-mode": Rule(
        "the log of a run in accuracy mode",
        "put the accuracy run's logs here",
        open=(V31,),
    ),
    "accuracy.dataset-size": Rule(
        "all {required} samples of the data set",
        "run the accuracy mode on the whole official data set",
        rehearsal=True,
        open=(V31,),
    ),
}

_PERFORMANCE = {
    "performance.missing": Rule(
        "a folder run_1 with the logs of the performance run",
        "add it: {files}",
    ),
    "performance.file-list": Rule(
        "exactly {files}",
        "add what is missing, remove what is too much",
    ),
    "performance.detail-unreadable": Rule(
        "the detail log that loadgen wrote",
        "add the run's mlperf_log_detail.txt unchanged",
    ),
    "performance.damaged-lines": Rule(
        "nothing but whole records of loadgen in its detail log",
        "add the run's mlperf_log_detail.txt unchanged",
    ),
    "performance.contradiction": Rule(
        "a log that states each setting and result once",
        "add the log of one run, unchanged",
    ),
    "performance.summary": Rule(
        "a summary of the run whose detail log lies beside it",
        "add the run's mlperf_log_summary.txt unchanged",
        level="note",
    ),
    "performance.incomplete": Rule(
        "a log of a whole run, with {key}",
        "run it again: the log ends early, or comes from a loadgen that is too old",
    ),
    "performance.wrong-mode": Rule(
        "the log of a run in performance mode",
        "put the performance run's logs here",
    ),
    "performance.invalid": Rule(
        "a result that loadgen calls VALID",
        "follow the reasons given here, then run it again",
    ),
    "performance.loadgen-error": Rule(
        "a run without an error of loadgen",
        "mend what it names, then run it again",
    ),
    "performance.sample-count": Rule(
        "at least {required} samples loaded (effective_performance_sample_count)",
        "use the whole data set and the round's performance_sample_count_override",
        rehearsal=True,
    ),
    "performance.seeds": Rule(
        "the seeds of {round}: {seed} = {required}",
        "run it again with the round's seeds",
    ),
    "performance.target-latency": Rule(
        "a latency bound of at most {required} ns (effective_target_latency_ns)",
        "remove target_latency from user.conf, then run it again",
    ),
    "performance.early-stopping": Rule(
        "early stopping met: enough queries to be sure of the percentile",
        "raise min_query_count or the duration, then run it again",
    ),
    "performance.equal-issue": Rule(
        "every sample issued equally often (effective_sample_concatenate_permutation is true)",
        "use the round's settings, then run it again",
        verdict="equal_issue",
    ),
    "performance.query-count": Rule(
        "effective_min_query_count of at least {required}",
        "remove min_query_count from user.conf, then run it again",
        rehearsal=True,
    ),
    "performance.offline-samples": Rule(
        "at least {required} samples in the Offline query",
        "raise target_qps or min_query_count, then run it again",
        rehearsal=True,
        open=(V6,),
    ),
    "performance.min-duration": Rule(
        "a minimum duration of {required} ms at least",
        "set `duration: official`, then run it again",
        rehearsal=True,
    ),
    "performance.scenario": Rule(
        "the log of a {scenario} run{inferred}",
        "put the right logs here, or run the scenario",
    ),
    "performance.inferred-estimate": Rule(
        "a log from which MultiStream can be inferred: {required} queries and more",
        "run MultiStream itself, or SingleStream for longer",
    ),
    "performance.no-result": Rule(
        "a result above zero: {key}",
        "run it for longer: loadgen makes no estimate from too few queries",
    ),
    "performance.network-name": Rule(
        "`Network SUT` in the name that loadgen logged of a system over the network (sut_name)",
        "name the system under test so, then run it again",
    ),
    "performance.token-latencies": Rule(
        "use_token_latencies on for this model",
        "set it in the test's settings, then run it again",
    ),
    "performance.token-limits": Rule(
        "{metric} of less than {required} ns at the 99th percentile",
        "lower target_qps, then run it again",
    ),
}

_COMPLIANCE = {
    "compliance.missing": Rule(
        "the folder of each test that the model needs: {tests}",
        "run the test; open submissions need none",
    ),
    "compliance.file-missing": Rule(
        "{files}",
        "add {file} from the test's run and its verification script",
    ),
    "compliance.file-list": Rule(
        "exactly {files}",
        "add what is missing, remove what is too much",
    ),
    "compliance.test-failed": Rule(
        "a line TEST PASS",
        "find why the test's run differs from the submitted one, then repeat both",
    ),
    "compliance.not-audited": Rule(
        "a run under the settings of the test: {setting} = {required}",
        "put the test's audit.config beside the run, then repeat it",
        level="note",
    ),
    "compliance.log-too-large": Rule(
        "at most {limit} bytes: the log's two ends",
        "truncate it with the official script, and keep the whole log",
        level="note",
    ),
    "compliance.accuracy-failed": Rule(
        "TEST PASS in verify_accuracy.txt, or accuracies of run and test (baseline_accuracy.txt "
        "and compliance_accuracy.txt) that differ by at most {limit} percent",
        "score both logs as the round's script for results that are not deterministic does",
    ),
    "compliance.token-checks": Rule(
        "the lines of the first token, end-of-sequence and length checks, all passed",
        "correct the token counts that the system reports, then repeat the test",
    ),
}

_POWER = {
    "power.file-list": Rule(
        "exactly {files}",
        "add what is missing, remove what is too much (ptd_out.txt among them)",
    ),
    "power.unreadable": Rule(
        "the file that the power measurement wrote",
        "add it unchanged: its checksum is in the other side's record",
    ),
    "power.samples": Rule(
        "power samples within the run, from {begin} to {end}",
        "check the clocks of both machines, then measure again",
    ),
    "power.damaged-lines": Rule(
        "samples of the form Time,<MM-DD-YYYY hh:mm:ss.mmm>,Watts,<number>,…",
        "add the analyzer's log unchanged",
    ),
    "power.ranging": Rule(
        "the whole log of the ranging run, with its result",
        "add the run's mlperf_log_detail.txt unchanged, or measure again",
    ),
    "power.debug": Rule(
        "a measurement without the debug switch",
        "unset MLPP_DEBUG, then measure again",
    ),
    "power.measurement-files": Rule(
        "{file} beside the measurements of the scenario, or in one of the folders above",
        "add the analyzer's table and the power settings, neither of them empty",
    ),
    "power.nameplate": Rule(
        "system_power_capacity in the system description, or {file}, readable",
        "state the capacity of the power supplies",
    ),
    "power.not-verified": Rule(
        "power logs that the official power checker accepts",
        "run that checker: here only the files' form is looked at",
        level="note",
    ),
}

_ENDPOINTS = {
    "endpoints.model": Rule(
        "a model whose results may come from the endpoints harness: {allowed}",
        "measure it with loadgen",
    ),
    "endpoints.file-missing": Rule(
        "{files}",
        "add {file} as the endpoints harness wrote it",
    ),
    "endpoints.unreadable": Rule(
        "the file that the endpoints harness wrote",
        "add it unchanged",
    ),
    "endpoints.audit-failed": Rule(
        "an audit that passed",
        "find why the audit's run differs, then repeat it",
    ),
    "endpoints.not-verified": Rule(
        "results that the official checker accepts",
        "run that checker: here only the form of such results is looked at",
        level="note",
    ),
}

_SELF = {
    "check.failed": Rule(
        "a check that ends",
        "report this as a fault of Benchwright; what else was found still holds",
    ),
}

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **_STRUCTURE,
        **_SYSTEM,
        **_MODEL,
        **_MEASUREMENTS,
        **_ACCURACY,
        **_PERFORMANCE,
        **_COMPLIANCE,
        **_POWER,
        **_ENDPOINTS,
        **_SELF,
    }
)
"""Every rule by its identifier."""
