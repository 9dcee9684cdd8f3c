"""The image data: MNIST read, verified and downloaded, and the stand-in for it.

No test leaves this machine: a server here plays torchvision's mirrors, with a tiny MNIST.
"""

import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from course_lib import data
from course_lib.data import download, images
from course_lib.data import stored as stored_files

OWNED = images.owned
CHECKOUT = Path(data.__file__).resolve().parents[2]
GZ_NAMES = [name for name, _ in datasets.MNIST.resources]


def idx(*shape, seed):
    """Return a file in MNIST's format: random bytes below 10 of the given shape."""
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    content = torch.randint(10, shape, generator=torch.Generator().manual_seed(seed))
    return header + bytes(content.flatten().tolist())


RAW = {
    "train-images-idx3-ubyte": idx(6, 28, 28, seed=0),
    "train-labels-idx1-ubyte": idx(6, seed=1),
    "t10k-images-idx3-ubyte": idx(4, 28, 28, seed=2),
    "t10k-labels-idx1-ubyte": idx(4, seed=3),
}
PACKED = {f"{name}.gz": gzip.compress(content) for name, content in RAW.items()}
SHA256 = {name: hashlib.sha256(content).hexdigest() for name, content in RAW.items()}
MD5 = {name: hashlib.md5(content).hexdigest() for name, content in PACKED.items()}


class Mirrors(BaseHTTPRequestHandler):
    """Serve ``/behaviour/file.gz``: the first folder says what goes wrong."""

    def do_GET(self):
        behaviour, name = self.path.strip("/").split("/")
        self.server.seen[self.path] += 1
        nth, probed = self.server.seen[self.path], name == GZ_NAMES[-1]
        content = PACKED[name]
        if behaviour == "late" and probed and nth == 1:
            time.sleep(0.5)  # so that the mirror under test answers first
        if behaviour == "error" or (behaviour == "busy" and probed and nth == 1):
            self.send_error(503)
            return
        if behaviour == "garbage":
            content = b"<html>Please log in to the hotel's network.</html>"
        # torchvision asks twice for each file, and reads the second answer only
        fails_now = behaviour == "stall" or (behaviour == "cut" and nth <= 2)
        broken = fails_now and name == GZ_NAMES[0]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if broken else content)
        if behaviour == "stall" and broken:
            self.wfile.flush()
            self.server.waited_for = not self.server.over.wait(600)

    def log_message(self, *args):
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # the client hung up, which some of the tests are about


@pytest.fixture
def server(monkeypatch):
    """A server of mirrors; ``server.use("cut", "late")`` makes them torchvision's."""
    with QuietServer(("127.0.0.1", 0), Mirrors) as server:
        server.seen, server.over, server.waited_for = Counter(), threading.Event(), False

        def use(*behaviours):
            base = f"http://127.0.0.1:{server.server_port}"
            monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{base}/{b}/" for b in behaviours])

        server.use = use
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def tiny_mnist(monkeypatch):
    """Let the tiny files be the real ones, and torchvision's real mirrors out of reach."""
    monkeypatch.setattr(stored_files, "SHA256", SHA256)
    monkeypatch.setattr(images, "owned", lambda place: True)
    monkeypatch.setattr(datasets.MNIST, "resources", list(MD5.items()))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [])
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")


