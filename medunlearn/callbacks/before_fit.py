"""Checks before training that data, method, Trainer, original and reference fit together."""

from typing import Any, cast

import torch
from lightning.pytorch import Callback, Trainer

from medunlearn.callbacks.earlier_runs import check_original
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError, counted
from medunlearn.files import exists
from medunlearn.metrics import Predictions
from medunlearn.runs import RunDir
from medunlearn.runs.record import Record
from medunlearn.training.plain import plain_checkpoint
from medunlearn.training.precision import check_precision
from medunlearn.training.settings import (
    check_epoch,
    check_monitors,
    check_strategy,
    check_sync_batchnorm,
    check_trainer,
    has_sync_batchnorm,
)

LISTED = "Trainer(callbacks=[RunTime(), UnlearningMetrics(), RunRecord(...)])"

LIGHTNINGS_EPOCHS = 1000

LOGGED = ("train/loss", "train/loss_step", "train/loss_epoch", "val/loss", "val/accuracy")
"""The values that this package's methods log and that callbacks can monitor."""

MOST_SEED = 2**32 - 1  # limit of seed_everything; the seed that PyTorch draws where none is set is nearly always larger


def check_callbacks(trainer: Trainer, record: type[Callback]) -> None:
    """Reject a Trainer that lacks a callback RunRecord needs, or lists it after RunRecord."""
    listed = [type(callback) for callback in cast(Any, trainer).callbacks]
    place = next((number for number, kind in enumerate(listed) if issubclass(kind, record)), len(listed))
    for needed, before in ((RunTime, listed), (UnlearningMetrics, listed[:place])):
        if not any(issubclass(kind, needed) for kind in before):
            late = needed is UnlearningMetrics and any(issubclass(kind, needed) for kind in listed)
            raise InputError(
                f"callbacks={[kind.__name__ for kind in listed]}: {needed.__name__} is "
                f"{'listed after RunRecord' if late else 'missing'}; list them as `{LISTED}`"
            )


def check_free(run: RunDir, resumed: bool) -> None:
    """Reject a run directory that already holds a run, also where a Trainer is built by hand."""
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"run_dir={run}: is a file; name a directory")
    if run.finished:
        raise InputError(f"run_dir={run}: already holds a finished run; name another run_dir, or delete that one")
    if exists(run.config) and not resumed:  # written first; logs may be there already, begun for this run
        raise InputError(
            f"run_dir={run}: already holds an unfinished run; go on with it by `ckpt_path='{run.last}'` or "
            "`RunRecord(..., resume=True)`, name another run_dir, or delete that one"
        )


def check_parts(trainer: Trainer, method: UnlearningModule, data: UnlearningData, own: Record) -> Predictions | None:
    """Reject a Trainer, method, data and original that do not fit together; return the original's predictions.

    Raises:
        InputError: If one of them does not fit the others.
    """
    _check_settings(trainer)
    check_sizes(method, data)
    if method.original is not None:
        data.require_forget_set()
    method.check_run(trainer)
    data.train_on(method.checked_images, trainer.max_epochs or 1, method.views)
    processes = 1 if has_sync_batchnorm(trainer) else trainer.world_size
    size = data.image_size
    if not getattr(method, "freeze_statistics", False):  # frozen statistics are not computed from a batch
        last_map = cast(Any, method.backbone).last_map(size)
        _check_groups(method, data, trainer.max_epochs or 1, processes, last_map)
        check_batches(data.smallest_batch(), processes, data.batch_size, size, last_map)
    check_epoch(trainer, len(cast(Any, data).train_dataloader()), len(cast(Any, data).val_dataloader()))
    if type(method).__module__.startswith("medunlearn."):  # others may log more
        check_monitors(cast(Any, trainer).callbacks, LOGGED)
    return check_original(method, own, data)


def _check_settings(trainer: Trainer) -> None:
    check_strategy(_strategy(trainer))
    check_precision(trainer.precision)
    check_trainer({name: getattr(trainer, name) for name in ("overfit_batches", "accumulate_grad_batches")})
    if trainer.strategy.root_device.type == "cpu":
        check_sync_batchnorm(has_sync_batchnorm(trainer), trainer.world_size)


def check_sizes(method: UnlearningModule, data: UnlearningData) -> None:
    """Reject a model whose numbers of classes or channels differ from the data's."""
    if method.num_classes != data.num_classes:
        raise InputError(
            f"num_classes={method.num_classes}: the data have {counted(data.num_classes, 'class')}; "
            f"give num_classes={data.num_classes}, the data's num_classes"
        )
    architecture = getattr(method.backbone, "architecture", {})
    for name in ("in_channels", "image_size"):
        built, found = architecture.get(name), getattr(data, name)
        if built not in (None, found):
            raise InputError(f"{name}={built}: the data's images have {found}; give {name}={found}, the data's {name}")


