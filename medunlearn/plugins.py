"""Plug-ins by entry points: methods, backbones, data sets, metrics, engines and commands, found by name.

Another package adds to a group in its `pyproject.toml`; its module is imported only when it is asked for:

    [project.entry-points."medunlearn.methods"]
    MyMethod = "my_package.my_module:MyMethod"
"""

import sys
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal, NamedTuple

from medunlearn.errors import InputError

Group = Literal["methods", "backbones", "datasets", "metrics", "engines", "commands"]

SINGULAR: dict[Group, str] = {
    "methods": "method",
    "backbones": "backbone",
    "datasets": "data set",
    "metrics": "metric",
    "engines": "engine",
    "commands": "command",
}

OWN = "medunlearn"
"""The distribution that contains the built-in plug-ins."""

# Equal to pyproject.toml, as a test checks. Repeated here because a clone that is not installed has no entry points,
# and because `medunlearn --help` must not wait for the metadata of every installed package.
BUILT_IN: dict[Group, dict[str, str]] = {
    "methods": {
        "Train": "medunlearn.methods.train:Train",
        "Pretrained": "medunlearn.methods.pretrained:Pretrained",
        "Retrain": "medunlearn.methods.retrain:Retrain",
        "SalUn": "medunlearn.methods.salun:SalUn",
        "RandomLabels": "medunlearn.methods.random_labels:RandomLabels",
        "FineTune": "medunlearn.methods.fine_tune:FineTune",
        "L1Sparse": "medunlearn.methods.l1_sparse:L1Sparse",
        "GradientAscent": "medunlearn.methods.gradient_ascent:GradientAscent",
        "NegGradPlus": "medunlearn.methods.neg_grad_plus:NegGradPlus",
        "UGradSL": "medunlearn.methods.ugradsl:UGradSL",
        "UGradSLPlus": "medunlearn.methods.ugradsl:UGradSLPlus",
        "BoundaryExpand": "medunlearn.methods.boundary_expand:BoundaryExpand",
        "MUNBa": "medunlearn.methods.munba:MUNBa",
        "BoundaryShrink": "medunlearn.methods.boundary_shrink:BoundaryShrink",
        "CoUn": "medunlearn.methods.coun:CoUn",
        "KernelTranspose": "medunlearn.methods.kernel_transpose:KernelTranspose",
        "MaskedSmallGradients": "medunlearn.methods.masked_small_gradients:MaskedSmallGradients",
        "SalUnSoft": "medunlearn.methods.salun_soft:SalUnSoft",
        "WeightNegation": "medunlearn.methods.weight_negation:WeightNegation",
        "SCRUB": "medunlearn.methods.scrub:SCRUB",
        "BadTeacher": "medunlearn.methods.bad_teacher:BadTeacher",
        "HeldOutTwins": "medunlearn.methods.held_out_twins:HeldOutTwins",
        "ReGUn": "medunlearn.methods.regun:ReGUn",
        "SSD": "medunlearn.methods.ssd:SSD",
        "Influence": "medunlearn.methods.influence:Influence",
        "FisherForgetting": "medunlearn.methods.fisher_forgetting:FisherForgetting",
    },
    "backbones": {
        "resnet18": "medunlearn.models.resnet:ResNet18",
        "narrow_resnet18": "medunlearn.models.narrow:narrow_resnet18",
    },
    "datasets": {
        "breast28": "medunlearn.data.breast28:breast28_data",
        "synthetic": "medunlearn.data.synthetic:synthetic_data",
    },
    "metrics": {
        "unlearning": "medunlearn.metrics.unlearning:unlearning_metrics",
        "validation": "medunlearn.metrics.unlearning:validation_metrics",
    },
    "engines": {"local": "medunlearn.plans.engines:run_locally", "ray": "medunlearn.plans.engines:run_on_ray"},
    "commands": {
        "fit": "medunlearn.cli.commands:fit",
        "validate": "medunlearn.cli.commands:validate",
        "test": "medunlearn.cli.commands:test",
        "predict": "medunlearn.cli.commands:predict",
        "reproduce": "medunlearn.cli.commands:reproduce",
        "tune": "medunlearn.cli.commands:tune",
        "curve": "medunlearn.cli.commands:curve",
        "report": "medunlearn.cli.commands:report",
        "dashboard": "medunlearn.cli.commands:dashboard",
        "audit": "medunlearn.cli.commands:audit",
        "poison": "medunlearn.cli.commands:poison",
        "ulira": "medunlearn.cli.commands:ulira",
        "relearn": "medunlearn.cli.commands:relearn",
        "confuse": "medunlearn.cli.commands:confuse",
        "strata": "medunlearn.cli.commands:strata",
        "import": "medunlearn.cli.commands:import_images",
        "forget": "medunlearn.cli.commands:forget",
        "receipt": "medunlearn.cli.commands:receipt",
        "export": "medunlearn.cli.commands:export",
        "list": "medunlearn.cli.commands:list_names",
    },
}


