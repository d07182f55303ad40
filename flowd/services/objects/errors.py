"""S3's errors, with its codes, texts and statuses."""

from __future__ import annotations

from typing import Any, Final

from flowd.services.ports import ServiceError

LONGEST_KEY: Final = 1_024  # bytes


def no_such_bucket(bucket: str) -> ServiceError:
    return ServiceError("NoSuchBucket", "The specified bucket does not exist", status=404, BucketName=bucket)


def led_out(message: str) -> ServiceError:
    """A bucket that is a link to somewhere else."""
    return ServiceError("AccessDenied", message, status=403)


def no_such_key(key: str) -> ServiceError:
    return ServiceError("NoSuchKey", "The specified key does not exist.", status=404, Key=key)


def check_length(key: str) -> None:
    """Raises KeyTooLongError."""
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > LONGEST_KEY:
        raise invalid("Your key is too long", "KeyTooLongError", Size=size, MaxSizeAllowed=LONGEST_KEY)


def no_such_upload(upload: str) -> ServiceError:
    said = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )
    return ServiceError("NoSuchUpload", said, status=404, UploadId=upload)


def invalid(message: str, code: str = "InvalidArgument", status: int = 400, **extras: Any) -> ServiceError:
    return ServiceError(code, message, status=status, **extras)


def not_built(what: str) -> ServiceError:
    """A member that asks for something that folders do not have."""
    return ServiceError("NotImplemented", f"{what} is not built in flowd, whose buckets are folders", status=501)


def unchanged() -> ServiceError:
    return ServiceError("304", "Not Modified", status=304)


def precondition(name: str) -> ServiceError:
    said = "At least one of the pre-conditions you specified did not hold"
    return ServiceError("PreconditionFailed", said, status=412, Condition=name)
