"""Sessions handed on to what an organisation already runs: one fold, and one file for each target.

``items`` says what there is to tell, ``fold`` takes it from a session's log, ``progress`` remembers what a target
has, ``run`` brings the three together. The log stays the record: what is exported is a copy, and says so.
"""
