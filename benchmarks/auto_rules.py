"""What "auto" stands for, named; and searches over depth; results in results/auto_rules.md.

    python benchmarks/auto_rules.py

Tables that scikit-learn ships, a third of the rows for testing (seed 0). By default, by the name of
the structure, by the graph of the fitted model, and by all of `settings_`: the same model each
time. Searches are over depth with None among its values, 3-fold, by cross-validated log density.
"""

import time
import warnings
from pathlib import Path

import torch
from machine import header
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import GridSearchCV, train_test_split

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
TABLES = {"breast_cancer": load_breast_cancer, "wine": load_wine}
DEPTHS = {"depth": [None, 1, 2, 3]}


def same(train, test) -> list[str]:
    """Rows of the table: ways to ask for the default model, and their test scores."""
    model = EinetDensityEstimator(random_state=0).fit(train)
    ways = {
        "defaults": model,
        'structure="chow_liu"': EinetDensityEstimator("chow_liu", random_state=0).fit(train),
        "structure=structure_": EinetDensityEstimator(model.structure_, random_state=0).fit(train),
        "**settings_": EinetDensityEstimator(**model.settings_, random_state=0).fit(train),
    }
    weights = zip(model.component_names_, model.component_weights_, strict=True)
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in weights)
    return [f"{way} | {other.score(test):.4f} | {shares}" for way, other in ways.items()]


def searches(train, test) -> list[str]:
    """Rows of the table: searches with and without components other than the trees."""
    rows = []
    for components in ("auto", "trees"):
        model = EinetDensityEstimator(components=components, random_state=0)
        started = time.perf_counter()
        search = GridSearchCV(model, DEPTHS, cv=3).fit(train)
        seconds, alone = time.perf_counter() - started, model.fit(train)
        rows.append(
            f'components="{components}" | {alone.score(test):.3f} | {search.score(test):.3f} '
            f"| {search.best_params_['depth']} | {seconds:.0f}"
        )
    return rows


def main() -> None:
    """Measure, write Markdown."""
    # Named passes of the trees end while the likelihood still rises, as by default.
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    text = f"# Rules for auto\n\n{header(1)}\n\n{__doc__.split('auto_rules.py', 1)[1].strip()}\n\n"
    parts = {}
    for name, load in TABLES.items():
        parts[name] = train_test_split(load().data, test_size=1 / 3, random_state=0)
    text += "| table | way | test | components |\n| --- | --- | ---: | --- |\n"
    for name, (train, test) in parts.items():
        text += "".join(f"| {name} | {row} |\n" for row in same(train, test))
    text += "\n| table | | no search, test | search, test | best depth | search, s |\n"
    text += "| --- | --- | ---: | ---: | ---: | ---: |\n"
    for name, (train, test) in parts.items():
        text += "".join(f"| {name} | {row} |\n" for row in searches(train, test))
    print(text)
    (RESULTS / "auto_rules.md").write_text(text)


if __name__ == "__main__":
    main()
