#!/bin/sh
# Installs devagent from the checkout that this file lies in, for one person. See ./install.sh --help.
#
# An installed environment is never changed, only followed by another: it is built whole in a folder
# of its own, then the launchers are swapped by a rename. So a cut run (Ctrl+C, power) leaves the
# version before in place, and a devagent that is running goes on with its own files.

set -eu
unset CDPATH PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
umask 022

LAUNCHERS='devagent devagent-docs devagent-git devagent-sql devagent-tickets devagent-workspace'
EXTRAS='bedrock bigquery databricks duckdb embeddings encryption hsm lake mysql org otel pdf postgres sdk snowflake vertex'
OURS="# Written by devagent's install.sh, which also removes it: ./install.sh --uninstall"

usage() {
    cat <<'END'
Usage: ./install.sh [OPTION]... [-- ARG...]

Installs devagent for you alone, into an environment of its own; no root, no dotfile is edited.

  (nothing)          install, or do nothing where this version is installed already
  --demo             install, then run `devagent demo` (ARGs go to it)
  --test             check the code and run the tests, in an environment apart (ARGs go to pytest)
  --no-check         with --test: the tests alone, without linters and type checker
  --uninstall        remove what was installed; sessions, policy, config and approvals stay

  --with NAMES       with these extras, joined by commas: bedrock, bigquery, databricks, duckdb, embeddings, encryption, hsm, lake, mysql, org, otel, pdf, postgres, sdk, snowflake, vertex
  --prefix DIR       launchers in DIR/bin, the environment in DIR/share/devagent
                     (without it ~/.local/bin and ${XDG_DATA_HOME:-~/.local/share}/devagent)
  --wheelhouse DIR   no network: take every package from the wheels in DIR
  --python PATH      the Python to use, 3.11 or newer (without it the first found on PATH)
  --help             this text

A wheelhouse for a machine without network is made on one like it that has some:
  python3 -m pip wheel -w DIR -c tests/constraints.txt '.[docs]' hatchling

Exit codes: 0 done, 1 failed (the message says what to do), 2 wrong usage, 130 interrupted;
with --demo and --test that of what was run.
END
}

say() { printf '%s\n' "$*" >&2; }

fail() { # WHAT [WHAT-TO-DO]
    say "install.sh: $1"
    [ $# -lt 2 ] || say "  $2"
    exit 1
}

wrong_usage() {
    say "install.sh: $1"
    say "  ./install.sh --help lists what there is."
    exit 2
}

# --- what is asked for -----------------------------------------------------------------------------

action=install prefix='' with='' wheelhouse='' python='' check=yes
while [ $# -gt 0 ]; do
    case $1 in
        --demo | --test | --uninstall)
            [ "$action" = install ] || wrong_usage "--$action and $1 cannot go together."
            action=${1#--} ;;
        --no-check) check=no ;;
        --prefix | --wheelhouse | --python | --with)
            [ -n "${2-}" ] || wrong_usage "$1 needs a value."
            option=$1 value=$2
            shift
            case $option in
                --prefix) prefix=$value ;;
                --wheelhouse) wheelhouse=$value ;;
                --python) python=$value ;;
                --with) with=$value ;;
            esac ;;
        --prefix=?*) prefix=${1#*=} ;;
        --wheelhouse=?*) wheelhouse=${1#*=} ;;
        --python=?*) python=${1#*=} ;;
        --with=?*) with=${1#*=} ;;
        -h | --help) usage; exit 0 ;;
        --) shift; break ;;
        *) wrong_usage "there is no option $1." ;;
    esac
    shift
done
[ $# -eq 0 ] || [ "$action" = demo ] || [ "$action" = test ] ||
    wrong_usage "ARGs after -- need --demo or --test."
[ "$check" = yes ] || [ "$action" = test ] || wrong_usage "--no-check needs --test."

for name in $(printf '%s\n' "$with" | tr ',' ' '); do
    case " $EXTRAS " in *" $name "*) ;; *) wrong_usage "there is no extra $name; there are: $EXTRAS." ;; esac
