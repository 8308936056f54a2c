# shellcheck shell=bash
# Which tests can't be run, for they need a program that is missing and could not be installed
# (scripts/setup.sh). It is read by the scripts that run tests.

lacks() { ! command -v "$1" >/dev/null && ! [ -x "/usr/sbin/$1" ]; }
# The names of test binaries, between spaces.
left_out=" "
# What else is said to those that are run.
skipped=()
if lacks redis-server; then left_out+="bus chaos failover "; fi
if lacks pgbouncer; then left_out+="pooler "; fi
if lacks nginx; then
  left_out+="chaos nginx "
  skipped+=(--skip nginx)
fi
