"""Amazon SWF: its 39 operations."""

from __future__ import annotations

from typing import Any, Final

from tests.clients.rows import At, Calls, Row

swf = Calls("swf")
DOMAIN: Final = {"domain": "shop"}
WORK: Final = {"name": "order", "version": "1"}
ACT: Final = {"name": "charge", "version": "1"}
NOWHERE: Final = {"domain": "nowhere"}
LIST: Final = {"name": "default"}
NEVER: Final = {"oldestDate": At(0)}
RUN: Final = {"workflowId": "w", "runId": "<run>"}
ARN: Final = "arn:aws:swf:us-east-1:000000000000:/domain"
UNKNOWN: Final = "UnknownResourceFault"


def activity(number: int) -> dict[str, Any]:
    """A decision for one activity."""
    attributes = {"activityType": ACT, "activityId": str(number), "taskList": LIST}
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}


def started(name: str, **kept: str) -> Row:
    return swf.good("StartWorkflowExecution", {**DOMAIN, "workflowId": name, "workflowType": WORK}, **kept)


def taken(kept: str) -> Row:
    return swf.good("PollForActivityTask", {**DOMAIN, "taskList": LIST}, "taskToken", **{kept: "taskToken"})


_REGISTERED: Final = [
    swf.good("RegisterDomain", {"name": "shop", "workflowExecutionRetentionPeriodInDays": "1"}),
    swf.good("RegisterDomain", {"name": "old", "workflowExecutionRetentionPeriodInDays": "1"}),
    swf.bad("RegisterDomain", "DomainAlreadyExistsFault", name="shop", workflowExecutionRetentionPeriodInDays="1"),
    swf.good("DescribeDomain", {"name": "shop"}, "domainInfo.status == 'REGISTERED'"),
    swf.bad("DescribeDomain", UNKNOWN, name="nowhere"),
    swf.good("ListDomains", {"registrationStatus": "REGISTERED"}, "length(domainInfos) == `2`"),
    swf.bad("ListDomains", "ValidationException", registrationStatus="GONE"),
    swf.good("DeprecateDomain", {"name": "old"}),
    swf.bad("DeprecateDomain", "DomainDeprecatedFault", name="old"),
    swf.good("UndeprecateDomain", {"name": "old"}),
    swf.bad("UndeprecateDomain", "DomainAlreadyExistsFault", name="old"),
    swf.good("TagResource", {"resourceArn": f"{ARN}/shop", "tags": [{"key": "team", "value": "a"}]}),
    swf.bad("TagResource", UNKNOWN, resourceArn=f"{ARN}/nowhere", tags=[{"key": "team", "value": "a"}]),
    swf.good("ListTagsForResource", {"resourceArn": f"{ARN}/shop"}, "tags[0].value == 'a'"),
    swf.bad("ListTagsForResource", UNKNOWN, resourceArn=f"{ARN}/nowhere"),
    swf.good("UntagResource", {"resourceArn": f"{ARN}/shop", "tagKeys": ["team"]}),
    swf.bad("UntagResource", UNKNOWN, resourceArn=f"{ARN}/nowhere", tagKeys=["team"]),
    swf.good(
        "RegisterActivityType",
        {
            **DOMAIN,
            **ACT,
            "defaultTaskStartToCloseTimeout": "600",
            "defaultTaskHeartbeatTimeout": "NONE",
            "defaultTaskScheduleToStartTimeout": "600",
            "defaultTaskScheduleToCloseTimeout": "600",
        },
    ),
    swf.bad("RegisterActivityType", "TypeAlreadyExistsFault", **DOMAIN, **ACT),
    swf.good("DescribeActivityType", {**DOMAIN, "activityType": ACT}, "typeInfo.status == 'REGISTERED'"),
    swf.bad("DescribeActivityType", UNKNOWN, **DOMAIN, activityType={"name": "none", "version": "1"}),
    swf.good("ListActivityTypes", {**DOMAIN, "registrationStatus": "REGISTERED"}, "length(typeInfos) == `1`"),
    swf.bad("ListActivityTypes", UNKNOWN, **NOWHERE, registrationStatus="REGISTERED"),
    swf.good(
        "RegisterWorkflowType",
        {
            **DOMAIN,
            **WORK,
            "defaultTaskList": LIST,
            "defaultChildPolicy": "TERMINATE",
            "defaultTaskStartToCloseTimeout": "600",
            "defaultExecutionStartToCloseTimeout": "3600",
        },
    ),
    swf.bad("RegisterWorkflowType", "TypeAlreadyExistsFault", **DOMAIN, **WORK),
    swf.good("DescribeWorkflowType", {**DOMAIN, "workflowType": WORK}, "configuration.defaultTaskList.name"),
    swf.bad("DescribeWorkflowType", UNKNOWN, **DOMAIN, workflowType={"name": "none", "version": "1"}),
    swf.good("ListWorkflowTypes", {**DOMAIN, "registrationStatus": "REGISTERED"}, "length(typeInfos) == `1`"),
    swf.bad("ListWorkflowTypes", UNKNOWN, **NOWHERE, registrationStatus="REGISTERED"),
]
_RUN: Final = [
    started("w", run="runId"),
    swf.bad(
        "StartWorkflowExecution", "WorkflowExecutionAlreadyStartedFault", **DOMAIN, workflowId="w", workflowType=WORK
    ),
    swf.bad("StartWorkflowExecution", UNKNOWN, **DOMAIN, workflowId="v", workflowType={"name": "none", "version": "1"}),
    swf.bad(
        "StartWorkflowExecution",
        "DefaultUndefinedFault",
        **DOMAIN,
        workflowId="u",
        workflowType={"name": "bare", "version": "1"},
    ),
    swf.good("CountPendingDecisionTasks", {**DOMAIN, "taskList": LIST}, "count == `1`"),
    swf.bad("CountPendingDecisionTasks", UNKNOWN, **NOWHERE, taskList=LIST),
    swf.good("PollForDecisionTask", {**DOMAIN, "taskList": LIST}, "events[0].eventId == `1`", decision="taskToken"),
    swf.bad("PollForDecisionTask", UNKNOWN, **NOWHERE, taskList=LIST),
    swf.good(
        "RespondDecisionTaskCompleted",
        {"taskToken": "<decision>", "decisions": [activity(1), activity(2), activity(3)], "executionContext": "c"},
    ),
    swf.bad("RespondDecisionTaskCompleted", UNKNOWN, taskToken="<decision>"),
    swf.good("CountPendingActivityTasks", {**DOMAIN, "taskList": LIST}, "count == `3`"),
    swf.bad("CountPendingActivityTasks", UNKNOWN, **NOWHERE, taskList=LIST),
    taken("first"),
    taken("second"),
    taken("third"),
    swf.bad("PollForActivityTask", UNKNOWN, **NOWHERE, taskList=LIST),
    swf.good("RecordActivityTaskHeartbeat", {"taskToken": "<first>", "details": "half"}, "cancelRequested == `false`"),
    swf.bad("RecordActivityTaskHeartbeat", "ValidationException", taskToken="nonsense"),
    swf.good("RespondActivityTaskCompleted", {"taskToken": "<first>", "result": "done"}),
    swf.bad("RespondActivityTaskCompleted", UNKNOWN, taskToken="<first>"),
    swf.good("RespondActivityTaskFailed", {"taskToken": "<second>", "reason": "card"}),
    swf.bad("RespondActivityTaskFailed", UNKNOWN, taskToken="<second>"),
    swf.good("RespondActivityTaskCanceled", {"taskToken": "<third>", "details": "no"}),
    swf.bad("RespondActivityTaskCanceled", UNKNOWN, taskToken="<third>"),
    swf.good("SignalWorkflowExecution", {**DOMAIN, "workflowId": "w", "signalName": "hurry"}),
    swf.bad("SignalWorkflowExecution", UNKNOWN, **DOMAIN, workflowId="none", signalName="hurry"),
    swf.good("RequestCancelWorkflowExecution", {**DOMAIN, "workflowId": "w"}),
    swf.bad("RequestCancelWorkflowExecution", UNKNOWN, **DOMAIN, workflowId="none"),
    swf.good("DescribeWorkflowExecution", {**DOMAIN, "execution": RUN}, "executionInfo.cancelRequested"),
    swf.bad("DescribeWorkflowExecution", UNKNOWN, **DOMAIN, execution={"workflowId": "w", "runId": "none"}),
    swf.good("GetWorkflowExecutionHistory", {**DOMAIN, "execution": RUN}, "length(events) > `10`"),
    swf.bad("GetWorkflowExecutionHistory", UNKNOWN, **DOMAIN, execution={"workflowId": "w", "runId": "none"}),
    swf.good("CountOpenWorkflowExecutions", {**DOMAIN, "startTimeFilter": NEVER}, "count == `1`"),
    swf.bad("CountOpenWorkflowExecutions", UNKNOWN, **NOWHERE, startTimeFilter=NEVER),
    swf.good("ListOpenWorkflowExecutions", {**DOMAIN, "startTimeFilter": NEVER}, "executionInfos[0].startTimestamp"),
    swf.bad("ListOpenWorkflowExecutions", UNKNOWN, **NOWHERE, startTimeFilter=NEVER),
    swf.good("TerminateWorkflowExecution", {**DOMAIN, "workflowId": "w", "reason": "over"}),
    swf.bad("TerminateWorkflowExecution", UNKNOWN, **DOMAIN, workflowId="w"),
    swf.good("CountClosedWorkflowExecutions", {**DOMAIN, "closeTimeFilter": NEVER}, "count == `1`"),
    swf.bad("CountClosedWorkflowExecutions", "ValidationException", **DOMAIN),
    swf.good("ListClosedWorkflowExecutions", {**DOMAIN, "startTimeFilter": NEVER}, "executionInfos[0].closeStatus"),
    swf.bad("ListClosedWorkflowExecutions", UNKNOWN, **NOWHERE, startTimeFilter=NEVER),
]
_ENDS: Final = [
    swf.bad("DeleteActivityType", "TypeNotDeprecatedFault", **DOMAIN, activityType=ACT),
    swf.bad("UndeprecateActivityType", "TypeAlreadyExistsFault", **DOMAIN, activityType=ACT),
    swf.good("DeprecateActivityType", {**DOMAIN, "activityType": ACT}),
    swf.bad("DeprecateActivityType", "TypeDeprecatedFault", **DOMAIN, activityType=ACT),
    swf.good("UndeprecateActivityType", {**DOMAIN, "activityType": ACT}),
    swf.good("DeprecateActivityType", {**DOMAIN, "activityType": ACT}),
    swf.good("DeleteActivityType", {**DOMAIN, "activityType": ACT}),
    swf.bad("DeleteWorkflowType", "TypeNotDeprecatedFault", **DOMAIN, workflowType=WORK),
    swf.bad("UndeprecateWorkflowType", "TypeAlreadyExistsFault", **DOMAIN, workflowType=WORK),
    swf.good("DeprecateWorkflowType", {**DOMAIN, "workflowType": WORK}),
    swf.bad("DeprecateWorkflowType", "TypeDeprecatedFault", **DOMAIN, workflowType=WORK),
    swf.bad("StartWorkflowExecution", "TypeDeprecatedFault", **DOMAIN, workflowId="v", workflowType=WORK),
    swf.good("UndeprecateWorkflowType", {**DOMAIN, "workflowType": WORK}),
    swf.good("DeprecateWorkflowType", {**DOMAIN, "workflowType": WORK}),
    swf.good("DeleteWorkflowType", {**DOMAIN, "workflowType": WORK}),
]
_BARE: Final = [swf.good("RegisterWorkflowType", {**DOMAIN, "name": "bare", "version": "1"})]
ROWS: Final = [*_REGISTERED, *_BARE, *_RUN, *_ENDS]