done

absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac; }
[ -z "$prefix" ] || prefix=$(absolute "$prefix")
[ -z "$wheelhouse" ] || wheelhouse=$(absolute "$wheelhouse")
root=$(cd -- "$(dirname -- "$0")" && pwd -P)
if [ ! -f "$root/pyproject.toml" ] || [ ! -f "$root/devagent/__init__.py" ]; then
    fail "this script must lie in a checkout of devagent, and $root is none." \
        "Get the whole repository and run ./install.sh in it."
fi

# --- where things go -------------------------------------------------------------------------------

need_home() {
    [ -n "${HOME-}" ] || fail "HOME is not set, so there is no folder to put $1 in." "$2"
}

xdg() { # VALUE DEFAULT: relative XDG paths are invalid and ignored, as the XDG specification says
    case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$2" ;; esac
}

places() {
    if [ -n "$prefix" ]; then
        bin=$prefix/bin data=$prefix/share/devagent
    else
        need_home devagent "Set HOME, or name a folder: ./install.sh --prefix DIR"
        bin=$HOME/.local/bin data=$(xdg "${XDG_DATA_HOME-}" "$HOME/.local/share")/devagent
    fi
}

make_folder() { # FOLDER HOW-TO-NAME-ANOTHER
    { mkdir -p -- "$1" && [ -w "$1" ]; } 2>/dev/null ||
        fail "the folder $1 cannot be made or written." \
            "Make it writable for you, or name another: $2"
}

# --- one at a time, and nothing half-made left behind ----------------------------------------------

lock='' unfinished=''
clean() {
    [ -z "$unfinished" ] || rm -rf -- "$unfinished"
    [ -z "$lock" ] || rm -rf -- "$lock"
    unfinished='' lock=''
}
trap clean EXIT
trap 'exit 129' HUP
exec 3>&2 # the message below is for the person, also while a command's output goes to the log
trap '[ -z "$unfinished" ] || say "install.sh: interrupted; what was there before is unchanged." 2>&3; exit 130' INT
trap 'exit 143' TERM

take_lock() { # FOLDER
    if ! mkdir -- "$1/install.lock" 2>/dev/null; then
        owner=$(cat "$1/install.lock/pid" 2>/dev/null || :)
        if [ -n "$owner" ] && kill -0 "$owner" 2>/dev/null; then
            fail "another install.sh (process $owner) is at work in $1." "Wait for it to end, then try again."
        fi
        rm -rf -- "$1/install.lock" # its owner was killed
        mkdir -- "$1/install.lock" || fail "the lock $1/install.lock cannot be taken." "Remove it and try again."
    fi
    lock=$1/install.lock
    echo $$ >"$lock/pid"
}

# --- Python ----------------------------------------------------------------------------------------

PROBE='import sys
print(sys.executable if sys.version_info >= (3, 11) else "too old: %d.%d.%d" % sys.version_info[:3])'

