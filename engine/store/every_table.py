"""Imported for what it does: every table of ours is in ``SQLModel.metadata`` then. A new file of tables is a line."""

import engine.store.broadcast_tables
import engine.store.campaign_tally_tables
import engine.store.post_tables
import engine.store.publication_tables
import engine.store.tables
import engine.store.token_tables
import engine.store.web_tables  # noqa: F401
