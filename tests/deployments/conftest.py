"""The tests of this room may use a Prefect server."""

from prefect_harness import prefect, prefect_server

__all__ = ["prefect", "prefect_server"]
