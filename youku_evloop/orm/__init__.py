"""A small ORM for MySQL and SQLite: fields, models, queries, transactions, a pool. It knows neither loop nor youku.

See docs/orm.md.
"""

# ruff: noqa: I001  # one line for each module reads better than one for each name

from .database import Database, current_database
from .errors import ConnectionLost, DatabaseTooNew, Deadlock, DiskFull, FieldError, ForeignKeyViolation
from .errors import IntegrityError, ModelError, NotFound, OrmError, OutcomeUnknown, Refused, StatementTimeout
from .errors import Unavailable, UniqueViolation
from .expressions import Condition, Expression, Given
from .fields import BigInteger, Binary, Boolean, DateTime, Enum, Field, ForeignKey, Index, Integer, Json, String, Text
from .fields import Unique
from .functions import avg, coalesce, count, lower, max, min, sum, utcnow
from .migrations import Migrations
from .models import Model
from .pool import PoolStats, Result
from .query import Query
from .runtime import BlockingRuntime, Runtime, Socket, Waiter
from .schema import column_ddl, create_all, drop_all, schema
from .transactions import Transaction

__all__ = [
    "BigInteger", "Binary", "BlockingRuntime", "Boolean", "Condition", "ConnectionLost", "Database", "DatabaseTooNew",
    "DateTime", "Deadlock", "DiskFull", "Enum", "Expression", "Field", "FieldError", "ForeignKey",
    "ForeignKeyViolation", "Given", "Index", "Integer", "IntegrityError", "Json", "Migrations", "Model", "ModelError",
    "NotFound", "OrmError", "OutcomeUnknown", "PoolStats", "Query", "Refused", "Result", "Runtime", "Socket",
    "StatementTimeout", "String", "Text", "Transaction", "Unavailable", "Unique", "UniqueViolation", "Waiter", "avg",
    "coalesce", "column_ddl", "count", "create_all", "current_database", "drop_all", "lower", "max", "min", "schema",
    "sum", "utcnow",
]  # fmt: skip
