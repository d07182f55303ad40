"""Amazon S3 over buckets that are folders. Operations block on files: the shell runs them in threads, not in a
transaction, since a file cannot be part of one. Each may be repeated: a second time has the same effect.
"""

from __future__ import annotations

from typing import Final

from flowd.services.objects import buckets, listing, multipart, objects
from flowd.services.ports import Service
from flowd.services.s3 import FolderBuckets

SERVICE: Final[Service[FolderBuckets]] = Service(
    name="s3",
    operations={
        "AbortMultipartUpload": multipart.abort_multipart_upload,
        "CompleteMultipartUpload": multipart.complete_multipart_upload,
        "CopyObject": objects.copy_object,
        "CreateBucket": buckets.create_bucket,
        "CreateMultipartUpload": multipart.create_multipart_upload,
        "DeleteBucket": buckets.delete_bucket,
        "DeleteObject": objects.delete_object,
        "DeleteObjects": objects.delete_objects,
        "GetBucketLocation": buckets.get_bucket_location,
        "GetObject": objects.get_object,
        "HeadBucket": buckets.head_bucket,
        "HeadObject": objects.head_object,
        "ListBuckets": buckets.list_buckets,
        "ListObjects": listing.list_objects,
        "ListObjectsV2": listing.list_objects_v2,
        "ListParts": multipart.list_parts,
        "PutObject": objects.put_object,
        "UploadPart": multipart.upload_part,
        "UploadPartCopy": multipart.upload_part_copy,
    },
)
