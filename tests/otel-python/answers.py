"""Asks a running recorder over its HTTP API."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, build_opener

# Small enough that the list of sessions and the lists of the longest of them take several pages.
PAGE = 100


class Recorder:
    """The API of one recorder."""

    def __init__(self, http: str):
        self.http = http
        self.opener = build_opener(ProxyHandler({}))
        self.contents: dict[str, str] = {}

    def bytes(self, path: str) -> bytes:
        try:
            with self.opener.open(f"{self.http}/api/v1{path}") as answer:
                return answer.read()
        except HTTPError as refused:
            raise RuntimeError(f"GET /api/v1{path}: {refused}: {refused.read().decode()}") from refused

    def one(self, path: str) -> dict:
        return json.loads(self.bytes(path))

    def all(self, path: str, **question: str) -> list[dict]:
        """Every item of a list, page by page."""
        items, cursor = [], None
        while True:
            asked = {**question, "limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = self.one(f"{path}?{urlencode(asked)}")
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def of_session(self, session: str, what: str) -> str:
        """The path of a part of a session; ids may hold anything."""
        return f"/sessions/{quote(session, safe='')}/{what}"

    def content(self, sha256: str) -> str:
        """The content with this hash, which cannot change."""
        if sha256 not in self.contents:
            self.contents[sha256] = self.bytes(f"/artifacts/{sha256}").decode()
        return self.contents[sha256]
