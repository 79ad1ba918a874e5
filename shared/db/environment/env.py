"""Alembic's environment for every service: it runs on the connection, and in the transaction, that `migrate` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # Both databases roll schema changes back; Alembic assumes it of PostgreSQL only.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
