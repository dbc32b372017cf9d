"""Functions that a statement may call. Everything else is refused, whatever it does."""

_SCALAR = """
    abs char coalesce format glob hex ifnull iif instr length like likelihood likely lower ltrim
    max min nullif octet_length printf quote replace round rtrim sign substr substring trim typeof
    unhex unicode unlikely upper concat concat_ws random randomblob zeroblob
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2
    mod pi pow power radians sin sinh sqrt tan tanh trunc
    date time datetime julianday unixepoch strftime timediff
    current_date current_time current_timestamp
    -> ->> json json_array json_array_length json_extract json_insert json_object json_patch
    json_pretty json_quote json_remove json_replace json_set json_type json_valid json_error_position
"""
_AGGREGATE = """
    avg count group_concat string_agg sum total median json_group_array json_group_object
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
"""
ALLOWED = frozenset(f"{_SCALAR} {_AGGREGATE}".split())

SLOW_ON_LONG_TEXT = frozenset({"instr", "replace", "trim", "ltrim", "rtrim", "json_patch"})
"""Work of one step that grows with length times length, which no clock can interrupt: values are
kept shorter in statements that use them."""

TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
