"""What Schemathesis cannot know from the document: an upload must be of the size that was signed.

Everything else, tokens and addresses included, it finds by the document's `links`. A case that is meant to be wrong stays as it is. The
access token stands in the environment, as TOKEN.
"""

import json
import os

import requests
import schemathesis

UPLOADS = ("uploadFile", "uploadFileByPost")
# What is signed for more than that is signed anew rather than sent.
LARGEST = 1 << 20

# The size that each token was signed for.
signed: dict[str, int] = {}


def operation_of(case: schemathesis.Case) -> str:
    return case.operation.definition.raw.get("operationId")


@schemathesis.hook
def after_call(context, case, response):
    if operation_of(case) == "getSignature" and response.status_code == 201:
        sent = json.loads(response.request.body)
        signed[response.json()["token"]] = int(sent["contentLength"])


@schemathesis.hook
def before_call(context, case, kwargs):
    if operation_of(case) not in UPLOADS or is_negative(case):
        return
    # Strings of the format `binary` are bytes in a wrapper.
    body = getattr(case.body, "data", case.body)
    if not isinstance(body, bytes):
        return
    case.headers["Content-Type"] = case.media_type = "application/octet-stream"
    size = signed.get(case.path_parameters["token"])
    if size is not None and size <= LARGEST:
        body = (body * (size // max(len(body), 1) + 1)).ljust(size, b"\0")[:size]
    else:
        case.path_parameters["token"] = sign(case, len(body))
    case.body = body


@schemathesis.deserializer("application/octet-stream")
def any_bytes(context, response):
    """What an uploaded file holds, as the string that its schema says it is."""
    return response.content.decode("latin-1")


def is_negative(case: schemathesis.Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_negative


def sign(case: schemathesis.Case, size: int) -> str:
    """A token for `size` bytes."""
    answer = requests.post(
        f"{case.operation.base_url}/attachments/signature",
        json={"contentType": case.media_type, "contentLength": size, "type": 1},
        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
        timeout=10,
    )
    answer.raise_for_status()
    return answer.json()["token"]
