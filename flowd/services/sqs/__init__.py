"""Amazon SQS: standard and FIFO queues in the one database. Rules only; `store` keeps the rows, the engine waits."""

from __future__ import annotations

from typing import Final

from flowd.services.ports import Service
from flowd.services.sqs import batches, moving, queues, receiving, sending
from flowd.services.sqs.tables import Tables

SERVICE: Final[Service[Tables]] = Service(
    name="sqs",
    operations={
        "CancelMessageMoveTask": moving.cancel_message_move_task,
        "ChangeMessageVisibility": receiving.change_message_visibility,
        "ChangeMessageVisibilityBatch": batches.change_message_visibility_batch,
        "CreateQueue": queues.create_queue,
        "DeleteMessage": receiving.delete_message,
        "DeleteMessageBatch": batches.delete_message_batch,
        "DeleteQueue": queues.delete_queue,
        "GetQueueAttributes": queues.get_queue_attributes,
        "GetQueueUrl": queues.get_queue_url,
        "ListDeadLetterSourceQueues": queues.list_dead_letter_source_queues,
        "ListMessageMoveTasks": moving.list_message_move_tasks,
        "ListQueueTags": queues.list_queue_tags,
        "ListQueues": queues.list_queues,
        "PurgeQueue": queues.purge_queue,
        "ReceiveMessage": receiving.receive_message,
        "SendMessage": sending.send_message,
        "SendMessageBatch": batches.send_message_batch,
        "SetQueueAttributes": queues.set_queue_attributes,
        "StartMessageMoveTask": moving.start_message_move_task,
        "TagQueue": queues.tag_queue,
        "UntagQueue": queues.untag_queue,
    },
    reads=frozenset(
        {
            *("GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "ListMessageMoveTasks"),
            *("ListQueueTags", "ListQueues"),
        }
    ),
    tick=moving.tick,
    accept=sending.accept,
)
