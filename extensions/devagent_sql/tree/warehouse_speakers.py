"""The dialects of the warehouses, made faithful as in ``speakers``."""

from typing import Any, ClassVar

from sqlglot.dialects.bigquery import BigQuery
from sqlglot.dialects.databricks import Databricks
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.snowflake import Snowflake

from devagent_sql.tree.faithful import NAMED_ARGUMENTS, own_syntax


class FaithfulSnowflake(Snowflake):
    class Parser(Snowflake.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS = own_syntax(Snowflake)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulDatabricks(Databricks):
    class Parser(Databricks.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS = own_syntax(Databricks)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulBigQuery(BigQuery):
    class Parser(BigQuery.Parser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS = own_syntax(BigQuery)

    def to_json_path(self, path: Any) -> Any:
        return path


SPEAKERS: dict[str, type[Dialect]] = {
    "snowflake": FaithfulSnowflake,
    "databricks": FaithfulDatabricks,
    "bigquery": FaithfulBigQuery,
}
