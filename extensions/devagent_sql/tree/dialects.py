"""What differs between the dialects: names, types and the functions a statement may call."""

from typing import Literal, NamedTuple

from devagent_sql.names import fold

_COMMON = """
    abs ceil ceiling floor round sign sqrt exp ln log power pow mod trunc random pi
    sin cos tan asin acos atan atan2 degrees radians
    lower upper length char_length character_length octet_length trim ltrim rtrim substr substring
    replace left right lpad rpad reverse repeat concat concat_ws ascii position strpos
    coalesce nullif greatest least
    count sum avg min max stddev stddev_pop stddev_samp variance var_pop var_samp
    bit_and bit_or bit_xor string_agg array_agg
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    now extract date_part date_trunc
"""
_POSTGRES = """
    cbrt div gcd lcm factorial width_bucket scale min_scale trim_scale cot sinh cosh tanh
    initcap btrim split_part translate overlay starts_with chr to_hex md5 sha224 sha256 sha384 sha512
    format quote_literal quote_ident quote_nullable regexp_replace regexp_match regexp_matches regexp_like
    regexp_count regexp_instr regexp_substr regexp_split_to_array regexp_split_to_table
    string_to_array string_to_table array_to_string normalize unistr bit_length bit_count get_bit get_byte encode decode convert_to
    to_char to_date to_number to_timestamp age make_date make_time make_timestamp make_timestamptz make_interval
    justify_days justify_hours justify_interval date_bin isfinite clock_timestamp statement_timestamp transaction_timestamp
    timezone
    array array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_upper cardinality trim_array unnest generate_series generate_subscripts
    row row_to_json array_to_json to_json to_jsonb json_build_array jsonb_build_array json_build_object
    jsonb_build_object json_object jsonb_object json_array_length jsonb_array_length json_typeof jsonb_typeof
    json_extract_path json_extract_path_text jsonb_extract_path jsonb_extract_path_text json_array_elements
    jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_each jsonb_each json_each_text
    jsonb_each_text json_object_keys jsonb_object_keys json_strip_nulls jsonb_strip_nulls jsonb_set jsonb_insert
    jsonb_pretty jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
    json_agg jsonb_agg json_object_agg jsonb_object_agg
    bool_and bool_or every any_value corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept
    regr_r2 regr_slope regr_sxx regr_sxy regr_syy mode percentile_cont percentile_disc grouping
    num_nonnulls num_nulls host family masklen netmask network broadcast abbrev
    isempty lower_inc upper_inc lower_inf upper_inf int4range int8range numrange daterange tsrange tstzrange
    to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd
    enum_first enum_last enum_range gen_random_uuid
"""
_DUCKDB = """
    cbrt gcd lcm factorial even gamma lgamma isnan isinf isfinite signbit log2 log10 xor bit_count fdiv
    len strlen unicode ord chr initcap split_part translate starts_with ends_with contains prefix suffix
    instr format printf md5 sha256 hash to_base64 from_base64 hex unhex bin to_hex from_hex encode decode
    regexp_matches regexp_replace regexp_extract regexp_extract_all regexp_full_match regexp_split_to_array
    string_split str_split string_to_array array_to_string levenshtein jaccard jaro_winkler_similarity damerau_levenshtein hamming
    ifnull if typeof try_cast today current_date date_add date_diff datediff date_sub datesub strftime strptime make_date
    make_time make_timestamp epoch epoch_ms to_timestamp year month day hour minute second quarter week
    weekday dayofweek dayofyear isodow dayname monthname last_day age to_days to_hours to_minutes to_seconds
    to_months to_years century decade
    list list_value list_contains list_has array_contains list_position list_distinct list_unique list_sort
    list_reverse_sort list_reverse list_sum list_avg list_min list_max list_concat array_concat list_slice
    array_slice list_extract array_extract list_aggregate flatten range generate_series unnest array_length
    array cardinality struct_pack struct_extract row map map_keys map_values map_extract element_at
    json json_extract json_extract_string json_array_length json_keys json_type json_valid json_structure
    json_object json_array json_quote to_json json_group_array json_group_object
    bool_and bool_or any_value arg_max arg_min max_by min_by approx_count_distinct approx_quantile median
    mode quantile quantile_cont quantile_disc percentile_cont percentile_disc mad entropy kurtosis skewness corr covar_pop covar_samp
    regr_slope regr_intercept regr_r2 histogram group_concat listagg first last product fsum kahan_sum
    count_star count_if countif sum_no_overflow bitstring_agg grouping grouping_id uuid gen_random_uuid
    array_distinct array_sort array_reverse_sort list_filter list_transform
"""
_MYSQL = """
    abs ceil ceiling floor round sign sqrt exp ln log log2 log10 power pow mod truncate rand pi conv crc32
    sin cos tan cot asin acos atan atan2 degrees radians bin oct hex unhex
    lower upper lcase ucase length char_length character_length octet_length bit_length bit_count trim ltrim rtrim
    substr substring mid replace left right lpad rpad reverse repeat concat concat_ws ascii ord char position instr locate
    insert elt field find_in_set format space strcmp substring_index to_base64 from_base64 md5 sha sha1 sha2 quote soundex
    make_set export_set
    regexp_like regexp_replace regexp_substr regexp_instr
    coalesce nullif greatest least if ifnull isnull
    count sum avg min max stddev stddev_pop stddev_samp std variance var_pop var_samp bit_and bit_or bit_xor
    group_concat json_arrayagg json_objectagg any_value
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    now curdate curtime sysdate current_date current_time current_timestamp localtime localtimestamp utc_date utc_time utc_timestamp
    date time timestamp year month day hour minute second microsecond quarter week weekofyear yearweek dayofmonth dayofweek
    dayofyear weekday dayname monthname last_day extract adddate subdate date_add date_sub datediff timediff
    timestampdiff timestampadd date_format get_format str_to_date time_format unix_timestamp from_unixtime makedate
    maketime to_days to_seconds from_days sec_to_time time_to_sec addtime subtime period_add period_diff convert_tz
    json_extract json_unquote json_array json_object json_array_length json_length json_keys json_contains json_array_append
    json_array_insert json_contains_path json_type json_valid json_depth json_search json_quote json_value json_query json_set json_remove
    json_replace json_insert json_merge_patch json_merge_preserve json_pretty json_exists json_compact json_overlaps
    inet_aton inet_ntoa inet6_aton inet6_ntoa is_ipv4 is_ipv6 uuid_to_bin bin_to_uuid is_uuid row grouping
"""
_SQLITE = """
    char glob format hex ifnull iif instr like likelihood likely nullif printf quote soundex typeof unhex unicode unlikely
    randomblob zeroblob acosh asinh atanh cosh sinh tanh log2 log10
    date time datetime julianday unixepoch strftime timediff
    json json_array json_array_length json_extract json_insert json_object json_patch json_pretty json_quote
    json_remove json_replace json_set json_type json_valid json_error_position json_each json_tree
    group_concat total median json_group_array json_group_object current_date current_time current_timestamp
"""


