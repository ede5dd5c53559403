"""What the classifier reads of an event: a short text a kind, literals masked, so that it learns shapes, not values."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus

import polars as pl
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch

LIMIT = 1024  # characters of a text; attackers choose lengths
_MASKS = (
    (r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", "<ip>"),
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "<uuid>"),
    (r"\b[0-9a-f]{16,}\b", "<hex>"),
    (r"\d+", "0"),
)
_PRIVATE = r"^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1|f[cd])"


def texts_of(batch: Batch) -> pa.DictionaryArray | None:
    """The text of each event of a batch, dictionary-encoded; None where this kind is out of the classifier's reach.

    Line 1 is the kind, the following lines its parts. Rows whose parts are all unknown still have a text.
    """
    compose = _COMPOSERS.get(batch.kind)
    if compose is None or not len(batch):
        return None
    frame = pl.from_arrow(batch.view)
    assert isinstance(frame, pl.DataFrame)
    parts = compose(frame)
    distinct, codes = _distinct(parts)
    return pa.DictionaryArray.from_arrays(pa.array(codes, type=pa.int32()), pa.array(distinct, type=pa.large_string()))


def mask(texts: pl.Series) -> pl.Series:
    """Texts with addresses, long hex strings and numbers replaced by what they are."""
    for pattern, placeholder in _MASKS:
        texts = texts.str.replace_all(pattern, placeholder)
    return texts


def request_text(method: str, path: str, query: str) -> str:
    """The text of an HTTP request outside a batch, as training on public sets needs it; not yet masked."""
    return "\n".join(("http", method, path, decoded(query)))[:LIMIT]


def decoded(query: str) -> str:
    """A query string decoded twice, since attackers encode twice."""
    return unquote_plus(unquote_plus(query[: 3 * LIMIT]))


def _distinct(parts: pl.DataFrame) -> tuple[list[str], list[int]]:
    """Distinct texts (masked, cut) and each row's index into them; work is done once a distinct raw row."""
    joined = parts.select(pl.concat_str(pl.all().fill_null(""), separator="\n").alias("text")).to_series()
    raw = joined.unique(maintain_order=True)
    shown = mask(raw.str.slice(0, LIMIT))
    if parts.width and "query" in parts.columns:
        shown = mask(
            pl.Series([decoded(text)[:LIMIT] for text in raw.str.slice(0, 3 * LIMIT).to_list()], dtype=pl.String)
        )
    texts = shown.unique(maintain_order=True)
    place = dict(zip(texts.to_list(), range(len(texts)), strict=True))
    of_raw = dict(zip(raw.to_list(), [place[text] for text in shown.to_list()], strict=True))
    return texts.to_list(), [of_raw[text] for text in joined.to_list()]


def _name(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r"([^/]*)$", 1)


def _exec(frame: pl.DataFrame) -> pl.DataFrame:
    pair = pl.concat_str(
        _name("actor.process.file.path").fill_null("?"), pl.lit(">"), _name("process.file.path").fill_null("?")
    )
    return frame.select(
        pl.lit("exec").alias("kind"),
        pair.alias("pair"),
        pl.col("process.cmd_line").str.slice(0, LIMIT).alias("command"),
    )


def _net(frame: pl.DataFrame) -> pl.DataFrame:
    where = (
        pl.when(pl.col("dst_endpoint.ip").str.contains(_PRIVATE)).then(pl.lit("inside")).otherwise(pl.lit("outside"))
    )
    port = pl.col("dst_endpoint.port")
    shown = pl.when(port < 1024).then(pl.concat_str(pl.lit("port "), _words(port))).otherwise(pl.lit("high port"))
    return frame.select(
        pl.lit("net").alias("kind"),
        _name("actor.process.file.path").alias("image"),
        where.alias("where"),
        shown.alias("port"),
        pl.col("activity_id").cast(pl.String).alias("activity"),
    )


def _words(number: pl.Expr) -> pl.Expr:
    """Digits as letters, so that a port below 1,024 survives the masking of numbers."""
    text = number.cast(pl.String)
    for digit, letter in zip("0123456789", "abcdefghij", strict=True):
        text = text.str.replace_all(digit, letter, literal=True)
    return text


def _file(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.lit("file").alias("kind"),
        _name("actor.process.file.path").alias("image"),
        pl.col("activity_id").replace_strict(_FILE_VERBS, default="touch", return_dtype=pl.String).alias("activity"),
        pl.col("file.path").alias("path"),
    )


_FILE_VERBS = {
    ocsf.CREATE: "create",
    ocsf.READ: "read",
    ocsf.UPDATE: "update",
    ocsf.DELETE: "delete",
    ocsf.RENAME: "rename",
    ocsf.SET_ATTRIBUTES: "attributes",
    ocsf.SET_SECURITY: "security",
    ocsf.LINK: "link",
}


def _http(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.lit("http").alias("kind"),
        pl.col("http_request.http_method").alias("method"),
        pl.col("http_request.url.path").alias("path"),
        pl.col("http_request.url.query_string").alias("query"),
    )


def _dns(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.lit("dns").alias("kind"), pl.col("query.type"), pl.col("query.hostname").alias("name"))


def _auth(frame: pl.DataFrame) -> pl.DataFrame:
    outcome = pl.when(pl.col("status_id") == ocsf.FAILURE).then(pl.lit("failed")).otherwise(pl.lit("ok"))
    return frame.select(pl.lit("auth").alias("kind"), pl.col("service.name"), outcome.alias("outcome"))


_COMPOSERS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "exec": _exec,
    "net": _net,
    "file": _file,
    "http": _http,
    "dns": _dns,
    "auth": _auth,
}
KINDS = tuple(_COMPOSERS)
