"""What is known of programs: which of them start other programs, and by which of their options.

A rule that allows a program means that program, not whatever it can be told to start. The classes are
those of GTFOBins (gtfobins.github.io) and of the advisories that tests/unit/extensions/
test_workspace_bypass.py names line by line.
"""

import re
from typing import NamedTuple

from devagent_workspace.shown import names

WRAPPERS: dict[str, str] = {
    "env": "iS:u:C:0v", "timeout": "k:s:v", "nice": "n:", "nohup": "", "time": "pf:o:va", "stdbuf": "i:o:e:",
    "setsid": "cfw", "ionice": "c:n:t", "chrt": "bfior", "command": "pvV", "builtin": "", "exec": "cla:",
    "busybox": "", "toybox": "", "chronic": "ev", "unbuffer": "p", "caffeinate": "dimsut:",
}  # fmt: skip
"""Programs that become another one: their short options, ``:`` after those that take a value."""
ELEVATING = frozenset(["sudo", "doas", "run0", "pkexec"])
"""The same, but with other rights: named themselves as well as what they run."""

SHELLS = frozenset(["bash", "sh", "dash", "ash"])
OPAQUE = names("""
eval source . trap alias unalias enable coproc bind complete compgen compopt hash fc history let mapfile
readarray getopts suspend ulimit zsh ksh mksh fish csh tcsh rbash rzsh pwsh powershell su runuser parallel
script watch at batch crontab systemd-run unshare nsenter chroot flock strace ltrace gdb lldb valgrind
catchsegv run-parts start-stop-daemon dbus-run-session xvfb-run fakeroot fakechroot proot firejail bwrap
hyperfine entr nodemon concurrently tmux screen expect xterm nix-shell nix socat capsh setarch prlimit
taskset numactl rlwrap sg newgrp ssh-agent cpulimit distcc ccache setpriv perf aria2c gcore ld.so torify
torsocks proxychains daemonize daemon softlimit setuidgid envdir chpst runcon sshpass faketime bpftrace
dotenv envchain op aws-vault cross-env cross-env-shell nyc c8 pyenv rbenv nodenv honcho foreman start-server-and-test chamber doppler teller direnv xdg-open do then else elif fi done esac in
function select if while until for case { } ! [[ ]]
""")
"""What runs anything, or changes what later words mean, in ways that are not followed."""

PRINTERS = names("""
echo printf true false : exit return break continue wait sleep seq pwd shift
""")
"""Their words are text, no files, and no option of theirs runs or writes anything."""
READERS = names("""
cat head tail wc ls stat file basename dirname realpath readlink du df nl tac rev cut tr paste comm cmp diff
md5sum sha1sum sha256sum sha512sum cksum od hexdump strings grep egrep fgrep mkdir touch test [ bat
""")
"""Whatever their words are, they read and print; so files of a glob or a listing may stand in them."""
PATTERN_FIRST = names("""
grep egrep fgrep rg ag ack sed awk gawk mawk nawk jq yq tr sd
""")
"""Their first operand is a pattern or a program, not a file."""
READ_ONLY = READERS - {"mkdir", "touch"} | names("""
cd pushd rg ag fd find tree sort uniq awk gawk sed jq yq less more column xxd export git-status source
""")

