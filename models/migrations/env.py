"""Alembic's entry: migrates over the connection `models.migrating` hands in, within its transaction."""

from alembic import context
from sqlmodel import SQLModel

import models  # noqa: F401  the tables register themselves

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
context.run_migrations()
