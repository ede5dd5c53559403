"""The batch worker: small recurring jobs over the shop's tables, most of them with child processes."""

import os
import random
import shutil
import subprocess
import time
import urllib.request

import psycopg2

DB = os.environ.get("DB", "host=127.0.0.1 dbname=shop user=shop")
MIRROR = os.environ.get("MIRROR", "http://mirror.example:8080")
SPOOL = os.environ.get("SPOOL", "/var/spool/batch")
SEED = int(os.environ.get("SEED", "7"))


def run(*words: str, stdin: str | None = None) -> bytes:
    """A child process, bounded in time; what it printed."""
    with open(stdin or os.devnull, "rb") as source:
        return subprocess.run(words, stdin=source, capture_output=True, timeout=60, check=False).stdout


def rows_to_file(statement: str, path: str) -> None:
    """A query's rows as comma-separated lines."""
    with psycopg2.connect(DB, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(",".join(str(value) for value in row) + "\n" for row in cursor.fetchall())
    connection.close()


def daily_sales(stamp: str) -> None:
    """Latest orders, sorted and compressed."""
    path = f"{SPOOL}/sales-{stamp}.csv"
    rows_to_file("SELECT owner, id, total, state FROM orders ORDER BY id DESC LIMIT 300", path)
    run("/usr/bin/sort", "-t,", "-k1,1", "-o", path + ".sorted", path)
    run("/usr/bin/gzip", "-f", path + ".sorted")


def stock_feed(stamp: str) -> None:
    """The stock list, sent to the partner's mirror."""
    path = f"{SPOOL}/stock-{stamp}.csv"
    rows_to_file("SELECT sku, price FROM products ORDER BY id", path)
    run("/bin/sh", "-c", f"gzip -c {path} | sha256sum > {path}.sum")
    with open(path, "rb") as stream:
        call = urllib.request.Request(MIRROR + f"/feeds/stock-{stamp}.csv", stream.read(), method="POST")
    urllib.request.urlopen(call, timeout=10).read()


def price_check(stamp: str) -> None:
    """Fetch the suppliers' price list and compare."""
    run("/usr/bin/curl", "-fsS", "-m", "8", "-o", f"{SPOOL}/suppliers.csv", MIRROR + "/lists/suppliers.csv")
    run("/bin/sh", "-c", f"sort -u {SPOOL}/suppliers.csv | comm -12 - /srv/app/prices.csv | wc -l")


def tidy(stamp: str) -> None:
    """Throw away what is older than two minutes."""
    run("/usr/bin/find", SPOOL, "-name", "*.csv*", "-mmin", "+2", "-delete")
    run("/usr/bin/df", "-P", SPOOL)


def dump_table(stamp: str) -> None:
    """A dump of one small table, packed."""
    run("/bin/sh", "-c", f"pg_dump -d '{DB}' -t products 2>/dev/null | gzip -1 > {SPOOL}/products-{stamp}.sql.gz")


def main() -> None:
    """One job every 15 to 40 seconds, in an order that the seed and the host name decide."""
    chance = random.Random(f"{SEED}/{os.uname().nodename}")
    os.makedirs(SPOOL, exist_ok=True)
    jobs = [daily_sales, stock_feed, price_check, tidy, dump_table, daily_sales, tidy]
    while True:
        time.sleep(chance.uniform(18, 42))
        job = chance.choice(jobs)
        try:
            job(time.strftime("%H%M%S"))
        except (OSError, psycopg2.Error, subprocess.TimeoutExpired) as fault:
            print(f"{job.__name__}: {fault!r}", flush=True)
        if shutil.disk_usage(SPOOL).free < 1 << 28:
            tidy("")


if __name__ == "__main__":
    main()
