"""The door lets in whoever holds the token of this start, from this origin, and nobody else."""

from __future__ import annotations

import pytest
from served import TOKEN, Site

from lichen.web.door import BODY_LIMIT_BYTES, Keys


def test_without_the_cookie_every_page_is_closed(site: Site) -> None:
    uid = site.desk.alerts()[0].uid
    for path in ("/", f"/alerts/{uid}", "/models", "/signatures", "/pulse", "/events/x/raw", "/nowhere"):
        answer = site.ask(path, Cookie="")
        assert answer.status == 401, path
        assert "orders-7" not in answer.text


def test_the_token_buys_the_cookie_once_and_leaves_the_address(site: Site) -> None:
    answer = site.ask(f"/models?token={TOKEN}&x=1", Cookie="")
    assert answer.status == 303
    assert answer.headers["Location"] == "/models?x=1"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{site.keys.cookie_name}={site.keys.cookie};")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert TOKEN not in cookie


def test_a_wrong_token_buys_nothing(site: Site) -> None:
    for token in ("wrong-token-of-that-length", TOKEN[:-1], ""):
        answer = site.ask(f"/?token={token}", Cookie="")
        assert answer.status == 401
        assert "Set-Cookie" not in answer.headers


def test_the_cookie_of_another_start_opens_nothing(site: Site) -> None:
    other = Keys("another-token-of-that-length", site.port)
    assert site.ask("/", Cookie=f"{site.keys.cookie_name}={other.cookie}").status == 401
    assert site.ask("/", Cookie=f"{site.keys.cookie_name}={site.keys.csrf}").status == 401


def test_a_token_in_the_address_never_leads_elsewhere(site: Site) -> None:
    answer = site.ask(f"//evil.example/?token={TOKEN}", Cookie="")
    assert answer.headers["Location"].startswith("/")
    assert not answer.headers["Location"].startswith("//")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "[::1]:80", ""])
def test_another_host_name_is_refused(site: Site, host: str) -> None:
    for path in ("/", "/healthz", "/static/lichen.css"):
        assert site.ask(path, Host=host).status in {400, 421}  # 400: the server's own answer to no Host at all


def test_localhost_is_a_name_of_ours(site: Site) -> None:
    assert site.ask("/", Host=f"localhost:{site.port}").status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", ""])
def test_an_answer_from_another_origin_is_refused(site: Site, origin: str) -> None:
    uid = site.desk.alerts()[0].uid
    form = {"answer": "malicious", "scope": "alert"}
    assert site.ask(f"/alerts/{uid}/answer", "POST", form, Origin=origin).status == 403
    assert site.desk.alert(uid).status == "open"


def test_reading_from_another_origin_is_refused(site: Site) -> None:
    assert site.ask("/", Origin="http://evil.example").status == 403
    assert site.ask("/", Origin=site.url).status == 200


def test_an_answer_from_another_site_is_refused(site: Site) -> None:
    uid = site.desk.alerts()[0].uid
    form = {"answer": "malicious", "scope": "alert"}
    assert site.ask(f"/alerts/{uid}/answer", "POST", form, Sec_Fetch_Site="cross-site").status == 403
    assert site.desk.alert(uid).status == "open"


def test_an_answer_without_the_word_of_this_start_is_refused(site: Site) -> None:
    uid = site.desk.alerts()[0].uid
    for csrf in ("", site.keys.cookie, "x" * 64):
        form = {"answer": "malicious", "scope": "alert", "csrf": csrf}
        assert site.ask(f"/alerts/{uid}/answer", "POST", form).status == 403
    assert site.desk.alert(uid).status == "open"
    assert site.ask(f"/alerts/{uid}/answer", "POST", {"answer": "malicious", "scope": "alert"}).status == 303
    assert site.desk.alert(uid).status == "malicious"


def test_a_form_that_is_no_form_or_too_long_is_refused(site: Site) -> None:
    path = f"/alerts/{site.desk.alerts()[0].uid}/answer"
    assert site.ask(path, "POST", Content_Type="application/json").status == 415
    assert site.ask(path, "POST", {"note": "x" * (BODY_LIMIT_BYTES + 1)}).status == 413
    assert site.ask(path, "POST", {f"f{n}": "" for n in range(500)} | {"a": "b"}).status in {403, 413}


def test_every_answer_carries_the_policy(site: Site) -> None:
    for path, cookie in (("/", None), ("/", ""), ("/static/lichen.js", None), ("/nowhere", None), ("/healthz", "")):
        answer = site.ask(path) if cookie is None else site.ask(path, Cookie=cookie)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"  # no-referrer would send forms with Origin: null


def test_no_page_carries_script_or_style_of_its_own(site: Site) -> None:
    uid = site.desk.alerts()[0].uid
    for path in ("/", f"/alerts/{uid}?answer=malicious", "/models", "/signatures"):
        html = site.ask(path).text
        assert html.count("<script") == html.count('<script src="/static/lichen.js"') == 1
        assert "<style" not in html
        assert " style=" not in html
        assert "onclick" not in html.lower()


def test_a_short_token_is_an_error() -> None:
    with pytest.raises(ValueError, match="16"):
        Keys("short", 8420)


def test_an_address_that_lacks_something_is_told_as_a_page(site: Site) -> None:
    answer = site.ask("/alerts/x/consequence")
    assert answer.status == 422
    assert "text/html" in answer.headers["Content-Type"]
    assert "is missing" in answer.text
