"""No key that was sent is kept in what a server says."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from robopref.errors import ConfigError
from robopref.labelers.blanking import Blanking
from robopref.labelers.judge import Reply, UnavailableError
from robopref.labelers.patience import PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.served import ServedJudge
from robopref.labelers.vlm import Manner, VlmLabeler
from tests.labelers.asking import GreyPictures, pair
from tests.labelers.hostile_server import GOOD, HostileServer, chat

KEY = 'sk-proj/A+b=9 {z}"Q~xYz7788'  # with what addresses and JSON write in another way
PLAIN = "sk-live-4f9a27c1b8e05d63"


@pytest.mark.parametrize(
    "written",
    [
        KEY, quote(KEY, safe=""), quote(KEY), json.dumps(KEY), KEY.upper(), KEY.encode().hex(), KEY[:12], KEY[-9:],
        base64.b64encode(KEY.encode()).decode(), base64.b64encode(f"user:{KEY}:x".encode()).decode(),
        base64.urlsafe_b64encode(f"Bearer {KEY}".encode()).decode(),
    ],
)  # fmt: skip
def test_a_key_is_blanked_however_it_is_written(written: str) -> None:
    said = Blanking([KEY])(f"You sent “{written}”. İt is wrong.")
    assert "[key]" in said
    assert said.startswith("You sent “")
    assert said.endswith("”. İt is wrong.")
    for k in range(len(written) - 11):
        assert written[k : k + 12].lower() not in said.lower()


def test_keys_are_found_in_the_environment_and_prose_is_left_alone() -> None:
    blanked = Blanking.of_environment({
        "OPENAI_API_KEY": "none", "GEMINI_API_KEY": f" {PLAIN}\n", "WANDB_API_KEY": "wb-0123456789abcdef",
        "LAB_TOKEN": "t0k3n", "HTTPS_PROXY": "http://me:pass%2Fword@proxy:8080", "HOME": "/home/somebody",
        "ANTHROPIC_CUSTOM_HEADERS": "x-gate: gate-0123456789",
    })  # fmt: skip
    said = f"{PLAIN}; t0k3n; pass/word; pass%2Fword; wb-0123456789abcdef; gate-0123456789"
    assert blanked(said).replace(";[", "; [") == "; ".join(["[key]"] * 6)
    for text in ("There is none at /home/somebody.", "", "The gripper has passed the word."):
        assert blanked(text) == text


def test_of_two_keys_side_by_side_nothing_is_left() -> None:
    assert Blanking(["abcd1234", "wxyz5678"])("abcd1234wxyz5678") in ("[key]", "[key][key]")
    assert Blanking()("abcd1234") == "abcd1234"


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_a_server_that_repeats_keys_gets_them_into_no_error_and_no_file(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", PLAIN)
    monkeypatch.setenv("LAB_GATEWAY_TOKEN", "gateway-9911882277")

    def echo(_: object, headers: object) -> object:
        told = f"{headers} {PLAIN} gateway-9911882277 {base64.b64encode(PLAIN.encode()).decode()} us3r:pa55w0rd"
        body = chat(GOOD.replace("nearer", json.dumps(told)[1:-1])) if status == 200 else {"error": {"message": told}}
        return status, {"x-echo": PLAIN, "retry-after": "0"}, json.dumps(body).encode()

    with HostileServer(echo) as server, ReplyCache(tmp_path / "replies.sqlite") as cache:
        judge = ServedJudge("m", base_url=server.url.replace("://", "://us3r:pa55w0rd@"), output="native")
        for asked in (judge, PatientJudge(judge, cache, sleep=lambda _: None)):
            try:
                given = VlmLabeler(asked, GreyPictures([1, 2]), manner=Manner("one_stage")).label(pair(0, 1))
                said = repr(given) + judge.name
            except ConfigError as error:
                said = str(error)
            assert "[key]" in said
            stored = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode("latin-1")
            for kept in (said, stored):
                for key in (PLAIN, "gateway-9911882277", "pa55w0rd", base64.b64encode(PLAIN.encode()).decode()):
                    assert key not in kept
                assert "4f9a27c1" not in kept


def test_keys_in_replies_kept_earlier_are_not_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        cache.put("k", "m", Reply(f"You sent {PLAIN}."))
    monkeypatch.setenv("OPENAI_API_KEY", PLAIN)
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert cache.get("k") == Reply("You sent [key].")
        cache.export(tmp_path / "replies.jsonl")
    assert PLAIN not in (tmp_path / "replies.jsonl").read_text()


def test_user_and_password_of_an_address_are_sent_and_not_shown() -> None:
    seen: list[str] = []

    def keep(_: object, headers: dict[str, str]) -> object:
        seen.append({name.lower(): value for name, value in headers.items()}["authorization"])
        return 503, {}, b"{}"

    with HostileServer(keep) as server:
        judge = ServedJudge("m", base_url=server.url.replace("://", "://us3r:pa%2Fss@"))
        with pytest.raises(UnavailableError):
            judge.ask(["?"])
    assert seen == ["Basic " + base64.b64encode(b"us3r:pa/ss").decode()]


@pytest.mark.parametrize(
    "written",
    [
        "".join(f"\\u{ord(letter):04x}" for letter in PLAIN),
        json.dumps("".join(f"\\u{ord(letter):04X}" for letter in PLAIN))[1:-1],
        "".join(f"%{ord(letter):02x}" for letter in PLAIN),
        "".join(f"%25{ord(letter):02X}" for letter in PLAIN),
        "".join(f"&#{ord(letter)};" for letter in PLAIN),
        "".join(f"&#x{ord(letter):x};" for letter in PLAIN),
        "".join(f"\\x{ord(letter):02x}" for letter in PLAIN),
        "\n".join(PLAIN[k : k + 5] for k in range(0, len(PLAIN), 5)),
        "\u200b".join(PLAIN),
        " ".join(PLAIN),
        PLAIN.encode().hex(" "),
        "\n".join(base64.b64encode(PLAIN.encode()).decode()[k : k + 6] for k in range(0, 32, 6)),
        "".join(chr(ord(letter) + 0xFEE0) for letter in PLAIN),
    ],
)
def test_a_key_in_numbers_or_in_pieces_is_blanked(written: str) -> None:
    said = Blanking([PLAIN])(f"You sent {written}. Thanks, &#1114112; 100%!")
    assert said.startswith("You sent [key]")
    assert said.endswith(". Thanks, &#1114112; 100%!")
    assert len(said) < 50
