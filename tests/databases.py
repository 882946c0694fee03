"""PostgreSQL databases for the tests: made from a migrated template, emptied and used again, as making one takes long.

A database that was given back is as a new one: empty, its numbers start at 1, and nobody is connected to it. Where a
test changed the schema, the database is thrown away.
"""

import os
from typing import Self

import psycopg
from real_servers import Postgres

from digest.db import Database

DISCONNECT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
WRITTEN_TO = """
    SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    AND pg_relation_size(oid) > 0
"""
SCHEMA = """
    SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),
           (SELECT md5(string_agg(concat_ws(' ', oid, relname, relkind, relnatts, relhasindex), ',' ORDER BY oid))
            FROM pg_class WHERE relnamespace = 'public'::regnamespace),
           (SELECT md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, attnotnull), ','
                       ORDER BY attrelid, attnum))
            FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
            WHERE relnamespace = 'public'::regnamespace),
           (SELECT md5(string_agg(concat_ws(' ', oid, conname, contype), ',' ORDER BY oid)) FROM pg_constraint)
"""


class Databases:
    """The databases of one process of tests on one server, on which other processes may have theirs."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.template = f"digest_template_{os.getpid()}"
        self._made = 0
        self._spare: list[str] = []
        self._schema: object = None

    def take(self) -> str:
        """The name of an empty, migrated database."""
        return self._spare.pop() if self._spare else self._make()

    def give_back(self, name: str) -> None:
        """Empty a database for the next test; drop it if its schema is no longer the template's."""
        if self._empty(name) == self._schema:
            self._spare.append(name)
        else:
            self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _make(self) -> str:
        self._made += 1
        name = f"digest_test_{os.getpid()}_{self._made}"
        self.server.execute(
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {self.template}"
        )
        return name

    def _empty(self, name: str) -> object:
        """Remove all connections and rows; returns what describes the schema."""
        with psycopg.connect(self.server.url(name).replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(DISCONNECT)
            (names,) = connection.execute(WRITTEN_TO).fetchone() or (None,)
            if names:
                connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
            return connection.execute(SCHEMA).fetchone()

    def __enter__(self) -> Self:
        self.server.execute(f"DROP DATABASE IF EXISTS {self.template}", f"CREATE DATABASE {self.template}")
        with Database(self.server.url(self.template)) as database:
            database.upgrade()
        self._schema = self._empty(self.template)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for name in (*self._spare, self.template)))
