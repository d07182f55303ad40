"""Amazon DynamoDB: tables, items, indexes and transactions in the one database. Rules only; `store` keeps the rows."""

from __future__ import annotations

from typing import Final

from flowd.services.dynamodb import batches, control, items, reads, transactions, upkeep
from flowd.services.dynamodb.partiql import operations as partiql
from flowd.services.dynamodb.tables import Tables
from flowd.services.ports import Service

SERVICE: Final[Service[Tables]] = Service(
    name="dynamodb",
    operations={
        "BatchExecuteStatement": partiql.batch_execute_statement,
        "BatchGetItem": batches.batch_get_item,
        "BatchWriteItem": batches.batch_write_item,
        "CreateTable": control.create_table,
        "DeleteItem": items.delete_item,
        "DeleteTable": control.delete_table,
        "DescribeContinuousBackups": upkeep.describe_continuous_backups,
        "DescribeEndpoints": upkeep.describe_endpoints,
        "DescribeLimits": upkeep.describe_limits,
        "DescribeTable": control.describe_table,
        "DescribeTimeToLive": upkeep.describe_time_to_live,
        "ExecuteStatement": partiql.execute_statement,
        "ExecuteTransaction": partiql.execute_transaction,
        "GetItem": items.get_item,
        "ListTables": control.list_tables,
        "ListTagsOfResource": upkeep.list_tags_of_resource,
        "PutItem": items.put_item,
        "Query": reads.query,
        "Scan": reads.scan,
        "TagResource": upkeep.tag_resource,
        "TransactGetItems": batches.transact_get_items,
        "TransactWriteItems": transactions.transact_write_items,
        "UntagResource": upkeep.untag_resource,
        "UpdateItem": items.update_item,
        "UpdateTable": control.update_table,
        "UpdateTimeToLive": upkeep.update_time_to_live,
    },
    reads=frozenset(
        {
            *("BatchGetItem", "DescribeContinuousBackups", "DescribeEndpoints", "DescribeLimits", "DescribeTable"),
            *("DescribeTimeToLive", "GetItem", "ListTables", "ListTagsOfResource", "Query", "Scan"),
            "TransactGetItems",
        }
    ),
    tick=upkeep.tick,
)