find_python() {
    if [ -n "$python" ]; then
        set -- "$python"
    else
        set -- python3 python3.14 python3.13 python3.12 python3.11
    fi
    seen=''
    for candidate in "$@"; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        answer=$("$candidate" -I -c "$PROBE" 2>/dev/null) || continue
        case $answer in
            /*) python=$answer; return ;;
            'too old: '*) seen="$seen, $candidate is ${answer#too old: }" ;;
        esac
    done
    if [ -z "$python" ] && command -v uv >/dev/null 2>&1; then
        python=$(uv python find --no-project '>=3.11' 2>/dev/null) && [ -n "$python" ] && return
    fi
    how='Debian, Ubuntu: apt install python3 python3-venv. macOS: brew install python. With uv: uv python install 3.13'
    [ -z "$seen" ] || fail "devagent needs Python 3.11 or newer, and ${seen#, }." "$how"
    fail "devagent needs Python 3.11 or newer, and ${python:-python3} is not there or does not run." "$how"
}

# --- packages --------------------------------------------------------------------------------------

new_environment() { # FOLDER: without pip, which only one of the two installers needs
    rm -rf -- "$1"
    unfinished=$1
    "$python" -I -m venv --without-pip "$1" >"$log" 2>&1 ||
        installing_failed "the virtual environment $1 could not be made."
}

install_packages() { # ENVIRONMENT ARG...: with uv where it works, else with pip
    environment=$1
    shift
    if [ -n "$wheelhouse" ]; then
        [ -d "$wheelhouse" ] || fail "the wheelhouse $wheelhouse is not a folder." "./install.sh --help says how to make one."
        set -- --no-index --find-links "$wheelhouse" "$@"
    fi
    if command -v uv >/dev/null 2>&1; then
        # uv remembers builds of a folder by its pyproject.toml alone, hence the refresh.
        uv pip install --quiet --python "$environment/bin/python" --compile-bytecode \
            --refresh-package devagent --constraint "$root/tests/constraints.txt" "$@" >"$log" 2>&1 && return
        say "uv could not install it; trying pip."
    fi
    if ! run_pip --version >/dev/null 2>&1; then
        "$environment/bin/python" -I -m ensurepip >>"$log" 2>&1 || installing_failed "this Python ($python) has no ensurepip."
    fi
    run_pip install --quiet --compile --no-warn-script-location \
        --constraint "$root/tests/constraints.txt" "$@" >>"$log" 2>&1 ||
        installing_failed "pip could not install devagent's packages."
}

run_pip() { # ARG...: the environment's own pip, or else that of the Python found, which saves making one
    if [ -x "$environment/bin/pip3" ]; then
        "$environment/bin/python" -I -m pip "$@"
    else
        "$python" -I -m pip --python "$environment/bin/python" "$@"
    fi
}

installing_failed() { # WHAT: the sentence that fits what the log says
    said() { grep -q -i -E "$1" "$log"; }
    if said 'No module named .?(venv|ensurepip)|ensurepip is not|no ensurepip'; then
        fail "this Python ($python) lacks venv or ensurepip." \
            "Debian, Ubuntu: apt install python3-venv. Elsewhere: a whole Python, or uv on PATH."
    elif said 'No space left on device|Disk quota exceeded' || ! has_room; then
        fail "the disk of ${log%/*/*} is full." "Free some space (an installation takes some 150 MB, and as much again for a moment where one is there) and try again."
    elif [ -n "$wheelhouse" ] && said 'no matching distribution|could not find a version|not found in|no solution|not a valid|invalid|zip'; then
        tail_of_log
        fail "the wheelhouse $wheelhouse lacks a package or holds a damaged one (above)." \
            "Make it again for this Python; ./install.sh --help says how."
    elif said 'name resolution|NewConnectionError|ConnectTimeout|Connection (refused|reset)|Network is unreachable|from versions: none|ProxyError|Read timed out|dns error|SSLError|CERTIFICATE_VERIFY'; then
        tail_of_log
        fail "the packages could not be downloaded." \
            "Check network, proxy (HTTPS_PROXY) and certificates (PIP_CERT), or use --wheelhouse DIR."
    fi
    if [ ! -s "$log" ]; then
        fail "$1" "It said nothing about why; it can be run by hand: $environment/bin/python"
    fi
    tail_of_log
    fail "$1" "The lines above say why."
}

has_room() { # a full disk leaves no line of its own in a log that lies on it
    { printf '%1000000s' '' >"$log.room"; } 2>/dev/null && rm -f -- "$log.room"
}

tail_of_log() { tail -n 12 "$log" >&2; }

# --- install ---------------------------------------------------------------------------------------

sum() { cksum | tr -d ' \t'; }

stamp_of_sources() {
    (
        cd -- "$root"
        find devagent extensions policies pyproject.toml README.md LICENSE install.sh tests/constraints.txt \
            -type f ! -path '*/__pycache__/*' -exec cksum {} + | LC_ALL=C sort
        printf '%s\n' "$python" "$with"
        "$python" -I -c 'import sys; print(sys.version)'
    ) | sum
}

