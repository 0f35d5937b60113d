"""Alembic's entry: always on a connection that engine.store.schema hands in, never from a file of settings."""

from alembic import context
from sqlmodel import SQLModel

import engine.store.every_table  # noqa: F401

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
