"""A SAM project that processes files, end to end and through kill -9: a CSV file that somebody drops into the bucket's
folder starts a machine, whose Distributed Map reads its rows, has them worked on in batches, writes the results into
another bucket, and a table says what became of the file. Real processes; nothing but the template is configured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_box import Box, unbroken

pytestmark = pytest.mark.slow
ROWS, BATCH = 60, 7
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: index.handler}}
Resources:
  Inbox: {Type: AWS::S3::Bucket, Properties: {BucketName: inbox}}
  Results: {Type: AWS::S3::Bucket, Properties: {BucketName: results}}
  Files:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: file, Type: String}}
  Price:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {BOOK: BOOK_PATH}}
      InlineCode: |
        import os, time
        def handler(event, context):
            rows = event["Items"]
            with open(os.environ["BOOK"], "a") as book:
                book.write("".join(row["sku"] + "\\n" for row in rows))
            time.sleep(0.1)
            return [{"sku": row["sku"], "total": int(row["quantity"]) * int(row["price"])} for row in rows]
  Sum:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import boto3, json
        def handler(event, context):
            s3 = boto3.client("s3")
            read = lambda key: json.loads(s3.get_object(Bucket=event["Bucket"], Key=key)["Body"].read())
            files = read(event["Key"])["ResultFiles"]["SUCCEEDED"]
            batches = [json.loads(child["Output"]) for file in files for child in read(file["Key"])]
            return {"rows": sum(map(len, batches)), "total": sum(row["total"] for rows in batches for row in rows)}
  Import:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: import.asl.json
      DefinitionSubstitutions:
        {Price: !GetAtt Price.Arn, Sum: !GetAtt Sum.Arn, Table: !Ref Files, Results: !Ref Results}
      Events:
        Dropped:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.s3]
              detail-type: [Object Created]
              detail: {bucket: {name: [!Ref Inbox]}, object: {key: [{suffix: .csv}]}}
"""
DEFINITION: dict[str, Any] = {
    "StartAt": "Rows",
    "States": {
        "Rows": {
            "Type": "Map",
            "Label": "Rows",
            "MaxConcurrency": 3,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "Parameters": {"Bucket.$": "$.detail.bucket.name", "Key.$": "$.detail.object.key"},
                "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            },
            "ItemBatcher": {"MaxItemsPerBatch": BATCH},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Price",
                "States": {"Price": {"Type": "Task", "Resource": "${Price}", "End": True}},
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "${Results}", "Prefix": "done"},
            },
            "ResultPath": "$.written",
            "Next": "Sum",
        },
        "Sum": {
            "Type": "Task",
            "Resource": "${Sum}",
            "InputPath": "$.written.ResultWriterDetails",
            "ResultPath": "$.sum",
            "Next": "Note",
        },
        "Note": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Parameters": {
                "TableName": "${Table}",
                "Item": {
                    "file": {"S.$": "$.detail.object.key"},
                    "rows": {"N.$": "States.Format('{}', $.sum.rows)"},
                    "total": {"N.$": "States.Format('{}', $.sum.total)"},
                },
            },
            "End": True,
        },
    },
}


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("files"))
    project = box.workflows / "shop"
    project.mkdir()
    (project / "template.yaml").write_text(TEMPLATE.replace("BOOK_PATH", str(box.home / "book")))
    (project / "import.asl.json").write_text(json.dumps(DEFINITION))
    try:
        box.start()
        yield box
    finally:
        box.close()


def worked_on(book: Path, least: int) -> bool:
    return book.exists() and len(book.read_text().split()) >= least


def test_a_dropped_file_is_worked_on_row_by_row_while_the_daemon_is_killed(box: Box) -> None:
    machine = box.machine("Import")
    s3, tables, book = box.client("s3"), box.client("dynamodb"), box.home / "book"
    box.until("the buckets are made", lambda: len(s3.list_buckets()["Buckets"]) == 2)
    rules = box.client("events")
    box.until("the rule is made", lambda: rules.list_rules()["Rules"])
    lines = [f"s{number},{number},2" for number in range(ROWS)]
    (box.data / "s3" / "inbox" / "orders.csv").write_text("\n".join(["sku,quantity,price", *lines]) + "\n")
    (box.data / "s3" / "inbox" / "notes.txt").write_text("nobody's rows")
    running = box.until("the file starts it", lambda: box.sdk.list_executions(stateMachineArn=machine)["executions"])
    for worked in (ROWS // 6, ROWS // 2):
        box.until("some rows are done", partial(worked_on, book, worked))
        box.again()
    [run] = running
    ended = box.ended(run["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    unbroken(box.history(run["executionArn"]))
    assert sorted(book.read_text().split()) == sorted(f"s{number}" for number in range(ROWS))
    item = tables.get_item(TableName="shop-Files", Key={"file": {"S": "orders.csv"}})["Item"]
    assert (item["rows"]["N"], item["total"]["N"]) == (str(ROWS), str(sum(2 * number for number in range(ROWS))))
    [counts] = [
        box.sdk.describe_map_run(mapRunArn=each["mapRunArn"])["itemCounts"]
        for each in box.sdk.list_map_runs(executionArn=run["executionArn"])["mapRuns"]
    ]
    assert (counts["succeeded"], counts["failed"]) == (ROWS, 0)
    assert len(box.sdk.list_executions(stateMachineArn=machine)["executions"]) == 1
