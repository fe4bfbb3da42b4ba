"""A TUF client that owes nothing to Signet: python-tuf's ngclient, over HTTP on loopback."""
import http.server
import tempfile
import threading
from pathlib import Path

from tuf.ngclient import Updater


class Mirror:
    """Serves the files that `files` (path -> bytes) holds at the moment of each request, on 127.0.0.1."""

    def __init__(self, files):
        mirror = self
        self.files = files

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536  # an answer in one segment: two would wait 40 ms for each other

            def do_GET(self):  # noqa: N802: the name that http.server calls
                body = mirror.files.get(self.path.lstrip("/"))
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def served(metadata, targets):
    """The files of a repository under the paths that fetch() asks for."""
    return {**{f"metadata/{name}": data for name, data in metadata.items()},
            **{f"targets/{name}": data for name, data in targets.items()}}


def fetch(url, anchor, paths):
    """What a new client does that trusts `anchor` (a root.json, bytes) and nothing else: refresh, then download
    `paths`. Returns (Updater's trusted root version, {path: bytes}); raises whatever ngclient raises."""
    with tempfile.TemporaryDirectory(prefix="signet-tuf-client-") as directory:
        base = Path(directory)
        (base / "metadata").mkdir()
        (base / "targets").mkdir()
        updater = Updater(str(base / "metadata"), f"{url}/metadata/", str(base / "targets"), f"{url}/targets/",
                          bootstrap=anchor)
        updater.refresh()
        found = {}
        for path in paths:
            info = updater.get_targetinfo(path)
            if info is None:
                raise LookupError(f"no role vouches for {path}")
            found[path] = Path(updater.download_target(info)).read_bytes()
        return updater._trusted_set.root.version, found
