"""MedMNIST's 2-D sets: their names, and their files, downloaded once and checked."""

import difflib
import hashlib
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from filelock import FileLock

from medunlearn.data.npz import ImageData, read_npz
from medunlearn.errors import DataError, Fault, InputError
from medunlearn.files import access_remedy
from medunlearn.plugins import names as plugin_names
from medunlearn.runs.class_names import check_class_names
from medunlearn.training.progress import download_bar

SIZES = (28, 64, 128, 224)

ATTEMPTS = 5
BACKOFF = 0.5  # seconds after the first failure, doubled after each further one
TIMEOUT = 60.0  # seconds of silence on the connection
CHUNK = 1 << 20  # bytes


def dataset_names() -> list[str]:
    """Return the names of the 2-D sets with one label for each image."""
    return [name for name, info in _info().items() if not name.endswith("3d") and "multi-label" not in info["task"]]


def check_dataset(name: str, size: int) -> None:
    """Reject a data set or a size that MedMNIST does not offer.

    Raises:
        InputError: If it does not offer them; the message lists what it offers.
    """
    names = dataset_names()
    if name in _info() and name not in names:
        kind = "3-D images" if name.endswith("3d") else f"{len(_info()[name]['label'])} labels an image (multi-label)"
        raise InputError(
            f"dataset={name}: has {kind}, which is not supported; choose one of {', '.join(names)}", part="data"
        )
    if name not in names:
        names += plugin_names("datasets")
        close = difflib.get_close_matches(str(name).lower(), names, n=1)
        hint = f"did you mean {close[0]}? The choice is" if close else "choose one of"
        raise InputError(
            f"dataset={name}: not a 2-D MedMNIST set with single labels; {hint} {', '.join(names)}", part="data"
        )
    offered = [size for size in SIZES if f"url{_suffix(size)}" in _info()[name]]
    if size not in offered:
        raise InputError(
            f"size={size}: no such size of {name}; choose one of {', '.join(map(str, offered))}", part="data"
        )


def num_classes_of(name: str) -> int:
    """Return the number of classes of a MedMNIST set."""
    return len(_info()[name]["label"])


def class_names_of(name: str) -> tuple[str, ...] | None:
    """Return the names of the classes of a MedMNIST set; None if it only numbers them, like RetinaMNIST's grades."""
    label = _info()[name]["label"]
    try:
        return check_class_names([label[str(number)] for number in range(len(label))])
    except Fault:
        return None


def dataset_path(name: str, size: int, root: Path | str) -> Path:
    """Return the path of the file below `root`; the medmnist package uses the same names."""
    return Path(root) / f"{name}{_suffix(size)}.npz"


def read_dataset(name: str, size: int, root: Path | str, download: bool = True, test: bool = True) -> ImageData:
    """Read a MedMNIST set, downloaded if necessary, with or without its test images.

    Raises:
        InputError: If there is no such set, or its file cannot be downloaded or read.
    """
    path = fetch(name, size, root, download)
    data = read_npz(path, num_classes_of(name), source=f"dataset={name}: {path}", test=test)
    return replace(data, name=name)


def fetch(name: str, size: int, root: Path | str, download: bool = True) -> Path:
    """Return the path of a MedMNIST file with the published MD5, downloaded if it is missing.

    Several processes may call this at once: one downloads, the others wait for it.

    Raises:
        InputError: If the file is altered, or is missing and cannot be downloaded.
    """
    check_dataset(name, size)
    path, info = dataset_path(name, size, root), _info()[name]
    url, md5 = info[f"url{_suffix(size)}"], info[f"MD5{_suffix(size)}"]
    try:
        if path.exists():
            _verify(path, md5)
        elif download:
            _download_once(url, path, md5)
        else:
            raise DataError(
                f"root={root}: no file {path.name} there and data.download=false; "
                "give the folder that holds it, or data.download=true",
                part="data",
            )
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or path})"
        raise DataError(f"root={root}: {reason}; {access_remedy(error, path)}", part="data") from error
    return path


def _info() -> dict[str, dict[str, Any]]:
    from medmnist.info import INFO  # slow: the package imports torch, pandas and scikit-learn

    return dict(INFO)


def _suffix(size: int) -> str:
    return "" if size == 28 else f"_{size}"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _verify(path: Path, md5: str) -> None:
    found = _md5(path)
    if found != md5:
        raise DataError(
            f"root={path.parent}: {path.name} is truncated or altered (MD5 {found}, not {md5}); "
            "delete it and set data.download=true, or give data.file if it is meant to differ",
            part="data",
        )


def _download_once(url: str, path: Path, md5: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if path.exists():  # another process held the lock and downloaded it
            _verify(path, md5)
        else:
            _download(url, path, md5)


def _download(url: str, path: Path, md5: str) -> None:
    part = path.with_name(f"{path.name}.part")
    # A run that was killed just before the rename has left a whole file.
    if not (part.exists() and _md5(part) == md5):
        _transfer(url, part, path)
        found = _md5(part)
        if found != md5:
            part.unlink()
            raise DataError(
                f"root={path.parent}: {url} sent another file than {path.name} (MD5 {found}, not {md5}), now "
                f"deleted; try again, or copy the file to {path} by hand",
                part="data",
            )
    part.replace(path)


class _Failed(Exception):
    """An attempt broke off; `again` says whether another may succeed."""

    def __init__(self, reason: object, again: bool = True) -> None:
        super().__init__(" ".join(str(reason).split()))
        self.again = again


def _transfer(url: str, part: Path, path: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _receive(url, part)
            return
        except _Failed as failure:
            if attempt == ATTEMPTS or not failure.again:
                raise DataError(
                    f"root={path.parent}: {path.name} is not there and {url} could not be downloaded ({failure}); "
                    f"copy the file to {path} by hand, try again, or give data.file",
                    part="data",
                ) from failure
        time.sleep(BACKOFF * 2 ** (attempt - 1))


def _receive(url: str, part: Path) -> None:
    """Fetch what `part` still lacks."""
    start = part.stat().st_size if part.exists() else 0
    with _request(url, start, part) as answer:
        if answer.status != 206:
            start = 0  # the server does not support ranges and sends the file from its beginning
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.unlink(missing_ok=True)
            raise _Failed("the server sent a range other than the requested one")
        _write(answer, part, start)


def _request(url: str, start: int, part: Path) -> HTTPResponse:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise _Failed("only http and https are allowed", again=False)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code == 416 and start > 0
        if again:  # `part` is longer than the file
            part.unlink()
        raise _Failed(error, again=again or error.code in (408, 429) or error.code >= 500) from error
    except (OSError, HTTPException) as error:
        raise _Failed(getattr(error, "reason", error)) from error
    return answer


def _write(answer: HTTPResponse, part: Path, start: int) -> None:
    total = None if answer.length is None else start + answer.length
    name = part.name.removesuffix(".part")
    with (
        part.open("ab" if start else "wb") as file,
        download_bar(name, start, total) as bar,
    ):
        for chunk in _chunks(answer):
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())  # or a power cut after the rename could leave an empty file under the final name
        received = file.tell()
    if total is not None and received != total:
        raise _Failed(f"the connection ended after {received} of {total} bytes")


def _chunks(answer: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise _Failed(error) from error
