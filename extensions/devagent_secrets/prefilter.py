"""The quick no: whether a JSON text may hold anything that is redacted. Most events end here.

One pattern over the bytes. Each of its alternatives begins at a character that is rare in text and code (``_``, ``-``,
``k``, capitals) and looks around from there, so that the other bytes cost a step of a scan. It may say yes
for nothing and must never say no for something: a test holds it against all the rules.
"""

import re
from functools import cache

# What may stand between a name that has secrets and the sign that gives it one, as it is or in JSON's writing.
_GIVEN = rb"[\w-]{0,12}[\\\"'`\] \tt]{0,48}[=:>]"
_KEY = (
    rb"(?:(?<=[A-Za-z_-].)(?i:ey)|(?<=[oO].)(?i:en))" + _GIVEN + rb"|(?<=slac.)\.com/|(?<=hook)s/\d"
)
_PASSWORD = rb"(?:(?i:ass)[wWpP]|(?i:wd))" + _GIVEN + rb"|(?<=da.)i[0-9a-f]{32}"
_SECRET = rb"(?i:re)(?:[tT]|(?i:dent))" + _GIVEN
_BEARER = rb"(?i:earer)[ \t\\]"
_AUTHORIZATION = rb"(?i:ation)[\\\"' \tt]{0,24}[=:,]"
# Each alternative begins with one literal character: only then is the rest of the text passed over fast.
_ANCHORED = (
    # _ in a token's prefix, or before so long a run as names do not have
    rb"_(?:(?=[A-Za-z0-9]{16})|(?<=[po]at_)|(?<=igd_)|(?<=tkn_)|(?<=_pw_)|(?<=uth_)|(?<=sec_))"
    # - the same; options of commands
    rb"|-(?:(?=[A-Za-z0-9]{16})|(?<=gl[a-z]t-)|(?<=gl[a-z]{2}t-)|(?<=ffct-)|(?<=oas-)|(?<=oat-)|(?<=glagent-)|(?<=xox.-)|(?<=xapp-)|(?<=pypi-)"
    rb"|(?<=SPX-)|(?<=sq0...-)|(?<=sk-)(?:ant-|proj-|svc|admin-|or-v1)|(?<=[ nt\n\t]-)[uU][ =\\\"']|(?<=--)(?:proxy-)?user"
    rb"|(?<=--)[A-Za-z-]{0,30}(?i:pa|pw|sec|tok|key|cre))"
    rb"|A(?:[KS]IA|BIA|CCA|Iza|TATT3|(?<=hv[sb]\.[CA]A)|(?<=:A)A)"
    rb"|K(?:(?<=PRIVATE K)EY|(?<=SECRET-K)EY|(?<=SK)[0-9a-f]{16})"
    rb"|J(?<=eyJ)|G(?<=SG)\.|9(?<=ya29)\."
    # names, where something is given to them
    rb"|k(?:" + _KEY + rb")|K(?:" + _KEY + rb")|p(?:" + _PASSWORD + rb")|P(?:" + _PASSWORD + rb")"
    rb"|c" + _SECRET + rb"|C" + _SECRET + rb"|z" + _AUTHORIZATION + rb"|Z" + _AUTHORIZATION
    + rb"|b" + _BEARER + rb"|B" + _BEARER
)  # fmt: skip
_ADDRESS = rb"://[^\s:/@]*+:[^\s/@]++@"
_DIGITS = rb"\d(?:[ ().\-/]{0,3}\d){7}"


def may_hold_secrets(data: bytes) -> bool:
    """Whether the rules for secrets must look at this text, as it is or as JSON."""
    if _compiled(_ANCHORED).search(data):
        return True
    return b"@" in data and b"://" in data and _compiled(_ADDRESS).search(data) is not None


def may_hold_personal_data(data: bytes) -> bool:
    """The same for personal data."""
    return b"@" in data or not data.isascii() or _compiled(_DIGITS).search(data) is not None


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)
