"""Writes botocore.json: requests as botocore signs them, so that the tests need no Python.

    python3 crates/sigv4/tests/data/record.py
"""

import datetime
import json
import pathlib
from urllib.parse import parse_qsl

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.compat import urlsplit
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 3, 1, 10, 20, 30)
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW
LONG = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION = Credentials("ASIAEXAMPLE", "secret/of+the=session", "FwoGZXIvYXdzE+/token==")
JSON = {"Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

CASES = [
    # name, service, method, url, headers, body, credentials
    ("sts form", "sts", "POST", "http://localhost:4566/", FORM, "Action=GetCallerIdentity&Version=2011-06-15", LONG),
    ("sts form, session", "sts", "POST", "http://localhost:4566/", FORM, "Action=GetCallerIdentity", SESSION),
    ("iam global", "iam", "POST", "https://iam.amazonaws.com/", FORM, "Action=ListUsers&Version=2010-05-08", LONG),
    ("logs target", "logs", "POST", "http://127.0.0.1:4566/",
     {**JSON, "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, '{"limit":50}', LONG),
    ("lambda list with query", "lambda", "GET",
     "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/?Marker=a%2Fb%3D&MaxItems=50", {}, "", LONG),
    ("lambda invoke by arn", "lambda", "POST",
     "http://localhost:4566/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A222222222222%3Afunction%3Af/invocations",
     {"X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail"}, '{"a": "\u00e9"}', LONG),
    ("lambda tags", "lambda", "DELETE",
     "http://localhost:4566/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af?tagKeys=a%20b&tagKeys=a&tagKeys=c%2Bd",
     {}, "", SESSION),
    ("apigateway patch", "apigateway", "PATCH", "http://localhost:4566/restapis/abc123/stages/prod",
     {"Accept": "application/json"}, '{"patchOperations":[]}', LONG),
    ("api call with a space and a tilde", "execute-api", "GET",
     "http://abc123.execute-api.us-east-1.localhost:4566/prod/a%20b/~c/%E1%88%B4?x=%E1%88%B4&empty=&flag", {}, "", LONG),
    ("api call with dots", "execute-api", "GET", "http://abc123.execute-api.localhost:4566/prod/a/./b/../c//d/", {},
     "", LONG),
    ("header blanks", "execute-api", "POST", "http://h.example/p", {"X-Note": "  a   b  ", "X-Other": "1"}, "x", LONG),
    ("declared hash", "execute-api", "PUT", "http://h.example/p",
     {"X-Amz-Content-SHA256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}, "x", LONG),
    ("unsigned payload", "execute-api", "PUT", "https://h.example/p", {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"},
     "anything", LONG),
]


def record(name, service, method, url, headers, body, credentials, presign=False):
    # A presigned request carries a form's fields in its query.
    data = dict(parse_qsl(body)) if presign else body.encode()
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=data)
    if presign:
        signer = botocore.auth.SigV4QueryAuth(credentials, service, "us-east-1", expires=900)
    else:
        signer = botocore.auth.SigV4Auth(credentials, service, "us-east-1")
    signer.add_auth(request)
    parts = urlsplit(request.url)
    sent = [["Host", parts.netloc]] + [[k, v] for k, v in request.headers.items()]
    return {
        "name": name + (", presigned" if presign else ""),
        "secret": credentials.secret_key,
        "session_token": credentials.token,
        "service": service,
        "method": method,
        "path": parts.path,
        "query": parts.query,
        "headers": sent,
        "body": "" if presign else body,
    }


vectors = [record(*case) for case in CASES]
vectors += [record(*case, presign=True) for case in CASES if case[2] == "GET" or case[0].startswith("sts")]
out = {"botocore": botocore.__version__, "now": int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()),
       "vectors": vectors}
path = pathlib.Path(__file__).with_name("botocore.json")
path.write_text(json.dumps(out, indent=1) + "\n")
print(f"{len(vectors)} vectors in {path}")
