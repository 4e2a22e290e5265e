"""`recsys VERB` runs `pipelines/VERB.py`; here wrong input becomes one line and exit code 2."""

import logging
import os
import sys

# Read by OpenMP and OpenBLAS when they load: idle threads soon sleep, and BLAS leaves the cores to polars.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import typer

from pipelines.compact import compact
from pipelines.console import say
from pipelines.evaluate import evaluate
from pipelines.ingest import ingest
from pipelines.init import init
from pipelines.lookup import lookup
from pipelines.profile import profile
from pipelines.recommend import recommend
from pipelines.simulate import simulate
from pipelines.train import train
from pipelines.tune import tune
from pipelines.verify import verify
from recsys.errors import RecsysError

app = typer.Typer(
    name="recsys",
    help="Time-aware, batch-first recommendation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for verb in (simulate, ingest, compact, profile, init, tune, train, recommend, evaluate, lookup, verify):
    app.command()(verb)


def main() -> None:
    """Run a verb; a `RecsysError` is the user's to mend: one line on stderr, exit code 2."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("recsys.candidates").setLevel(logging.INFO)  # what an index finds, when it is built
    try:
        app()
    except RecsysError as error:
        say(f"error: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
