#!/usr/bin/env bash
# Writes a backup while digest runs: the database and the secret that signs links, as one file.
#   deploy/backup.sh FOLDER          reads DIGEST_DATA_DIR, and DIGEST_DATABASE_URL for PostgreSQL
set -euo pipefail

fail() { echo "backup: $1" >&2; exit 2; }

[ $# -eq 1 ] || fail "say where to: backup.sh FOLDER"
[ -d "$1" ] || fail "the folder $1 does not exist: make it first"
: "${DIGEST_DATA_DIR:?set it to the data folder of the installation}"
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case "${DIGEST_DATABASE_URL:-}" in
  postgresql*) pg_dump --format=custom --file="$work/digest.dump" "${DIGEST_DATABASE_URL/+psycopg/}" ;;
  "")
    [ -f "$DIGEST_DATA_DIR/digest.sqlite3" ] || fail "there is no database in $DIGEST_DATA_DIR: set DIGEST_DATA_DIR"
    python3 - "$DIGEST_DATA_DIR/digest.sqlite3" "$work/digest.sqlite3" <<'PYTHON'
import sqlite3
import sys

source, target = (sqlite3.connect(path) for path in sys.argv[1:])
source.backup(target)  # a consistent copy, whoever writes meanwhile
target.close()
PYTHON
    ;;
  *) fail "DIGEST_DATABASE_URL is neither PostgreSQL nor empty: back that database up by its own means" ;;
esac
if [ -f "$DIGEST_DATA_DIR/secret.key" ]; then cp "$DIGEST_DATA_DIR/secret.key" "$work/"; fi
file="$1/digest-$(date -u +%Y%m%dT%H%M%SZ).tar.gz"
tar -czf "$file.part" -C "$work" .
mv "$file.part" "$file"
echo "$file"
