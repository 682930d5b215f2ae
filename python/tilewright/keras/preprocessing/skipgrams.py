# SPDX-License-Identifier: Apache-2.0
"""`skipgrams`: pairs of words that stand near each other (Mikolov et al., arXiv:1301.3781), and the table by
which frequent words are left out."""

from __future__ import annotations

import math

import numpy as np

from tilewright import random
from tilewright.suggestion import named_arguments


@named_arguments
def make_sampling_table(size, sampling_factor=1e-5):
    """How likely the word of each rank is kept, where words are numbered by falling frequency.

    Frequencies follow Zipf's law: the word of rank r has about 1 / (r (log r + 0.577) + 1/2 - 1/(12 r)).

    Returns   numpy.ndarray (size,) float64
    """

    def share(rank: int) -> float:
        zipf = rank * (math.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
        return min(1.0, math.sqrt(sampling_factor * zipf))

    return np.array([share(max(rank, 1)) for rank in range(size)])


@named_arguments
def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Pairs of words at most `window_size` apart, labelled 1, and as many chance pairs, labelled 0.

    Parameters
        sequence : word numbers; 0 is no word
        negative_samples : chance pairs for each true one
        categorical : labels are [0, 1] and [1, 0]
        sampling_table : how likely each word is kept (`make_sampling_table`); all where None
        seed : of the order and the chance pairs
    Returns   couples, labels : lists of [word, word], and of labels
    """
    rng = random.host_generator(random.make_seed() if seed is None else seed)
    true, chance = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < rng.random()):
            continue
        around = [*sequence[max(0, i - window_size) : i], *sequence[i + 1 : i + window_size + 1]]
        couples += [[word, other] for other in around if other]
    labels = [true] * len(couples)
    count = int(len(couples) * negative_samples)
    if count:
        words = rng.permutation([word for word, _ in couples]).tolist()
        others = rng.integers(1, vocabulary_size, count).tolist()
        couples += [[words[i % len(words)], other] for i, other in enumerate(others)]
        labels += [chance] * count
    if shuffle:
        order = rng.permutation(len(couples)).tolist()
        couples, labels = [couples[i] for i in order], [labels[i] for i in order]
    return couples, labels
