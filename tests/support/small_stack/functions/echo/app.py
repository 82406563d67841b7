"""A function that tells what it got and does what it is told."""

import os
import time

import boto3


def lambda_handler(event, context):
    """Answers with the event and its environment; ``do`` in the query or the event is obeyed."""
    do = (event.get("queryStringParameters") or event).get("do", "")
    print(f"line of {context.aws_request_id}")
    if do == "raise":
        raise ValueError("as told")
    if do == "exit":
        os._exit(3)
    if do.startswith("sleep"):
        time.sleep(float(do.removeprefix("sleep")))
    if do == "put":
        boto3.client("dynamodb").put_item(TableName=event["table"], Item={"id": {"S": event["id"]}})
    if do == "malformed":
        return {"statusCode": "none"}
    if do == "cookies":
        return {
            "statusCode": 200,
            "cookies": ["a=1", "b=2"],
            "body": "/w==",
            "isBase64Encoded": True,
        }
    if "Records" in event:
        return _report(event["Records"])
    return {
        "event": event,
        "environment": dict(os.environ),
        "left": context.get_remaining_time_in_millis(),
    }


def _report(records):
    """Fails the records whose body or id says so."""
    failures = []
    for record in records:
        if record.get("body") == "fail":
            failures.append({"itemIdentifier": record["messageId"]})
        elif record.get("dynamodb", {}).get("Keys", {}).get("id", {}).get("S") == "fail":
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failures, "count": len(records)}
