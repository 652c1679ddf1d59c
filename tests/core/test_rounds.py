"""Rounds: their figures, the questions they answer, the files they come from and write."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright import rounds
from benchwright.errors import BenchwrightError, UsageError
from benchwright.rounds.load import DATA

V31 = rounds.load_round("v3.1")
V61 = rounds.load_round("v6.1")
BOTH = (V31, V61)

MODELS = {
    "v3.1": [
        "resnet",
        "retinanet",
        "rnnt",
        "bert-99",
        "bert-99.9",
        "dlrm-v2-99",
        "dlrm-v2-99.9",
        "3d-unet-99",
        "3d-unet-99.9",
        "gptj-99",
        "gptj-99.9",
        "gpt3-99",
        "gpt3-99.9",
    ],
    "v6.1": [
        "resnet",
        "bert-99",
        "bert-99.9",
        "3d-unet-99",
        "3d-unet-99.9",
        "llama3.1-8b",
        "llama3.1-8b-edge",
        "llama2-70b-99.9",
        "stable-diffusion-xl",
        "rgat",
        "deepseek-r1",
        "whisper",
        "gpt-oss-120b",
        "wan-2.2-t2v-a14b",
        "qwen3-vl-235b-a22b",
        "qwen3.6-27b",
        "dlrm-v3",
        "yolo-95",
        "yolo-99",
        "e2e-rag-qna",
        "e2e-rag-db",
    ],
}

# Effective settings as published for v3.1, each beside those that every model shares.
SHARED: dict[str, dict[str, float]] = {
    "SingleStream": {
        "min_duration": 600000,
        "target_latency": 10,
        "target_latency_percentile": 90,
    },
    "MultiStream": {
        "min_duration": 600000,
        "min_query_count": 662,
        "samples_per_query": 8,
        "target_latency": 80,
        "target_latency_percentile": 99,
    },
    "Server": {
        "min_duration": 600000,
        "target_duration": 0,
        "target_latency": 10,
        "target_latency_percentile": 99,
        "target_qps": 1.0,
    },
    "Offline": {
        "min_duration": 600000,
        "min_query_count": 24576,
        "target_latency_percentile": 90,
        "target_qps": 1.0,
    },
}
OWN_V31: dict[str, dict[str, dict[str, float]]] = {
    "resnet50": {
        "*": {"performance_sample_count_override": 1024},
        "Server": {"target_latency": 15},
    },
    "retinanet": {
        "*": {"performance_sample_count_override": 64},
        "MultiStream": {"target_latency": 528},
        "Server": {"target_latency": 100},
    },
    "bert": {
        "*": {"performance_sample_count_override": 10833},
        "Server": {"target_latency": 130},
    },
    "rnnt": {
        "*": {"performance_sample_count_override": 2513},
        "Server": {"target_latency": 1000},
    },
    "3d-unet": {
        "*": {"performance_sample_count_override": 0, "sample_concatenate_permutation": 1},
    },
    "dlrm-v2": {
        "*": {"performance_sample_count_override": 204800},
        "Server": {"target_latency": 60},
    },
    "gptj": {
        "SingleStream": {"sample_concatenate_permutation": 1},
        "Server": {"target_latency": 20000},
    },
    "gpt3": {},
}
OWN_V61: dict[str, dict[str, dict[str, float]]] = {
    "resnet50": OWN_V31["resnet50"],
    "bert": {**OWN_V31["bert"], "Offline": {"min_query_count": 10833}},
    "3d-unet": {**OWN_V31["3d-unet"], "Offline": {"min_query_count": 43}},
}
EFFECTIVE = [
    pytest.param(of, key, scenario, {**shared, **own.get("*", {}), **own.get(scenario, {})})
    for of, table in ((V31, OWN_V31), (V61, OWN_V61))
    for key, own in table.items()
    for scenario, shared in SHARED.items()
]


# What a round says


def test_rounds_are_found_from_their_files_and_sorted_by_version() -> None:
    assert rounds.round_names() == ["v3.0", "v3.1", "v5.1", "v6.0", "v6.1"]
    assert {f"{name}.yaml" for name in rounds.round_names()} == {p.name for p in DATA.iterdir()}


def test_a_round_is_read_once() -> None:
    assert rounds.load_round("v3.1") is V31
    assert rounds.load_round("3.1") is V31


@pytest.mark.parametrize(("name", "near"), [("v3.2", "v3.1"), ("6.2", "v6.1"), ("../v3.1", "v3.1")])
def test_an_unknown_round_is_a_usage_error(name: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        rounds.load_round(name)
    assert f"`{name}`" in caught.value.what
    assert f"did you mean `{near}`" in (caught.value.fix or "")


@pytest.mark.parametrize("of", BOTH, ids=lambda of: of.name)
def test_every_model_of_the_round_is_there(of: rounds.Round) -> None:
    assert list(of.models) == MODELS[of.name]
    assert [model.name for model in of.models.values()] == MODELS[of.name]


def test_seeds() -> None:
    assert V31.seeds == rounds.Seeds(148687905518835231, 520418551913322573, 811580660758947900)
    assert V31.test05_seeds == rounds.Seeds(
        793197339507417767, 255610748586851044, 352213341366340113
    )
    assert V61.seeds == rounds.Seeds(2085463073848966840, 2747215439041700203, 16159082839903944936)
    assert V61.test05_seeds is None


@pytest.mark.parametrize(
    ("of", "name", "model"),
    [
        (V31, "resnet50", "resnet"),
        (V31, "resnet", "resnet"),
        (V31, "ssd-resnet34", "retinanet"),
        (V61, "llama3_1-8b", "llama3.1-8b"),
        (V61, "bert-99.9", "bert-99.9"),
    ],
)
def test_folder_names_resolve_to_the_checkers_models(
    of: rounds.Round, name: str, model: str
) -> None:
    assert of.resolve(name).name == model


@pytest.mark.parametrize(
    ("of", "name", "near"),
    [(V31, "resnet5O", "resnet50"), (V31, "bert", "bert-99"), (V61, "yolo-9", "yolo-9")],
)
def test_an_unknown_model_is_a_usage_error(of: rounds.Round, name: str, near: str) -> None:
    with pytest.raises(UsageError, match=re.escape(of.name)) as caught:
        of.resolve(name)
    assert f"did you mean `{near}" in (caught.value.fix or "")


def test_a_model_of_another_round_is_unknown() -> None:
    for name in ("retinanet", "ssd-resnet34", "gptj-99", "rnnt"):
        with pytest.raises(UsageError):
            V61.resolve(name)


def test_settings_keys() -> None:
    keys = {name: model.conf_key for name, model in {**V31.models, **V61.models}.items()}
    assert keys["resnet"] == "resnet50"
    assert keys["3d-unet-99.9"] == "3d-unet"
    assert keys["dlrm-v2-99"] == "dlrm-v2"
    assert keys["gptj-99"] == "gptj"
    assert keys["bert-99.9"] == "bert"
    assert keys["yolo-95"] == "yolo"
    assert keys["llama3.1-8b-edge"] == "llama3_1-8b-edge"
    assert keys["qwen3.6-27b"] == "qwen3.6-27b"


def test_rounds_between_and_before() -> None:
    v30, v51, v60 = (rounds.load_round(name) for name in ("v3.0", "v5.1", "v6.0"))
    assert v30.seeds == rounds.Seeds(
        10003631887983097364, 17183018601990103738, 12134888396634371638
    )
    assert v51.seeds == rounds.Seeds(
        1780908523862526354, 14771362308971278857, 18209322760996052031
    )
    assert v60.seeds == rounds.Seeds(2465351861681999779, 14276810075590677512, 3936089224930324775)
    assert [of.layout for of in (v30, v51, v60)] == ["v3.1", "v3.1", "v6"]
    assert [len(of.models) for of in (v30, v51, v60)] == [9, 19, 23]
    assert v30.resolve("dlrm-99.9").accuracy_minimum == {"AUC": pytest.approx(80.25 * 0.999)}
    assert v30.resolve("dlrm-99").latency_limit_ns == {"Server": 30_000_000}
    assert v30.conf("resnet50", "MultiStream")["min_query_count"] == 270336
    assert v30.resolve("resnet").compliance == ("TEST01", "TEST04", "TEST05")
    assert v51.resolve("resnet").compliance == ("TEST01", "TEST04")
    assert v51.resolve("retinanet").required_scenarios("datacenter") == ("Server", "Offline")
    assert v51.resolve("bert-99").offline_min_samples == 10833
    assert v51.resolve("llama3.1-405b").token_latency_limit_ns["Interactive"] == {
        "ttft": 4_500_000_000,
        "tpot": 80_000_000,
    }
    assert v51.metric_key("whisper", "Offline") == "result_tokens_per_second"
    assert v60.metric_key("resnet", "Server") == "result_completed_samples_per_sec"
    assert v60.resolve("yolo-95").required_scenarios("edge") == V61.resolve(
        "yolo-95"
    ).required_scenarios("edge")
    assert "mlperf.conf" not in v51.required_files["measurements"]
    late = {"host_network_card_count", "system_type_detail"}
    assert set(V31.system_json.required) - set(v30.system_json.required) == late


@pytest.mark.parametrize("name", ["v3.0", "v5.1", "v6.0"])
def test_every_metric_has_a_pattern_that_the_official_text_fits(name: str) -> None:
    of = rounds.load_round(name)
    for metric, pattern in of.accuracy_patterns.items():
        assert re.compile(pattern).groups == 1, metric
    assert re.match(of.accuracy_patterns["acc"], "accuracy=76.456%, good=1, total=2")
    text = '{"exact_match": 83.5, "f1": 90.8}'
    found = re.match(of.accuracy_patterns["F1"], text)
    assert found is not None
    assert found[1] == "90.8"


@pytest.mark.parametrize(
    ("of", "model", "categories", "needed"),
    [
        (V31, "resnet", "edge", "SingleStream MultiStream Offline"),
        (V31, "resnet", "datacenter", "Server Offline"),
        (V31, "resnet", "datacenter,edge", "SingleStream MultiStream Server Offline"),
        (V31, "bert-99.9", "edge", ""),
        (V31, "bert-99.9", "datacenter,edge", "Server Offline"),
        (V31, "3d-unet-99", "datacenter", "Offline"),
        (V31, "dlrm-v2-99", "datacenter", "Server Offline"),
        (V61, "resnet", "datacenter", ""),
        # The checker asks for Server although the data centre suite has no resnet.
        (V61, "resnet", "edge, datacenter", "SingleStream MultiStream Server Offline"),
        (V61, "llama2-70b-99.9", "datacenter", "Offline"),
        (V61, "wan-2.2-t2v-a14b", "datacenter", "SingleStream Offline"),
        # It has no combined list for this one: what remains is the union.
        (V61, "wan-2.2-t2v-a14b", "datacenter,edge", "SingleStream Offline"),
    ],
)
def test_required_scenarios(of: rounds.Round, model: str, categories: str, needed: str) -> None:
    assert of.scenarios(model, categories) == tuple(needed.split())
    assert of.scenarios(of.resolve(model), [c.strip() for c in categories.split(",")]) == tuple(
        needed.split()
    )


def test_optional_scenarios_and_those_of_which_one_must_be_there() -> None:
    assert V61.scenarios("deepseek-r1", "datacenter", optional=True) == ("Server", "Interactive")
    assert V61.one_of_scenarios("deepseek-r1", "datacenter") == ("Server", "Interactive")
    assert V61.one_of_scenarios("dlrm-v3", "datacenter") == ()
    assert V61.one_of_scenarios("deepseek-r1", "edge") == ()
    assert V31.scenarios("resnet", "edge", optional=True) == ()


def test_what_one_category_requires_is_not_optional_in_another() -> None:
    resnet = V31.resolve("resnet")._replace(optional={"edge": ("Server", "Offline")})
    assert V31.scenarios(resnet, "edge", optional=True) == ("Server",)
    assert V31.scenarios(resnet, "datacenter,edge", optional=True) == ()


def test_suites() -> None:
    assert V31.resolve("resnet").categories == ("edge", "datacenter")
    assert V31.resolve("bert-99.9").categories == ("datacenter",)
    assert V61.resolve("resnet").categories == ("edge",)
    assert V61.resolve("resnet").in_suite("edge,datacenter")
    assert not V61.resolve("resnet").in_suite("datacenter")
    assert not V61.resolve("e2e-rag-qna").in_suite("datacenter,edge")
    assert V31.resolve("resnet").required_scenarios("edge,datacenter") == rounds.SCENARIOS


def test_an_unknown_category_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="datacentre") as caught:
        V31.scenarios("resnet", "datacentre")
    assert "did you mean `datacenter`" in (caught.value.fix or "")
    assert V31.scenarios("resnet", []) == ()


def test_targets() -> None:
    assert V31.resolve("resnet").accuracy_minimum == {"acc": 75.6954}
    assert V31.resolve("bert-99").accuracy_minimum == {"F1": 89.96526}
    assert V31.resolve("gptj-99").accuracy_minimum == {
        "ROUGE1": 42.556635,
        "ROUGE2": 19.922265,
        "ROUGEL": 29.688219,
        "GEN_LEN": 3615190.2,
    }
    assert V31.resolve("resnet").accuracy_upper_limit == {}
    sdxl = V61.resolve("stable-diffusion-xl")
    assert (
        sdxl.accuracy_minimum["FID_SCORE"] < sdxl.accuracy_upper_limit["FID_SCORE"] == 23.95007626
    )
    vision = V61.resolve("qwen3-vl-235b-a22b")
    assert vision.accuracy_minimum_for("Offline") == {"F1_HIERARCHICAL": 0.782397}
    assert vision.accuracy_minimum_for("Interactive") == {"F1_HIERARCHICAL": 0.779922}


def test_sample_counts() -> None:
    assert V31.resolve("retinanet").performance_sample_count_min == 64
    assert V31.resolve("resnet").dataset_size == 50000
    assert V61.resolve("resnet").accuracy_samples_for("Offline") == 50000
    assert V61.resolve("gpt-oss-120b").accuracy_samples_for("Server") == 4395
    assert V61.resolve("qwen3-vl-235b-a22b").accuracy_samples_for("Interactive") == 8000
    assert V61.resolve("qwen3-vl-235b-a22b").accuracy_samples_for("Server") == 48289
    assert {m.offline_min_samples for m in V31.models.values()} == {24576}
    assert V61.resolve("bert-99").offline_min_samples == 10833
    assert V61.resolve("qwen3.6-27b").offline_min_samples is None
    assert V31.resolve("resnet").min_queries == {
        "SingleStream": 1024,
        "MultiStream": 270336,
        "Server": 270336,
        "Offline": 1,
    }


def test_latency_limits_are_in_nanoseconds() -> None:
    assert V31.resolve("resnet").latency_limit_ns == {"Server": 15_000_000}
    assert V31.resolve("gptj-99").latency_limit_ns == {"Server": 20_000_000_000}
    assert V31.resolve("3d-unet-99").latency_limit_ns == {}
    assert V61.resolve("llama3.1-8b").token_latency_limit_ns["Interactive"] == {
        "ttft": 500_000_000,
        "tpot": 30_000_000,
    }


@pytest.mark.parametrize("model", V31.models.values(), ids=lambda m: m.name)
def test_loadgens_server_latency_agrees_with_the_checkers_limit(model: rounds.RoundModel) -> None:
    conf = V31.conf(model.conf_key, "Server")
    # gpt3 has no lines among loadgen's settings; its users set the limit themselves.
    if "Server" in model.latency_limit_ns and model.conf_key != "gpt3":
        assert conf["target_latency"] * 1_000_000 == model.latency_limit_ns["Server"]


def test_results_in_the_detail_log() -> None:
    assert V31.metric_key("resnet", "Server") == "result_scheduled_samples_per_sec"
    assert V61.metric_key("resnet", "Server") == "result_completed_samples_per_sec"
    assert V61.metric_key("deepseek-r1", "Interactive") == "result_completed_tokens_per_second"
    for of in BOTH:
        assert of.metric_key("resnet", "SingleStream") == "early_stopping_latency_ss"
        assert of.metric_key("resnet", "MultiStream") == "early_stopping_latency_ms"
        assert of.metric_key("resnet", "Offline") == "result_samples_per_second"
        assert of.metric_unit("resnet", "MultiStream") == "ns"
        assert of.metric_unit("resnet", "Offline") == "samples/s"
    assert V61.metric_unit("llama3.1-8b-edge", "Offline") == "tokens/s"
    assert V61.metric_unit("llama3.1-8b-edge", "SingleStream") == "ns"
    with pytest.raises(UsageError, match="Interactive"):
        V31.metric_key("resnet", "Interactive")


def test_limits() -> None:
    for of in BOTH:
        assert of.limits.min_duration_ms == 600_000
        assert of.limits.max_file_mb == 50
        assert of.limits.max_accuracy_json_bytes == 10240
        assert of.limits.truncate_chars == 4096
        assert of.limits.multistream_samples_per_query == 8
        assert of.limits.early_stopping_min_queries == {
            "SingleStream": 64,
            "MultiStream": 662,
            "Server": 662,
        }


def test_accuracy_deltas() -> None:
    assert V31.accuracy_delta_percent("bert-99", "F1") == 1
    assert V31.accuracy_delta_percent("bert-99.9", "F1") == 0.1
    assert V61.accuracy_delta_percent("stable-diffusion-xl", "FID_SCORE") == 2


def test_compliance_tests() -> None:
    assert V31.resolve("resnet").compliance == ("TEST01", "TEST04", "TEST05")
    assert V31.resolve("gptj-99").compliance == ()
    assert V61.resolve("resnet").compliance == ("TEST01", "TEST04")
    assert V61.resolve("gpt-oss-120b").compliance == ("TEST07", "TEST09")


def test_system_fields() -> None:
    for of in BOTH:
        assert len(of.system_json.required) == 35
        assert set(of.system_json.must_not_be_empty) < set(of.system_json.required)
        assert len(of.system_json.must_not_be_empty) == 26
        assert "is_network" in of.system_json.network_required
        assert of.system_json.enums["status"] == ("available", "preview", "rdi")
        assert sorted(of.system_json.enums["division"]) == sorted(rounds.DIVISIONS)
        assert len(of.implementation_json) == 5
    assert "mlperf.conf" in V31.required_files["measurements"]
    assert "mlperf.conf" not in V61.required_files["measurements"]


def test_where_the_checkers_differ() -> None:
    assert (V31.verdicts.result_validity, V61.verdicts.result_validity) == ("error", "ignored")
    assert (V31.verdicts.min_duration, V61.verdicts.min_duration) == ("warning", "error")
    assert (V31.verdicts.whole_numbers, V61.verdicts.whole_numbers) == ("ignored", "error")


def test_paths_of_both_layouts() -> None:
    names = {"system": "box", "benchmark": "resnet50", "scenario": "Offline"}
    assert (V31.layout, V61.layout) == ("v3.1", "v6")
    assert (
        V31.path("compliance", test="TEST01", **names) == "compliance/box/resnet50/Offline/TEST01"
    )
    assert V61.path("compliance", test="TEST01", **names) == "results/box/resnet50/Offline/TEST01"
    assert (
        V31.path("implementation", implementation="ort", **names)
        == "measurements/box/resnet50/Offline/box_ort_Offline.json"
    )
    assert V61.path("implementation", **names) == "results/box/resnet50/Offline/measurements.json"
    with pytest.raises(BenchwrightError, match="needs the name of its test"):
        V31.path("compliance", **names)
    with pytest.raises(UsageError) as caught:
        V31.path("complience", **names)
    assert "did you mean `compliance`" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("of", "metric", "line", "number"),
    [
        (V31, "acc", "accuracy=76.456%, good=38228, total=50000", "76.456"),
        (V31, "acc", "AUC=80.310%, accuracy=90.1%", None),
        (V31, "AUC", "AUC=80.310%, accuracy=90.1%, good=1, total=2, queries=3", "80.310"),
        (V31, "mAP", "mAP=37.550%", "37.550"),
        (V31, "mAP", "result mAP=37.550%", None),
        (V31, "F1", '{"exact_match": 83.67, "f1": 90.874}', "90.874"),
        (V31, "F1", "{'exact_match': 83.67, 'f1': 90.874}", "90.874"),
        (V31, "F1", '{"f1": 90.874, "exact_match": 83.67}', None),
        (V31, "WER", "Word Error Rate: 7.4522%, accuracy=92.5477%", "92.5477"),
        (V31, "DICE", "Accuracy: mean = 0.86170, kidney = 0.9347, tumor = 0.7887", "0.86170"),
        (V31, "ROUGE1", "{'rouge1': 42.9865, 'rouge2': 20.1235, 'gen_len': 4016878}", "42.9865"),
        (V31, "GEN_LEN", "{'rouge1': 42.9865, 'rouge2': 20.1235, 'gen_len': 4016878}", "4016878"),
        (V31, "ROUGE1", "{'rouge1': '42.9865'}", None),
        (V61, "ROUGE1", "{'rouge1': '42.9865'}", "42.9865"),
        (V61, "GEN_LEN", "{'gen_len': '4016878'}", None),
        (V61, "ROUGELSUM", "{'rougeLsum': 35.7}", "35.7"),
        (V61, "acc", '{"accuracy": 72.1}', "72.1"),
        (V61, "mAP", "result mAP=37.550%", "37.550"),
        (V61, "mAP", "{'Total': 85.4}", "85.4"),
        (V61, "ACCURACY", "Word Error Rate: 2.0%, accuracy=97.9%", "97.9"),
        (V61, "DLRM_NE", "x metric/lifetime_ne/rating: 0.866", "0.866"),
        (V61, "TOKENS_PER_SAMPLE", "{'tokens_per_sample': 294.45}", "294.45"),
    ],
)
def test_accuracy_patterns(of: rounds.Round, metric: str, line: str, number: str | None) -> None:
    found = re.match(of.accuracy_patterns[metric], line)
    assert (found[1] if found else None) == number


@pytest.mark.parametrize("of", BOTH, ids=lambda of: of.name)
def test_every_pattern_has_its_number_in_group_one(of: rounds.Round) -> None:
    for pattern in (*of.accuracy_patterns.values(), of.accuracy_hash_pattern):
        assert re.compile(pattern).groups == 1
    found = re.match(of.accuracy_hash_pattern, "hash=0a1b\n")
    assert found
    assert found[1] == "0a1b"


# loadgen's settings


@pytest.mark.parametrize(("of", "key", "scenario", "expected"), EFFECTIVE)
def test_effective_settings(
    of: rounds.Round, key: str, scenario: str, expected: dict[str, float]
) -> None:
    assert of.conf(key, scenario) == expected


@pytest.mark.parametrize("first", range(4))
def test_settings_are_looked_up_in_loadgens_order(first: int) -> None:
    lines = [
        ("m.a.Server.target_qps", 1),
        ("*.Server.target_qps", 2),
        ("m.a.*.target_qps", 3),
        ("*.*.target_qps", 4),
    ][first:]
    # Where the lines stand in the file does not count, nor do those of others.
    for order in (lines, lines[::-1]):
        settings = {"a.Server.target_qps": 5, **dict(order), "m.a.Offline.target_qps": 6}
        conf = V31._replace(mlperf_conf=settings).conf("m.a", "Server")
        assert conf == {"target_qps": first + 1}


def test_a_scenario_that_loadgen_does_not_know_has_no_settings() -> None:
    with pytest.raises(UsageError) as caught:
        V31.conf("resnet50", "Ofline")
    assert "did you mean `Offline`" in (caught.value.fix or "")


def test_interactive_runs_as_server() -> None:
    assert V61.resolve("llama3.1-8b").loadgen_name("Interactive") == (
        "llama3_1-8b-interactive",
        "Server",
    )
    assert V61.resolve("qwen3-vl-235b-a22b").loadgen_name("Interactive")[0] == "qwen3-vl-235b-a22b"
    assert V61.conf("llama3_1-8b-interactive", "Server")["tpot_latency"] == 30
    assert V31.resolve("resnet").loadgen_name("Server") == ("resnet50", "Server")


@pytest.mark.parametrize("of", BOTH, ids=lambda of: of.name)
def test_mlperf_conf_text_reads_back_whole(of: rounds.Round) -> None:
    read = rounds.parse_conf(rounds.mlperf_conf_text(of))
    assert {key: json.loads(value) for key, value in read.items()} == of.mlperf_conf
    assert read["*.*.schedule_rng_seed"] == str(of.seeds.schedule_rng_seed)


def test_user_conf_text() -> None:
    text = rounds.user_conf_text("resnet50", "Offline", {"target_qps": 1234.5, "min_duration": 1e5})
    assert rounds.parse_conf(text) == {
        "resnet50.Offline.target_qps": "1234.5",
        "resnet50.Offline.min_duration": "100000",
    }
    assert rounds.user_conf_text("bert", "Server", {}).startswith("# ")


WHOLE = sorted(rounds.USER_KEYS - {"target_qps"})
SETTINGS = st.dictionaries(st.sampled_from(WHOLE), st.integers(0, 2**64 - 1))
RATES = st.fixed_dictionaries({}, optional={"target_qps": st.floats(0, 1e18)})


@given(st.sampled_from(["resnet50", "qwen3.6-27b", "*"]), SETTINGS, RATES)
def test_a_user_conf_reads_back_as_written(
    key: str, whole: dict[str, int], rate: dict[str, float]
) -> None:
    settings: Mapping[str, int | float] = {**whole, **rate}
    read = rounds.parse_conf(rounds.user_conf_text(key, "Server", settings))
    assert {k: float(v) if "qps" in k else int(v) for k, v in read.items()} == {
        f"{key}.Server.{name}": value for name, value in settings.items()
    }


@pytest.mark.parametrize(
    ("key", "scenario", "settings", "where", "says"),
    [
        ("resnet50", "Offline", {"target_qsp": 1}, "resnet50.Offline.target_qsp", "target_qps"),
        ("resnet50", "Ofline", {}, "resnet50.Ofline", "did you mean `Offline`"),
        ("resnet50", "Server", {"target_latency": 1.5}, "target_latency", "cut the fraction off"),
        ("resnet50", "Server", {"qsl_rng_seed": 1}, "qsl_rng_seed", "pass over them"),
        ("resnet50", "Server", {"min_duration": -1}, "min_duration", "not a number"),
        ("resnet50", "Server", {"target_qps": float("nan")}, "target_qps", "not a number"),
        ("resnet50", "Server", {"min_duration": 2**64}, "min_duration", "not a number"),
        ("res net", "Server", {}, "user.conf", "settings key"),
    ],
)
def test_what_loadgen_would_misread_is_not_written(
    key: str, scenario: str, settings: dict[str, float], where: str, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        rounds.user_conf_text(key, scenario, settings)
    assert where in (caught.value.where or "")
    assert says in str(caught.value)


def test_stream_latencies_may_have_fractions() -> None:
    text = rounds.user_conf_text("resnet50", "SingleStream", {"target_latency": 0.25})
    assert rounds.parse_conf(text) == {"resnet50.SingleStream.target_latency": "0.25"}


BAD_LINES = {
    "*.*.mode": "expected",
    "*.*.mode 2": "expected",
    "*.*.mode=2": "expected",
    "*.*.mode =": "expected",
    "*.*.mode = two": "not a number",
    "*.*.mode = 010": "not a number",
    "*.*.mode = -1": "not a number",
    "*.*.mode = 2 # performance": "lines of their own",
    "#the mode": "space after `#`",
    "#the = mode": "space after `#`",
    "mode = 2": "model.Scenario.setting",
    "*.Ofline.mode = 2": "did you mean `Offline`",
    "*.*.first = 1": "given twice",
    "*.*.mode\xa0= 2": "expected",
}


@pytest.mark.parametrize(("line", "says"), BAD_LINES.items())
def test_a_bad_line_is_named_by_its_number(line: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        rounds.parse_conf(f"# comment\n*.*.first = 1\n\n{line}\n", source="user.conf")
    assert caught.value.where == "user.conf:4"


def test_comments_and_settings_switched_off_are_passed_over() -> None:
    text = "# words = 1\n\n  # more\n#*.*.mode = 2\n*.*.test05 = 1\n"
    assert rounds.parse_conf(text) == {"*.*.test05": "1"}


@given(st.text(alphabet="m.*=# \t\n\r0159xe-SrveOflin\x0c\u2003", max_size=60))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    read: dict[str, str] = {}
    refusal = None
    try:
        read = rounds.parse_conf(text, source="conf")
    except UsageError as error:
        refusal = error.where or ""
    if refusal is not None:
        line = re.fullmatch(r"conf:([0-9]+)", refusal)
        assert line
        assert 1 <= int(line[1]) <= text.count("\n") + 1
    for key, value in read.items():
        assert f"{key}" in text
        assert float(int(value, 0) if "x" in value else float(value)) >= 0


# Compliance tests


@pytest.mark.parametrize(
    ("of", "test", "key", "expected"),
    [
        (V31, "TEST01", "resnet50", {"accuracy_log_sampling_target": "4096"}),
        (V31, "TEST01", "retinanet", {"accuracy_log_sampling_target": "256"}),
        (V31, "TEST01", "3d-unet", {"accuracy_log_sampling_target": "64"}),
        (V61, "TEST01", "yolo", {"accuracy_log_sampling_target": "64"}),
        (V61, "TEST09", "e2e-rag-qna", {"test09_max_output_tokens": "301.19"}),
        (V61, "TEST09", "gpt-oss-120b-interactive", {"min_query_count": "6396"}),
    ],
)
def test_audit_settings_by_model(
    of: rounds.Round, test: str, key: str, expected: dict[str, str]
) -> None:
    read = rounds.parse_conf(rounds.audit_config_text(of, test, key))
    assert read["*.*.mode"] == "2"
    assert read["*.*.accuracy_log_rng_seed"] == "720381539243781796"
    for name, value in expected.items():
        assert read[f"*.*.{name}"] == value


def test_audit_settings_whole() -> None:
    assert rounds.audit_config_text(V31, "TEST05", "rnnt").endswith("\n*.*.test05 = 1\n")
    assert rounds.parse_conf(rounds.audit_config_text(V61, "TEST04", "wan-2.2-t2v-a14b")) == {
        "*.*.mode": "2",
        "*.*.performance_issue_unique": "0",
        "*.*.performance_issue_same": "1",
        "*.*.performance_issue_same_index": "3",
        "*.Offline.min_query_count": "20",
        "*.SingleStream.min_query_count": "20",
    }


@pytest.mark.parametrize(
    ("of", "test", "key", "says"),
    [
        (V31, "TEST04", "retinanet", "no test `TEST04` for `retinanet`"),
        (V31, "TEST01", "gptj", "no compliance test"),
        (V31, "TEST1", "resnet50", "did you mean `TEST01`"),
        (V31, "TEST01", "resnet", "did you mean `resnet50`"),
        (V61, "TEST05", "resnet50", "no test `TEST05`"),
    ],
)
def test_a_test_that_the_model_does_not_need(
    of: rounds.Round, test: str, key: str, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        rounds.audit_config_text(of, test, key)
    assert says in str(caught.value)


@pytest.mark.parametrize("of", BOTH, ids=lambda of: of.name)
def test_every_needed_test_has_an_audit_file_that_reads_back(of: rounds.Round) -> None:
    for model in of.models.values():
        for test in model.compliance:
            assert rounds.parse_conf(rounds.audit_config_text(of, test, model.conf_key))


# The real loadgen

SETTINGS_CHILD = """
import json, sys
import mlperf_loadgen
for path, model, scenario, kind in json.load(sys.stdin):
    settings = mlperf_loadgen.TestSettings()
    rc = settings.FromConfig(path, model, scenario, kind)
    values = {n: getattr(settings, n) for n in dir(settings) if n[0] != "_" and n != "FromConfig"}
    values = {n: v for n, v in values.items() if isinstance(v, (int, float)) and n != "mode"}
    print(json.dumps({"rc": rc, **values}))
