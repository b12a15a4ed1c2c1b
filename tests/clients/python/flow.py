"""The whole flow with the generated client: python flow.py ORIGIN TOKEN FILE"""

import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from generated import AuthenticatedClient, Client
from generated.api.attachments import get_signature, head_file, notify_upload, open_attachment, read_file, upload_file
from generated.models import NotifyVo, Problem, ProblemCode, SignatureRo, SignatureVo, UploadType
from generated.types import UNSET, File, Unset

origin, token, path = sys.argv[1:]
content = Path(path).read_bytes()
anybody = Client(base_url=f"{origin}/api", raise_on_unexpected_status=True)
client = AuthenticatedClient(base_url=f"{origin}/api", token=token, raise_on_unexpected_status=True, follow_redirects=True)

signed = get_signature.sync(
    client=client,
    body=SignatureRo(content_type="image/png", content_length=len(content), type_=UploadType.TABLE),
)
assert isinstance(signed, SignatureVo), signed
print("  signed")

uploaded = upload_file.sync_detailed(signed.token, client=anybody, body=File(payload=BytesIO(content)))
assert uploaded.status_code == 201, uploaded
print("  uploaded")

stored = notify_upload.sync(signed.token, client=client, filename="photo.png")
assert isinstance(stored, NotifyVo), stored
width: float | Unset = stored.width
assert width is not UNSET
print("  notified")

bucket, directory, name = stored.url.split("/")[4:]
read_token = parse_qs(urlsplit(stored.presigned_url).query)["token"][0]
read = read_file.sync(bucket, directory, name, client=anybody, token=read_token)
assert isinstance(read, File), read
assert read.payload.read() == content
known = head_file.sync_detailed(bucket, directory, name, client=anybody, token=read_token)
assert known.headers["content-length"] == str(len(content))
opened = open_attachment.sync_detailed(signed.token, client=AuthenticatedClient(base_url=f"{origin}/api", token=token))
assert opened.status_code == 302, opened
print("  read")

refused = get_signature.sync(
    client=client, body=SignatureRo(content_type="image/png", content_length=-1, type_=UploadType.TABLE)
)
assert isinstance(refused, Problem), refused
assert refused.code is ProblemCode.VALIDATION_ERROR
assert not isinstance(refused.errors, Unset) and refused.errors[0].pointer == "/contentLength"
print("  refused, with a problem of its own type")
print("python client (openapi-python-client): 5 steps passed")
