# shellcheck shell=bash
# What the scripts share. Sourced, never run.
#
# Promises: sets root (the checkout), target (its target/ folder), built (where cargo puts the
# programs) and tool (the script's name), whatever the current folder and with HOME unset.
# Never: changes the folder, starts a process that outlives a call, or writes outside target/.

unset CDPATH # with it, cd goes elsewhere and prints where
tool=$(basename "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$root/target

# cargo reads a relative CARGO_TARGET_DIR against the current folder: settle it before anyone moves.
case ${CARGO_TARGET_DIR:-} in
    "") built=$target ;;
    /*) built=$CARGO_TARGET_DIR ;;
    *) built=$PWD/$CARGO_TARGET_DIR && export CARGO_TARGET_DIR=$built ;;
esac

# One line on stderr in the house's style: SEVERITY, then the message.
say() {
    printf '%s: %s: %s\n' "$tool" "$1" "$2" >&2
}

# die STATUS MESSAGE: 1 when running again may help, 2 when it will not.
die() {
    say error "$2"
    exit "$1"
}

# Prints the comment that opens the calling script: its help.
usage() {
    sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p;}' "$0"
}

wrong_usage() {
    say error "$1; try 'scripts/$tool --help'"
    exit 2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# A new private folder under target/; the caller removes it.
scratch() {
    mkdir -p "$target"
    mktemp -d "$target/$1-XXXXXX"
}

# Prints the folder that holds the four programs: $DLQ_BIN when set, else where PATH has
# dlq-poll, else the release build, else the debug build.
find_programs() {
    local folder program
    if [ -n "${DLQ_BIN:-}" ]; then
        folder=$DLQ_BIN
    elif have dlq-poll; then
        folder=$(dirname "$(command -v dlq-poll)")
    elif [ -x "$built/release/dlq-poll" ]; then
        folder=$built/release
    else
        folder=$built/debug
    fi
    for program in dlq-log dlq-poll dlq-investigate dlq-notify; do
        [ -x "$folder/$program" ] ||
            die 2 "no '$program' in '$folder'; try 'cargo build --release', or set DLQ_BIN"
    done
    (cd "$folder" && pwd)
}

# Throw-away credentials, and no way round the loopback server: through neither a proxy, a
# profile of the user nor the instance metadata.
loopback_aws() {
    unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SQS
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
    export AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
    export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
}