"""

RUN_CHILD = """
import sys
import mlperf_loadgen as lg
scenario, conf, audit, out = sys.argv[1:]
settings = lg.TestSettings()
assert settings.FromConfig(conf, "resnet50", scenario) == 0
settings.scenario = getattr(lg.TestScenario, scenario)
settings.mode = lg.TestMode.PerformanceOnly
def answer(queries):
    lg.QuerySamplesComplete([lg.QuerySampleResponse(q.id, 0, 0) for q in queries])
sut = lg.ConstructSUT(answer, lambda: None)
qsl = lg.ConstructQSL(1024, 1024, lambda s: None, lambda s: None)
log = lg.LogSettings()
log.log_output.outdir = out
lg.StartTestWithLogSettings(sut, qsl, settings, log, audit)
lg.DestroyQSL(qsl)
lg.DestroySUT(sut)
"""


def child(code: str, *arguments: str, stdin: str = "", cwd: Path | None = None) -> str:
    # Each in its own process, since loadgen keeps state of its own for as long as one lives.
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loadgen_settings(
    asked: list[tuple[str, str, str, int]],
) -> list[dict[str, float]]:
    pytest.importorskip("mlperf_loadgen")
    return [
        json.loads(line) for line in child(SETTINGS_CHILD, stdin=json.dumps(asked)).splitlines()
    ]


def in_loadgens_units(scenario: str, conf: Mapping[str, float]) -> dict[str, float]:
    """Settings by the names and units of loadgen's TestSettings."""
    prefix = {"SingleStream": "single_stream", "MultiStream": "multi_stream"}.get(
        scenario, scenario.lower()
    )
    kind = "target" if scenario == "Server" else "expected"
    names: dict[str, tuple[str, float]] = {
        "min_duration": ("min_duration_ms", 1),
        "target_latency": (f"{prefix}_{kind}_latency_ns", 1e6),
        "target_latency_percentile": (f"{prefix}_target_latency_percentile", 0.01),
        "target_qps": (f"{prefix}_{kind}_qps", 1),
        "samples_per_query": ("multi_stream_samples_per_query", 1),
        "ttft_latency": ("ttft_latency", 1e6),
        "tpot_latency": ("tpot_latency", 1e6),
    }
    found = {}
    for key, value in conf.items():
        # Read by no loadgen, in spite of standing among its settings.
        if key == "target_duration" or (key, scenario) == ("target_latency_percentile", "Offline"):
            continue
        name, factor = names.get(key, (key, 1))
        found[name] = value * factor
    return found


