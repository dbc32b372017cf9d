"""The words of git: its commands, and which of their options start programs."""

import re

from devagent_workspace.shown import names

GIT_COMMANDS = names("""
add am annotate apply archive bisect blame branch bundle cat-file check-attr check-ignore check-mailmap
check-ref-format checkout checkout-index cherry cherry-pick clean clone column commit commit-graph
commit-tree config count-objects describe diff diff-files diff-index diff-tree fetch for-each-ref
format-patch fsck gc grep hash-object help init interpret-trailers log ls-files ls-remote ls-tree
maintenance merge merge-base merge-file merge-tree mktag mktree mv name-rev notes pack-refs prune pull push
range-diff read-tree rebase reflog remote repack replace request-pull rerere reset restore rev-list
rev-parse revert rm shortlog show show-branch show-ref sparse-checkout stash status stripspace submodule
switch symbolic-ref tag unpack-file update-index update-ref var version whatchanged
worktree write-tree --version --help
""")
GIT_READS = names("""
annotate blame cat-file check-attr check-ignore cherry count-objects describe diff diff-files diff-index
diff-tree for-each-ref grep help log ls-files ls-tree merge-base name-rev range-diff rev-list rev-parse
shortlog show show-branch show-ref status var version whatchanged --version --help
""")
GIT_RUNS = (
    "--open-files-in-pager", "--exec", "--upload-pack", "--receive-pack", "--ext-diff", "--textconv", "--tool",
    "--extcmd", "--template", "--web", "--info", "--man", "--strategy-option=", "--gpg-sign=", "--config",
    "--config-env", "--filters", "--show-signature", "--verify-signatures", "--unsafe-paths", "--separate-git-dir",
)  # fmt: skip
GIT_SHORT_RUNS: dict[str, str] = {
    "grep": "O", "rebase": "xiS", "commit": "S", "merge": "S", "cherry-pick": "S", "revert": "S", "am": "S", "tag": "suv", "clone": "cu", "fetch": "u", "ls-remote": "u", "add": "ie", "init": "", "difftool": "x",
    "checkout": "", "archive": "", "help": "wi",
}  # fmt: skip
GIT_UNCLEAR: dict[str, frozenset[str]] = {
    "bisect": frozenset(["run", "visualize", "view"]),
    "maintenance": frozenset(["start", "stop", "register", "unregister"]),
    "submodule": frozenset(["foreach", "add", "update", "set-url", "sync"]),
    "remote": frozenset(["set-url", "add"]),
}
GIT_PLAIN: dict[str, frozenset[str]] = {
    "rev-parse": frozenset(["--verify"]), "show-ref": frozenset(["--verify"]), "commit": frozenset(["--verify"]), "push": frozenset(["--verify"]),
    "merge": frozenset(["--verify", "--strategy", "--strategy-option"]), "rebase": frozenset(["--verify", "--strategy", "--strategy-option"]),
    "pull": frozenset(["--verify", "--strategy", "--strategy-option"]), "cherry-pick": frozenset(["--strategy", "--strategy-option"]),
    "revert": frozenset(["--strategy", "--strategy-option"]), "clone": frozenset(["--filter"]), "fetch": frozenset(["--filter"]),
    "rev-list": frozenset(["--filter"]), "format-patch": frozenset(["--to"]), "hash-object": frozenset(["--stdin"]),
}  # fmt: skip
"""Options that are none of those, though one of those begins like them."""
GIT_STRATEGIES = names("ort recursive resolve octopus ours subtree")
"""Those of git itself; ``-s x`` runs the program git-merge-x."""
GIT_SAFE_SETTINGS = re.compile(
    r"(?:color\.[\w.]+|advice\.[\w.]+|log\.(?!showsignature)\w+|column\.\w+|core\.(?:quotepath|abbrev|autocrlf|eol|safecrlf|precomposeunicode|ignorecase)"
    r"|core\.(?:pager|editor)=(?:cat|true|:)?|user\.(?:name|email)|(?:commit|tag)\.gpgsign=(?:false|no|off|0)|init\.defaultbranch|diff\.(?:renames|algorithm|noprefix|context|mnemonicprefix|colormoved|renamelimit)"
    r"|merge\.(?:conflictstyle|renames)|pull\.(?:rebase|ff)|push\.default|status\.\w+|grep\.(?:linenumber|patterntype)|gc\.auto|rebase\.autostash|safe\.directory|pager\.\w+=(?:cat|false)?|http\.postbuffer)(?:=.*)?\Z",
    re.IGNORECASE,
)
GIT_GLOBAL = re.compile(
    r"--no-pager|--no-optional-locks|--literal-pathspecs|--glob-pathspecs|--noglob-pathspecs|--no-replace-objects|--no-lazy-fetch|-P|--no-advice"
)
"""Options before the command that change nothing of what it is."""
