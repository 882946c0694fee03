#!/usr/bin/env bash
# Puts a backup back. Stop digest first.
#   deploy/restore.sh FILE [--force]     --force replaces what is there
set -euo pipefail

fail() { echo "restore: $1" >&2; exit 2; }

[ $# -ge 1 ] || fail "say which: restore.sh FILE [--force]"
[ -f "$1" ] || fail "there is no file $1"
[ "${2:-}" = "" ] || [ "$2" = --force ] || fail "unknown option $2: only --force is known"
: "${DIGEST_DATA_DIR:?set it to the data folder of the installation}"
umask 077
mkdir -p "$DIGEST_DATA_DIR"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xzf "$1" -C "$work"

case "${DIGEST_DATABASE_URL:-}" in
  postgresql*)
    [ -f "$work/digest.dump" ] || fail "this backup is of SQLite: unset DIGEST_DATABASE_URL"
    url="${DIGEST_DATABASE_URL/+psycopg/}"
    tables=$(psql --no-psqlrc --quiet --tuples-only --no-align --dbname="$url" \
      --command="SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
    [ "$tables" = 0 ] || [ "${2:-}" = --force ] || fail "the database is not empty: give --force to replace it"
    pg_restore --clean --if-exists --no-owner --single-transaction --dbname="$url" "$work/digest.dump"
    ;;
  "")
    [ -f "$work/digest.sqlite3" ] || fail "this backup is of PostgreSQL: set DIGEST_DATABASE_URL"
    target="$DIGEST_DATA_DIR/digest.sqlite3"
    [ ! -e "$target" ] || [ "${2:-}" = --force ] || fail "$target is there already: give --force to replace it"
    mv "$work/digest.sqlite3" "$target.part"
    rm -f "$target-wal" "$target-shm"
    mv "$target.part" "$target"
    ;;
  *) fail "DIGEST_DATABASE_URL is neither PostgreSQL nor empty" ;;
esac
if [ -f "$work/secret.key" ]; then cp "$work/secret.key" "$DIGEST_DATA_DIR/secret.key"; fi
echo "restored from $1; start digest, it brings the schema up to date"