class Plugin(NamedTuple):
    """A name in a plug-in group, with the object that it refers to."""

    group: Group
    name: str
    value: str
    """`module:attribute`."""
    package: str = OWN
    """The installed package that declares it."""

    @property
    def module(self) -> str:
        """The module to import."""
        return self.value.partition(":")[0].strip()

    @property
    def attribute(self) -> str:
        """The name of the object in the module, such as a class."""
        return self.value.partition(":")[2].partition("[")[0].strip()

    def load(self, argument: str | None = None) -> Any:
        """Import the object.

        Args:
            argument: The option that named it, for the error; by default the singular of the group.

        Raises:
            InputError: If it cannot be imported; the line names the package and the reason.
        """
        try:
            found: Any = import_module(self.module)
            for part in filter(None, self.attribute.split(".")):
                found = getattr(found, part)
        except (Exception, SystemExit) as error:  # a plug-in's module may raise anything when it is imported
            raise InputError(
                f"{argument or SINGULAR[self.group]}={self.name}: the plug-in {self.value} of package {self.package} "
                f"cannot be imported ({type(error).__name__}: {error}); fix or uninstall {self.package}"
            ) from error
        return found


def plugins(group: Group) -> list[Plugin]:
    """Return the plug-ins of a group: the built-ins in their order, then those of other packages by name."""
    return [*built_ins(group), *sorted(_others(group), key=lambda each: (each.name, each.package))]


def built_ins(group: Group) -> list[Plugin]:
    """Return the built-in plug-ins of a group, without searching other packages."""
    return [Plugin(group, name, value) for name, value in BUILT_IN[group].items()]


def names(group: Group) -> list[str]:
    """Return the names of a group, each once."""
    return list(dict.fromkeys(each.name for each in plugins(group)))


def find(group: Group, name: str, argument: str | None = None, also: tuple[str, ...] = ()) -> Any:
    """Import and return the object with a name in a group.

    Args:
        group: The group.
        name: The name.
        argument: The option that named it, for errors; by default the singular of the group.
        also: Other names that the option takes, for the error.

    Raises:
        InputError: If there is no such name, two packages have it, or it cannot be imported.
    """
    found = lookup(group, name, argument)
    if found is None:
        raise unknown(group, name, argument, also)
    return found.load(argument)


def lookup(group: Group, name: str, argument: str | None = None) -> Plugin | None:
    """Return the plug-in of a name, not yet imported; None where there is none.

    Raises:
        InputError: If two packages have it.
    """
    found = [each for each in plugins(group) if each.name == name]
    if len({each.value for each in found}) > 1:
        packages = sorted({each.package for each in found})
        raise InputError(
            f"{argument or SINGULAR[group]}={name}: is a {SINGULAR[group]} of {' and of '.join(packages)}; "
            f"uninstall all but one of these packages"
        )
    return found[0] if found else None


def unknown(group: Group, name: str, argument: str | None = None, also: tuple[str, ...] = ()) -> InputError:
    """Return the error for a name that a group does not hold: the closest one, and all that there are."""
    known = [*names(group), *also]
    return InputError(f"{argument or SINGULAR[group]}={name}: no such {SINGULAR[group]}; {choice(name, known)}")


def choice(name: str, known: list[str]) -> str:
    """Return the remedy for an unknown name: `did you mean ...?`, and the list of known ones."""
    import difflib

    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower()[:100], lower, n=1)
    hint = f"did you mean {lower[close[0]]}? The choice is" if close else "choose one of"
    return f"{hint} {', '.join(known)}"


def method_hint(text: str) -> str | None:
    """Return the command to suggest if a method's name was given in the wrong place; None for other words."""
    name = next((each for each in names("methods") if each.lower() == text.lower()), None)
    return name and f"give `medunlearn fit --model {name}` and its options"


def method_path(name: str, argument: str = "model") -> str:
    """Return the import path of a method given by its plug-in or class name; other names unchanged.

    Raises:
        InputError: If two packages have the name, or the method cannot be imported.
    """
    by_class = (each for each in plugins("methods") if each.attribute == name)
    found = lookup("methods", name, argument) or next(by_class, None)
    if found is None:
        return name
    found.load(argument)
    return f"{found.module}.{found.attribute}"


def missing_dependency(error: Exception, path: str) -> str | None:
    """Return the missing dependency of the module of an import path; None if the path itself is wrong.

    Example:
        >>> missing_dependency(ModuleNotFoundError(name="monai"), "own.Net"), missing_dependency(
        ...     ModuleNotFoundError(name="own"), "own.Net"
        ... )
        ('monai', None)
    """
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return name if name and not f"{path}.".startswith(f"{name}.") else None


def _others(group: Group) -> list[Plugin]:
    return _scanned(group, tuple(sys.path))


@lru_cache(maxsize=32)
def _scanned(group: Group, path: tuple[str, ...]) -> list[Plugin]:
    """Return other packages' plug-ins in a group; cached for each `sys.path`, since many files are read."""
    from importlib.metadata import entry_points

    points = entry_points(group=f"{OWN}.{group}")
    found = [Plugin(group, each.name, each.value, each.dist.name if each.dist else "of no name") for each in points]
    return [each for each in found if each.package != OWN]
