"""What a file is, by its first bytes. What a provider calls it is a claim."""

from providers.errors import BadOutput

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
)
# Frames of MPEG audio without a tag before them: eleven set bits, then layer 3, or AAC's own head.
_FRAMES = {b"\xff\xfb": "audio/mpeg", b"\xff\xf3": "audio/mpeg", b"\xff\xf2": "audio/mpeg", b"\xff\xf1": "audio/aac",
           b"\xff\xf9": "audio/aac"}  # fmt: skip
# Samples without a head: nothing in the bytes says what they are, so the provider's word stands.
_HEADLESS = ("audio/pcm", "audio/l16", "audio/x-raw")
MOST_BYTES = {"image": 40_000_000, "audio": 200_000_000, "video": 500_000_000, "text": 10_000_000}


def type_of(content: bytes, *, said: str) -> str:
    """The media type of a result that is to be `said`; empty for any kind that can be told by its bytes, which no text
    can. Raises BadOutput when it is another kind of thing."""
    claimed = said.partition(";")[0].strip().lower()
    kind = claimed.partition("/")[0]
    if not content:
        raise BadOutput("The provider returned an empty file.")
    if kind == "text" or claimed == "application/json":
        return claimed
    found = _sniffed(content)
    if found is None and claimed in _HEADLESS:
        return claimed
    if found is None or (kind in MOST_BYTES and found.partition("/")[0] != kind):
        raise BadOutput(f"The provider says {claimed[:60]!r} and returned {found or 'something unknown'}.")
    return found


def most_bytes(said: str) -> int:
    """How long a file of this media type may be."""
    return MOST_BYTES.get(said.partition("/")[0], max(MOST_BYTES.values()))


def _sniffed(content: bytes) -> str | None:
    for start, signature, found in _SIGNATURES:
        if content[start : start + len(signature)] == signature:
            return found
    return _FRAMES.get(content[:2])
