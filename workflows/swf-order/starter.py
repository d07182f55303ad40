"""The client of the order example: registers domain and types, starts one order, and waits for its end.

    eval "$(flowd env)"; python workflows/swf-order/starter.py [ORDER_ID] [--card tok_declined]

Run it as often as you like: what is registered already is left as it is.
"""

from __future__ import annotations

import argparse
import json
import time
import uuid
from typing import Any

import boto3
from botocore.exceptions import ClientError

DOMAIN = "shop"
VERSION = "1.0"
WORKFLOW = {"name": "ProcessOrder", "version": VERSION}
ACTIVITIES = ("VerifyOrder", "ChargeCreditCard", "ShipOrder", "RecordCompletion")
ALREADY = ("DomainAlreadyExistsFault", "TypeAlreadyExistsFault")


def register(swf: Any) -> None:
    """Everything a domain must know before anything can run in it."""
    once(swf.register_domain, name=DOMAIN, workflowExecutionRetentionPeriodInDays="30")
    once(
        swf.register_workflow_type,
        domain=DOMAIN,
        **WORKFLOW,
        defaultTaskList={"name": "order-decisions"},
        defaultTaskStartToCloseTimeout="30",
        defaultExecutionStartToCloseTimeout="86400",
        defaultChildPolicy="TERMINATE",
    )
    for name in ACTIVITIES:
        once(
            swf.register_activity_type,
            domain=DOMAIN,
            name=name,
            version=VERSION,
            defaultTaskList={"name": "order-work"},
            defaultTaskScheduleToStartTimeout="600",
            defaultTaskScheduleToCloseTimeout="NONE",
            defaultTaskStartToCloseTimeout="60",
            defaultTaskHeartbeatTimeout="20",
        )


def once(operation: Any, **members: Any) -> None:
    try:
        operation(**members)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ALREADY:
            raise


def start(swf: Any, order_id: str, card: str) -> str:
    """Start one order; its runId. The order's id is the workflowId, so an order cannot be processed twice at a time."""
    order = {"orderId": order_id, "card": card, "amount": 129.90, "items": ["lamp", "chair"]}
    answer = swf.start_workflow_execution(
        domain=DOMAIN, workflowId=order_id, workflowType=WORKFLOW, input=json.dumps(order), tagList=["example"]
    )
    return str(answer["runId"])


def wait(swf: Any, order_id: str, run_id: str) -> dict[str, Any]:
    """What DescribeWorkflowExecution says once the order is closed."""
    while True:
        info: dict[str, Any] = swf.describe_workflow_execution(
            domain=DOMAIN, execution={"workflowId": order_id, "runId": run_id}
        )["executionInfo"]
        if info["executionStatus"] == "CLOSED":
            return info
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("order_id", nargs="?", default=f"order-{uuid.uuid4().hex[:8]}")
    parser.add_argument("--card", default="tok_ok", help="tok_ok, tok_flaky (fails once) or tok_declined")
    args = parser.parse_args()
    swf = boto3.client("swf")
    register(swf)
    run_id = start(swf, args.order_id, args.card)
    print(f"{args.order_id} has begun, run {run_id}", flush=True)
    print(f"{args.order_id}: {wait(swf, args.order_id, run_id)['closeStatus']}")


if __name__ == "__main__":
    main()
