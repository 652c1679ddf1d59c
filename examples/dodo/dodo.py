"""A dodo.py with tasks of its own that takes in two campaigns; any doit runs it.

`doit` packs the engine, `doit smoke` makes one accuracy run, `doit vision` the whole campaign.
"""

import tarfile

from benchwright.embed import campaign_tasks

DOIT_CONFIG = {"default_tasks": ["pack"]}
ENGINE = "build/vision/engines/resnet50-tiny/onnxruntime/main.onnx"


def task_benchmarks():
    yield from campaign_tasks("campaigns/vision.yaml", prefix="vision")
    yield from campaign_tasks("campaigns/smoke.yaml", prefix="smoke")


def pack(files, archive):
    with tarfile.open(archive, "w") as tar:
        for name in files:
            tar.add(name)


def task_pack():
    """Our engine and its campaign in one archive: made again when the engine is another one."""
    files = [ENGINE, "campaigns/vision.yaml"]
    return {"actions": [(pack, [files, "app.tar"])], "file_dep": files, "targets": ["app.tar"]}
