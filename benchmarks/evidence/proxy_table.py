"""How well each kind of target ranks runs and chooses among them: rank correlations with AG, and the regret."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from run import MAIN
from scipy.stats import spearmanr

from medunlearn.metrics import GAP_METRICS
from medunlearn.report.markdown import aligned

NAMES = {"plain": "plain", "curve_attack": "moved"}
"""Those that the figure shows, as it names them."""
GOOD = 5.0
"""Runs with an AG below this are ranked among themselves as well: to find out destroyed models is easy."""
NEEDED = 3
"""Runs below which no rank correlation is given."""
COLUMNS = {
    "case": "case",
    "targets": "targets",
    "runs": "runs",
    "rank correlation": "correlation",
    "under the attack's median": "correlation_median",
    f"of AG below {GOOD:g}": "correlation_of_good",
    "(runs)": "good_runs",
    "regret": "regret",
    "under the median": "regret_median",
    "(choices)": "choices",
    **{key: f"correlation_{key}" for key in GAP_METRICS},
}
"""Keys of the table by head."""
OVER_SEEDS = {
    "case": "case",
    "targets": "targets",
    "settings": "settings",
    "seeds": "seeds",
    "rank correlation": "correlation",
    "regret": "regret",
}
"""Keys of the table of means by head."""
LOST = {
    "val": "validation accuracy",
    "train": "RA",
    "forget": "accuracy on forgotten classes",
    "attack": "unseen called unseen",
}
"""Parts of a loss, and their heads."""


def table(runs: pd.DataFrame, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Return how well each kind of target ranks and chooses, by case; with and without methods that it cannot judge."""
    rows = []
    shown = {"without those that read validation images": runs[~runs.reads_validation], "all": runs}
    for methods, chosen in shown.items():
        for case, own in cases(chosen):
            found = [summary(own.dropna(subset=[kind]), kind) for kind in kinds]
            rows += [{"methods": methods, "case": case, **each} for each in found if each["runs"]]
    return rows


def cases(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the runs of each main case, of the others together, and all."""
    for case in MAIN:
        yield case, runs[runs.case == case]
    yield "others", runs[~runs.case.isin(MAIN)]
    yield "all", runs


def summary(runs: pd.DataFrame, kind: str) -> dict[str, Any]:
    good = runs[runs.AG < GOOD]
    choices = [group for _, group in runs.groupby(["case", "seed"]) if len(group) > 1]
    costs, costs_median = ([regret(group, kind, name) for group in choices] for name in ("AG", "AG_median"))
    return {
        "targets": kind,
        "runs": len(runs),
        "correlation": correlation(runs, kind, "AG"),
        "correlation_median": correlation(runs, kind, "AG_median"),
        "good_runs": len(good),
        "correlation_of_good": correlation(good, kind, "AG"),
        "choices": len(costs),
        "regret": float(np.mean(costs)) if costs else None,
        "regret_median": float(np.mean(costs_median)) if costs_median else None,
        **{f"correlation_{key}": correlation(runs, f"{kind}_{key}", f"AG_{key}") for key in GAP_METRICS},
    }


def correlation(runs: pd.DataFrame, first: str, second: str) -> float | None:
    """Return Spearman's rank correlation; None where there are too few runs, or all are alike."""
    if len(runs) < NEEDED or runs[first].nunique() == 1 or runs[second].nunique() == 1:
        return None
    return float(spearmanr(runs[first], runs[second]).statistic)


def regret(runs: pd.DataFrame, kind: str, gap: str) -> float:
    """Return what choosing by the proxy costs: the AG of the run with the least proxy gap, less the least AG."""
    return float(runs[gap][runs[kind].idxmin()] - runs[gap].min())


def over_seeds(runs: pd.DataFrame, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Return the same of means: the mean gap and the mean AG, under the attack's median, of settings on all seeds."""
    rows = []
    for case in MAIN:
        own = runs[(runs.case == case) & ~runs.reads_validation]
        settings = own.groupby([name.removesuffix(f"_{seed}") for name, seed in zip(own.run, own.seed, strict=True)])
        means = settings[[*kinds, "AG_median"]].mean()[settings.seed.nunique() == own.seed.nunique()]
        counts = {"settings": len(means), "seeds": own.seed.nunique()}
        for kind in kinds if len(means) >= NEEDED and counts["seeds"] > 1 else ():
            cost = regret(means, kind, "AG_median")
            found = {"correlation": correlation(means, kind, "AG_median"), "regret": cost}
            rows.append({"case": case, "targets": kind, **counts, **found})
    return rows


def predicted(runs: pd.DataFrame, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each kind of target takes a Retrain to lose, for each case and seed."""
    rows = []
    for (case, seed), own in runs.groupby(["case", "seed"]):
        for kind in (each for each in kinds if each != "plain" and not each.endswith("_attack")):
            columns = {name: f"{kind}_lost_{name}" for name in LOST} | {"attack": f"{kind}_attack_lost_attack"}
            known = {name: own[column].dropna() for name, column in columns.items() if column in own}
            values = {name: float(each.iloc[0]) for name, each in known.items() if len(each)}
            if values:
                rows.append({"case": case, "seed": int(seed), "targets": kind, **dict.fromkeys(LOST), **values})
    return rows


def markdown(rows: Sequence[dict[str, Any]], means: Sequence[dict[str, Any]], lost: Sequence[dict[str, Any]]) -> str:
    """Return the tables as they can stand in a page, the first one for each choice of methods."""
    parts = []
    for methods in dict.fromkeys(row["methods"] for row in rows):
        lines = [[_cell(row[key]) for key in COLUMNS.values()] for row in rows if row["methods"] == methods]
        parts.append(f"Methods: {methods}.\n\n{aligned(list(COLUMNS), lines, left=[0, 1])}\n")
    if means:
        lines = [[_cell(row[key]) for key in OVER_SEEDS.values()] for row in means]
        parts.append(f"Means over the seeds, median draw.\n\n{aligned(list(OVER_SEEDS), lines, left=[0, 1])}\n")
    head = ["case", "seed", "targets", *LOST.values()]
    lines = [[_cell(row[key]) for key in ("case", "seed", "targets", *LOST)] for row in lost]
    parts.append(f"What a Retrain loses, in points.\n\n{aligned(head, lines, left=[0, 2])}\n")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def title(case: str, runs: pd.DataFrame) -> str:
    """Return what stands above a case's panel, the correlation without methods that the proxy cannot judge."""
    runs = runs[~runs.reads_validation]
    known = {name: correlation(runs.dropna(subset=[kind]), kind, "AG") for kind, name in NAMES.items() if kind in runs}
    ranks = ", ".join(f"{value:.2f} {name}" for name, value in known.items() if value is not None)
    name = f"{case} % forgotten" if case.isdigit() else "other cases"
    return f"{name}\nrank correlation {ranks}" if ranks else name
