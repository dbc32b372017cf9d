"""Statements as checked trees (sqlglot): what runs is written anew from the tree, never the text that came in.

``parse`` makes one tree of allowed nodes, ``resolve`` finds what every name in it means, ``shields``
puts filters and masks in place of tables, ``groups`` keeps small groups out. Loading this package
loads sqlglot (0.15 s), so it is imported with the first statement.
"""