def check_nonmembers(method: UnlearningModule, attack: dict[str, Any]) -> None:
    """Reject an attack whose non-members the method learns from: they would not be unseen images."""
    if method.reads_validation and attack["nonmembers"] == "val":
        raise InputError(
            f"nonmembers=val: {type(method).__name__} learns from the original's answers on the validation images, "
            "so these are not non-members; give nonmembers=test, also to the runs that it is compared with",
            part="evaluation",
        )


def check_hyper_parameters(trainer: Trainer, *parts: object) -> None:
    """Reject hyper-parameters collected by `save_hyperparameters()` that no checkpoint can hold."""
    if cast(Any, trainer).checkpoint_callback is None:
        return
    for part in parts:
        plain_checkpoint({getattr(part, "CHECKPOINT_HYPER_PARAMS_KEY", ""): dict(getattr(part, "hparams", {}))})


def check_checkpoint(trainer: Trainer) -> None:
    """Reject states of method, callbacks, optimisers and schedulers that no checkpoint can hold."""
    lightning = cast(Any, trainer)
    if lightning.checkpoint_callback is not None and not lightning.fast_dev_run:
        plain_checkpoint(lightning._checkpoint_connector.dump_checkpoint(weights_only=False))


def check_epochs(trainer: Trainer, method: UnlearningModule) -> None:
    """Reject the 1000 epochs that Lightning sets for a Trainer without an end."""
    if trainer.max_epochs == LIGHTNINGS_EPOCHS and trainer.max_steps == -1:
        own = method.trainer_arguments.get("max_epochs")
        raise InputError(
            f"max_epochs={LIGHTNINGS_EPOCHS}: is Lightning's default where none is given; "
            f"give `Trainer(max_epochs={own})`, the default of {type(method).__name__}, or another number"
        )


def take_up_seed(run: RunDir, data: UnlearningData) -> None:
    """Set the data's seed to the one that the run was started with, unless another has been set since."""
    if torch.initial_seed() > MOST_SEED and exists(run.config):
        seed = run.read_config("run_dir").get("seed_everything")
        data.seed = seed if type(seed) is int else data.seed


def _strategy(trainer: Trainer) -> dict[str, Any]:
    """Return a Trainer's strategy as `class_path` and `init_args`."""
    start = getattr(trainer.strategy, "_start_method", None)
    return {"class_path": type(trainer.strategy).__name__, "init_args": {"start_method": start}}


def _check_groups(method: UnlearningModule, data: UnlearningData, epochs: int, processes: int, last_map: int) -> None:
    """Reject a forget or retain set too small to give BatchNorm two images per process at any batch size."""
    draws = {method.checked_images(epoch) for epoch in range(max(1, epochs))}
    forgotten, size = len(data.forget_indices), data.image_size
    retained = data.split_record()["train_size"] - forgotten
    for name, count, alone in (
        ("forget", forgotten, {"forget", "forget_then_retain"}),
        ("retain", retained, {"retain", "forget_then_retain"}),
    ):
        if last_map == 1 and count // processes <= 1 and draws & alone:
            raise InputError(
                f"forget: the {name} set holds {count} of the images, and BatchNorm needs two in each process where "
                f"images of {size}x{size} shrink to one pixel, whatever the batch size; {_other_draw(method, name)}",
                part="data",
            )


def _other_draw(method: UnlearningModule, name: str) -> str:
    mixed = ", or `schedule` mixed of the method, whose batches hold both sets" if hasattr(method, "schedule") else ""
    return f"{'forget more' if name == 'forget' else 'retain more'} images{mixed}"


def check_batches(smallest: int, processes: int, batch_size: int, size: int, last_map: int) -> None:
    """Reject batches in which BatchNorm would see a single value: one image whose last feature map is one pixel.

    Args:
        smallest: Images in the smallest training batch.
        processes: Number of processes that share it, each with its own BatchNorm statistics.
        batch_size: The batch size that the user set.
        size: Height and width of the images.
        last_map: Height and width of the model's last feature maps.
    """
    if last_map == 1 and smallest // processes <= 1:
        raise InputError(
            f"batch_size={batch_size}: it leaves {smallest} of the images for the smallest batch, and BatchNorm "
            f"needs two in each process where images of {size}x{size} shrink to one pixel; choose another",
            part="data",
        )
