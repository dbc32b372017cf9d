"""Kinds of programs: what becomes another one, runs anything, only prints, only reads, needs a terminal.

A rule that allows a program means that program, not whatever it can be told to start. The classes are
those of GTFOBins (gtfobins.github.io) and of the advisories that tests/unit/extensions/
test_workspace_bypass.py names line by line.
"""

from devagent_workspace.shown import names

WRAPPERS: dict[str, str] = {
    "env": "iS:u:C:0v", "timeout": "k:s:v", "nice": "n:", "nohup": "", "time": "pf:o:va", "stdbuf": "i:o:e:",
    "setsid": "cfw", "ionice": "c:n:t", "chrt": "bfiormaRv", "command": "pvV", "builtin": "", "exec": "cla:",
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
dotenv envchain op aws-vault cross-env cross-env-shell nyc c8 pyenv rbenv nodenv bear scan-build intercept-build sccache open xinit startx dbus-launch honcho foreman start-server-and-test chamber doppler teller direnv xdg-open do then else elif fi done esac in
function select if while until for case { } ! [[ ]]
""")
"""What runs anything, or changes what later words mean, in ways that are not followed."""

PRINTERS = names("""
echo printf true false : exit return break continue wait sleep seq pwd shift basename dirname tr expr
""")
"""Their words are text, no files, and no option of theirs runs or writes anything."""
READERS = names("""
cat head tail wc ls stat file realpath readlink du df nl tac rev cut paste comm cmp diff
md5sum sha1sum sha256sum sha512sum cksum od hexdump strings grep egrep fgrep mkdir touch test [ bat
""")
"""Whatever their words are, they read and print; so files of a glob or a listing may stand in them."""
PATTERN_FIRST = names("""
grep egrep fgrep rg ag ack sed awk gawk mawk nawk jq yq sd
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
    "--define", "--php-ini", "--zend-extension", "--test-reporter", "--snapshot-blob", "--openssl-config", "--inspect-brk", "--inspect-wait", "--compiler", "--experimental-config-file", "--experimental-default-config-file", "--script-shell", "--config", "--build-snapshot",
)  # fmt: skip
LONG_CODE_OPTIONS = frozenset(_CODE_OPTIONS)

PACKAGE_RUNNERS: dict[str, tuple[str, ...]] = {
    "uv": ("run",), "poetry": ("run",), "pipenv": ("run",), "pdm": ("run",), "hatch": ("run",), "rye": ("run",), "corepack": (),
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
FLAT = names("""
ls dir stat file test [ realpath readlink basename dirname mkdir rmdir touch chmod chown chgrp
""")
"""Programs that look at a folder and not at what it holds, unless an option says so."""
