import errno
from multiprocessing import Pipe
from multiprocessing.connection import Client

import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.demos.boring_classes import BoringModel
from torch.utils.data import DataLoader

from medunlearn.errors import InputError, command_line
from medunlearn.runs import RunDir
from medunlearn.training.failures import explained, go_on

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


def test_a_monitored_metric_that_nobody_logs_is_an_input_error():
    trainer = Trainer(
        max_epochs=1, limit_train_batches=1, limit_val_batches=1, callbacks=[EarlyStopping("own")], **QUIET
    )
    with pytest.raises(InputError, match=r"^trainer: .*`own`"), explained(RunDir("r")):
        trainer.fit(BoringModel())


@pytest.mark.parametrize("error", [RuntimeError("own"), ValueError("own"), OSError(errno.ENOENT, "own")])
def test_errors_of_the_method_itself_pass_unchanged(error):
    with pytest.raises(type(error), match="own") as found, explained(RunDir("r")):
        raise error
    assert found.value is error


def test_input_errors_pass_unchanged():
    with pytest.raises(InputError, match=r"^x=1: no; give 2$"), explained(RunDir("r")):
        raise InputError("x=1: no; give 2")


def test_a_full_disk_names_the_run_directory():
    with pytest.raises(InputError, match="run_dir=r: cannot be written"), explained(RunDir("r")):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "how"),
    [
        ("DataLoader worker (pid 12) is killed by signal: Killed. ", "was killed (Killed)"),
        ("DataLoader worker (pid(s) 1, 2) exited unexpectedly", "has ended without a message"),
        ("Pin memory thread exited unexpectedly", "has ended without a message"),
    ],
)
def test_a_killed_process_that_fetches_batches_is_one_line_with_the_way_on(error, how):
    with command_line(), pytest.raises(InputError) as caught, explained(RunDir("r")):
        raise RuntimeError(error)
    assert caught.value.for_command_line == (
        f"data.num_workers: a process that fetches batches {how}; go on with `medunlearn fit --config "
        "configs/NAME.yaml --run_dir r`, with fewer of them where memory runs out"
    )


def test_remedies_of_a_run_that_ended_early_are_those_of_where_it_was_begun():
    def said():
        with pytest.raises(InputError) as caught, explained(RunDir("r")):
            raise MisconfigurationException("no")
        return str(caught.value), go_on(RunDir("r"))

    with command_line():
        listing, remedy = said()
    assert listing == "trainer: no; `medunlearn fit --help` lists its options"
    assert remedy.startswith("go on with `medunlearn fit --config ")
    listing, remedy = said()
    assert listing == "trainer: no; `help(lightning.Trainer)` lists its arguments"
    assert remedy == "go on with `medunlearn.fit(method, data, run_dir='r')`"


def closed():
    here, there = Pipe()
    there.close()
    return here.recv()


@pytest.mark.parametrize(
    ("receive", "message"),
    [
        (closed, "data.num_workers: a process that fetches batches has ended without a message; go on with "),
        (lambda: Client("gone", "AF_UNIX"), "data.num_workers: a process that fetches batches has ended "),
    ],
)
def test_a_connection_to_a_process_that_fetches_batches_breaks_where_it_is_killed(receive, message):
    batches = iter(DataLoader(range(4), num_workers=1))
    batches._data_queue.get = lambda timeout: receive()
    with pytest.raises(InputError) as caught, explained(RunDir("r")):
        next(batches)
    assert caught.value.for_command_line.startswith(message)


class Connected:
    """Images that come over a connection of their own."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return closed()


def test_a_broken_connection_of_the_images_own_is_left_as_it_is():
    with pytest.raises(EOFError), explained(RunDir("r")):
        next(iter(DataLoader(Connected())))
