"""The conversation with Google Translate, on the wire: what is asked, and whatever is answered."""

import base64
import gzip
import inspect
import ipaddress
import json
import socket
import socketserver
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gtts
import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.translate import ACTIONS, OK, PAGES, StandIn, encoded, envelope, mp3_of
from tts_tasks.engines.gtts_service import (
    MAX_ANSWER_BYTES,
    TRANSLATIONS,
    FailedRequest,
    Said,
    Service,
    audio_of,
    retry_after_s,
    translated,
)
from tts_tasks.errors import BadAnswerError, EngineUnavailableError, ProviderRefusedError
from tts_tasks.mp3 import fault_of_mp3

SENTENCE = "Olá, turma: hoje vamos falar de programação."
SAID = Said(SENTENCE, "pt", "com.br", slow=False)
PATH = "/_/TranslateWebserverUi/data/batchexecute"
LOOPBACK = ("127.0.0.1", "localhost")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def nothing_but_loopback(monkeypatch):
    """Take away the machine's own proxies and certificates, and every way out of the machine."""
    for name in (*PROXIES, *(name.upper() for name in PROXIES), *BUNDLES):
        monkeypatch.delenv(name, raising=False)
    connect = urllib3.util.connection.create_connection

    def checked(address, *args, **kwargs):
        assert address[0] in LOOPBACK, f"a test asked {address[0]}"
        return connect(address, *args, **kwargs)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", checked)


@pytest.fixture
def stand_in():
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def service(stand_in):
    return Service(stand_in.url, timeout_s=10.0)


def failure(service, said=SAID):
    with pytest.raises(FailedRequest) as failed:
        service.ask(said)
    return failed.value


def test_a_good_answer_is_a_whole_mp3(service, stand_in):
    audio = service.ask(SAID)
    assert audio == mp3_of(SENTENCE)
    assert fault_of_mp3(audio) is None
    assert stand_in.texts == [SENTENCE]


REFUSED = (ProviderRefusedError, False)
UNAVAILABLE = (EngineUnavailableError, True)
BAD_ANSWER = (BadAnswerError, True)

FAILURES = {
    "400": (*REFUSED, False, "answered 400 Bad Request"),
    "403": (*REFUSED, True, "answered 403 Forbidden"),
    "404": (*REFUSED, True, "answered 404 Not Found"),
    "408": (*UNAVAILABLE, False, "answered 408 Request Timeout"),
    "429": (*UNAVAILABLE, False, "answered 429 Too Many Requests"),
    "500": (*UNAVAILABLE, False, "answered 500 Internal Server Error"),
    "502": (*UNAVAILABLE, False, "answered 502 Bad Gateway"),
    "503": (*UNAVAILABLE, False, "answered 503 Service Unavailable"),
    "empty": (*BAD_ANSWER, False, "with nothing"),
    "html": (*BAD_ANSWER, False, "a web page"),
    "redirect": (*UNAVAILABLE, False, "redirects to nowhere"),
    "redirect-away": (*UNAVAILABLE, False, "redirects to sorry.example"),
    "no-result": (*BAD_ANSWER, False, "something without any audio"),
    "null": (*BAD_ANSWER, False, "no audio stream"),
    "no-audio": (*BAD_ANSWER, False, f"no audio for '{SENTENCE}'"),
    "bad-base64": (*BAD_ANSWER, False, "audio in a wrong encoding"),
    "not-mp3": (*BAD_ANSWER, False, "no whole MP3: it has no MP3 frame"),
    "cut-mp3": (*BAD_ANSWER, False, "no whole MP3: it is truncated"),
    "not-utf8": (*BAD_ANSWER, False, "something that is no text"),
    "truncated": (*BAD_ANSWER, False, "an answer that breaks off"),
    "reset": (*UNAVAILABLE, False, "cannot be reached"),
    "slow": (*UNAVAILABLE, False, "did not answer within 0.3 s"),
    "trickle": (*UNAVAILABLE, False, "did not answer within 0.3 s"),
    "endless": (*BAD_ANSWER, False, "more than 4,000,000 bytes"),
}
UNHEARD = ("half-mp3", "other-rate")
"""What only the engine can tell, from the audio."""

