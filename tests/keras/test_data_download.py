# SPDX-License-Identifier: Apache-2.0
"""Files fetched from a web server in this process: whole, cut, resumed, wrong, missing, packed."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tilewright import keras
from tilewright.datasets.download import fetch

CONTENT = np.random.default_rng(3).integers(0, 256, 300_000, np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files; ranges are honoured unless server.ranges is off; server.cuts is how many bytes
    each of the next answers sends before it breaks off."""

    def do_GET(self):
        server = self.server
        server.seen.append((self.path, self.headers.get("Range")))
        content = server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        start = 0
        if server.ranges and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return None
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        sent = content[start:]
        if server.cuts:
            sent = sent[: server.cuts.pop(0)]
        self.wfile.write(sent)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.seen, running.cuts, running.ranges = {"/data.bin": CONTENT}, [], [], True
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_fetched_once(server, cache):
    path = keras.utils.get_file(origin=f"{server.url}/data.bin", file_hash=SHA256)
    assert path == str(cache / "datasets" / "data.bin") and Path(path).read_bytes() == CONTENT
    assert keras.utils.get_file("data.bin", f"{server.url}/data.bin", file_hash=SHA256) == path
    assert keras.utils.get_file("data.bin", f"{server.url}/data.bin") == path
    assert len(server.seen) == 1 and names(cache / "datasets") == ["data.bin"]
    keras.utils.get_file("data.bin", f"{server.url}/data.bin", force_download=True)
    assert len(server.seen) == 2
    md5 = hashlib.md5(CONTENT).hexdigest()
    keras.utils.get_file("data.bin", f"{server.url}/data.bin", md5_hash=md5, cache_subdir="models")
    assert len(server.seen) == 3 and names(cache / "models") == ["data.bin"]


def test_a_cut_transfer_goes_on_where_it_stopped(server, tmp_path):
    server.cuts = [100_000, 0, 150_000]
    target = fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256)
    assert target.read_bytes() == CONTENT
    assert [seen[1] for seen in server.seen] == [None, "bytes=100000-", "bytes=100000-", "bytes=250000-"]


def test_another_run_goes_on_too(server, tmp_path):
    server.cuts = [50_000, 1, 1, 1]
    with pytest.raises(
        OSError, match=r"was cut 4 times, last after 50003 bytes .* put the file at .*data.bin"
    ):
        fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256)
    assert names(tmp_path) == ["data.bin.part"]
    server.seen.clear()
    assert fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256).read_bytes() == CONTENT
    assert server.seen == [("/data.bin", "bytes=50003-")] and names(tmp_path) == ["data.bin"]


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges, server.cuts = False, [70_000]
    assert fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256).read_bytes() == CONTENT
    assert [seen[1] for seen in server.seen] == [None, "bytes=70000-"]


def test_a_part_that_is_whole_or_too_long_is_noticed(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256).read_bytes() == CONTENT
    (tmp_path / "other.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(f"{server.url}/data.bin", tmp_path / "other.bin", SHA256).read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(server, tmp_path):
    server.files["/data.bin"] = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match=f"expected {SHA256}; nothing was kept"):
        fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256)
    assert names(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path, capsys):
    (tmp_path / "data.bin").write_bytes(CONTENT[:1000])
    assert fetch(f"{server.url}/data.bin", tmp_path / "data.bin", SHA256).read_bytes() == CONTENT
    assert "another sha256 than expected" in capsys.readouterr().err


def test_what_is_not_there_is_named(server, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"answers 404 Not Found.*put the file at .*none.bin by hand"):
        fetch(f"{server.url}/none.bin", tmp_path / "none.bin", SHA256)
    with pytest.raises(OSError, match="cannot be reached"):
        fetch("http://127.0.0.1:9/x.bin", tmp_path / "x.bin")
    assert names(tmp_path) == []
    with pytest.raises(ValueError, match="origin is None"):
        keras.utils.get_file("x")
    with pytest.raises(ValueError, match="fname is 'a/b', expected a file name"):
        keras.utils.get_file("a/b", f"{server.url}/data.bin")
    with pytest.raises(ValueError, match="hash_algorithm is 'crc'"):
        keras.utils.get_file("a", f"{server.url}/data.bin", hash_algorithm="crc")


def packed(form, member="inside/words.txt"):
    file = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(member, "abc")
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            entry = tarfile.TarInfo(member)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"abc"))
    return file.getvalue()


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_archives_are_unpacked(server, cache, form):
    server.files["/words.arc"] = packed(form)
    folder = keras.utils.get_file("words", f"{server.url}/words.arc", extract=True)
    assert (
        folder == str(cache / "datasets/words")
        and (cache / "datasets/words/inside/words.txt").read_text() == "abc"
    )
    folder = keras.utils.get_file("words.tar.gz", f"{server.url}/words.arc", extract=True)
    assert folder == str(cache / "datasets/words_extracted")
    with pytest.raises(ValueError, match="is no archive of format tar or zip"):
        keras.utils.get_file("data", f"{server.url}/data.bin", extract=True)


def test_nothing_is_unpacked_outside_the_folder(server, cache):
    server.files["/evil.tar"] = packed("tar", "../../evil.txt")
    with pytest.raises(tarfile.TarError):
        keras.utils.get_file("evil", f"{server.url}/evil.tar", untar=True)
    server.files["/evil.zip"] = packed("zip", "../../evil.txt")
    keras.utils.get_file("evil2", f"{server.url}/evil.zip", extract=True)
    assert not list(cache.parent.glob("evil.txt")) and not list(cache.glob("evil.txt"))