class Dialect(NamedTuple):
    """``name`` as sqlglot knows it. ``folds``: what an unquoted identifier turns into; "" = as written.

    ``any_case``: names that differ in case alone are one, quoted or not. ``quotes_all``: every
    identifier is written in quotes. ``alias_in_where``: an output's alias may stand where a column does.
    """

    name: str
    title: str
    functions: frozenset[str]
    folds: Literal["", "lower", "upper"]
    any_case: bool
    quotes_all: bool
    alias_everywhere: bool
    longest_name: int
    """Of a name, in bytes of UTF-8; 0 = no bound, or the engine refuses longer ones (PostgreSQL cuts them off)."""
    in_from: frozenset[str]
    """Those that may stand in FROM. An engine may have another there of an allowed one's name: DuckDB's ``histogram``
    is an aggregate, and in FROM a macro that reads whatever table a text names."""


# A function of _COMMON that MySQL has not would be looked for among those that people stored: it has a list of its own.


def _functions(own: str) -> frozenset[str]:
    return frozenset(f"{_COMMON} {own}".split())


_NONE = frozenset[str]()

POSTGRES = Dialect(
    "postgres", "PostgreSQL", _functions(_POSTGRES), "lower", False, True, False, 63, _functions(_POSTGRES)
)  # fmt: skip
DUCKDB = Dialect(
    "duckdb", "DuckDB", _functions(_DUCKDB), "", True, True, True, 0, frozenset({"range", "generate_series", "repeat", "unnest"})
)  # fmt: skip
MYSQL = Dialect("mysql", "MySQL", frozenset(_MYSQL.split()), "", True, True, True, 0, _NONE)
SQLITE = Dialect(
    "sqlite", "SQLite", _functions(_SQLITE), "", True, False, True, 0, frozenset({"json_each", "json_tree"})
)  # fmt: skip