@pytest.mark.parametrize("of", BOTH, ids=lambda of: of.name)
def test_loadgen_agrees_with_every_models_settings(of: rounds.Round, tmp_path: Path) -> None:
    """v6.1: what loadgen carries itself. v3.1: what it reads from the file we write."""
    path = tmp_path / "mlperf.conf"
    path.write_text(rounds.mlperf_conf_text(of))
    keys = {m.conf_key for m in of.models.values()}
    keys |= {m.interactive_conf_key for m in of.models.values() if m.interactive_conf_key}
    pairs = [(key, scenario) for key in sorted(keys) for scenario in rounds.SCENARIOS]
    own = of is V61
    asked = [("" if own else str(path), key, scenario, 0 if own else 2) for key, scenario in pairs]
    answers = loadgen_settings(asked)
    assert len(answers) == len(pairs)
    for (key, scenario), got in zip(pairs, answers, strict=True):
        expected = in_loadgens_units(scenario, of.conf(key, scenario))
        if own:
            expected |= of.seeds._asdict()
        assert got["rc"] == 0
        assert {name: got[name] for name in expected} == pytest.approx(expected), (key, scenario)


def test_loadgen_reads_a_written_user_conf(tmp_path: Path) -> None:
    path = tmp_path / "user.conf"
    path.write_text(
        rounds.user_conf_text("resnet50", "Offline", {"target_qps": 1234.5, "min_duration": 60000})
        + rounds.user_conf_text("resnet50", "Server", {"target_latency": 12})
    )
    (got,) = loadgen_settings([(str(path), "resnet50", "Offline", 1)])
    assert got["rc"] == 0
    assert got["offline_expected_qps"] == 1234.5
    assert got["min_duration_ms"] == 60000
    assert got["server_target_latency_ns"] == 12_000_000
    # Everything else is the round's.
    assert got["min_query_count"] == V61.conf("resnet50", "Offline")["min_query_count"]
    assert got["qsl_rng_seed"] == V61.seeds.qsl_rng_seed