quoted() { printf '%s\n' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }

write_launcher() { # NAME: -I keeps PYTHON* and the working folder's modules out; -c is quicker than -m
    target=$bin/$1
    module=$(printf '%s\n' "$1" | tr - _).__main__
    {
        printf '%s\n' '#!/bin/sh' "$OURS"
        # shellcheck disable=SC2016  # "$@" is for the launcher
        printf 'exec %s -I -c "%s" "$@"\n' "$(quoted "$environment/bin/python")" \
            "import sys; from $module import main; sys.argv[0] = '$1'; sys.exit(main())"
    } >"$target.new.$$"
    chmod 755 "$target.new.$$"
    mv -f -- "$target.new.$$" "$target"
}

is_ours() { [ -f "$1" ] && grep -q -F -x "$OURS" "$1" 2>/dev/null; }

is_installed() { # ENVIRONMENT
    [ -f "$1/installed" ] && "$1/bin/python" -I -c '' 2>/dev/null || return 1
    for name in $LAUNCHERS; do
        is_ours "$bin/$name" && grep -q -F "$(quoted "$1/bin/python")" "$bin/$name" || return 1
    done
}

install_devagent() {
    places
    find_python
    environment=$data/venv-$(stamp_of_sources)
    if is_installed "$environment"; then
        [ "$action" = demo ] || say "devagent $version is installed already: $bin/devagent"
        return
    fi
    make_folder "$bin" "./install.sh --prefix DIR"
    make_folder "$data" "./install.sh --prefix DIR"
    for name in $LAUNCHERS; do
        if { [ -e "$bin/$name" ] || [ -L "$bin/$name" ]; } && ! is_ours "$bin/$name"; then
            fail "$bin/$name is there already, from elsewhere." "Remove it, or install elsewhere: ./install.sh --prefix DIR"
        fi
    done
    take_lock "$data"
    log=$lock/log
    say "Installing devagent $version into $data (up to a minute the first time) …"
    new_environment "$environment"
    install_packages "$environment" "${root}[docs${with:+,$with}]"
    # Nothing is ever added to this environment, and setuptools would run code at each start.
    [ ! -x "$environment/bin/pip3" ] || "$environment/bin/python" -I -m pip uninstall --quiet --yes setuptools pip >>"$log" 2>&1
    "$environment/bin/python" -I -c 'import sys; from devagent.__main__ import main; sys.argv[1:] = ["--version"]; main()' >"$log" 2>&1 ||
        installing_failed "the installed devagent does not start."
    before=''
    ! is_ours "$bin/devagent" || before=$(sed -n "s/^exec '\(.*\)\/bin\/python' -I .*/\1/p" "$bin/devagent")
    : >"$environment/installed"
    unfinished=''
    for name in devagent-docs devagent-git devagent-sql devagent-tickets devagent-workspace devagent; do write_launcher "$name"; done
    for old in "$data"/venv-*; do # the one before stays: a devagent that runs may still load from it
        [ "$old" = "$environment" ] || [ "$old" = "$before" ] || rm -rf -- "$old"
    done
    say "Installed: $bin/devagent"
    case ":$PATH:" in
        *":$bin:"*) ;;
        *) say "$bin is not on your PATH. Add this line to your shell's start file:"
            say "  export PATH=\"$bin:\$PATH\"" ;;
    esac
    # shellcheck disable=SC2016  # commands are named in backquotes
    [ "$action" = demo ] || say 'Next: `devagent demo` to see it at work, `devagent auth login` to keep a key, `devagent` to begin.'
}