# Of the warehouses: functions that each has of its own (another name would be looked for among people's own).
_ANYWHERE = """
    abs ceil floor round sign sqrt exp ln log power mod sin cos tan asin acos atan atan2
    lower upper length trim ltrim rtrim substr replace left right lpad rpad reverse repeat concat ascii initcap
    coalesce nullif greatest least
    count sum avg min max stddev stddev_pop stddev_samp variance var_pop var_samp corr array_agg approx_count_distinct
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    date_trunc extract last_day regexp_replace split array struct
"""
_SNOWFLAKE = """
    ceiling char_length substring position charindex split_part strtok translate contains startswith endswith regexp_like
    regexp_substr regexp_count regexp_instr ifnull nvl nvl2 zeroifnull nullifzero iff decode div0 square cbrt factorial trunc truncate
    listagg median mode count_if any_value object_agg array_size array_construct object_construct get_path parse_json
    to_json typeof dateadd datediff timestampadd timestampdiff date_part dayname monthname year month day hour minute second
    quarter week dayofweek dayofyear to_date to_timestamp to_time to_number to_decimal to_double to_varchar to_char to_boolean
    try_to_date try_to_number try_to_timestamp current_date current_timestamp hex_encode md5 sha2 percentile_cont
    percentile_disc booland_agg boolor_agg grouping
"""
_DATABRICKS = """
    ceiling char_length substring position locate instr split_part substring_index translate contains startswith endswith
    regexp_like regexp_extract regexp_count regexp_instr ifnull nvl nvl2 if iff isnull isnotnull pmod div cbrt factorial bround
    string_agg listagg collect_list collect_set median mode count_if any_value percentile percentile_approx max_by min_by
    size cardinality array_contains array_size array_sort explode sequence map map_keys map_values named_struct get_json_object
    from_json to_json date_add date_sub dateadd datediff timestampdiff timestampadd add_months months_between date_format
    date_part year month day hour minute second quarter weekofyear dayofweek dayofyear to_date to_timestamp to_number to_char
    unix_timestamp from_unixtime now current_date current_timestamp md5 sha2 hex unhex grouping
"""
_BIGQUERY = """
    ceiling char_length character_length substring strpos instr contains_substr starts_with ends_with regexp_contains
    regexp_extract regexp_extract_all regexp_instr translate format ifnull if div ieee_divide safe_divide safe_add safe_multiply
    trunc string_agg countif any_value approx_quantiles approx_top_count logical_and logical_or max_by min_by array_length
    array_concat array_to_string array_reverse generate_array generate_date_array unnest to_json to_json_string json_value
    json_query json_extract json_extract_scalar parse_json date date_add date_sub date_diff datetime datetime_add
    datetime_diff datetime_trunc timestamp timestamp_add timestamp_sub timestamp_diff timestamp_trunc time format_date format_timestamp
    parse_date parse_timestamp unix_seconds current_date current_timestamp current_datetime safe_cast to_hex md5 sha256
    byte_length to_base64 percentile_cont percentile_disc grouping
"""


def _of_warehouse(own: str) -> frozenset[str]:
    return frozenset(f"{_ANYWHERE} {own}".split())


SNOWFLAKE = Dialect(
    "snowflake", "Snowflake SQL", _of_warehouse(_SNOWFLAKE), "upper", False, True, True, 255, _NONE
)
DATABRICKS = Dialect(
    "databricks", "Databricks SQL", _of_warehouse(_DATABRICKS), "", True, True, True, 255, _NONE
)
BIGQUERY = Dialect(
    "bigquery", "GoogleSQL", _of_warehouse(_BIGQUERY), "", True, True, False, 300, _NONE
)
WAREHOUSES = {"snowflake": SNOWFLAKE, "databricks": DATABRICKS, "bigquery": BIGQUERY}
BY_TYPE = {"postgres": POSTGRES, "duckdb": DUCKDB, "mysql": MYSQL, "sqlite": SQLITE, **WAREHOUSES}
"""By the type of a source."""


def folded(dialect: Dialect, name: str) -> str:
    """An identifier without quotes as the engine takes it."""
    if dialect.folds == "upper":
        return fold(name).upper() if name.isascii() else name.upper()
    return fold(name) if dialect.folds else name


def key(dialect: Dialect, name: str) -> str:
    """The form in which two spellings of one name agree."""
    return fold(name) if dialect.any_case else name
