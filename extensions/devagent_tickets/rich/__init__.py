"""Rich text: Markdown on our side; Atlassian's document format, its wiki markup and HTML on the trackers'.

Each has a reader into the blocks of ``tree`` and a writer out of them. What a format knows and Markdown does not (colours,
panels, panes) becomes the text in it: nothing that stands there for people to read is lost.
"""