@pytest.fixture
def stored(tmp_path):
    """A data folder that holds the tiny MNIST."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in RAW.items():
        (raw / name).write_bytes(content)
    return tmp_path


@pytest.fixture(scope="module")
def digits():
    return data.digits()


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


WHOLE = {str(Path("MNIST", "raw", name)) for name in RAW}


def read_only(*args, **kwargs):
    raise PermissionError(13, "Permission denied")


# Reading


def test_mnist_is_read_and_scaled(stored):
    images = data.mnist(stored, download=False)
    assert images.name == "mnist"
    assert images.x_train.shape == (6, 1, 28, 28) and images.x_test.shape == (4, 1, 28, 28)
    assert images.x_train.dtype == torch.float32 and images.y_train.dtype == torch.long
    assert images.y_train.tolist() == list(RAW["train-labels-idx1-ubyte"][8:])
    assert images.y_test.tolist() == list(RAW["t10k-labels-idx1-ubyte"][8:])
    grey = torch.tensor(list(RAW["t10k-images-idx3-ubyte"][16:]))
    assert torch.allclose(images.x_test.flatten(), grey / 127.5 - 1)


def test_a_good_folder_is_neither_written_to_nor_downloaded_again(stored, monkeypatch, capsys):
    monkeypatch.setattr(Path, "mkdir", read_only)
    monkeypatch.setattr(tempfile, "mkdtemp", read_only)
    monkeypatch.setattr(os, "replace", read_only)
    assert data.load_images(stored).name == "mnist"
    assert capsys.readouterr() == ("", "")


def test_an_image_data_is_short_in_print(stored):
    shown = repr(data.mnist(stored))
    assert "mnist" in shown and len(shown) < 200


def test_course_data_names_the_folder(stored, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(stored))
    assert data.data_dir() == stored
    assert data.mnist(download=False).name == "mnist"


def test_without_course_data_the_folder_is_the_checkout_s(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert data.data_dir() == CHECKOUT / "data"
    monkeypatch.setenv("COURSE_DATA", "")
    assert data.data_dir() == CHECKOUT / "data"
    monkeypatch.setattr(
        images, "__file__", str(tmp_path / "site-packages" / "course_lib" / "data" / "a.py")
    )
    assert data.data_dir() == Path("data")


def test_the_home_folder_may_be_a_tilde(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", os.path.join("~", "course"))
    assert data.data_dir() == Path.home() / "course"


# Downloading


@pytest.mark.parametrize("damage", ["truncated", "altered", "gone"])
def test_a_damaged_file_is_noticed_and_replaced(stored, server, capsys, damage):
    server.use("good")
    name = "train-images-idx3-ubyte"
    victim = stored / "MNIST" / "raw" / name
    content = bytearray(victim.read_bytes())
    victim.unlink()
    if damage == "truncated":
        victim.write_bytes(content[:-100])
    elif damage == "altered":
        content[500] ^= 1
        victim.write_bytes(content)
    data.mnist(stored)
    assert victim.read_bytes() == RAW[name]
    assert files(stored) == WHOLE
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and name in said and "labels" not in said


def test_a_folder_in_the_place_of_a_file_is_reported(stored, server):
    server.use("good")
    victim = stored / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    victim.unlink()
    victim.mkdir()
    with pytest.raises(data.DataUnavailable, match="t10k-labels"):
        data.mnist(stored)


@pytest.mark.parametrize(
    "behaviours",
    [
        ["good"],
        ["garbage", "late"],
        ["error", "late"],
        ["stall", "late"],
        ["busy"],
        ["cut"],
    ],
    ids=" then ".join,
)
def test_a_download_survives_a_bad_mirror(tmp_path, server, monkeypatch, behaviours):
    monkeypatch.setattr(download, "_STALL", 0.5)
    server.use(*behaviours)
    root = tmp_path / "not" / "there" / "yet"
    images = data.mnist(root)
    assert not server.waited_for  # a mirror that stalls was left, however slow this machine is
    assert images.y_train.tolist() == list(RAW["train-labels-idx1-ubyte"][8:])
    assert files(root) == WHOLE
    assert socket.getdefaulttimeout() is None
    assert server.seen[f"/{behaviours[0]}/{GZ_NAMES[-1]}"] > 0  # the first one was asked
    if behaviours[0] in ("garbage", "stall", "cut"):  # and used, in vain at first
        assert server.seen[f"/{behaviours[0]}/{GZ_NAMES[0]}"] > 0


def test_a_mirror_that_is_always_wrong_is_given_up(tmp_path, server):
    server.use("garbage")
    with pytest.raises(data.DataUnavailable, match="download failed") as caught:
        data.mnist(tmp_path)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == set()
    assert server.seen[f"/garbage/{GZ_NAMES[0]}"] >= download._ATTEMPTS


def test_files_that_differ_in_spite_of_their_checksum_are_refused(tmp_path, server, monkeypatch):
    server.use("good")
    monkeypatch.setattr(stored_files, "SHA256", {**SHA256, "t10k-labels-idx1-ubyte": "0" * 64})
    with pytest.raises(data.DataUnavailable, match="differ from the real ones"):
        data.mnist(tmp_path)
    assert files(tmp_path) == set()


def test_an_interrupted_download_leaves_nothing(stored, server, monkeypatch):
    server.use("good")
    victim = stored / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    victim.write_bytes(b"half")
    download = datasets.mnist.download_and_extract_archive

    def interrupted(url, *args, **kwargs):
        if "labels" in url:
            raise KeyboardInterrupt
        download(url, *args, **kwargs)

    monkeypatch.setattr(datasets.mnist, "download_and_extract_archive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.mnist(stored)
    assert files(stored) == WHOLE and victim.read_bytes() == b"half"
    assert socket.getdefaulttimeout() is None


def test_a_damaged_file_in_a_read_only_folder_is_reported(stored, server, monkeypatch):
    server.use("good")
    (stored / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(b"half")
    monkeypatch.setattr(tempfile, "mkdtemp", read_only)
    with pytest.raises(
        data.DataUnavailable, match=r"train-labels.*Permission denied.*COURSE_DATA"
    ):
        data.mnist(stored)


def test_a_file_that_another_program_holds_is_reported(stored, server, monkeypatch):
    server.use("good")
    (stored / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(b"half")
    monkeypatch.setattr(os, "replace", read_only)  # what Windows says of a file in use
    with pytest.raises(data.DataUnavailable, match=r"train-labels.* cannot be replaced"):
        data.mnist(stored)


def test_processes_that_download_at_once_do_not_meet(tmp_path, server):
    program = """if True:
        import json
        from torchvision import datasets
        from course_lib import data
        from course_lib.data import images, stored
        mnist, images.owned = datasets.MNIST, lambda place: True
        root, mnist.mirrors, mnist.resources, stored.SHA256 = json.loads(input())
        input("ready")
        print(data.mnist(root).y_train.tolist())
    """
    server.use("good")
    mnist = datasets.MNIST
    arguments = json.dumps([str(tmp_path), mnist.mirrors, mnist.resources, SHA256])
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", program]
    runs = [subprocess.Popen(command, cwd=CHECKOUT, text=True, **streams) for _ in range(2)]
    for run in runs:
        print(arguments, file=run.stdin, flush=True)
    for run in runs:
        assert run.stdout.read(5) == "ready"
    for run in runs:
        print(file=run.stdin, flush=True)
    for run in runs:
        said, errors = run.communicate(timeout=600)
        assert said.strip().endswith(str(list(RAW["train-labels-idx1-ubyte"][8:]))), errors
    assert files(tmp_path) == WHOLE


# A folder of the reader's


def snapshot(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def theirs(stored, server, monkeypatch):
    """A data folder that is not the course's own, with mirrors that could be reached."""
    monkeypatch.setattr(images, "owned", OWNED)
    server.use("good")
    yield stored
    assert not server.seen  # nobody was asked


