# shellcheck shell=bash
# Functions that several scripts use. Sourced, never run.
#
# Promises: sets root (the checkout), target (its target/ folder), built (where cargo puts the
# programs) and tool (the script's name), in any current folder and also without HOME.
# Never: changes the folder, starts a process that outlives a call, or writes outside target/.

unset CDPATH # with it, cd may go to another folder and prints its path
tool=$(basename "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$root/target

# cargo resolves a relative CARGO_TARGET_DIR against the current folder; an absolute one is the same
# for every caller.
case ${CARGO_TARGET_DIR:-} in
    "") built=$target ;;
    /*) built=$CARGO_TARGET_DIR ;;
    *) built=$PWD/$CARGO_TARGET_DIR && export CARGO_TARGET_DIR=$built ;;
esac

# say SEVERITY MESSAGE: prints one line on stderr, in the form that the programs use.
# A standard error that nobody reads is no failure of the caller.
say() {
    printf '%s: %s: %s\n' "$tool" "$1" "$2" >&2 2>/dev/null || :
}

# die STATUS MESSAGE: ends the script; 1 when running again may help, 2 when it will not.
die() {
    say error "$2"
    exit "$1"
}

# Prints the comment that opens the calling script: its help.
usage() {
    sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p;}' "$0"
}

# Names the script as its caller does: it is in scripts/ of a checkout, or installed.
wrong_usage() {
    local command=scripts/$tool
    [ -f "$root/Cargo.toml" ] || command=$tool
    say error "$1; try '$command --help'"
    exit 2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# scratch NAME: makes a private folder under target/ and prints its path; the caller removes it.
scratch() {
    mkdir -p "$target"
    mktemp -d "$target/$1-XXXXXX"
}

# is_installed NAME PIN: target/NAME was installed completely, for the present content of file PIN.
is_installed() {
    cmp -s "$2" "$target/$1/complete"
}

# install_once NAME PIN COMMAND...: installs target/NAME by `COMMAND... FOLDER`, unless it is
# installed. Concurrent calls install once. A copy of PIN, written last, marks it complete. A failed
# COMMAND is tried a second time; after that the script ends with status 1.
install_once() {
    local folder=$target/$1
    is_installed "$1" "$2" && return
    mkdir -p "$target"
    # The kernel releases the lock when this process ends, however it ends.
    exec 9>"$folder.lock"
    if have flock; then flock 9; else python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'; fi
    if ! is_installed "$1" "$2"; then
        say info "installing '$folder' (once)"
        rm -rf "$folder" && mkdir "$folder"
        if ! "${@:3}" "$folder" >&2; then
            say warning "the installation failed; trying a second time"
            rm -rf "$folder" && mkdir "$folder"
            "${@:3}" "$folder" >&2 || die 1 "cannot install what '$2' names"
        fi
        cp "$2" "$folder/complete.new"
        mv "$folder/complete.new" "$folder/complete"
    fi
    exec 9>&-
}

# install_python PYTHON REQUIREMENTS FOLDER: a virtual environment with the packages listed.
install_python() {
    "$1" -m venv "$3" &&
        "$3/bin/python" -m pip --quiet --disable-pip-version-check --no-input --no-cache-dir \
            install --requirement "$2"
}

# install_npm MANIFEST-FOLDER FOLDER: the packages of a lock file. No package's script runs, and the
# user's npm cache is not used.
install_npm() {
    cp "$1/package.json" "$1/package-lock.json" "$2" &&
        npm ci --prefix "$2" --cache "$2/cache" --no-update-notifier --loglevel=error \
            --ignore-scripts --no-audit --no-fund &&
        rm -rf "$2/cache"
}

# find_programs PROGRAM...: prints the folder that holds them: $DLQ_BIN when set, else the folder
# where PATH has dlq-poll, else the release build, else the debug build.
find_programs() {
    local folder program remedy="try 'cargo build --release', or set DLQ_BIN"
    [ -f "$root/Cargo.toml" ] || remedy="install again, or set DLQ_BIN"
    if [ -n "${DLQ_BIN:-}" ]; then
        folder=$DLQ_BIN
    elif have dlq-poll; then
        folder=$(dirname "$(command -v dlq-poll)")
    elif [ -x "$built/release/dlq-poll" ]; then
        folder=$built/release
    else
        folder=$built/debug
    fi
    for program in "$@"; do
        [ -x "$folder/$program" ] ||
            die 2 "no '$program' in '$folder'; $remedy"
    done
    (cd "$folder" && pwd)
}

# Sets test credentials, and keeps the AWS libraries on loopback: no proxy, no profile of the user,
# no instance metadata.
loopback_aws() {
    unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
    export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
    export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
}
