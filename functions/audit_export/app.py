"""Copies the audit to a bucket with object lock."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.audit.export import AuditExport, build_audit_export


@cache
def export() -> AuditExport:
    """The bucket, made once at the first batch."""
    return build_audit_export()


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Runs one batch of the stream."""
    return {"written": export().work(event)}