def test_loadgen_takes_the_lines_that_we_take(tmp_path: Path) -> None:
    good = ["*.*.min_duration = 0x10", "\t*.*.min_duration\t=  1.", "", "# *.*.mode = two"]
    good.append("#*.*.min_duration = 5")
    loud = [
        "#the mode",
        "#the = mode",
        "*.*.mode 2",
        "*.*.mode = two",
        "*.*.mode = 2 # performance",
    ]
    assert set(loud) <= set(BAD_LINES)
    asked = []
    for number, line in enumerate([*good, *loud]):
        path = tmp_path / f"{number}.conf"
        path.write_text(f"# comment\n{line}\n")
        asked.append((str(path), "resnet50", "Offline", 2))
    for line in good:
        rounds.parse_conf(line)
    answers = loadgen_settings(asked)
    assert [got["rc"] == 0 for got in answers] == [True] * len(good) + [False] * len(loud)
    assert [got["min_duration_ms"] for got in answers[:2]] == [16, 1]


def run_loadgen(
    folder: Path, scenario: str, settings: Mapping[str, float], audit: str = ""
) -> dict[str, object]:
    """The detail log of a short run on a system that answers at once."""
    pytest.importorskip("mlperf_loadgen")
    (folder / "user.conf").write_text(rounds.user_conf_text("resnet50", scenario, settings))
    if audit:
        (folder / "test.config").write_text(audit)
    child(RUN_CHILD, scenario, "user.conf", "test.config", ".", cwd=folder)
    found: dict[str, object] = {}
    for line in (folder / "mlperf_log_detail.txt").read_text().splitlines():
        if line.startswith(":::MLLOG "):
            entry = json.loads(line.removeprefix(":::MLLOG "))
            found[entry["key"]] = entry["value"]
    return found


