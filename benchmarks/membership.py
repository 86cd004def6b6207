"""How long does the membership attack take, and does it decide as libsvm does?

True-class probabilities as trained classifiers have them (one minus a Gamma variable): members nearer to 1 than
non-members, the forget set between; and, as the hardest case, members and non-members from one distribution.
"""

import numpy as np
from common import options, report, seconds

from medunlearn.metrics.interior_point import nonmembers_by_interior_point
from medunlearn.metrics.membership import PENALTY, nonmembers_by_libsvm

SIZES = {"BloodMNIST": 3_421, "PathMNIST": 7_180, "OrganAMNIST": 17_281}
CASES = {"memorised": (0.2, 0.4, 0.3), "strongly": (0.05, 0.6, 0.2), "not at all": (0.3, 0.3, 0.3)}


def confidences(rng: np.random.Generator, count: int, spread: float) -> np.ndarray:
    drawn = (1 - np.clip(rng.gamma(spread, 0.05, count), 0, 1)).astype(np.float32)
    return drawn.astype(np.float64)[:, None]


def main() -> None:
    args = options(__doc__)
    sizes = {"tiny": 200} if args.short else SIZES
    rows = []
    for name, count in sizes.items():
        for case, spreads in CASES.items():
            rng = np.random.default_rng(0)
            members, nonmembers, forget = (confidences(rng, count, spread) for spread in spreads)
            samples, is_member = np.concatenate([members, nonmembers]), np.repeat([True, False], count)
            called = {}

            def fast() -> None:
                called["fast"] = nonmembers_by_interior_point(samples, is_member, forget, PENALTY, 1.0)  # noqa: B023

            def slow() -> None:
                called["libsvm"] = nonmembers_by_libsvm(samples, is_member, forget)  # noqa: B023

            times = {"s": seconds(fast, 3), "libsvm, s": seconds(slow, 1, warm_up=0)}
            differs = int((called["fast"] != called["libsvm"]).sum())
            rows.append(
                {"size": name, "samples": 2 * count, "members known apart": case, **times, "decisions": count}
                | {"differ": differs, "MIA, %": 100 * float(called["fast"].mean())}
            )
    report(args, rows)


if __name__ == "__main__":
    main()