INTERPRETERS: dict[str, tuple[str, str, str]] = {
    "python": ("cim", "bBdEhiIOqsSuvVx?", "XW"), "node": ("epri", "cv", ""), "ruby": ("erSxnpi", "acdlsvwWUy", "IKE"),
    "perl": ("eEMmxdnpi", "cstuUvwWXafl", "IC"), "php": ("rBREFazS", "nqsvwil", "dc"), "lua": ("eil", "vW", ""),
    "luajit": ("eilj", "vW", ""), "julia": ("eEL", "iqv", ""), "Rscript": ("e", "", ""), "R": ("ef", "q", ""),
    "tclsh": ("", "", ""), "wish": ("", "", ""), "guile": ("ceslL", "q", ""), "ghci": ("e", "", ""), "irb": ("rI", "", ""),
    "groovy": ("e", "", ""), "scala": ("e", "", ""), "elixir": ("er", "", ""), "iex": ("er", "", ""), "erl": ("", "", ""),
    "clojure": ("eMX", "", ""), "osascript": ("el", "", ""), "deno": ("", "", ""), "ts-node": ("epriO", "cv", ""), "tsx": ("epri", "cv", ""), "bun": ("epri", "", ""),
    "racket": ("efl", "", ""), "sbcl": ("", "", ""), "ocaml": ("e", "", ""), "swipl": ("gt", "", ""), "octave": ("", "", ""),
    "pypy": ("cim", "bBdEhiIOqsSuvVx?", "XW"), "ipython": ("cim", "", ""), "jshell": ("", "", ""), "raku": ("eMInp", "", ""),
}  # fmt: skip
"""Interpreters: short options that take code or load a module, plain ones, ones with a harmless value."""
_CODE_OPTIONS = (
    "--eval", "--print", "--require", "--import", "--loader", "--experimental-loader", "--interactive",
    "--run", "--execute", "--preload", "--command", "-eval", "--expr", "--load", "--init-file", "--env-file",
    "--define", "--php-ini", "--zend-extension", "--test-reporter", "--snapshot-blob", "--openssl-config", "--inspect-brk", "--inspect-wait", "--experimental-config-file", "--experimental-default-config-file", "--script-shell", "--config", "--build-snapshot",
)  # fmt: skip
LONG_CODE_OPTIONS = frozenset(_CODE_OPTIONS)


class Program(NamedTuple):
    """Options by which a program starts others or loads code (``runs``), and that name files to write.

    ``--long`` options count when abbreviated. ``-x`` counts in a cluster; ``-xy`` as a whole word.
    ``words``: a pattern of any word that does the same. ``stdin``: it takes commands from its input. ``whole``: its
    options are whole words behind one hyphen or two, and never a cluster.
    """

    runs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    words: str = ""
    stdin: bool = False
    whole: bool = False


def _program(
    runs: str = "", writes: str = "", words: str = "", *, stdin: bool = False, whole: bool = False
) -> Program:
    return Program(tuple(runs.split()), tuple(writes.split()), words, stdin, whole)


