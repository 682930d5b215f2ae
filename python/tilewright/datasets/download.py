# SPDX-License-Identifier: Apache-2.0
"""Files fetched once into the cache folder: resumed where cut off, checked, and put in place whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

_BLOCK = 1 << 20
_TRIES = 4  # cut transfers are taken up again so many times before the error is shown


def cache_folder() -> Path:
    """$TILEWRIGHT_CACHE, or ~/.tilewright."""
    return Path(os.environ.get("TILEWRIGHT_CACHE") or Path.home() / ".tilewright").expanduser()


def digest(path, algorithm: str) -> str:
    """The file's hash in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fetch(url: str, target, file_hash: str | None = None, algorithm: str | None = None, name="get_file"):
    """`url` as the file `target`; what is there already is kept if its hash is right.

    The transfer goes to `<target>.part` and goes on there after a cut, also in another process and on another
    day.

    Parameters
        url : http, https or file
        target : path of the file to make
        file_hash : hexadecimal digits that the content must have; unchecked where None
        algorithm : "sha256" or "md5"; by the length of file_hash where None
        name : of the function, for messages
    Returns   the path
    Raises    ValueError: the content has another hash (it is removed).  OSError: no connection, no such file
              there (FileNotFoundError), or cut too often; the message names what to put where by hand
    """
    target = Path(target)
    algorithm = algorithm or ("md5" if file_hash is not None and len(file_hash) == 32 else "sha256")
    if target.exists():
        if file_hash is None or digest(target, algorithm) == file_hash:
            return target
        print(f"{target} has another {algorithm} than expected, it is fetched again", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with _only_one(part):
        if target.exists() and (file_hash is None or digest(target, algorithm) == file_hash):
            return target  # another process was quicker
        print(f"Downloading {url} to {target}", file=sys.stderr)
        _transfer(url, part, target, name)
        if file_hash is not None:
            found = digest(part, algorithm)
            if found != file_hash:
                part.unlink()
                raise ValueError(
                    f"[{name}] {url} has the {algorithm} {found}, expected {file_hash}; nothing was kept"
                )
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    return target


@contextlib.contextmanager
def _only_one(part: Path):
    """One process at a time writes a file; systems without locks go without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    lock = part.with_name(part.name + ".lock")
    while True:
        with open(lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not lock.exists() or not os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                continue  # who had it before has removed it
            try:
                yield
            finally:
                lock.unlink()
            return


def _transfer(url, part, target, name):
    """Appends to `part` until it is whole."""
    by_hand = f"put the file at {target} by hand, or try again: what has arrived is kept"
    error = None
    for _ in range(_TRIES):
        try:
            if _append(url, part):
                return
            error = "the connection was cut"
        except urllib.error.HTTPError as answer:
            answer.close()
            raise (FileNotFoundError if answer.code in (404, 410) else OSError)(
                f"[{name}] {url} answers {answer.code} {answer.reason}, expected a file; {by_hand}"
            ) from answer
        except urllib.error.URLError as refused:
            raise OSError(f"[{name}] {url} cannot be reached ({refused.reason}); {by_hand}") from refused
        except (http.client.HTTPException, ConnectionError, TimeoutError) as cut:
            error = f"{type(cut).__name__}: {cut}"
    size = part.stat().st_size if part.exists() else 0
    raise OSError(f"[{name}] {url} was cut {_TRIES} times, last after {size} bytes ({error}); {by_hand}")


def _append(url, part) -> bool:
    """One request for what is missing. Whether the file is whole now."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "tilewright", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing is left behind `start`: whole, unless the file has changed since.
        size = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        error.close()
        if not size.isdigit() or int(size) == start:
            return True
        part.unlink()
        return False
    with answer:
        goes_on = answer.status == 206 if hasattr(answer, "status") else False
        if goes_on and not (answer.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
            part.unlink()
            return False
        length = answer.headers.get("Content-Length")
        written = 0
        with open(part, "ab" if goes_on else "wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                written += len(block)
    return length is None or written == int(length)


def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """A file from the web, kept in the cache folder, as Keras's get_file.

    Parameters
        fname : name in the cache; the last part of `origin` where None
        origin : address
        untar, extract : unpack the archive; the folder it is unpacked to is returned
        md5_hash, file_hash : hash the file must have;  hash_algorithm : "sha256", "md5", or "auto" by its
            length
        cache_subdir, cache_dir : folder; $TILEWRIGHT_CACHE or ~/.tilewright is cache_dir's default
        archive_format : "tar", "zip", "auto", a list of them, or None for no archive
        force_download : fetch even what is there
    Returns   the path of the file, or of the folder, as a string
    Raises    as `fetch`; ValueError: no origin, a path as fname, an archive of another format
    """
    if not origin:
        raise ValueError("[get_file] origin is None, expected the address of a file")
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name or os.path.basename(name) != name:
        raise ValueError(f"[get_file] fname is {name!r}, expected a file name; give folders as cache_dir")
    if hash_algorithm not in ("auto", "sha256", "md5"):
        raise ValueError(
            f"[get_file] hash_algorithm is {hash_algorithm!r}, expected 'auto', 'sha256' or 'md5'"
        )
    if file_hash is None and md5_hash is not None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = (Path(cache_dir).expanduser() if cache_dir else cache_folder()) / cache_subdir
    unpack = untar or extract
    archive = name if not unpack or (fname and "." in name) else f"{name}_archive"
    target = folder / archive
    if force_download:
        target.unlink(missing_ok=True)
    fetch(origin, target, file_hash, None if hash_algorithm == "auto" else hash_algorithm)
    if not unpack:
        return str(target)
    stem = name.partition(".")[0] + "_extracted" if fname and "." in name else name
    unpacked_to = folder / stem
    unpack_archive(target, unpacked_to, "tar" if untar else archive_format)
    return str(unpacked_to)


def unpack_archive(archive, folder, archive_format="auto") -> None:
    """Unpacks a tar or zip file; nothing may land outside `folder`. Raises ValueError for another format."""
    formats = ("tar", "zip") if archive_format == "auto" else archive_format
    formats = (formats,) if isinstance(formats, str) else tuple(formats or ())
    folder = Path(folder)
    if "tar" in formats and tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    elif "zip" in formats and zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:  # drops drive letters, leading slashes and ".." itself
            file.extractall(folder)
    else:
        raise ValueError(f"[get_file] {archive} is no archive of format {' or '.join(formats) or None}")
