"""Checkpoints to resume from: what is read is what was written, and no code in it is run."""

import errno
import hashlib
import pickle

import pytest
import torch

from medunlearn.errors import InputError
from medunlearn.training import checkpoints as checkpoint_module
from medunlearn.training.checkpoints import AtomicCheckpointIO


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def test_checkpoint_comes_back_as_it_was_saved(tmp_path):
    saved = {"epoch": 3, "state_dict": {"w": torch.tensor([0.1, -0.0, float("inf")])}, "loops": [{"done": True}]}
    AtomicCheckpointIO().save_checkpoint(saved, str(tmp_path / "new" / "last.ckpt"))
    found = AtomicCheckpointIO().load_checkpoint(str(tmp_path / "new" / "last.ckpt"))
    assert {key: found[key] for key in ("epoch", "loops")} == {key: saved[key] for key in ("epoch", "loops")}
    assert torch.equal(found["state_dict"]["w"].view(torch.int32), saved["state_dict"]["w"].view(torch.int32))


def test_checkpoint_has_its_sha256_beside_it_and_nothing_else(tmp_path):
    AtomicCheckpointIO().save_checkpoint({"epoch": 0}, tmp_path / "last.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "last.ckpt.sha256"]
    expected = hashlib.sha256((tmp_path / "last.ckpt").read_bytes()).hexdigest()
    assert (tmp_path / "last.ckpt.sha256").read_text() == expected


@pytest.mark.parametrize("damage", ["one bit", "cut", "replaced", "note of another", "note is no text"])
def test_checkpoint_that_is_not_the_one_written_is_refused_in_one_line(tmp_path, damage):
    path, note = tmp_path / "last.ckpt", tmp_path / "last.ckpt.sha256"
    AtomicCheckpointIO().save_checkpoint({"epoch": 0}, path)
    content = path.read_bytes()
    if damage == "one bit":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "replaced":
        torch.save({"epoch": 1}, path)
    else:
        note.write_bytes(b"0" * 64 if damage == "note of another" else b"\xff\xfe")
    with pytest.raises(InputError, match=r"^resume=true: .*last\.ckpt is not the checkpoint that .*--overwrite true`$"):
        AtomicCheckpointIO().load_checkpoint(path)


def test_checkpoint_without_its_note_is_refused_as_such(tmp_path):
    AtomicCheckpointIO().save_checkpoint({"epoch": 0}, tmp_path / "last.ckpt")
    (tmp_path / "last.ckpt.sha256").unlink()
    with pytest.raises(InputError, match=r"^resume=true: .*last\.ckpt has no last\.ckpt\.sha256 beside it, which says"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")


@pytest.mark.parametrize("weights_only", [None, False, True])
def test_code_in_a_checkpoint_is_not_run_whatever_is_asked_for(tmp_path, weights_only):
    """Not even in one whose hash fits: whoever can write the one can write the other."""
    path, marker = tmp_path / "last.ckpt", tmp_path / "code_was_run"
    torch.save({"epoch": Bomb(marker)}, path)
    path.with_name("last.ckpt.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(pickle.UnpicklingError):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=weights_only)
    assert not marker.exists()


def test_checkpoint_killed_before_its_hash_was_noted_leaves_the_old_one_known(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 0}, path)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "write_whole", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"epoch": 0}


def test_checkpoints_side_by_side_have_hashes_of_their_own(tmp_path):
    checkpoints = AtomicCheckpointIO()
    for epoch in (0, 1):
        checkpoints.save_checkpoint({"epoch": epoch}, tmp_path / f"{epoch}.ckpt")
    notes = [(tmp_path / f"{epoch}.ckpt.sha256").read_text().split() for epoch in (0, 1)]
    assert [len(note) for note in notes] == [1, 1]
    assert [checkpoints.load_checkpoint(tmp_path / f"{epoch}.ckpt") for epoch in (0, 1)] == [{"epoch": 0}, {"epoch": 1}]


@pytest.mark.parametrize("again", [True, False])
def test_a_disk_that_is_full_again_and_again_keeps_the_checkpoint_known(tmp_path, monkeypatch, again):
    """Each time there is room for the hash, but not for the checkpoint; `again`: each time in another process."""
    path, write = tmp_path / "last.ckpt", checkpoint_module.write_whole
    checkpoints = AtomicCheckpointIO()
    for epoch in (0, 1):
        checkpoints.save_checkpoint({"epoch": epoch}, path)

    def full(file, content):
        if file == path:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "write_whole", full)
        for epoch in (2, 3, 4):
            with pytest.raises(OSError, match="No space"):
                (AtomicCheckpointIO() if again else checkpoints).save_checkpoint({"epoch": epoch}, path)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"epoch": 1}
    for epoch in (5, 6):
        checkpoints.save_checkpoint({"epoch": epoch}, path)
    assert AtomicCheckpointIO().load_checkpoint(path) == {"epoch": 6}
    assert len(path.with_name("last.ckpt.sha256").read_text().split()) == 2
