"""The digits of the tiny preset: loading, the seeded split, and the archive that is shipped.

Here is no training and no network; scikit-learn and Pillow are imported where they are used.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchwright import training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Images = NDArray[np.uint8]
    Labels = NDArray[np.int64]

EVALUATION = 1024
"""Evaluation images: resnet50's performance sample count in every round."""
SPLIT_SEED = 1998
MEANS = (123.68, 116.78, 103.94)
"""Subtracted per RGB channel by the benchmark's preprocessing, here as in ImageNet's."""


def load_images() -> tuple[Images, Labels]:
    """All digits of scikit-learn: uint8 [1797, 8, 8] (0..16 stretched to 0..255), int64 [1797]."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * 255.0 / 16.0).astype(np.uint8)
    return images, digits.target.astype(np.int64)


def split(labels: Labels) -> tuple[Labels, Labels]:
    """Indices of the training and of the evaluation images, stratified by label, seeded."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    training, evaluation = train_test_split(
        np.arange(len(labels)), test_size=EVALUATION, stratify=labels, random_state=SPLIT_SEED
    )
    return training, evaluation


def pack(images: Images, labels: Labels) -> bytes:
    """The data set as a gzipped tar that depends on nothing but the images and the libraries."""
    from PIL import Image

    names = [f"images/{index:05d}.png" for index in range(len(images))]
    members: dict[str, bytes] = {}
    for name, image in zip(names, images, strict=True):
        png = io.BytesIO()
        Image.fromarray(image).save(png, format="PNG", optimize=True)
        members[name] = png.getvalue()
    lines = [f"{name} {label}\n" for name, label in zip(names, labels, strict=True)]
    members["val_map.txt"] = "".join(lines).encode("ascii")
    return training.pack(members)


def unpack(dataset: Path) -> tuple[NDArray[np.float32], Labels]:
    """Preprocessed samples float32 [N, 3, 8, 8] and labels int64 [N], in the map's order."""
    import numpy as np
    from PIL import Image

    samples, labels = [], []
    with tarfile.open(dataset) as archive:

        def read(name: str) -> bytes:
            member = archive.extractfile(name)
            if member is None:
                raise ValueError(f"{dataset}: {name} is not a plain file")
            return member.read()

        for line in read("val_map.txt").decode("ascii").splitlines():
            name, label = line.split()
            rgb = np.asarray(Image.open(io.BytesIO(read(name))).convert("RGB"), dtype=np.float32)
            samples.append((rgb - np.array(MEANS, dtype=np.float32)).transpose(2, 0, 1))
            labels.append(int(label))
    return np.stack(samples), np.array(labels, dtype=np.int64)
