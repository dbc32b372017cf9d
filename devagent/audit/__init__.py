"""Floor 2: the session log on disk, format 1: written by ``tap``, read and verified offline."""
