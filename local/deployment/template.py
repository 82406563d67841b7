"""The real template.yaml as the AWS stand-in can take it: translated by AWS's own translator.

Source:
    aws-sam-translator is what CloudFormation runs for ``AWS::Serverless-2016-10-31``.
"""

import copy
import logging
import os
from pathlib import Path
from typing import Any

from local.aws.client import REGION

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
CODE_BUCKET = "kubroker-local-code"
CODE_KEY = "code.zip"

_CODE_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


def load_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template as written, with CloudFormation's short forms spelt out."""
    from samtranslator.yaml_helper import yaml_parse  # slow to import, see translate

    return dict(yaml_parse(path.read_text()))


def read_code_folders(template: dict[str, Any]) -> dict[str, str]:
    """Logical id of each function and layer to its folder, relative to the template."""
    common = template.get("Globals", {}).get("Function", {})
    return {
        logical_id: {**common, **resource["Properties"]}[_CODE_PROPERTIES[resource["Type"]]]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in _CODE_PROPERTIES
    }


def translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """What CloudFormation would deploy.

    Args:
        template: As ``load_template`` gives it; it is not changed.
        parameters: The stack's parameters.

    Returns:
        A plain CloudFormation template, its code replaced by one object in S3.
    """
    # Slow to import: the stand-ins start meanwhile.
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # the translator needs a region
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # misses its feature toggles
    changed = copy.deepcopy(template)
    for logical_id in read_code_folders(changed):
        resource = changed["Resources"][logical_id]
        uri = f"s3://{CODE_BUCKET}/{CODE_KEY}"
        resource["Properties"][_CODE_PROPERTIES[resource["Type"]]] = uri
    return dict(Translator({}, Parser()).translate(changed, parameters))
