"""What an invocation gives, and what a function finds in its environment."""

from dataclasses import dataclass
from typing import Any

from local.aws.client import ACCESS_KEY, ACCOUNT_ID, REGION, SECRET_KEY
from local.deployment.deployed import FunctionSpec


class ThrottledError(RuntimeError):
    """No sandbox became free in time."""


@dataclass(frozen=True)
class InvokeResult:
    """As Lambda's Invoke answers.

    Attributes:
        payload: What the function returned, or ``{"errorType", "errorMessage", …}``.
        function_error: ``Unhandled`` if it failed, was killed or took too long.
        pid: The process that ran it.
        logs: What it wrote meanwhile.
    """

    payload: Any
    function_error: str | None
    pid: int
    logs: str


def build_arn(function_name: str) -> str:
    """The function's ARN."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function_name}"


def build_environment(function: FunctionSpec, aws_url: str) -> dict[str, str]:
    """The function's variables and those that Lambda adds, pointed at the stand-in.

    Args:
        function: As deployed.
        aws_url: Address of the AWS stand-in.

    Source:
        Lambda, "Using environment variables", defined runtime environment variables.
    """
    return {
        **function.environment,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SDK_UA_APP_ID": function.name,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(function.code_folder),
        "_HANDLER": function.handler,
        "TZ": ":UTC",
    }
