"""`make bench`"""

import typer

from tests.benchmarks.bench import main

typer.run(main)