OTHER_STATUSES = {
    "201": (*BAD_ANSWER, False, "a status of 201 Created"),
    "401": (*REFUSED, True, "answered 401 Unauthorized"),
    "407": (*REFUSED, True, "answered 407 Proxy Authentication Required"),
    "413": (*REFUSED, False, "answered 413"),
    "425": (*UNAVAILABLE, False, "answered 425 Too Early"),
    "451": (*REFUSED, True, "answered 451"),
    "504": (*UNAVAILABLE, False, "answered 504 Gateway Timeout"),
    "599": (*UNAVAILABLE, False, "answered 599"),
}


def test_every_action_of_the_stand_in_has_its_expectation():
    assert set(ACTIONS) == {OK, *FAILURES, *UNHEARD}


@pytest.mark.parametrize("action", [*FAILURES, *OTHER_STATUSES])
def test_each_failure_is_told_as_what_it_is(stand_in, action):
    kind, is_retryable, is_final, words = (FAILURES | OTHER_STATUSES)[action]
    stand_in.script.append(action)
    service = Service(stand_in.url, 0.3 if action in ("slow", "trickle") else 10.0)
    failed = failure(service)
    assert type(failed.error) is kind
    assert failed.error.retryable is is_retryable
    assert failed.is_final is is_final
    assert failed.retry_after_s == 0.0
    assert words in failed.error.message
    assert failed.error.message.startswith("Google Translate")
    assert failed.error.remedy
    assert len(stand_in.calls) == 1, "one request is one request"
    assert Service(stand_in.url, 10.0).ask(SAID) == mp3_of(SENTENCE), "control: it was the action"


@pytest.mark.parametrize("action", UNHEARD)
def test_what_only_listening_can_tell_passes(service, stand_in, action):
    stand_in.script.append(action)
    assert fault_of_mp3(service.ask(SAID)) is None


def test_a_closed_port_is_unreachable():
    failed = failure(Service("http://127.0.0.1:9", 5.0))
    assert type(failed.error) is EngineUnavailableError
    assert "refused" in failed.error.message
    assert not failed.is_final


NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("007", 7.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Sun, 01 Mar 2026 13:01:30 +0100", 90.0),
        ("Sunday, 01-Mar-26 12:01:30 GMT", 90.0),
        ("Sun Mar  1 12:01:30 2026", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("1e3", 0.0),
        ("²", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Sun, 99 Mar 2026 12:01:30 GMT", 0.0),
        ("Sun, 01 Mar 99999999999999999999 12:01:30 GMT", 0.0),
    ],
)
def test_the_wish_to_wait_is_seconds_or_a_date_and_nothing_else(wish, seconds):
    assert retry_after_s({"Retry-After": wish}, NOW) == seconds


def test_no_wish_is_no_wait():
    assert retry_after_s({}, NOW) == 0.0


dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format, *[st.text("SunMar 0123456789+-", max_size=9)] * 8
)


@settings(deadline=None)
@given(wish=st.one_of(st.text(max_size=40), st.integers().map(str), dates))
def test_no_wish_breaks_anything(wish):
    assert retry_after_s({"Retry-After": wish}, NOW) >= 0.0


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_busy_service_says_how_long_to_wait(service, stand_in, status):
    stand_in.script.append(f"{status}:17")
    assert failure(service).retry_after_s == 17.0


def test_a_busy_service_says_until_when_to_wait(service, stand_in):
    until = datetime.now(UTC) + timedelta(seconds=120)
    stand_in.script.append(f"429:{format_datetime(until, usegmt=True)}")
    assert 60 < failure(service).retry_after_s <= 120


