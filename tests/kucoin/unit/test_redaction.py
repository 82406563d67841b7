"""What was sent as a secret does not come back: whole, in pieces, encoded."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubroker.kucoin.redaction import STRUCK, strike, strike_data

SECRET = "cde06451-dbed/4f+a=b"
CODE = "123456"
FORMS = {
    "as it is": SECRET,
    "in a URL": quote(SECRET, safe=""),
    "in a form": quote_plus(SECRET),
    "in JSON": json.dumps(SECRET),
    "its beginning": SECRET[:8],
    "its middle": SECRET[5:14],
    "its end": SECRET[-8:],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_long_secret_is_struck_in_every_form_and_piece(form):
    told = strike(f"KuCoin got {form} and refused.", [SECRET])
    assert form not in told
    assert STRUCK in told
    assert told.startswith("KuCoin got ")
    assert told.endswith(" and refused.")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", '{"x":"'])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_long_secret_is_struck_from_base64_wherever_it_stands(before, encode):
    encoded = encode(f"{before}{SECRET}tail".encode()).decode()
    told = strike(f"sent: {encoded}", [SECRET])
    kept = told.replace(STRUCK, "\n").removeprefix("sent: ").splitlines()
    assert STRUCK in told
    # What is left of it decodes to no eight characters of the secret.
    for part in kept:
        assert all(
            part[at : at + 12] not in encode(SECRET.encode()).decode()
            for at in range(len(part) - 11)
        )


@pytest.mark.parametrize("text", [f"code {CODE} wrong", f"[{CODE}]", CODE, f"factors={CODE}&x=1"])
def test_code_is_struck_where_it_stands_alone(text):
    assert CODE not in strike(text, [CODE])
    assert CODE not in strike(text.replace(CODE, base64.b64encode(CODE.encode()).decode()), [CODE])


def test_code_within_another_number_is_that_number():
    text = "order 9123456789 of 0.123456789"
    assert strike(text, [CODE]) == text


@pytest.mark.parametrize("secrets", [[], [""], ["abc"], ["another-secret-of-ours"]])
def test_words_without_a_secret_stay(secrets):
    words = "Please visit https://www.kucoin.com/account/security/g2fa (260325)"
    assert strike(words, secrets) == words


def test_texts_of_data_are_struck_and_all_else_stays():
    data = {"msg": f"x {SECRET} y", "rows": [{"code": CODE, "amount": 123456}, None, True]}
    assert strike_data(data, [SECRET, CODE]) == {
        "msg": f"x {STRUCK} y",
        "rows": [{"code": STRUCK, "amount": 123456}, None, True],
    }


@given(
    st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=8, max_size=40),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_no_eight_characters_of_a_secret_ever_come_back(secret, before, after):
    told = strike(f"{before}{secret}{after}", [secret])
    left = told.split(STRUCK)
    pieces = {secret[at : at + 8] for at in range(len(secret) - 7)}
    assert not any(part[at : at + 8] in pieces for part in left for at in range(len(part) - 7))
