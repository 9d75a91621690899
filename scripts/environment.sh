# shellcheck shell=bash
# The virtual environment that the scripts share: `.venv` in the checkout, made when it is missing, reused when it is
# good, made anew when it is broken, half-made, or belongs to a checkout that has moved.
#
# To be sourced by a script that has set `root`, the checkout. Offers `make_environment NAME`, where NAME is `youku`,
# `youku[test]` or `youku[bench]`, `has_program NAME`, `install_packages NAME...` and `fail MESSAGE`.

environment=$root/.venv

# What the caller's shell says about other Pythons must not leak into this one; and an environment that is active while
# it is made anew cannot be what makes it.
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1
PATH=${PATH//"$environment/bin:"/}

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# Shows a command and runs it; what it prints matters only when it fails.
run_quietly() {
    local output
    printf '$ %s\n' "$*"
    output=$("$@" 2>&1) && return
    printf '%s\n' "$output" >&2
    return 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Prints the first Python that is new enough: the one called python3 where it is, else one with its version in the name.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Youku needs Python 3.11 or newer, and there is $(describe_python).
Install it and try again. Debian 12, Ubuntu 24.04 or newer: apt-get install python3 python3-venv"
}

describe_python() {
    if command -v python3 >/dev/null; then
        printf 'only %s (%s)' "$(python3 --version 2>&1)" "$(command -v python3)"
    else
        printf 'no python3 on the PATH'
    fi
}

# Debian keeps ensurepip, without which an environment has no pip, in a package of its own.
require_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
    fail "$(command -v "$1") cannot make virtual environments: it lacks the module venv or ensurepip.
Install them and try again. Debian, Ubuntu: apt-get install python3-venv"
}

# What an installation depends on; when it changes, Youku is installed again.
wanted_state() {
    { printf '%s\n' "$environment" "$1"; cat pyproject.toml setup.cfg; } | cksum
}

# The marks are written last, so that an installation that was interrupted has none.
is_installed() {
    [ "$(cat "$environment/installed-$1" 2>/dev/null)" = "$(wanted_state "$1")" ] \
        && is_usable && "$environment/bin/python" -c 'import client_cli, youku_evloop' 2>/dev/null
}

# The activation script names the place that the environment was made for: moved elsewhere, its programs do not start.
is_usable() {
    is_new_enough "$environment/bin/python" && "$environment/bin/python" -c 'import pip' 2>/dev/null \
        && grep -qF "$environment" "$environment/bin/activate" 2>/dev/null
}

# Deletes only what is recognisably an environment, whole or half-made: `.venv` might be something of the reader's own.
remove_environment() {
    [ -e "$environment" ] || [ -L "$environment" ] || return 0
    if [ -L "$environment" ] || ! [ -d "$environment" ] || ! looks_like_environment; then
        fail "$environment is in the way and is no virtual environment. Move it and try again."
    fi
    echo "The environment in .venv is incomplete, broken or of another place: making it anew."
    rm -rf "$environment"
}

looks_like_environment() {
    [ -e "$environment/pyvenv.cfg" ] || ! find "$environment" -mindepth 1 -maxdepth 1 | grep -qvE '/(bin|include|lib|lib64)$'
}

create_environment() {
    local python
    python=$(find_python) || exit
    require_venv "$python"
    remove_environment
    run_quietly "$python" -m venv .venv || fail "the virtual environment could not be made: see above."
}

install() {
    run_quietly .venv/bin/python -m pip install --quiet --no-input --editable ".${1#youku}" \
        || fail "the installation failed: see above. Mend that and start again; what is there already is kept."
    wanted_state "$1" >"$environment/installed-$1"
}

# Makes sure that `.venv` has Youku as `youku` or, with what the tests need, as `youku[test]`. Two scripts take turns.
make_environment() {
    (
        cd "$root"
        if command -v flock >/dev/null; then flock 9; fi
        if ! is_installed "$1"; then
            is_usable || create_environment
            install "$1"
        fi
    ) 9<"$root"
}

# Servers live in sbin, which is not on everybody's PATH.
has_program() {
    PATH=$PATH:/usr/local/sbin:/usr/sbin command -v "$1" >/dev/null
}

# Debian's packages, where there are any and whoever asks may install them; `as_root` is how.
as_root=()
install_packages() {
    command -v apt-get >/dev/null || return
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return
        as_root=(sudo -n)
    fi
    # Its failure may be that of one source among many: whether the packages can be had, the next line shows.
    run_quietly "${as_root[@]}" apt-get update || true
    run_quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@"
}
