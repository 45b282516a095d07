"""A flow whose module some worker imports for as long as anybody waits: its run stays pending."""

import os
import time

from prefect import flow

time.sleep(float(os.environ.get("IMPORTED_WITHIN", "0")))


@flow
def is_imported() -> None:
    pass