@pytest.mark.parametrize(
    ("scenario", "settings"),
    [
        ("SingleStream", {"min_query_count": 100}),
        ("MultiStream", {"min_query_count": 700}),
        ("Server", {"min_query_count": 700, "target_qps": 20000}),
        ("Offline", {"min_query_count": 100}),
    ],
)
def test_the_detail_log_has_the_rounds_result_keys(
    scenario: str, settings: dict[str, float], tmp_path: Path
) -> None:
    log = run_loadgen(tmp_path, scenario, {**settings, "min_duration": 0})
    for of in BOTH:
        value = log[of.metric_keys[scenario]]
        assert isinstance(value, int | float)
        assert value > 0


def test_loadgen_obeys_a_written_audit_config(tmp_path: Path) -> None:
    short = {"min_query_count": 100, "min_duration": 0}
    audit = rounds.audit_config_text(V31, "TEST01", "retinanet")
    log = run_loadgen(tmp_path, "Offline", short, audit)
    assert log["effective_accuracy_log_sampling_target"] == 256
    assert log["effective_accuracy_log_rng_seed"] == 720381539243781796


def test_a_scenarios_audit_setting_reaches_loadgen(tmp_path: Path) -> None:
    short = {"min_query_count": 100, "min_duration": 0}
    audit = rounds.audit_config_text(V61, "TEST04", "stable-diffusion-xl")
    log = run_loadgen(tmp_path, "Offline", short, audit)
    assert log["effective_performance_issue_same"] is True
    assert log["effective_performance_issue_same_index"] == 3
    assert log["effective_samples_per_query"] == 500


