"""What a secret looks like in text: one set of rules for the record's redaction and for what git commits.

It stands below the house and the extensions alike, so it imports neither: the standard library and msgspec only.
"""