def test_who_refuses_cannot_ask_for_patience(service, stand_in):
    stand_in.script.append("403:17")
    assert failure(service).retry_after_s == 0.0


class _Recorder(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        answer = envelope(json.dumps([encoded(mp3_of(SENTENCE))]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_CONNECT(self):
        self.server.seen.append((self.command, self.path, dict(self.headers), b""))
        self.send_error(502)

    def log_message(self, *_):
        pass


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


@contextmanager
def listening(server):
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def recorder():
    """Yield a server, and proxy, that notes each request as it came."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    server.daemon_threads = True
    server.seen = []
    with listening(server) as server.url:
        yield server


@contextmanager
def answering(answer):
    """Yield the address of a server that hears a request and answers with these bytes.

    Args:
        answer: bytes, or what writes them when it is called with ``write``.
    """

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            length = 0
            while (line := self.rfile.readline()).strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            self.rfile.read(length)
            if callable(answer):
                answer(self.wfile.write)
            else:
                self.wfile.write(answer)

    with listening(_Listener(("127.0.0.1", 0), Handler)) as url:
        yield url


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize(("language", "tld"), [("pt", "com.br"), ("en", "com"), ("ja", "com")])
def test_a_request_is_what_gtts_itself_would_send(recorder, language, tld, slow):
    text = 'Aspas "duplas", \\barras\\ & 100% de emoção 😀; <b>fim</b>.'
    [request] = gtts.gTTS(text, lang=language, tld=tld, slow=slow)._prepare_requests()
    request.url = recorder.url + PATH
    with requests.Session() as session:
        session.send(request).close()
    Service(recorder.url).ask(Said(text, language, tld, slow))
    theirs, ours = recorder.seen
    assert ours == theirs


def test_a_request_has_the_body_and_the_headers_of_gtts(recorder):
    Service(recorder.url).ask(SAID)
    [(command, path, headers, body)] = recorder.seen
    assert (command, path) == ("POST", PATH)
    assert [body.decode()] == gtts.gTTS(SENTENCE, lang="pt", tld="com.br").get_bodies()
    assert gtts.gTTS.GOOGLE_TTS_HEADERS.items() <= headers.items()


@pytest.fixture(scope="module")
def echo():
    """Yield a stand-in that answers any text with the same audio, and fast."""
    audio = mp3_of(SENTENCE)
    with StandIn(render=lambda *_: audio) as stand_in:
        yield stand_in


pieces = st.sampled_from(
    ["a", "é", "7", " ", ",", ":", ".", ";", "!", "?", "…", "—", "\n", "¿", '"']
)


@settings(deadline=None, max_examples=60)
@given(inside=st.lists(pieces, max_size=98))
def test_any_text_up_to_the_limit_is_one_request_word_for_word(echo, inside):
    text = f"a{''.join(inside)}z"
    before = len(echo.calls)
    Service(echo.url).ask(SAID._replace(text=text))
    assert echo.texts[before:] == [text]


@pytest.mark.parametrize(
    "text", ["um, dois: " * 9 + "três, fim.", "a" * 100, "1:2,3." * 16 + "fim."]
)
def test_a_text_at_the_limit_is_not_cut_at_commas_and_colons(echo, text):
    assert len(text) == 100
    before = len(echo.calls)
    Service(echo.url).ask(SAID._replace(text=text))
    assert echo.texts[before:] == [text]


@pytest.mark.parametrize("language", ["pt", "pt-PT", "en", "fr-CA", "zh-CN", "iw"])
def test_the_language_goes_as_it_was_asked_for(service, stand_in, language):
    service.ask(SAID._replace(language=language))
    assert stand_in.calls[0].language == language


def test_gtts_by_itself_makes_portugal_brazilian():
    # The control of the test above: why gTTS is not asked to check the language.
    with pytest.warns(DeprecationWarning, match="'pt-PT' has been deprecated"):
        assert gtts.gTTS(SENTENCE, lang="pt-PT").lang == "pt"


@pytest.mark.parametrize("slow", [False, True])
def test_slow_goes_as_it_was_asked_for(service, stand_in, slow):
    service.ask(SAID._replace(slow=slow))
    assert stand_in.calls[0].slow is slow


@pytest.mark.parametrize("tld", ["com.br", "pt", "com"])
def test_without_another_address_google_is_asked_under_the_accents_domain(
    recorder, monkeypatch, tld
):
    # Through a proxy that lets nothing out: it only tells who was asked.
    monkeypatch.setenv("HTTPS_PROXY", recorder.url)
    assert Service().host(tld) == f"translate.google.{tld}"
    failed = failure(Service(), SAID._replace(tld=tld))
    assert type(failed.error) is EngineUnavailableError
    assert {path for _, path, _, _ in recorder.seen} == {f"translate.google.{tld}:443"}


def test_the_proxy_of_the_environment_is_asked(recorder, monkeypatch):
    monkeypatch.setenv("http_proxy", recorder.url)
    assert Service("http://translate.invalid").ask(SAID) == mp3_of(SENTENCE)
    [(_, path, _, _)] = recorder.seen
    assert path == f"http://translate.invalid{PATH}"


def test_the_environment_can_except_a_host_from_the_proxy(recorder, service, monkeypatch):
    monkeypatch.setenv("http_proxy", recorder.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    service.ask(SAID)
    assert recorder.seen == []


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "gopher://127.0.0.1:9", "http://[", "::"])
def test_a_proxy_that_does_not_work_is_a_failed_request(service, monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    assert isinstance(failure(service).error, EngineUnavailableError)


def certificate(folder, *names):
    """Write a certificate that signs itself, for 127.0.0.1, and its key; return their paths."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    alternatives = [x509.IPAddress(ipaddress.ip_address(each)) for each in names]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(private)
    return folder / "certificate.pem", folder / "key.pem"


@contextmanager
def secured(folder, name="127.0.0.1"):
    """Yield a stand-in that speaks TLS with a certificate of its own for a name."""
    chain, key = certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    stand_in = StandIn()
    stand_in.server.socket = context.wrap_socket(stand_in.server.socket, server_side=True)
    stand_in.url = stand_in.url.replace("http", "https")
    stand_in.certificate = str(chain)
    with stand_in:
        yield stand_in


def test_a_certificate_that_nobody_vouches_for_is_refused_for_good(tmp_path):
    with secured(tmp_path) as stand_in:
        failed = failure(Service(stand_in.url))
        assert stand_in.calls == [], "the text was not sent"
    assert type(failed.error) is ProviderRefusedError
    assert failed.is_final
    assert "certificate" in failed.error.message
    assert "REQUESTS_CA_BUNDLE" in failed.error.remedy


def test_a_certificate_that_the_environment_vouches_for_is_accepted(tmp_path, monkeypatch):
    with secured(tmp_path) as stand_in:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", stand_in.certificate)
        assert Service(stand_in.url).ask(SAID) == mp3_of(SENTENCE)
        assert stand_in.texts == [SENTENCE]


def test_a_certificate_of_another_host_is_refused(tmp_path, monkeypatch):
    with secured(tmp_path, "127.0.0.2") as stand_in:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", stand_in.certificate)
        failed = failure(Service(stand_in.url))
        assert stand_in.calls == []
    assert type(failed.error) is ProviderRefusedError
    assert failed.is_final


def test_certificates_that_are_not_there_are_named(tmp_path, monkeypatch):
    with secured(tmp_path) as stand_in:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        assert "none.pem" in failure(Service(stand_in.url)).error.message


def test_a_handshake_that_breaks_off_is_no_matter_of_certificates():
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(4_096)

    with listening(_Listener(("127.0.0.1", 0), Handler)) as url:
        failed = failure(Service(url.replace("http", "https")))
    assert type(failed.error) is EngineUnavailableError
    assert failed.error.retryable
    assert not failed.is_final


def http(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@pytest.mark.parametrize(
    "location", ["http://[sorry", "http://sorry:port/x", "//", "\xe3\xff", "?", "http://a b/"]
)
def test_a_redirect_to_no_address_is_a_failed_request(location):
    with answering(http("302 Found", b"", f"Location: {location}")) as url:
        failed = failure(Service(url))
    assert type(failed.error) is EngineUnavailableError
    assert failed.error.retryable
    assert "answered 302 Found" in failed.error.message


@contextmanager
def endless_after(head):
    """Yield the address of a server whose answers never end after this head, and what it sent."""
    sent, stop = [], threading.Event()

    def answer(write):
        write(head.encode())
        while not stop.is_set() and sum(sent) < 20 * MAX_ANSWER_BYTES:
            write(b"x" * 65_536)
            sent.append(65_536)

    with answering(answer) as url:
        try:
            yield url, sent
        finally:
            stop.set()


@pytest.mark.parametrize("status", ["302 Found", "200 OK", "503 Service Unavailable"])
def test_no_answer_is_read_without_an_end(status):
    with endless_after(f"HTTP/1.1 {status}\r\nLocation: http://sorry.invalid/\r\n\r\n") as (
        url,
        sent,
    ):
        failure(Service(url, 10.0))
        assert sum(sent) < 4 * MAX_ANSWER_BYTES


GOOD = envelope(json.dumps([encoded(mp3_of(SENTENCE))]))


def chunked(body, size=1_000):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


@pytest.mark.parametrize(
    "raw",
    [
        http("200 OK", GOOD),
        b"HTTP/1.0 200 OK\r\n\r\n" + GOOD,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GOOD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(GOOD) + b"0\r\n\r\n",
        http("200 OK", gzip.compress(GOOD), "Content-Encoding: gzip"),
    ],
    ids=["length", "old", "close", "chunked", "gzip"],
)
def test_an_answer_may_be_sent_in_any_way_of_http(raw):
    with answering(raw) as url:
        assert Service(url).ask(SAID) == mp3_of(SENTENCE)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(GOOD),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(GOOD)[:-500],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + GOOD[:-500],
        http("200 OK", gzip.compress(GOOD)[:-500], "Content-Encoding: gzip"),
        http("200 OK", GOOD, "Content-Encoding: gzip"),
        http("200 OK", GOOD, "Content-Length: 12"),
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"hello\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_no_whole_http_is_a_failed_request(raw):
    with answering(raw) as url:
        failed = failure(Service(url))
    assert failed.error.retryable
    assert not failed.is_final


def body(payload, *, before="", row_before=(), row_after=()):
    rows = [*row_before, ["wrb.fr", "jQ1olc", payload, None, "generic"], *row_after]
    return f")]}}'\n\n{before}{json.dumps(rows)}".encode()


AUDIO = mp3_of(SENTENCE)
PAYLOAD = json.dumps([encoded(AUDIO)])
TAGGED = AUDIO + b"TAG".ljust(128, b"\0")
"""With a tag behind it: of a length that base 64 must pad."""


@pytest.mark.parametrize(
    "answer",
    [
        envelope(PAYLOAD),
        body(PAYLOAD),
        body(PAYLOAD, before="28512\n"),
        body(PAYLOAD, before='57\n[["e",4,null,null,150]]\n28512\n') + b'\n25\n[["di",42]]\n',
        body(PAYLOAD, row_before=[["wrb.fr", "MkEWBc", '["x"]'], ["di", 12], 7, None]),
        body(PAYLOAD, row_after=[["wrb.fr", "MkEWBc", '["x"]'], []]),
        body(json.dumps([encoded(AUDIO), None, 5])),
        body(PAYLOAD).replace(b"\n", b"\r\n"),
        body(PAYLOAD).removeprefix(b")]}'"),
    ],
)
def test_the_envelope_may_come_with_lengths_and_other_rows(answer):
    assert audio_of(answer, SENTENCE) == AUDIO


def test_the_padding_of_base_64_may_be_escaped():
    payload = json.dumps([encoded(TAGGED)]).replace("=", "\\u003d")
    assert "\\u003d" in payload
    assert audio_of(body(payload), SENTENCE) == TAGGED
    assert audio_of(body(payload.replace("/", "\\/")), SENTENCE) == TAGGED


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "nothing"),
        (b" \n \n", "nothing"),
        (b")]}'\n\n", "without any audio"),
        (b"<HTML><body>", "a web page"),
        (b"<!DOCTYPE html>\n<html lang=pt>", "a web page"),
        (b"[", "without any audio"),
        (b"[]\n[1, 2]\n[[]]\n[[null]]", "without any audio"),
        (body(PAYLOAD)[:-9], "without any audio"),
        (b"[" * 100_000, "without any audio"),
        (b"[" + b"7" * 5_000 + b"]", "without any audio"),
        (b'[["wrb.fr","jQ1olc"]]', "no audio stream"),
        (b'[["er","jQ1olc",null,500]]', "without any audio"),
        (body(None), "no audio stream"),
        (body(""), "no audio stream"),
        (body("[]"), "no audio stream"),
        (body("{}"), "no audio stream"),
        (body("7"), "no audio stream"),
        (body("[7]"), "no audio stream"),
        (body("[null]"), "no audio stream"),
        (body("[" * 100_000), "no audio stream"),
        (body([encoded(AUDIO)]), "no audio stream"),
        (body('[""]'), "no audio for"),
        (body('["é"]'), "wrong encoding"),
        (body('["\\ud800"]'), "wrong encoding"),
        (body('["AAAA AAAA"]'), "wrong encoding"),
        (body('["A"]'), "wrong encoding"),
        (body('["AAAA"]'), "no whole MP3"),
        (body(json.dumps([encoded(AUDIO[:-1])])), "no whole MP3: it is truncated"),
        (body(json.dumps([encoded(AUDIO + b"more")])), "no whole MP3"),
        (b"\xff", "no text"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_an_answer_without_the_audio_says_what_it_is(answer, words):
    with pytest.raises(FailedRequest, match=words) as failed:
        audio_of(answer, SENTENCE)
    assert type(failed.value.error) is BadAnswerError


@settings(deadline=None)
@given(st.one_of(st.binary(), st.recursive(
    st.none() | st.integers() | st.text() | st.just("wrb.fr") | st.just("jQ1olc"),
    lambda inside: st.lists(inside, max_size=4)).map(lambda rows: json.dumps([rows]).encode()),
))  # fmt: skip
def test_no_answer_breaks_anything(answer):
    with pytest.raises(FailedRequest):
        audio_of(answer, SENTENCE)


@settings(deadline=None)
@given(
    first=st.text(max_size=12) | st.binary(max_size=12).map(lambda b: base64.b64encode(b).decode())
)
def test_no_payload_breaks_anything(first):
    with pytest.raises(FailedRequest):
        audio_of(body(json.dumps([first])), SENTENCE)


def test_an_odd_answer_on_the_wire_is_understood(service, stand_in, monkeypatch):
    monkeypatch.setitem(PAGES, "odd", body(PAYLOAD, before="28512\n") + b"\n3\n[]\n")
    stand_in.script.append("odd")
    assert service.ask(SAID) == AUDIO


def exceptions_of(module):
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
        and issubclass(kind, Exception)
        and not issubclass(kind, Warning)
    ]


LIBRARY = [*exceptions_of(requests.exceptions), *exceptions_of(urllib3.exceptions)]
BASES = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError)


@pytest.mark.parametrize("kind", LIBRARY, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_the_library_is_translated(kind):
    known = [each for each, _ in TRANSLATIONS if issubclass(kind, each)]
    assert known, "map it in TRANSLATIONS, and catch it in Service.ask"
    if kind.__module__.startswith("requests") and kind not in BASES:
        general = [each for each, _ in TRANSLATIONS[-2:]]
        assert known[0] not in general, "say in TRANSLATIONS what it means"


def test_the_walk_finds_the_exceptions():
    assert requests.exceptions.InvalidProxyURL in LIBRARY
    assert urllib3.exceptions.NameResolutionError in LIBRARY
    assert len(LIBRARY) > 40


def test_no_translation_hides_behind_a_wider_one():
    kinds = [kind for kind, _ in TRANSLATIONS]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, wider) for wider in kinds[:place]), kind


@pytest.mark.parametrize(
    ("error", "kind", "is_final"),
    [
        (requests.ConnectTimeout("x"), EngineUnavailableError, False),
        (requests.ReadTimeout("x"), EngineUnavailableError, False),
        (requests.ConnectionError("x"), EngineUnavailableError, False),
        (requests.exceptions.ProxyError("x"), EngineUnavailableError, False),
        (requests.exceptions.ChunkedEncodingError("x"), BadAnswerError, False),
        (requests.exceptions.InvalidProxyURL("x"), ProviderRefusedError, True),
        (requests.exceptions.InvalidSchema("x"), ProviderRefusedError, True),
        (urllib3.exceptions.ProtocolError("x"), BadAnswerError, False),
        (urllib3.exceptions.DecodeError("x"), BadAnswerError, False),
        (urllib3.exceptions.HTTPError("x"), EngineUnavailableError, False),
        (ConnectionResetError(104, "reset by peer"), EngineUnavailableError, False),
        (OSError("x"), EngineUnavailableError, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_exceptions_of_the_library_become_ours(error, kind, is_final):
    failed = translated(error, 20.0)
    assert type(failed.error) is kind
    assert failed.is_final is is_final
    assert failed.error.remedy


def test_a_service_is_reachable_when_anybody_answers_without_a_text(service, stand_in):
    assert service.is_reachable("com.br")
    assert stand_in.probes == 1
    assert stand_in.calls == []


def test_a_service_is_not_reachable_at_a_closed_port_or_behind_a_false_certificate(tmp_path):
    assert not Service("http://127.0.0.1:9").is_reachable("com.br")
    with secured(tmp_path) as stand_in:
        assert not Service(stand_in.url).is_reachable("com.br")


@pytest.mark.parametrize("trickles", ["headers", "continue", "chunk extension"])
def test_whatever_trickles_in_ends_at_the_time_limit(trickles):
    beginnings = {
        "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "chunk extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a"),
    }
    first, drop = beginnings[trickles]
    ends = threading.Event()

    def serve(server):
        with suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(first)
                while not ends.wait(0.05):
                    connection.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        started_s = time.monotonic()
        failed = failure(Service(address, timeout_s=0.5))
        took_s = time.monotonic() - started_s
        ends.set()
        thread.join(5)
    assert "did not answer within 0.5 s" in failed.error.message
    assert took_s < 5


@pytest.mark.parametrize(
    "payloads", [['["AAAA","AAAA"]'], ['["AAAA"]', '["AAAA"]']], ids=["two parts", "two results"]
)
def test_audio_in_several_parts_is_no_answer(payloads):
    rows = [["wrb.fr", "jQ1olc", payload, None, None, None, "generic"] for payload in payloads]
    with pytest.raises(FailedRequest) as failed:
        audio_of((")]}'\n\n" + json.dumps(rows)).encode(), "Olá.")
    assert isinstance(failed.value.error, BadAnswerError)


def test_what_a_server_says_is_shown_in_one_printable_line():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 500 \x1b[31mRED\x1b[2J\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        failed = failure(Service(f"http://127.0.0.1:{server.getsockname()[1]}"))
        thread.join(5)
    assert failed.error.message.isprintable()
    assert "RED" in failed.error.message
