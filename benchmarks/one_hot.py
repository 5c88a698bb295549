"""One-hot groups: test log densities by plain defaults with groups, and without.

    python benchmarks/one_hot.py --data FOLDER

FOLDER holds debd/*.npz with the arrays train and test (or set SKPC_DATA). The test split is used
once for each setting; rules were chosen on the validation splits.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from machine import header

from skpc import EinetDensityEstimator

SETS = ("mushrooms", "dna")
RESULTS = Path(__file__).parent / "results"
HEAD = (
    "| set | columns | rows | one_hot | groups | their columns | smoothing | components | test | "
    "processor seconds of the fit |"
)


def measure(name: str, data: Path, one_hot: str | None) -> str:
    """A line of the table."""
    with np.load(data / "debd" / f"{name}.npz") as file:
        train, test = file["train"], file["test"]
    started = time.process_time()
    model = EinetDensityEstimator(one_hot=one_hot, random_state=0).fit(train)
    seconds = time.process_time() - started
    groups = model.settings_["one_hot"] or []
    cells = (
        name,
        train.shape[1],
        len(train),
        one_hot,
        len(groups),
        sum(map(len, groups)),
        f"{model.smoothing_:.3g}",
        " + ".join(model.component_names_),
        f"**{model.score(test):.2f}**",
        f"{seconds:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Measure all sets and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or the variable SKPC_DATA must name the folder of the tables")
    torch.set_num_threads(1)
    lines = [
        measure(name, Path(options.data), one_hot) for name in SETS for one_hot in ("auto", None)
    ]
    rule = "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: |"
    text = "\n".join(
        [
            "# One-hot groups in binary tables",
            "",
            header(1),
            "",
            HEAD,
            rule,
            *lines,
            "",
            "Mean log densities of the test rows in nats, by defaults with random_state=0.",
            "",
        ]
    )
    (RESULTS / "one_hot.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
