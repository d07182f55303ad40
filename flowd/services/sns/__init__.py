"""Amazon SNS: topics and who wants to hear of them. Rules only; the engine brings the deliveries to their targets."""

from __future__ import annotations

from typing import Final

from flowd.services.modelled import modelled
from flowd.services.ports import Service
from flowd.services.sns import publishing, subscriptions, topics
from flowd.services.sns.tables import Tables

SERVICE: Final[Service[Tables]] = Service(
    name="sns",
    operations=modelled(
        "sns",
        {
            "ConfirmSubscription": subscriptions.confirm_subscription,
            "CreateTopic": topics.create_topic,
            "DeleteTopic": topics.delete_topic,
            "GetSubscriptionAttributes": subscriptions.get_subscription_attributes,
            "GetTopicAttributes": topics.get_topic_attributes,
            "ListSubscriptions": subscriptions.list_subscriptions,
            "ListSubscriptionsByTopic": subscriptions.list_subscriptions_by_topic,
            "ListTagsForResource": topics.list_tags_for_resource,
            "ListTopics": topics.list_topics,
            "Publish": publishing.publish,
            "PublishBatch": publishing.publish_batch,
            "SetSubscriptionAttributes": subscriptions.set_subscription_attributes,
            "SetTopicAttributes": topics.set_topic_attributes,
            "Subscribe": subscriptions.subscribe,
            "TagResource": topics.tag_resource,
            "Unsubscribe": subscriptions.unsubscribe,
            "UntagResource": topics.untag_resource,
        },
        "ValidationError",
    ),
    reads=frozenset(
        {
            *("GetSubscriptionAttributes", "GetTopicAttributes", "ListSubscriptions", "ListSubscriptionsByTopic"),
            *("ListTagsForResource", "ListTopics"),
        }
    ),
)
