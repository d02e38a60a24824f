"""Files as the site delivers them."""

from typing import Any


def read(response: Any) -> bytes:
    """The body of a file response. Its own `close` would end the test's database connection too."""
    content = b"".join(response.streaming_content)
    if getattr(response, "file_to_stream", None) is not None:
        response.file_to_stream.close()
    return content
