"""Proxies and certificates of the environment: read in one place, for both HTTP clients."""

import asyncio
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import pytest

from docmind_core.errors import SettingsError
from docmind_core.serving.chat_client import ChatClient
from docmind_core.serving.connection import EngineConnection, http_options
from docmind_core.serving.remote import ask_engine
from docmind_core.settings import read_http_settings

ENGINE = "http://engine.example.org:8000"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle", "ssl_cert_dir")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy():
    """A proxy that answers everything itself, and the URLs it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = b'{"data": [{"id": "m"}], "version": "1"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, ENGINE, None),
        ({"HTTP_PROXY": "http://p:3128"}, ENGINE, "http://p:3128"),
        ({"http_proxy": "p:3128"}, ENGINE, "http://p:3128"),
        ({"HTTPS_PROXY": "http://p:3128"}, ENGINE, None),
        ({"ALL_PROXY": "http://p:3128"}, "https://engine:8000", "http://p:3128"),
        ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": "engine.example.org"}, ENGINE, None),
        ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": "a, .example.org"}, ENGINE, None),
        ({"ALL_PROXY": "socks5://p:1080", "no_proxy": "*"}, ENGINE, None),
        ({"ALL_PROXY": "socks5://p:1080", "no_proxy": "engine.example.org:8000"}, ENGINE, None),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "engine.example.org:9"}, ENGINE, "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "ample.org"}, ENGINE, "http://p:1"),
        ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3:8000", None),
        ({"ALL_PROXY": "socks5://p:1080", "NO_PROXY": "[fd00::1]"}, "http://[fd00::1]:8000", None),
        ({"ALL_PROXY": "socks5://p:1080"}, "http://127.0.0.1:8000", None),
        ({"ALL_PROXY": "socks5://p:1080"}, "http://localhost:8000", None),
        ({"HTTP_PROXY": " "}, ENGINE, None),
    ],
)
def test_the_environment_says_which_proxy_a_server_is_reached_by(environ, url, proxy):
    assert read_http_settings(url, environ).proxy == proxy


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", "socks5://user:sesame@p:1080", "ALL_PROXY: proxies of type socks5 are not supported. Use"),
        ("http_proxy", "ftp://p:1", "http_proxy: proxies of type ftp are not supported. Use an HTTP proxy such as"),
        (
            "HTTP_PROXY",
            "http://user:sesame@",
            "variable HTTP_PROXY is not the URL of a proxy. Use an HTTP proxy such as",
        ),
        ("HTTP_PROXY", "http://sesame:99999", "variable HTTP_PROXY is not the URL of a proxy"),
        ("HTTP_PROXY", "http://[sesame", "variable HTTP_PROXY is not the URL of a proxy"),
        ("HTTP_PROXY", "use the sesame", "variable HTTP_PROXY is not the URL of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_line_without_its_password(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        ask_engine(ENGINE, model=None, api_key=None, api_key_env=None)
    assert said in str(raised.value)
    assert "NO_PROXY" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_named(tmp_path, name):
    missing = str(tmp_path / "none.pem")

    with pytest.raises(SettingsError, match=rf"^{name}: .*none\.pem does not exist\. .*unset {name}$"):
        read_http_settings("https://engine", {name: missing})
    assert read_http_settings(ENGINE, {name: missing}).certificate_file is None, "plain HTTP needs none"


def test_a_file_that_holds_no_certificate_is_named(tmp_path, monkeypatch):
    (tmp_path / "empty.pem").write_text("nothing")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty.pem"))

    with pytest.raises(SettingsError, match=r"empty\.pem contains no readable certificates"):
        http_options("https://engine")


def test_certificates_are_checked_by_default():
    context = http_options("https://engine")["verify"]

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] > 0


def test_both_clients_go_through_the_same_proxy(monkeypatch, proxy):
    url, asked = proxy
    monkeypatch.setenv("HTTP_PROXY", url)
    connection = EngineConnection(base_url=ENGINE, model="m", managed=False)

    with httpx.Client(**http_options(ENGINE)) as client:
        assert client.get(f"{ENGINE}/version").is_success

    async def health():
        async with ChatClient(connection, in_flight=1) as chat, chat._pool.get(f"{ENGINE}/health") as response:
            return response.status

    assert asyncio.run(health()) == 200
    assert asked == [f"{ENGINE}/version", f"{ENGINE}/health"]


def test_neither_client_reads_the_environment_itself(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://p:1080")
    monkeypatch.setenv("NO_PROXY", "engine.example.org")
    connection = EngineConnection(base_url=ENGINE, model="m", managed=False)

    httpx.Client(**http_options(ENGINE)).close()

    async def trusts_environment():
        async with ChatClient(connection, in_flight=1) as chat:
            assert isinstance(chat._pool, aiohttp.ClientSession)
            return chat._pool.trust_env

    assert asyncio.run(trusts_environment()) is False
