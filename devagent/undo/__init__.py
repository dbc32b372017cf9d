"""Floor 2: snapshots of a workspace before each call that may change it, and the way back.

places.py    which folder a snapshot is of, and the repository that it belongs to
store.py     where snapshots lie: a git store of our own among the person's data
git.py       git's plumbing on that store, with nothing of the repository's configuration in force
state.py     what a repository has beside its files: HEAD, refs, index, stashes, a merge under way
snapshot.py  taking one
restore.py   going back to one
guard.py     the port of the loop: one snapshot before each such call
"""
