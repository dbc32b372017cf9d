"""Databricks SQL, Snowflake and BigQuery: checked trees over each one's own driver, loaded on use."""
