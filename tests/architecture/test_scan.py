"""The scan's judgement, its reasons, and what the layer ships."""

import pytest

from tests.support.deployed import load_translated
from tools.licences import PAGE, PERMISSIVE, build_page, list_parts, read_licences
from tools.release_dates import find_date
from tools.scan import judge, load_reasons

FOUND = [("CKV_1", "a rule", "ConnectFunction"), ("CKV_1", "a rule", "OtherTable")]


def test_scan_finding_without_a_reason_is_told():
    reasons = {"CKV_1": {"resources": ["*Function"], "reason": "because"}}
    assert judge(FOUND, reasons) == ["OtherTable: a rule (CKV_1)"]


def test_scan_reason_without_a_finding_is_told():
    reasons = {"CKV_1": {"resources": ["*Function", "*Table", "*Queue"], "reason": "because"}}
    assert judge(FOUND, reasons) == ["scan_reasons.toml: CKV_1 excepts *Queue, which is not found"]


@pytest.mark.parametrize("check", load_reasons())
def test_scan_exception_says_why(check):
    entry = load_reasons()[check]
    assert entry["reason"].endswith(".")
    assert "*" not in entry["resources"], "name what it is for"


def test_no_environment_variable_is_a_secret():
    """The reason for CKV_AWS_173."""
    for name, resource in load_translated()["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            for variable in resource["Properties"]["Environment"]["Variables"]:
                secrets = ("SECRET", "PASSWORD", "PASSPHRASE", "TOKEN", "KEY")
                assert not variable.endswith(secrets), (name, variable)


def test_licences_page_is_fresh():
    assert PAGE.read_text() == build_page(), "run `make docs`"


@pytest.mark.parametrize(("name", "version", "licence"), read_licences())
def test_layer_ships_permissive_licences_only(name, version, licence):
    assert set(list_parts(licence)) <= PERMISSIVE, f"{name} {version}"


def test_release_date_is_the_first_upload_of_that_very_version():
    files = [
        {"filename": "typing_extensions-4.16.0.tar.gz", "upload-time": "2026-06-02T10:00:00Z"},
        {
            "filename": "typing_extensions-4.16.0-py3-none-any.whl",
            "upload-time": "2026-06-01T23:59:59Z",
        },
        {"filename": "typing_extensions-4.16.0.1.tar.gz", "upload-time": "2020-01-01T00:00:00Z"},
        {"filename": "typing_extensions-4.1.tar.gz", "upload-time": "2019-01-01T00:00:00Z"},
    ]
    assert find_date("typing-extensions", "4.16.0", files) == "2026-06-01"
    with pytest.raises(LookupError, match=r"no time for typing-extensions 4\.17"):
        find_date("typing-extensions", "4.17.0", files)