# Files


def test_a_round_cannot_be_changed_but_copied() -> None:
    resnet = V31.resolve("resnet")
    with pytest.raises(TypeError):
        V31.models["resnet"] = resnet  # type: ignore[index]
    with pytest.raises(AttributeError):
        resnet.dataset_size = 1  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(V31)) == V31
    assert hash(pickle.loads(pickle.dumps(resnet))) == hash(resnet)


def test_nothing_heavy_is_imported_before_a_round_is_read() -> None:
    code = (
        "import sys, benchwright.rounds as r; r.round_names();"
        "print([m for m in ('yaml', 'pydantic', 'numpy', 'mlperf_loadgen') if m in sys.modules]);"
        "r.load_round('v6.1');"
        "print([m for m in ('pydantic', 'numpy', 'mlperf_loadgen') if m in sys.modules])"
    )
    core = str(DATA.parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": core},
    )
    assert done.stdout.split("\n") == ["[]", "[]", ""]


def without(text: str) -> Callable[[str], str]:
    return lambda whole: whole.replace(text, "", 1)


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda whole: whole.replace(old, new, 1)


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (without("  min_duration_ms: 600000\n"), "limits.min_duration_ms", "missing"),
        (without("    dataset_size: 50000\n"), "models.resnet.dataset_size", "missing"),
        (without("layout: v3.1\n"), "layout", "missing"),
        (swap("max_file_mb: 50", "max_file_mb: '50'"), "limits.max_file_mb", "a whole number"),
        (swap("max_file_mb: 50", "max_file_mb: 50.5"), "limits.max_file_mb", "a whole number"),
        (swap("max_file_mb: 50", "max_file_mb: yes"), "limits.max_file_mb", "a whole number"),
        (swap("max_file_mb: 50", "max_file_mb:"), "limits.max_file_mb", "found nothing"),
        (swap("{acc: 75.6954}", "{acc: high}"), "models.resnet.accuracy_minimum.acc", "a number"),
        (swap("{acc: 75.6954}", "{acc: .nan}"), "models.resnet.accuracy_minimum.acc", "a number"),
        (swap("{acc: 75.6954}", "[75]"), "models.resnet.accuracy_minimum", "a mapping"),
        (swap("[mlperf.conf, ", "[5, "), "required_files.measurements.0", "expected text"),
        (swap("conf_key: bert\n", "conf_key: bert\n    colour: 1\n"), "models.bert-99.colour", ""),
        (swap("aliases:", "alias:"), "alias", "did you mean `aliases`"),
        (swap("  truncate_chars", "  truncate_chr"), "limits.truncate_chr", "`truncate_chars`"),
        (
            swap("[SingleStream, Multi", "[SingleStrem, Multi"),
            "inferable.Offline.0",
            "`SingleStream`",
        ),
        (swap("edge: [Si", "edge: [Sin"), "models.resnet.required.edge.0", "`SingleStream`"),
        (swap("layout: v3.1", "layout: v4"), "layout", "`v4` is not allowed"),
        (swap("root_files: error", "root_files: fatal"), "verdicts.root_files", "not allowed"),
        (swap("  resnet:\n", "  resnet:\n    name: x\n"), "models.resnet.name", "unknown key"),
        (swap("  mobilenet: resnet", "  mobilenet: resnext"), "aliases.mobilenet", "resnext"),
        (swap("acc: 75", "top1: 75"), "models.resnet.accuracy_minimum.top1", "accuracy_patterns"),
        (swap("rng_seed: 1486", "rng_seed: 2486"), "mlperf_conf.*.*.qsl_rng_seed", "seeds.qsl"),
        (swap("bert.Server.t", "bert.Serve.t"), "mlperf_conf.bert.Serve.target_latency", "form"),
        (swap("TEST04, TEST05]", "TEST06]"), "models.resnet.compliance", "`TEST06`"),
        (
            swap("      retinanet: {", "      retina: {"),
            "audit.TEST01.overrides.retina",
            "no model",
        ),
        (swap("{test}", "{tset}"), "paths.compliance", "{tset}"),
        (without('  calibration: "calibration.md"\n'), "paths.calibration", "missing"),
        (swap("_min: 1024", "_min: 50001"), "models.resnet.performance_sample_count_min", "50000"),
    ],
)
def test_a_wrong_value_is_named_by_file_and_path(
    change: Callable[[str], str], where: str, says: str, tmp_path: Path
) -> None:
    whole = (DATA / "v3.1.yaml").read_text()
    changed = change(whole)
    assert changed != whole
    (tmp_path / "v9.0.yaml").write_text(changed)
    with pytest.raises(BenchwrightError) as caught:
        rounds.read_round(tmp_path / "v9.0.yaml")
    assert caught.value.where == f"v9.0.yaml: {where}"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("layout: v6\nseeds: {}\nlayout: v6\n", "v9.0.yaml:3", "`layout` is given twice"),
        ("layout: v6\nseeds: [\n", "v9.0.yaml:3", ""),
        ("- layout\n", "v9.0.yaml", "expected a mapping"),
        ("", "v9.0.yaml", "found nothing"),
        ("layout: !!python/object/apply:os.getcwd []\n", "v9.0.yaml:1", "python/object"),
    ],
)
def test_a_file_that_is_no_round(text: str, where: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "v9.0.yaml").write_text(text)
    with pytest.raises(BenchwrightError) as caught:
        rounds.read_round(tmp_path / "v9.0.yaml")
    assert caught.value.where == where
    assert says in str(caught.value)


def test_a_round_needs_no_more_than_its_file(tmp_path: Path) -> None:
    (tmp_path / "v9.0.yaml").write_text((DATA / "v3.1.yaml").read_text())
    copy = rounds.read_round(tmp_path / "v9.0.yaml")
    assert copy.name == "v9.0"
    assert copy._replace(name="v3.1") == V31
    with pytest.raises(BenchwrightError, match=r"v9\.1\.yaml"):
        rounds.read_round(tmp_path / "v9.1.yaml")
