"""The clicks of the tiny preset: generated from a hidden model, with the features of Criteo's logs.

Users and items have features of their own; a sample is one user with some items. Whether a user
clicks is drawn with a probability that depends on both: a weight for each feature, and the product
of a user's and an item's hidden vectors, which their features determine. So the best AUC that any
model can reach is known. Here is no training; everything follows from a seed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchwright_recommendation import trace
from benchwright_recommendation.architecture import DENSE, TINY

USERS, ITEMS = 16_000, 1_500
EVALUATION = 640
"""Users of the evaluation, one sample each; none of them is in training."""
DATA_SEED = 23

_OF_USER = 6
"""Dense features that describe the user; the others describe the item."""
_HIDDEN = 2
_USER_SCALE, _ITEM_SCALE, _PRODUCT_SCALE, _BIAS = 1.1, 1.2, 1.0, -2.2


class Clicks(NamedTuple):
    """A day of clicks as the data set's files hold it, and the probabilities behind it.

    dense float32 [rows, 13], bags int32 [rows, hot] for each feature, labels int32 [rows, 1],
    offsets int64 [samples + 1], probabilities float64 [rows].
    """

    dense: NDArray[np.float32]
    bags: list[NDArray[np.int32]]
    labels: NDArray[np.int32]
    offsets: trace.Offsets
    probabilities: NDArray[np.float64]


class _Side(NamedTuple):
    """Users or items: dense float32 [N, n], ids int64 [N, m], the hidden model's linear part
    float64 [N] and vectors float64 [N, 2]."""

    dense: NDArray[np.float32]
    ids: NDArray[np.int64]
    linear: NDArray[np.float64]
    hidden: NDArray[np.float64]


def generate() -> tuple[Clicks, Clicks]:
    """The training day and the evaluation day."""
    random = np.random.RandomState(DATA_SEED)
    features = np.arange(len(TINY.rows))
    users = _side(random, USERS + EVALUATION, _OF_USER, features[::2], _USER_SCALE)
    items = _side(random, ITEMS, DENSE - _OF_USER, features[1::2], _ITEM_SCALE)
    # Each id of a feature stands for the same bag of ids wherever it occurs, as in the official
    # multi-hot data; the first is the id itself.
    bags = [_bags(random, rows, hot) for rows, hot in zip(TINY.rows, TINY.hot, strict=True)]
    training = _day(random, users, items, bags, np.arange(USERS))
    evaluation = _day(random, users, items, bags, np.arange(USERS, USERS + EVALUATION))
    return training, evaluation


def _side(
    random: np.random.RandomState, count: int, dense: int, tables: NDArray[np.int64], scale: float
) -> _Side:
    raw = np.floor(random.lognormal(1.0, 1.2, (count, dense)))
    values = np.log(raw + 3).astype(np.float32)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    linear = standard @ random.normal(size=dense)
    hidden = standard @ random.normal(size=(dense, _HIDDEN))
    ids = np.empty((count, len(tables)), np.int64)
    for column, table in enumerate(tables):
        rows = TINY.rows[table]
        likely = 1 / (np.arange(rows) + 10)
        ids[:, column] = random.choice(rows, count, p=likely / likely.sum())
        linear += random.normal(size=rows)[ids[:, column]]
        hidden += random.normal(size=(rows, _HIDDEN))[ids[:, column]]
    linear *= scale / linear.std()
    return _Side(values, ids, linear, hidden / hidden.std())


def _bags(random: np.random.RandomState, rows: int, hot: int) -> NDArray[np.int32]:
    bags = random.randint(0, rows, (rows, hot))
    bags[:, 0] = np.arange(rows)
    return bags.astype(np.int32)


def _day(
    random: np.random.RandomState,
    users: _Side,
    items: _Side,
    bags: list[NDArray[np.int32]],
    chosen: NDArray[np.int64],
) -> Clicks:
    sizes = np.asarray(trace.QUANTILES)[random.randint(0, len(trace.QUANTILES), len(chosen))] // 10
    user = np.repeat(chosen, sizes)
    # No item occurs twice in a sample.
    item = np.concatenate([random.permutation(len(items.ids))[:size] for size in sizes])
    product = (users.hidden[user] * items.hidden[item]).sum(axis=1) / np.sqrt(_HIDDEN)
    logits = _BIAS + users.linear[user] + items.linear[item] + _PRODUCT_SCALE * product
    probabilities = 1 / (1 + np.exp(-logits))
    ids = np.empty((len(user), len(bags)), np.int64)
    ids[:, ::2], ids[:, 1::2] = users.ids[user], items.ids[item]
    return Clicks(
        dense=np.concatenate([users.dense[user], items.dense[item]], axis=1),
        bags=[bag[ids[:, table]] for table, bag in enumerate(bags)],
        labels=(random.uniform(size=len(user)) < probabilities).astype(np.int32)[:, None],
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        probabilities=probabilities,
    )
