"""The tables that models declare, as DDL for either database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .database import Database
from .errors import ModelError
from .fields import Field, Index, Table, table_of

# Names and keys are compared byte by byte, as SQLite does: case counts, accents count, trailing blanks count. The
# collation that does so has another name in MySQL than in MariaDB; each reads the comment that is meant for it.
MYSQL_END = (
    "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    " /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */"
)
SQLITE_END = "\n) STRICT"


def schema(models: Iterable[Any], dialect: str) -> str:
    """All CREATE statements for "mysql" or "sqlite", in an order that foreign keys allow."""
    if dialect not in ("mysql", "sqlite"):
        raise ModelError(f"no dialect {dialect!r}: there are mysql and sqlite")
    return "".join(f"{statement};\n\n" for statement in _statements(models, dialect))


def create_all(database: Database, models: Iterable[Any]) -> None:
    """Create what is not there yet; existing tables stay as they are."""
    for statement in _statements(models, database.dialect):
        database.perform(statement, (), write=True)


def drop_all(database: Database, models: Iterable[Any]) -> None:
    """Drop the tables that are there."""
    for table in reversed(_in_order(models)):
        database.perform(f"DROP TABLE IF EXISTS `{table.name}`", (), write=True)


def column_ddl(column: Field[Any], dialect: str) -> str:
    """One column's definition, as CREATE TABLE and ALTER TABLE ... ADD COLUMN take it."""
    is_key = column is column.table.primary
    numbered, null = is_key and column.table.numbered, "" if column.null else " NOT NULL"
    if dialect == "mysql":
        return f"`{column.name}` {column.kind.mysql}{null}" + (" AUTO_INCREMENT" if numbered else "")
    key = " PRIMARY KEY" if is_key else ""
    return f"`{column.name}` {column.kind.sqlite}{null}{key}" + (" AUTOINCREMENT" if numbered else "")


def _statements(models: Iterable[Any], dialect: str) -> list[str]:
    return [statement for table in _in_order(models) for statement in _table(table, dialect)]


def _in_order(models: Iterable[Any]) -> list[Table]:
    """Tables after those they refer to, else as given."""
    tables, ordered = [table_of(model) for model in models], dict[Table, None]()

    def visit(table: Table) -> None:
        for key in table.relations.values():
            if key.target in tables:
                visit(key.target)
        ordered.setdefault(table)

    for table in tables:
        visit(table)
    return list(ordered)


def _table(table: Table, dialect: str) -> list[str]:
    lines = [column_ddl(column, dialect) for column in table.columns]
    indexes = [(f"{'UNIQUE ' if index.unique else ''}", table.name_of(index), _names(index)) for index in table.indexes]
    if dialect == "mysql":
        lines.append(f"PRIMARY KEY (`{table.primary.name}`)")
        lines += [f"{unique}KEY `{name}` ({names})" for unique, name, names in indexes]
    lines += [
        f"CONSTRAINT `{table.name}_{key.column.name}_fk` FOREIGN KEY (`{key.column.name}`)"
        f" REFERENCES `{key.target.name}` (`{key.target.primary.name}`) ON DELETE {key.on_delete.upper()}"
        for key in table.relations.values()
    ]
    create = f"CREATE TABLE IF NOT EXISTS `{table.name}` (" + ",".join(f"\n    {line}" for line in lines)
    if dialect == "mysql":
        return [create + MYSQL_END]
    return [create + SQLITE_END] + [
        f"CREATE {unique}INDEX IF NOT EXISTS `{name}`\n    ON `{table.name}` ({names})"
        for unique, name, names in indexes
    ]


def _names(index: Index) -> str:
    return ", ".join(f"`{name}`" for name in index.names)