_COMPILER = _program(
    "-wrapper -fplugin= -specs --specs -B -Xclang -Xlinker -Xassembler -fuse-ld -plugin",
    "-o",
    r"@.*|-W[ap],.*|-Wl,(?!-rpath|-z,|-O|-soname|--as-needed|--no-undefined|--gc-sections|-s\Z|--strip).*",
)
_EDITOR = _program("-c --cmd -S -u -U -s -W -es -e -E -y", "", r"\+.*", stdin=True)
_PACKAGE = _program(
    "--script-shell --node-options --globalconfig --userconfig --call -c --git --shell --viewer --browser --editor --init-module --node-gyp"
    " --python --onload-script --use-yarnrc --pnpmfile --global-pnpmfile --config.script-shell --config.git --config.node-options",
    "",
    r"config|set|set-script|exec-env|c|explore|edit|node",
)
_PIP = _program(
    "--config-settings --python --global-option --build-option -C --editor", "--log --report -t --target", "config"
)  # fmt: skip
_MAVEN = _program("-f --file -s --settings -gs -t --toolchains", "", r"exec:.*|antrun:.*|.*\bexec-maven.*|-D(?:maven\.ext\.|argLine|exec\.|jvm|maven\.home).*", whole=True)  # fmt: skip
_GRADLE = _program(
    "-I --init-script -b --build-file -c --settings-file -g", "", r"-Dorg\.gradle\..*"
)
PROGRAMS: dict[str, Program] = {
    "rg": _program("--pre --hostname-bin"),
    "ag": _program("--pager"), "bat": _program("--pager --config-file --config-dir"),
    "ack": _program("--pager --ackrc --create-ackrc"),
    "fd": _program("--exec --exec-batch -x -X"),
    "fdfind": _program("--exec --exec-batch -x -X"),
    "sort": _program("--compress-program --files0-from", "-o --output"), "wc": _program("--files0-from"), "du": _program("--files0-from"),
    "shuf": _program("", "-o --output"),
    "split": _program("--filter"),
    "csplit": _program(),
    "tar": _program(
        "-P --absolute-names --transform --xform -T --files-from --checkpoint-action --to-command --use-compress-program -I --rsh-command --info-script -F "
        "--new-volume-script --rmt-command --occurrence-command --passphrase",
        "",
        r"\w[\w.@-]*:.*",
    ),
    "bsdtar": _program("--use-compress-program"),
    "zip": _program("--unzip-command -T -TT --test -@ --names-stdin", ""),
    "unzip": _program("-:"),
    "cpio": _program("--rsh-command --to-stdout-command --rmt-command", "-F -O"),
    "rsync": _program("-e --rsh --rsync-path --daemon --config", "--log-file"),
    "scp": _program("-S -o -F -D -J -X"),
    "sftp": _program("-S -o -F -D -b -J", stdin=True),
    "ssh": _program("-o -F -J -E -w -L -R -D -I -S", stdin=True),
    "ssh-keygen": _program("-D -P -w"),
    "curl": _program(
        "-K --config --engine --unix-socket --abstract-unix-socket --proxy-command -:",
        "-o --output --dump-header -D --cookie-jar -c --trace --trace-ascii --libcurl --stderr --output-dir --etag-save --hsts --alt-svc",
        r".*%output\{.*",
    ),
    "wget": _program(
        "--use-askpass --execute -e --config",
        "-O --output-document -o --output-file -a --append-output -P --directory-prefix",
    ),
    "make": _program("--eval -E --file --makefile -f", "", r"\.?(?:SHELL\w*|MAKE\w*|CC|CXX|LD|AR|CPP|INSTALL|RM|\.SHELLFLAGS)[:?+!]*=.*|\w+\s*!=.*|\w+[:?+!]*=.*[^\w./:,+@%-].*"),
    "gmake": _program("--eval -E --file --makefile -f", "", r"\.?\w+[:?+!]*=.*"),
    "ninja": _program("-f -t"),
    "cmake": _program("-P -C -E --toolchain", "", r"(?:-D)?CMAKE_\w*(?:LAUNCHER|COMPILER|PROGRAM|TOOLCHAIN|LINKER)\w*(?::\w+)?=.*"),
    "npm": _PACKAGE, "pnpm": _PACKAGE, "yarn": _PACKAGE, "npx": _program("--call -c --node-options --script-shell"),
    "pip": _PIP, "pip3": _PIP,
    "uv": _program("--python -p --config-file --config-setting --build-option --env-file --keyring-provider", "", r"tool"),
    "(script)": _program("-r -e --preload --require --import --loader --eval --print --experimental-loader --test-reporter --env-file"), "phpunit": _program("--bootstrap --configuration -c --printer --extension --prepend"),
    "yarnpkg": _PACKAGE, "bun": _PACKAGE, "bunx": _PACKAGE,
    "pytest": _program("--pdbcls -o --override-ini -c --config-file --debugger --tx --px --rsyncdir --pastebin --cov-config", "--junitxml --junit-xml --log-file --result-log --basetemp", r"@.*|(?:-W)?[a-z]+:[^:]*:[A-Za-z_]\w*\..*"),
    "mypy": _program("--python-executable --custom-typeshed-dir --install-types --plugins --shadow-file --config-file", "--junit-xml --html-report"),
    "eslint": _program("--init --plugin --rulesdir --parser --config -c --format -f --resolve-plugins-relative-to", "--output-file -o"),
    "prettier": _program("--plugin --config"),
    "mocha": _program("-r --require --import --loader --config --package -n --node-option --ui --reporter -R --file --opts"),
    "jest": _program(
        "--globalSetup --globalTeardown --testRunner --runner --config -c --reporters --resolver --transform --setupFiles --setupFilesAfterEnv --testEnvironment --env"
        " --filter --preset --testResultsProcessor --testSequencer --watchPlugins --dependencyExtractor --haste --snapshotSerializers --prettierPath --moduleLoader"
    ),
    "vitest": _program(
        "--config -c --globalSetup --typecheck.checker --environment --runner --reporter --pool --execArgv --workspace --setupFiles --snapshotEnvironment --diff --browser"
        " --coverage.customProviderModule --coverage.provider --poolOptions"
    ),
    "tsc": _program("", "--outFile --outDir --tsBuildInfoFile"),
    "cargo": _program("--config -Z", "", r"rustc|rustdoc|\+.*/.*|(?:--target=)?.*\.json"),
    "rustc": _program("-C --codegen", "-o --out-dir"),
    "go": _program("-exec -toolexec -overlay -vettool -modfile -ldflags -gcflags -asmflags -compiler", "-o", r"env|generate|tool", whole=True),
    "gcc": _COMPILER, "g++": _COMPILER, "cc": _COMPILER, "c++": _COMPILER, "clang": _COMPILER, "clang++": _COMPILER,
    "ld": _program("-plugin --plugin", "-o"),
    "java": _program("-javaagent -agentlib -agentpath -XX:VMOptionsFile -XX:OnError -XX:OnOutOfMemoryError -XX:Flags -Xbootclasspath --patch-module", "", r"@.*"),
    "javac": _program("-processor -processorpath -J", "", r"@.*"),
    "gradle": _GRADLE, "gradlew": _GRADLE, "mvn": _MAVEN, "mvnw": _MAVEN,
    "ant": _program("-f -file -buildfile -lib -listener -logger"),
    "man": _program("-P --pager -H --html -C --config-file -l --local-file -T -X"),
    "less": _program("-k --lesskey-src --lesskey-file --lesskey-content --lesskey-context -o -O --log-file -K", "", r"\+.*"),
    "more": _program(),
    "vi": _EDITOR, "vim": _EDITOR, "nvim": _EDITOR, "view": _EDITOR, "ex": _EDITOR, "vimdiff": _EDITOR, "rvim": _EDITOR,
    "emacs": _program("--eval -l --load -f --funcall --script --execute --batch --insert -e"),
    "nano": _program("-s --speller"), "pico": _program("-s"),
    "ed": _program(stdin=True), "red": _program(stdin=True), "dc": _program("-e", "", r"", stdin=True), "bc": _program(),
    "m4": _program("", "", r"", stdin=True), "gnuplot": _program("-e -p", stdin=True), "ftp": _program(stdin=True),
    "sqlite3": _program("-cmd -init -A -loadext", "", r"\.(?!tables|schema|mode|headers|indexes|databases|dump|width|show|help|quit|exit).*|(?is:.*(?:load_extension|writefile|readfile|edit\s*\(|fts3_tokenizer|\battach\b|\binto\s+\W|fsdir).*)", stdin=True),
    "psql": _program("-f --file -v --set --variable -o --output -L --log-file", "", r"(?is:.*(?:\\|\bprogram\b|\bcopy\b.*\b(?:from|to)\b\s*[\'$]|pg_read|pg_ls|lo_import|lo_export|dblink).*)", stdin=True),
    "mysql": _program("--init-command --pager --tee --plugin-dir --defaults-file --defaults-extra-file", "", r"(?is:.*(?:\\|\bsystem\b|\boutfile\b|\bload_file\b).*)", stdin=True),
    "mongosh": _program("--eval --file -f", stdin=True), "mongo": _program("--eval", stdin=True), "redis-cli": _program("--eval", stdin=True),
    "kubectl": _program("--kubeconfig", "", r"exec|cp|edit|debug|plugin|set-credentials|set-cluster|users\..*"),
    "helm": _program("--post-renderer --kubeconfig", "", r"plugin"),
    "docker": _program("--config -H --host -c --context"),
    "openssl": _program("-engine -provider -provider-path -config", "-out -writerand -keyout"),
    "gpg": _program("--photo-viewer --exec-path --agent-program --dirmngr-program --pinentry-program --keyserver-options", "-o --output"),
    "nc": _program("-e -c"), "ncat": _program("-e -c --exec --sh-exec --lua-exec"), "netcat": _program("-e -c"),
    "nmap": _program("--script --interactive --script-args", "-oN -oX -oG -oA -oS"),
    "tcpdump": _program("-z", "-w"),
    "apt": _program("-o --option -c --config-file"), "apt-get": _program("-o --option -c --config-file"),
    "dpkg": _program("--pre-invoke --post-invoke --path-include"), "rpm": _program("--eval -E --pipe --define -D"),
    "yum": _program("--plugins -c --config --setopt"), "dnf": _program("--plugins -c --config --setopt"),
    "gem": _program("--config-file -e", "", r"exec"), "bundle": _program("", "", r"config|plugin|open|console"),
    "poetry": _program("", "", r"shell|self|config|source"), "rake": _program("-f -r -R -I -e -E -p -g -n --rakefile --require --execute --execute-print --execute-continue --rakelib --libdir --system --dry-run"),
    "composer": _program("", "", r"config|exec"), "easy_install": _program(),
    "ansible": _program("-e --extra-vars -m --module-name -a --args -i --inventory"), "ansible-playbook": _program("-e --extra-vars -i --inventory"),
    "terraform": _program("-plugin-dir", "", r"console"),
    "tee": _program(), "dd": _program(), "xxd": _program(), "install": _program("--strip-program"),
    "date": _program("-f --file -s --set"), "column": _program(),
    "tree": _program("-R", "-o"), "file": _program("-C --compile"), "uniq": _program(), "xz": _program(), "gzip": _program(), "sqlmap": _program("--eval --os-shell --os-cmd"),
    "printf": _program("-v"), "wait": _program("-p"), "test": _program("-v -R"), "[": _program("-v -R"),
    "logrotate": _program("-m --mail -l --log -s"), "aspell": _program("-c"), "dmesg": _program("-H --human"), "journalctl": _program(),
    "tig": _program(), "svn": _program("--diff-cmd --diff3-cmd --editor-cmd --config-option --config-dir"), "hg": _program("--config --config-file --repository -R --cwd"),
    "gh": _program("", "", r"alias|extension|api|codespace"), "vagrant": _program("--command -c"), "pdb": _program("-c --command"),
    "sphinx-build": _program("-D -c -C -E"), "tox": _program("-c --conf --override -x --installpkg"), "nox": _program("-f --noxfile"),
    "pre-commit": _program("-c --config", "", r"try-repo"), "flake8": _program("--config --append-config"), "pylint": _program("--load-plugins --init-hook --rcfile"),
    "coverage": _program("--rcfile"), "isort": _program("--settings-file --sp"), "mkdocs": _program("-f --config-file"),
    "latexmk": _program("-e -pdflatex -latex -r -xelatex"), "pdflatex": _program("-shell-escape --shell-escape -enable-write18"), "latex": _program("-shell-escape --shell-escape"),
    "ffmpeg": _program("-filter_script -f"), "convert": _program("", "", r"(?:msl|mvg|ephemeral|url|text|inline|@).*"),
    "7z": _program(), "tshark": _program("-X", "-w"), "exiftool": _program("-config -if -p -@"), "pandoc": _program("--filter --lua-filter -F -L --pdf-engine --pdf-engine-opt -d --defaults -H", "-o --output", r"(?i:.*\.lua)"),
    "tcpserver": _program("", "", r".*"), "ssh-copy-id": _program("-o"), "sshfs": _program("-o"), "mount": _program("", "", r".*"), "ip": _program("-b -batch --batch", "", r"netns|vrf"),
    "systemctl": _program("", "", r"edit|link|set-environment|import-environment"), "service": _program("", "", r".*/.*"), "update-alternatives": _program(),
    "wireshark": _program(), "zsoelim": _program(), "nroff": _program(), "troff": _program("-U"), "groff": _program("-U -P -p -e -t"),
    "whiptail": _program(), "dialog": _program(), "tput": _program(), "watchman": _program(), "watchexec": _program("", "", r".*"), "cloc": _program("--diff-alignment --extract-with --autoconf"),
}  # fmt: skip

