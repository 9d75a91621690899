"""What can go wrong, as one tree. A caller decides by class; each carries the facts a program needs."""

from __future__ import annotations


class OrmError(Exception):
    """Anything this package raises on purpose; raised as such for what no class below names."""


class ModelError(OrmError):
    """A model, a query or the set-up is wrong: a mistake in the program, not in its data."""


class NotFound(OrmError):
    """`get()` matched no row, or the row behind an object is gone."""


class FieldError(OrmError):
    """A value does not fit its field. `model` and `field` are names; `value` is what was given."""

    def __init__(self, model: str, field: str, value: object, problem: str) -> None:
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        super().__init__(f"{model}.{field} {problem}, got {shown}")
        self.model, self.field, self.value, self.problem = model, field, value, problem


class IntegrityError(OrmError):
    """The database refused a row because of a constraint."""


class UniqueViolation(IntegrityError):
    """The values exist already. `columns` and `constraint` say where, as far as the database tells."""

    def __init__(self, message: str, columns: tuple[str, ...] = (), constraint: str = "") -> None:
        super().__init__(message)
        self.columns, self.constraint = columns, constraint


class ForeignKeyViolation(IntegrityError):
    """The row points at one that does not exist, or others still point at it."""


class Deadlock(OrmError):
    """The database gave this transaction up for another one (1213, 1205, SQLITE_BUSY): run all of it again."""


class StatementTimeout(OrmError):
    """The database stopped a statement that ran longer than `statement_timeout`."""


class OutcomeUnknown(OrmError):
    """The connection was lost while a write was being made lasting: it is there whole, or not at all.

    Look the row up by its own key before saying anything to anyone, and before trying again."""


class Unavailable(OrmError):
    """No database can be reached, or no connection came free in time. Nothing was written; try again later."""


class DiskFull(Unavailable):
    """The database has no room for what was to be written. Nothing was; try again when there is some."""


class Refused(OrmError):
    """Wrong user, password or name of a database, or no right to do this: trying again does not help."""


class ConnectionLost(Unavailable):
    """The connection broke under a statement whose effects, if any, the database has undone.

    `sent` is False when the statement cannot have reached the database."""

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class DatabaseTooNew(OrmError):
    """The database was migrated by a newer program: `found` is its version, `known` the newest known here."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the database has schema version {found}; this program knows only {known}: upgrade it")
        self.found, self.known = found, known