@pytest.mark.parametrize("level", [".", "MNIST", "MNIST/raw", ".."])
def test_a_folder_one_level_off_is_found(theirs, monkeypatch, level):
    monkeypatch.setenv("COURSE_DATA", str((theirs / level).resolve()))
    before = snapshot(theirs)
    assert data.mnist().y_train.tolist() == list(RAW["train-labels-idx1-ubyte"][8:])
    assert snapshot(theirs) == before


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_other_names_of_the_files_are_known(theirs, dotted, packed):
    for path in (theirs / "MNIST" / "raw").iterdir():
        name = path.name.replace("-idx", ".idx") if dotted else path.name
        if packed:
            path.with_name(f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        else:
            path.rename(path.with_name(name))
    assert data.mnist(theirs).x_test.shape == (4, 1, 28, 28)


def test_a_good_copy_beside_a_damaged_one_is_read(theirs):
    raw = theirs / "MNIST" / "raw"
    for name, content in RAW.items():
        (raw / name).write_bytes(content[:-1])
        (raw / f"{name}.gz").write_bytes(gzip.compress(content))
    assert data.mnist(theirs).x_train.shape == (6, 1, 28, 28)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("damage", ["truncated", "another data set's", "empty", "a folder"])
def test_a_damaged_file_is_told_and_left_alone(theirs, damage, suffix):
    path = theirs / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = gzip.compress(path.read_bytes()) if suffix else path.read_bytes()
    path.unlink()
    path = path.with_name(path.name + suffix)
    other = idx(6, 28, 28, seed=9)
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes({"truncated": content[:-9], "empty": b""}.get(damage, other))
    before = snapshot(theirs)
    with pytest.raises(data.DataUnavailable, match="COURSE_DATA") as caught:
        data.mnist(theirs)
    assert f"{path} is not MNIST's file" in str(caught.value) and "\n" not in str(caught.value)
    assert snapshot(theirs) == before


def test_missing_files_are_told(theirs):
    for path in (theirs / "MNIST" / "raw").glob("t10k*"):
        path.unlink()
    before = snapshot(theirs)
    with pytest.raises(data.DataUnavailable, match=r"raw lacks t10k-images.*, t10k-labels"):
        data.mnist(theirs)
    assert snapshot(theirs) == before


@pytest.mark.parametrize("there", [True, False])
def test_the_path_that_was_looked_at_is_told(theirs, tmp_path, capsys, there):
    place = tmp_path / "elsewhere"
    if there:
        place.mkdir()
    assert data.load_images(place).name == "digits"
    assert f"no MNIST in {place} (it was looked for" in capsys.readouterr().out
    assert place.exists() == there and files(tmp_path) == WHOLE


def test_our_own_folder_is_that_of_the_checkout(monkeypatch, tmp_path):
    assert OWNED(CHECKOUT / "data") and OWNED(CHECKOUT / "tests" / ".." / "data")
    assert not OWNED(tmp_path) and not OWNED(CHECKOUT)
    monkeypatch.setattr(images, "_checkout", lambda: None)
    monkeypatch.chdir(tmp_path)
    assert OWNED(Path("data")) and not OWNED(tmp_path / "other")
    (tmp_path / "data" / "MNIST").mkdir(parents=True)  # somebody's, and not ours to replace
    assert not OWNED(Path("data"))


# Without a network


def test_a_refused_connection_falls_back_with_one_line(tmp_path, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{port}/"] * 2)
    monkeypatch.setattr(download, "_PATIENCE", 600)  # which nobody waits for
    images = data.load_images(tmp_path / "new")
    assert images.name == "digits"
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and said.err == ""
    assert "MNIST is missing" in said.out and "COURSE_DATA" in said.out
    assert "refused" in said.out
    assert not (tmp_path / "new").exists()


def test_a_silent_network_is_noticed_within_10_seconds(stored, monkeypatch, capsys):
    (stored / "MNIST" / "raw" / "t10k-images-idx3-ubyte").write_bytes(b"half")
    look_up, over = socket.getaddrinfo, threading.Event()

    def hanging(host, *args, **kwargs):
        if host == "hanging.invalid":
            over.wait(60)
        if host == "late.invalid":
            over.wait(4)
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setattr(images, "digits", lambda: "the stand-in")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls and says nothing
        port = silent.getsockname()[1]
        hosts = [f"127.0.0.1:{port}", "hanging.invalid", "late.invalid"]
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://{host}/" for host in hosts])
        assert data.load_images(stored) == "the stand-in"
    over.set()
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "t10k-images-idx3-ubyte" in said
    assert "silence for 6 s" in said  # rather than what the late look-up said in the end


def test_download_false_asks_nobody(tmp_path, server):
    server.use("good")
    with pytest.raises(data.DataUnavailable, match="switched off"):
        data.mnist(tmp_path, download=False)
    assert not server.seen and files(tmp_path) == set()


# The stand-in


def test_digits_have_mnist_s_form(digits):
    assert digits.name == "digits"
    assert digits.x_train.shape == (12_000, 1, 28, 28) and digits.x_test.shape == (297, 1, 28, 28)
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        assert x.dtype == torch.float32 and y.dtype == torch.long and len(x) == len(y)
        assert x.min() == -1 and x.max() == 1
        assert (x == -1).float().mean() > 0.7  # the background, exactly
        assert sorted(set(y.tolist())) == list(range(10))


def test_digits_have_mnist_s_ink(digits):
    ink = (digits.x_train + 1) / 2
    assert ink.mean() == pytest.approx(0.131, abs=0.02)  # MNIST's own numbers
    assert ink.std() == pytest.approx(0.308, abs=0.02)
    high, wide = ((ink.amax(axis) > 0.3).sum(-1).float().mean() for axis in ((1, 3), (1, 2)))
    assert high == pytest.approx(19.7, abs=1) and wide == pytest.approx(15.1, abs=2)
    frame = torch.cat([ink[..., 0], ink[..., -1], ink[..., 0, :], ink[..., -1, :]])
    assert frame.max() < 0.1


def test_no_scan_is_in_both_training_and_test(monkeypatch):
    monkeypatch.setattr(images, "_drawn", lambda scans, distortion: scans)
    small = data.digits()
    train, test = ({scan.numpy().tobytes() for scan in x} for x in (small.x_train, small.x_test))
    assert len(train) == 1500 and len(test) == 297 and not train & test


def test_digits_can_be_learned(digits):
    mean = torch.stack([digits.x_train[digits.y_train == k].mean(0).flatten() for k in range(10)])
    guess = torch.cdist(digits.x_test.flatten(1), mean).argmin(1)
    assert (guess == digits.y_test).float().mean() > 0.8


def test_digits_seed_changes_the_distortion_only(digits):
    before = torch.get_rng_state()
    again, other = data.digits(seed=0), data.digits(seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(digits.x_train, again.x_train)
    assert not torch.equal(digits.x_train, other.x_train)
    assert torch.equal(digits.x_test, other.x_test)
    assert torch.equal(digits.y_train, other.y_train)


# The real files


def test_the_digests_are_for_torchvision_s_files(monkeypatch):
    monkeypatch.undo()
    assert [f"{name}.gz" for name in stored_files.SHA256] == [
        name for name, _ in datasets.MNIST.resources
    ]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in stored_files.SHA256.values())


@pytest.mark.skipif(
    not Path(os.environ.get("COURSE_DATA", "nowhere"), "MNIST", "raw").is_dir(),
    reason="COURSE_DATA names no folder with MNIST",
)
def test_real_mnist(monkeypatch):
    monkeypatch.undo()
    images = data.mnist(download=False)
    assert images.x_train.shape == (60_000, 1, 28, 28)
    assert images.x_test.shape == (10_000, 1, 28, 28)
    assert images.x_train.min() == -1 and images.x_train.max() == 1
    assert torch.bincount(images.y_test).tolist()[:3] == [980, 1135, 1032]
    assert images.x_train.mean() == pytest.approx(2 * 0.1307 - 1, abs=1e-3)