PACKAGE_RUNNERS: dict[str, tuple[str, ...]] = {
    "uv": ("run",), "poetry": ("run",), "pipenv": ("run",), "pdm": ("run",), "hatch": ("run",), "rye": ("run",),
    "bundle": ("exec",), "npx": (), "pnpx": (), "bunx": (), "uvx": (), "pipx": ("run",), "conda": ("run",),
    "npm": ("exec", "x"), "pnpm": ("exec", "dlx"), "yarn": ("exec", "dlx"), "mise": ("exec", "x"), "asdf": ("exec",), "dotnet": ("exec",),
}  # fmt: skip
"""Programs that run what is installed for a project. They are named themselves, with all their words;
what they run must be clear as well."""

INTERACTIVE: dict[str, str] = {
    "vi": "read and edit", "vim": "read and edit", "nvim": "read and edit", "nano": "read and edit", "emacs": "read and edit",
    "pico": "read and edit", "ed": "read and edit", "less": "read, or head and tail", "more": "read, or head and tail",
    "top": "ps aux", "htop": "ps aux", "btop": "ps aux", "tig": "git log", "lazygit": "git status", "gdb": "gdb -batch -ex …",
    "man": "the program's --help", "watch": "the command itself, again when needed", "tmux": "background=true", "screen": "background=true",
    "ranger": "list", "mc": "list", "fzf": "grep or glob", "dialog": "plain output", "ftp": "curl", "telnet": "curl or nc -z",
}  # fmt: skip
"""Programs that need a terminal, and what does without one."""

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
GIT_STRATEGIES = names("ort recursive resolve octopus ours subtree")
"""Those of git itself; ``-s x`` runs the program git-merge-x."""
GIT_SAFE_SETTINGS = re.compile(
    r"(?:color\.[\w.]+|advice\.[\w.]+|log\.\w+|column\.\w+|core\.(?:quotepath|abbrev|autocrlf|eol|safecrlf|precomposeunicode|ignorecase)"
    r"|core\.(?:pager|editor)=(?:cat|true|:)?|user\.(?:name|email)|commit\.gpgsign|tag\.gpgsign|init\.defaultbranch|diff\.(?:renames|algorithm|noprefix|context|mnemonicprefix|colormoved|renamelimit)"
    r"|merge\.(?:conflictstyle|renames)|pull\.(?:rebase|ff)|push\.default|status\.\w+|grep\.(?:linenumber|patterntype)|gc\.auto|rebase\.autostash|safe\.directory|pager\.\w+=(?:cat|false)?|http\.postbuffer)(?:=.*)?\Z",
    re.IGNORECASE,
)
GIT_GLOBAL = re.compile(
    r"--no-pager|--no-optional-locks|--literal-pathspecs|--glob-pathspecs|--noglob-pathspecs|--no-replace-objects|--no-lazy-fetch|-P|--no-advice"
)
"""Options before the command that change nothing of what it is."""
FLAT = names("""
ls dir stat file test [ realpath readlink basename dirname mkdir rmdir touch chmod chown chgrp
""")
"""Programs that look at a folder and not at what it holds, unless an option says so."""
