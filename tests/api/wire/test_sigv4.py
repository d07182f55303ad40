"""The checking side of Signature Version 4, against botocore's signing side."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from flowd.api.wire.credentials import Credentials
from flowd.api.wire.sigv4 import ChunkSigner, Verifier, signed_for
from flowd.errors import (
    ApiError,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

OURS = Credentials("AKIAFLOWDEXAMPLE", "a secret")
BODY = b'{"maxResults": 3}'


def signed(
    keys: Credentials = OURS, body: bytes = BODY, url: str = "http://127.0.0.1:8083/", region: str = "eu-central-1"
) -> dict[str, str]:
    request = AWSRequest(
        "POST", url, data=body, headers={"X-Amz-Target": "AWSStepFunctions.ListActivities", "X-Odd": "a   b "}
    )
    SigV4Auth(Keys(keys.access_key, keys.secret_key), "states", region).add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {"host": "127.0.0.1:8083", **headers}


def now_of(headers: dict[str, str]) -> int:
    stamp = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return int(stamp.timestamp() * 1000)


def check(headers: dict[str, str], body: bytes = BODY, skew_s: float = 0, path: str = "/", query: str = "") -> str:
    return Verifier(OURS).check("POST", path, query, headers, body, now_of(headers) + int(skew_s * 1000))


def test_what_botocore_signs_is_accepted_in_any_region() -> None:
    assert check(signed()) == OURS.access_key
    assert check(signed(region="us-east-1")) == OURS.access_key


def test_the_query_is_under_the_signature() -> None:
    headers = signed(url="http://127.0.0.1:8083/?b=2&a=x%20y")
    assert check(headers, query="b=2&a=x%20y") == OURS.access_key
    with pytest.raises(InvalidSignatureException):
        check(headers, query="b=3&a=x%20y")


def test_another_secret_is_refused() -> None:
    with pytest.raises(InvalidSignatureException):
        check(signed(Credentials(OURS.access_key, "another")))


def test_an_unknown_key_is_refused_and_the_message_says_where_the_right_one_is() -> None:
    with pytest.raises(UnrecognizedClientException, match="flowd env"):
        check(signed(Credentials("AKIAOTHER", OURS.secret_key)))


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(InvalidSignatureException):
        check(signed(), body=b'{"maxResults": 4}')


@pytest.mark.parametrize("skew_s", [-901, 901])
def test_a_signature_from_another_time_is_refused(skew_s: float) -> None:
    with pytest.raises(InvalidSignatureException, match="15 minutes"):
        check(signed(), skew_s=skew_s)


@pytest.mark.parametrize("skew_s", [-890, 890])
def test_a_clock_that_is_a_little_off_is_fine(skew_s: float) -> None:
    assert check(signed(), skew_s=skew_s)


Change = Callable[[dict[str, str]], object]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda h: h.pop("authorization"), MissingAuthenticationTokenException),
        (lambda h: h.update(authorization="Basic eDp5"), InvalidSignatureException),
        (lambda h: h.update({"x-amz-target": "AWSStepFunctions.DeleteActivity"}), InvalidSignatureException),
        (lambda h: h.update({"x-amz-added": "1"}), InvalidSignatureException),
        (lambda h: h.update({"x-amz-content-sha256": "0" * 64}), InvalidSignatureException),
        (lambda h: h.update({"x-amz-date": "20260101"}), InvalidSignatureException),
        (lambda h: h.pop("x-amz-date"), InvalidSignatureException),
        (lambda h: h.update(host="evil.example"), InvalidSignatureException),
    ],
)
def test_a_request_that_was_changed_after_signing_is_refused(change: Change, error: type[ApiError]) -> None:
    headers = signed()
    now_ms = now_of(headers)
    change(headers)
    with pytest.raises(error):
        Verifier(OURS).check("POST", "/", "", headers, BODY, now_ms)


#: The example of the S3 API reference, "Signature calculations: transferring payload in multiple chunks".
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
CHUNKS = [
    (b"a" * 65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


def chunk_signer(kind: str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") -> ChunkSigner | None:
    keys = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    said = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders=host;x-amz-date,Signature={SEED}"
    headers = {"authorization": said, "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": kind}
    return Verifier(keys).stream(headers)


def test_chunks_are_signed_in_a_chain_as_the_reference_shows() -> None:
    signer = chunk_signer()
    assert signer is not None
    for data, signature in CHUNKS:
        signer.check(data, signature)


@pytest.mark.parametrize(
    "chunks",
    [
        [(CHUNKS[0][0][:-1], CHUNKS[0][1])],
        [(CHUNKS[0][0], "")],
        [(CHUNKS[0][0], "\xff" * 64)],
        [CHUNKS[1]],
        [CHUNKS[0], CHUNKS[2]],
    ],
)
def test_a_chunk_that_was_changed_moved_or_left_out_is_refused(chunks: list[tuple[bytes, str]]) -> None:
    signer = chunk_signer()
    assert signer is not None
    with pytest.raises(InvalidSignatureException, match="a chunk of the body"):
        for data, signature in chunks:
            signer.check(data, signature)


def test_unsigned_chunks_have_no_signer() -> None:
    assert chunk_signer("STREAMING-UNSIGNED-PAYLOAD-TRAILER") is None


def test_an_empty_part_of_a_path_is_not_signed() -> None:
    headers = signed(url="http://127.0.0.1:8083/2015-03-31/functions//configuration")
    assert check(headers, path="/2015-03-31/functions//configuration") == OURS.access_key


def test_the_service_of_a_signature_is_found_in_one_go() -> None:
    """Before anybody has signed anything: a header made for it had held the loop for half a second."""
    header = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/sns/aws4_request, SignedHeaders=host"
    assert signed_for(header) == "sns"
    begun = time.process_time()
    for _ in range(20):
        assert signed_for("Credential=a" * 5_000) == ""
    assert time.process_time() - begun < 1
