"""The tables that models declare, as DDL for either database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .database import Database
from .errors import ModelError
from .fields import Field, Index, Table, table_of

# Names and keys are compared byte by byte, as SQLite does: case counts, accents count, trailing blanks count. The
# collation that does so has another name in MySQL than in MariaDB; each reads the comment that is meant for it.
COLLATION = "/*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */"
MYSQL_END = f") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 {COLLATION}"


def schema(models: Iterable[Any], dialect: str) -> str:
    """All CREATE statements, one after the other, in an order that foreign keys allow."""
    return "".join(f"{statement};\n\n" for statement in _statements(models, dialect))


def create_all(database: Database, models: Iterable[Any]) -> None:
    """Create what is not there yet; existing tables stay as they are."""
    for statement in _statements(models, database.dialect):
        database.perform(statement, (), write=True)


def drop_all(database: Database, models: Iterable[Any]) -> None:
    """Drop the tables that are there."""
    for table in reversed(_in_order(models)):
        database.perform(f"DROP TABLE IF EXISTS `{table.name}`", (), write=True)


def _statements(models: Iterable[Any], dialect: str) -> list[str]:
    make = {"mysql": _mysql, "sqlite": _sqlite}.get(dialect)
    if make is None:
        raise ModelError(f"no dialect {dialect!r}: there are mysql and sqlite")
    return [statement for table in _in_order(models) for statement in make(table)]


def _in_order(models: Iterable[Any]) -> list[Table]:
    """Tables after those they refer to."""
    ordered: dict[Table, None] = {}

    def visit(table: Table, wanted: set[Table]) -> None:
        for key in table.relations.values():
            if key.target in wanted:
                visit(key.target, wanted - {table})
        ordered.setdefault(table)

    tables = [table_of(model) for model in models]
    for table in tables:
        visit(table, set(tables) - {table})
    return list(ordered)


def _mysql(table: Table) -> list[str]:
    keys = [f"PRIMARY KEY (`{table.primary.name}`)"]
    keys += [
        ("UNIQUE " if index.unique else "") + f"KEY `{table.name_of(index)}` ({_names(index)})"
        for index in table.indexes
    ]
    columns = [column_ddl(column, "mysql") for column in table.columns]
    return [_create(table, columns + keys + _foreign_keys(table)) + MYSQL_END]


def _sqlite(table: Table) -> list[str]:
    columns = [column_ddl(column, "sqlite") for column in table.columns]
    indexes = [
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX IF NOT EXISTS `{table.name_of(index)}`\n"
        f"    ON `{table.name}` ({_names(index)})"
        for index in table.indexes
    ]
    return [_create(table, columns + _foreign_keys(table)) + ") STRICT", *indexes]


def column_ddl(column: Field[Any], dialect: str) -> str:
    """One column's definition, as CREATE TABLE and ALTER TABLE ... ADD COLUMN take it."""
    numbered = column is column.table.primary and column.table.numbered
    null = "" if column.null else " NOT NULL"
    if dialect == "mysql":
        return f"`{column.name}` {column.kind.mysql}{null}" + (" AUTO_INCREMENT" if numbered else "")
    key = " PRIMARY KEY AUTOINCREMENT" if numbered else " PRIMARY KEY" if column.primary_key else ""
    return f"`{column.name}` {column.kind.sqlite}{null}{key}"


def _foreign_keys(table: Table) -> list[str]:
    return [
        f"CONSTRAINT `{table.name}_{key.column.name}_fk` FOREIGN KEY (`{key.column.name}`)"
        f" REFERENCES `{key.target.name}` (`{key.target.primary.name}`) ON DELETE {key.on_delete.upper()}"
        for key in table.relations.values()
    ]


def _create(table: Table, lines: list[str]) -> str:
    body = ",\n".join(f"    {line}" for line in lines)
    return f"CREATE TABLE IF NOT EXISTS `{table.name}` (\n{body}\n"


def _names(index: Index) -> str:
    return ", ".join(f"`{name}`" for name in index.names)
