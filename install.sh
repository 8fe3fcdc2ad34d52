#!/bin/bash
# Builds Posthorn and installs it: programs, configuration, manual pages, users, queue. Then starts it, and shows one mail delivered.
#
#   ./install.sh                  install on this machine (as root)
#   ./install.sh --destdir DIR    stage the same tree below DIR, and touch nothing else
#   ./install.sh --replace        install even where another mail system owns /usr/sbin/sendmail
#   ./install.sh --no-start       install, and do not start
set -euo pipefail
cd "$(dirname "$0")"

COMMANDS="postfix postmulti postconf postmap postalias postcat postsuper postkick postlock sendmail smtp-sink smtp-source qmqp-sink qmqp-source"
SET_GID="postdrop postqueue postlog"
DAEMONS="master pickup cleanup qmgr trivial-rewrite bounce flush showq error discard local virtual pipe spawn smtp scache verify proxymap postlogd smtpd anvil qmqpd"

destdir= replace=no start=yes
while [ $# -gt 0 ]; do
    case $1 in
        --destdir) destdir=${2:?--destdir needs a directory}; shift ;;
        --destdir=*) destdir=${1#*=} ;;
        --replace) replace=yes ;;
        --no-start) start=no ;;
        *) sed -n '2,7s/^# \{0,1\}//p' "$0"; [ "$1" = --help ]; exit ;;
    esac
    shift
done
case $destdir in ''|/*) ;; *) destdir=$PWD/$destdir ;; esac

say() { echo "install.sh: $*"; }
die() { echo "install.sh: $*" >&2; exit 1; }

check_machine() {
    [ -n "$destdir" ] && return
    [ "$(id -u)" = 0 ] || die "installing needs root; use --destdir to stage a tree as anybody"
    if [ -e /usr/sbin/sendmail ] && [ $replace = no ] && [ ! -e /etc/postfix/.posthorn ]; then
        owner=$(dpkg -S /usr/sbin/sendmail 2>/dev/null | cut -d: -f1 || true)
        [ -z "$owner" ] || die "/usr/sbin/sendmail belongs to the package $owner; use --replace to put Posthorn in its place"
    fi
}

build() {
    command -v cargo >/dev/null || PATH=$PATH:$HOME/.cargo/bin
    command -v cargo >/dev/null || die "cargo is not here; install Rust first"
    if ! command -v cc >/dev/null; then
        [ -z "$destdir" ] || die "a C compiler is needed to build (Debian: apt-get install gcc libc6-dev)"
        apt-get update -qq && apt-get install -y -qq gcc libc6-dev >/dev/null
    fi
    say "building (this takes a few minutes the first time)"
    cargo build --release --bins --quiet
    target=${CARGO_TARGET_DIR:-target}/release
}

# put MODE SOURCE TARGET: replaces a file in one step, so that a program that runs keeps what it runs.
put() {
    mkdir -p "$(dirname "$destdir$3")"
    install -m "$1" "$2" "$destdir$3.new"
    mv -f "$destdir$3.new" "$destdir$3"
}

# keep MODE SOURCE TARGET: installs a file that the administrator may have changed only where there is none.
keep() { [ -e "$destdir$3" ] || put "$@"; }

link() { mkdir -p "$(dirname "$destdir$2")"; ln -sf "$1" "$destdir$2"; }

install_programs() {
    for name in $COMMANDS $SET_GID; do put 0755 "$target/$name" "/usr/sbin/$name"; done
    for name in $DAEMONS; do put 0755 "$target/$name" "/usr/libexec/postfix/$name"; done
    link smtp /usr/libexec/postfix/lmtp
    link ../sbin/sendmail /usr/bin/mailq
    link ../sbin/sendmail /usr/bin/newaliases
    link ../sbin/sendmail /usr/lib/sendmail
}

install_texts() {
    for name in main.cf master.cf virtual transport; do keep 0644 "conf/$name" "/etc/postfix/$name"; done
    for name in main.cf master.cf; do put 0644 "conf/$name" "/etc/postfix/$name.proto"; done
    keep 0644 conf/aliases /etc/aliases
    put 0644 conf/postfix.service /usr/lib/systemd/system/postfix.service
    put 0644 README.md /usr/share/doc/posthorn/README.md
    put 0644 CHANGELOG.md /usr/share/doc/posthorn/CHANGELOG.md
    for page in man/man[0-9]/*; do put 0644 "$page" "/usr/share/man/$(basename "$(dirname "$page")")/$(basename "$page")"; done
    : > "$destdir/etc/postfix/.posthorn"
}

make_directories() {
    mkdir -p "$destdir/var/spool/postfix" "$destdir/var/lib/postfix" "$destdir/var/mail"
    for name in active bounce corrupt defer deferred flush hold incoming saved trace private maildrop public pid; do
        mkdir -p "$destdir/var/spool/postfix/$name"
    done
}

make_users() {
    getent group postdrop >/dev/null || groupadd --system postdrop
    getent group postfix >/dev/null || groupadd --system postfix
    getent passwd postfix >/dev/null ||
        useradd --system --gid postfix --home-dir /var/spool/postfix --no-create-home --shell /usr/sbin/nologin postfix
}

# shows that a mail to root arrives, wherever root's mail goes.
show_one_mail() {
    subject="Posthorn works here ($(date +%s%N))"
    printf 'Subject: %s\n\nThis message went through the whole mail system of this machine.\n' "$subject" |
        /usr/sbin/sendmail root
    for _ in $(seq 100); do
        if grep -qsF "$subject" /var/mail/root; then
            say "delivered:"
            grep -F -B 12 -A 3 "$subject" /var/mail/root | sed 's/^/    /'
            return
        fi
        sleep 0.1
    done
    say "the test mail to root is not in /var/mail/root; the log says:"
    tail -n 5 /var/log/postfix.log | sed 's/^/    /'
    /usr/sbin/postqueue -p | sed 's/^/    /'
    return 1
}

check_machine
build
[ -n "$destdir" ] || make_users
install_programs
install_texts
make_directories
if [ -n "$destdir" ]; then
    say "staged below $destdir"
    exit
fi
/usr/sbin/postfix set-permissions
/usr/bin/newaliases
if [ $start = yes ]; then
    /usr/sbin/postfix status 2>/dev/null && /usr/sbin/postfix stop
    /usr/sbin/postfix start
    show_one_mail
fi
say "done; see postfix(1), postconf(1), /etc/postfix/main.cf and /var/log/postfix.log"