uninstall_devagent() {
    places
    removed=''
    for name in $LAUNCHERS; do
        ! is_ours "$bin/$name" || { rm -f -- "$bin/$name" && removed=yes; }
    done
    if [ -d "$data" ]; then
        take_lock "$data"
        for old in "$data"/venv-*; do
            [ ! -d "$old" ] || { rm -rf -- "$old" && removed=yes; }
        done
        clean
        rmdir -- "$data" 2>/dev/null || :
    fi
    [ -z "$prefix" ] || rmdir -- "$bin" "$prefix/share" "$prefix" 2>/dev/null || :
    if [ -z "$prefix" ]; then
        rm -rf -- "$(xdg "${XDG_CACHE_HOME-}" "$HOME/.cache")/devagent/test-venv"
    fi
    if [ -n "$removed" ]; then say "devagent is removed."; else say "devagent was not installed here."; fi
    if [ -n "${DEVAGENT_HOME-}" ]; then
        stays "your sessions, policy, config and approvals" "$DEVAGENT_HOME"
    elif [ -n "${HOME-}" ]; then
        stays "your config and policy" "$(xdg "${XDG_CONFIG_HOME-}" "$HOME/.config")/devagent"
        stays "what was fetched of your organisation's policy" "$(xdg "${XDG_CACHE_HOME-}" "$HOME/.cache")/devagent"
        stays "your sessions" "$(xdg "${XDG_STATE_HOME-}" "$HOME/.local/state")/devagent"
        # shellcheck disable=SC2016  # a command is named in backquotes
        stays 'the signing key of this computer, your approvals and what `devagent undo` keeps' "$(xdg "${XDG_DATA_HOME-}" "$HOME/.local/share")/devagent"
    fi
}

stays() { # WHAT FOLDER
    [ ! -d "$2" ] || say "  stays: $1, in $2"
}

# --- test ------------------------------------------------------------------------------------------

REQUIREMENTS='import json, sys, tomllib
with open(sys.argv[1], "rb") as file:
    data = tomllib.load(file)
project = data["project"]
if sys.argv[2] == "stamp":
    print(json.dumps([project, data["build-system"], data["dependency-groups"], data["tool"]["hatch"]]))
else:
    print(*project["dependencies"], *data["dependency-groups"]["dev"], sep="\n")'

test_devagent() {
    [ -n "${XDG_CACHE_HOME-}" ] || need_home "the test environment" "Set HOME or XDG_CACHE_HOME."
    find_python
    cache=$(xdg "${XDG_CACHE_HOME-}" "${HOME-}/.cache")/devagent
    environment=$cache/test-venv
    stamp=$({
        printf '%s\n' "$root" "$python"
        "$python" -I -c 'import sys; print(sys.version)'
        "$python" -I -c "$REQUIREMENTS" "$root/pyproject.toml" stamp
        cat -- "$root/tests/constraints.txt"
    } | sum)
    if [ "$(cat "$environment/installed" 2>/dev/null)" != "$stamp" ] || ! "$environment/bin/python" -c '' 2>/dev/null; then
        make_folder "$cache" "XDG_CACHE_HOME=DIR ./install.sh --test"
        take_lock "$cache"
        log=$lock/log
        say "Making the test environment $environment (up to a minute the first time) …"
        new_environment "$environment"
        "$python" -I -c "$REQUIREMENTS" "$root/pyproject.toml" list >"$lock/requirements"
        install_packages "$environment" --requirement "$lock/requirements"
        install_packages "$environment" --no-deps --no-build-isolation --editable "$root"
        printf '%s\n' "$stamp" >"$environment/installed"
        unfinished=''
        clean
    fi
    [ -z "$wheelhouse" ] || export DEVAGENT_TEST_WHEELHOUSE="$wheelhouse"
    cd -- "$root"
    faults=0
    [ "$check" = no ] || "$environment/bin/python" tests/check.py || faults=$?
    code=0
    "$environment/bin/python" -m pytest -n 2 "$@" 3>&- || code=$?
    [ "$faults" = 0 ] || say "install.sh: tests/check.py found faults (above)."
    [ "$code" != 0 ] || code=$faults
    exit "$code"
}

version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$root/devagent/__init__.py")
case $action in
    install) install_devagent ;;
    demo)
        install_devagent
        clean
        trap - EXIT HUP INT TERM
        exec "$bin/devagent" demo "$@" 3>&- ;;
    test) test_devagent "$@" ;;
    uninstall) uninstall_devagent ;;
esac
