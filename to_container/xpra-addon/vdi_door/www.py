# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's files, read once at start: a request can only ever name one of them, never a path."""

import hashlib
import os
import re
from dataclasses import dataclass

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
# The names that the page's build gives its compressed twins.
TWINS = (("br", ".br"), ("gzip", ".gzip"))
_HASHED = re.compile(r"-[A-Z0-9]{8}\.(js|css)$")
# Addresses of old: `desktop.html`, `mhd-desktop-index.html`. They all are the page, which reads its own address.
_OLD_ADDRESS = re.compile(r"^/[A-Za-z0-9._-]{1,128}\.html$")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        # No text becomes code, but for the one address that the page's own gate of this name lets through.
        "require-trusted-types-for 'script'; trusted-types vdi"
    ),
    # Browsers take it from a certificate that they trust only, and never for a bare address; names below this one are not meant.
    "Strict-Transport-Security": "max-age=15552000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "clipboard-read=(self), clipboard-write=(self), fullscreen=(self), "
        "camera=(), microphone=(), geolocation=()"
    ),
}


@dataclass(frozen=True)
class File:
    content_type: str
    cache: str
    tag: str
    # By content coding; "identity" is always there.
    bodies: dict[str, bytes]

    def best(self, accepted: str) -> tuple[str, bytes]:
        """The coding to send and its bytes, for a header `Accept-Encoding`."""
        names = {part.split(";")[0].strip().lower() for part in accepted.split(",") if not part.replace(" ", "").endswith(";q=0")}
        for coding, _suffix in TWINS:
            if coding in names and coding in self.bodies:
                return coding, self.bodies[coding]
        return "identity", self.bodies["identity"]


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Site:
    def __init__(self, root: str) -> None:
        self.files: dict[str, File] = {}
        for directory, _directories, names in os.walk(root):
            for name in names:
                extension = os.path.splitext(name)[1]
                if extension not in TYPES:
                    continue
                path = os.path.join(directory, name)
                bodies = {"identity": _read(path)}
                for coding, suffix in TWINS:
                    if os.path.isfile(path + suffix):
                        bodies[coding] = _read(path + suffix)
                address = "/" + os.path.relpath(path, root).replace(os.sep, "/")
                self.files[address] = File(
                    content_type=TYPES[extension],
                    cache="public, max-age=31536000, immutable" if _HASHED.search(name) else "no-cache",
                    tag=f'"{hashlib.sha256(bodies["identity"]).hexdigest()[:32]}"',
                    bodies=bodies,
                )

    def find(self, path: str) -> File | None:
        """The file at an address' path, the page for `/` and for addresses of old, or None."""
        if path == "/" or (path not in self.files and _OLD_ADDRESS.match(path)):
            path = "/index.html"
        return self.files.get(path)
