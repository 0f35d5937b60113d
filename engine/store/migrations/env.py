"""Alembic's entry: always on a connection that engine.store.schema hands in, never from a file of settings."""

from alembic import context
from sqlmodel import SQLModel

import engine.store.broadcast_tables
import engine.store.campaign_tally_tables
import engine.store.post_tables
import engine.store.publication_tables
import engine.store.tables
import engine.store.token_tables
import engine.store.web_tables  # noqa: F401  (all register tables)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
