"""Amazon S3."""

from __future__ import annotations

from typing import Final

from tests.clients.rows import Calls

s3 = Calls("s3")
B: Final = {"Bucket": "reports"}
NONE: Final = {"Bucket": "nothing"}
OBJECT: Final = {**B, "Key": "a/é b.txt"}
NO_OBJECT: Final = {**B, "Key": "none"}
UPLOAD: Final = {**B, "Key": "big", "UploadId": "<upload>"}
LOST: Final = "NoSuchKey"
NO_BUCKET: Final = "NoSuchBucket"
NO_UPLOAD: Final = "NoSuchUpload"
PART: Final = b"p" * (5 << 20)

ROWS: Final = [
    s3.good("CreateBucket", B),
    s3.bad("CreateBucket", "InvalidBucketName", Bucket="Re_ports"),
    s3.good("ListBuckets", {}, "length(Buckets) == `1`"),
    s3.bad("ListBuckets", "InvalidArgument", MaxBuckets=10_001),
    s3.good("HeadBucket", B),
    s3.bad("HeadBucket", "404", **NONE),
    s3.good("GetBucketLocation", B),
    s3.bad("GetBucketLocation", NO_BUCKET, **NONE),
    s3.good(
        "PutObject", {**OBJECT, "Body": b"hello", "ContentType": "text/plain", "Metadata": {"who": "me"}}, etag="ETag"
    ),
    s3.bad("PutObject", NO_BUCKET, **NONE, Key="a", Body=b"hello"),
    s3.bad("PutObject", "PreconditionFailed", **OBJECT, Body=b"other", IfNoneMatch="*"),
    s3.bad("PutObject", "NotImplemented", **OBJECT, Body=b"other", Tagging="a=b"),
    s3.good("GetObject", OBJECT, "Body == 'hello' && Metadata.who == 'me' && ContentType == 'text/plain'"),
    s3.good("GetObject", {**OBJECT, "Range": "bytes=1-2"}, "Body == 'el' && ContentRange == 'bytes 1-2/5'"),
    s3.bad("GetObject", LOST, **NO_OBJECT),
    s3.bad("GetObject", "InvalidRange", **OBJECT, Range="bytes=50-60"),
    s3.bad("GetObject", "304", **OBJECT, IfNoneMatch="<etag>"),
    s3.good("HeadObject", OBJECT, "ContentLength == `5`"),
    s3.bad("HeadObject", "404", **NO_OBJECT),
    s3.good("PutObject", {**B, "Key": "a/plain", "Body": b"plain"}),
    s3.good("CopyObject", {**B, "Key": "copy", "CopySource": "reports/a/plain"}, "CopyObjectResult.ETag"),
    s3.bad("CopyObject", LOST, **B, Key="copy", CopySource="reports/none"),
    s3.good("ListObjects", {**B, "Delimiter": "/"}, "Contents[0].Key == 'copy' && CommonPrefixes[0].Prefix == 'a/'"),
    s3.bad("ListObjects", NO_BUCKET, **NONE),
    s3.good("ListObjectsV2", {**B, "Prefix": "a/"}, "Contents[1].Key == 'a/é b.txt' && length(Contents) == `2`"),
    s3.bad("ListObjectsV2", "InvalidArgument", **B, ContinuationToken="nonsense"),
    s3.good("CreateMultipartUpload", {**B, "Key": "big"}, upload="UploadId"),
    s3.bad("CreateMultipartUpload", NO_BUCKET, **NONE, Key="big"),
    s3.good("UploadPart", {**UPLOAD, "PartNumber": 1, "Body": PART}, first="ETag"),
    s3.bad("UploadPart", NO_UPLOAD, **B, Key="big", UploadId="none", PartNumber=1, Body=b"x"),
    s3.good("UploadPartCopy", {**UPLOAD, "PartNumber": 2, "CopySource": "reports/copy"}, second="CopyPartResult.ETag"),
    s3.bad("UploadPartCopy", LOST, **UPLOAD, PartNumber=2, CopySource="reports/none"),
    s3.good("ListParts", UPLOAD, "length(Parts) == `2`"),
    s3.bad("ListParts", NO_UPLOAD, **B, Key="big", UploadId="none"),
    s3.bad(
        "CompleteMultipartUpload",
        "InvalidPart",
        **UPLOAD,
        MultipartUpload={"Parts": [{"PartNumber": 3, "ETag": '"0"'}]},
    ),
    s3.good(
        "CompleteMultipartUpload",
        {
            **UPLOAD,
            "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "<first>"}, {"PartNumber": 2, "ETag": "<second>"}]},
        },
        "ends_with(ETag, '-2\"')",
    ),
    s3.good("HeadObject", {**B, "Key": "big"}, f"ContentLength == `{len(PART) + 5}`"),
    s3.good("CreateMultipartUpload", {**B, "Key": "big"}, upload="UploadId"),
    s3.good("AbortMultipartUpload", UPLOAD),
    s3.bad("AbortMultipartUpload", NO_UPLOAD, **B, Key="big", UploadId="none"),
    s3.bad("DeleteBucket", "BucketNotEmpty", **B),
    s3.good("DeleteObject", OBJECT),
    s3.bad("DeleteObject", NO_BUCKET, **NONE, Key="a"),
    s3.good(
        "DeleteObjects",
        {**B, "Delete": {"Objects": [{"Key": "copy"}, {"Key": "big"}, {"Key": "a/plain"}]}},
        "length(Deleted) == `3`",
    ),
    s3.bad("DeleteObjects", NO_BUCKET, **NONE, Delete={"Objects": [{"Key": "copy"}]}),
    s3.good("DeleteBucket", B),
    s3.bad("DeleteBucket", NO_BUCKET, **NONE),
]
