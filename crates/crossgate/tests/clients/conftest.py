"""A server of the real binary for each test that asks for one, and clients for any account."""
import io
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile

import boto3
import botocore.config
import pytest

CROSSGATE = os.environ["CROSSGATE"]
A = "222222222222"
B = "111111111111"
REGION = "us-east-1"
VPC_ACCESS = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
INDEX = """
import json

def handler(event, context):
    print("Received event: " + json.dumps(event, indent=2))
    return {
        'statusCode': 200,
        'body': json.dumps({
            'message': 'Hello from Account B Lambda!',
            'event_received': event
        })
    }
"""


def package(source=INDEX, name="index.py"):
    """A function package of one file, the same for the same source."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, source)
    return out.getvalue()


def trust(service):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def request_id(self):
        return self.headers["x-amzn-RequestId"]


class Server:
    def __init__(self, *arguments, listen="127.0.0.1:0"):
        self.process = subprocess.Popen(
            [CROSSGATE, "serve", "--listen", listen, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        ready = re.fullmatch(r"listening on (http://[0-9.]+:(\d+))\n", line)
        assert ready, f"instead of being ready: {line!r} {self.process.stderr.read() if not line else ''}"
        self.port = int(ready[2])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(20)
        self.process.stdout.close()
        self.errors = self.process.stderr.read()
        self.process.stderr.close()
        return status

    def client(self, service, account=A, region=REGION, **more):
        keys = dict(aws_access_key_id=account, aws_secret_access_key="any")
        keys.update(more)
        config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=70)
        return boto3.client(service, endpoint_url=self.url, region_name=region, config=config, **keys)

    def environment(self, account=A, region=REGION):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {**kept, "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": account,
                "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": region, "AWS_PAGER": "",
                "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}

    def aws(self, account, *arguments, expect=0):
        """Runs the AWS CLI as the root user of an account."""
        done = subprocess.run([sys.executable, "-m", "awscli", *arguments], env=self.environment(account),
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == expect, f"aws {' '.join(arguments)}: {done.stdout} {done.stderr}"
        if expect:
            return done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    def crossgate(self, *arguments, expect=0):
        """Runs another subcommand of the binary against this server."""
        done = subprocess.run([CROSSGATE, *arguments, "--endpoint", self.url], capture_output=True, text=True, timeout=60)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout if expect == 0 else done.stderr

    def explain(self, request_id):
        return self.crossgate("explain", request_id)

    def http(self, path, method="GET", host=None, body=None, headers=None):
        """What curl would get; an error status is an answer too."""
        request = urllib.request.Request(self.url + path, method=method, data=body, headers=headers or {})
        if host:
            request.add_header("Host", host)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Response(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.headers, error.read())

    def get(self, api, path, **more):
        """GET of a deployed API by its host name; `path` begins with the stage."""
        return self.http(path, host=f"{api}.execute-api.{REGION}.localhost:{self.port}", **more)

    # What the seed's two accounts have before anything is granted.

    def function(self, account=B, name="account-b-lambda", source=INDEX, region=REGION, **more):
        """A function with its execution role; gives its ARN."""
        iam = self.client("iam", account)
        try:
            iam.create_role(RoleName="function-role", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        except iam.exceptions.EntityAlreadyExistsException:
            pass
        settings = dict(Runtime="python3.9", Handler="index.handler", Role=f"arn:aws:iam::{account}:role/function-role")
        settings.update(more)
        client = self.client("lambda", account, region)
        client.create_function(FunctionName=name, Code={"ZipFile": package(source)}, **settings)
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return f"arn:aws:lambda:{region}:{account}:function:{name}"

    def role(self, name="apigw-exec", account=A, invoke=None, service="apigateway.amazonaws.com"):
        """A role that a service may assume and that may invoke `invoke`; gives its ARN."""
        iam = self.client("iam", account)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))
        if invoke:
            iam.put_role_policy(RoleName=name, PolicyName="invoke", PolicyDocument=json.dumps({
                "Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": invoke}]}))
        return f"arn:aws:iam::{account}:role/{name}"

    def api(self, function_arn, account=A, credentials=None, stage="prod", uri_region=REGION, method="GET", **integration):
        """An API whose `GET /users` runs a function; gives its id."""
        gateway = self.client("apigateway", account)
        api = gateway.create_rest_api(name="my-cross-account-api")["id"]
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        users = gateway.create_resource(restApiId=api, parentId=root, pathPart="users")["id"]
        gateway.put_method(restApiId=api, resourceId=users, httpMethod=method, authorizationType="NONE")
        if credentials:
            integration["credentials"] = credentials
        gateway.put_integration(
            restApiId=api, resourceId=users, httpMethod=method, type="AWS_PROXY", integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{uri_region}:lambda:path/2015-03-31/functions/{function_arn}/invocations",
            **integration)
        if stage:
            gateway.create_deployment(restApiId=api, stageName=stage)
        return api

    def resource_id(self, api, path="/users", account=A):
        items = self.client("apigateway", account).get_resources(restApiId=api)["items"]
        return next(item["id"] for item in items if item["path"] == path)

    def allow(self, function="account-b-lambda", account=B, **statement):
        """add-permission for API Gateway, or as given."""
        grant = dict(StatementId="grant", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
        grant.update(statement)
        self.client("lambda", account).add_permission(FunctionName=function, **grant)


@pytest.fixture
def server():
    running = Server("--in-memory")
    yield running
    status = running.stop()
    assert status == 0, f"the server ended with {status}: {running.errors}"
    assert "panicked" not in running.errors, running.errors


@pytest.fixture(scope="module")
def shared():
    """One server for the tests of a file that do not get in each other's way."""
    running = Server("--in-memory")
    yield running
    status = running.stop()
    assert status == 0, f"the server ended with {status}: {running.errors}"
    assert "panicked" not in running.errors, running.errors


@pytest.fixture
def start():
    """Starts servers with options of the test's own and stops them afterwards."""
    running = []

    def launch(*arguments, **more):
        running.append(Server(*arguments, **more))
        return running[-1]

    yield launch
    for one in running:
        if one.process.poll() is None:
            one.stop()
