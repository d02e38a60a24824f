"""Where every chance decision of a picture comes from."""

from hashlib import blake2b

import numpy as np


def generator(*, seed: int, prompt: str, tag: str) -> np.random.Generator:
    """Return the stream of chance for one part of one picture.

    Each part of a picture draws from its own tag, so that a change in how the clouds are
    drawn does not move the mountains of every picture made before it.
    """
    material = blake2b(digest_size=16)
    for piece in (str(seed), prompt, tag):
        encoded = piece.encode("utf-8", "surrogatepass")
        material.update(len(encoded).to_bytes(8, "big") + encoded)
    return np.random.Generator(np.random.PCG64(int.from_bytes(material.digest(), "big")))
