"""Types of resources that mean nothing on one box. Values only."""

from __future__ import annotations

#: Networks of a cloud: everything runs on the box's own. What refers to them gets their names.
NETWORK = (
    *("AWS::EC2::EIP", "AWS::EC2::FlowLog", "AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"),
    *("AWS::EC2::NetworkAcl", "AWS::EC2::NetworkAclEntry", "AWS::EC2::SubnetNetworkAclAssociation"),
    *("AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::Subnet"),
    *("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPC"),
    *("AWS::EC2::VPCEndpoint", "AWS::EC2::VPCGatewayAttachment"),
)

#: Types that are passed over: they say who may do what, where logs and measures go, by which network, or what is always
#: so here.
IGNORED = frozenset(
    {
        "AWS::ApiGateway::Account",
        "AWS::CDK::Metadata",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
        *NETWORK,
        "AWS::Events::EventBusPolicy",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::KMS::Alias",
        "AWS::KMS::Key",
        "AWS::Lambda::Alias",
        "AWS::Lambda::LayerVersionPermission",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        "AWS::Logs::LogStream",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::QueryDefinition",
        "AWS::Logs::ResourcePolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Serverless::Connector",
        "AWS::StepFunctions::StateMachineVersion",
        "Custom::S3AutoDeleteObjects",  # empties a bucket whose stack is deleted; here what holds data stays
        "Custom::VpcRestrictDefaultSG",
    }
)
