"""AWS Chalice deploys an application with this server as it would with AWS: roles, functions, authorizer, API from Swagger."""
import json
import pathlib
import subprocess
import sys

import pytest

APP = """
from chalice import AuthResponse, Chalice, CORSConfig, NotFoundError, Response

app = Chalice(app_name='shop')
app.api.binary_types.append('image/png')

@app.authorizer()
def doorman(request):
    routes = {'member': ['/secret'], 'guest': []}[request.token]
    return AuthResponse(routes=routes, principal_id=request.token, context={'level': 7})

@app.route('/')
def index():
    return {'shop': 'open'}

@app.route('/items/{name}', methods=['GET', 'PUT'], cors=CORSConfig(allow_origin='https://shop.example', max_age=600))
def item(name):
    request = app.current_request
    return {'name': name, 'query': request.query_params, 'body': request.json_body, 'method': request.method}

@app.route('/missing')
def missing():
    raise NotFoundError('no such item')

@app.route('/secret', authorizer=doorman)
def secret():
    return app.current_request.context['authorizer']

@app.route('/echo', methods=['POST'], content_types=['application/octet-stream'])
def echo():
    return Response(app.current_request.raw_body, headers={'Content-Type': 'application/octet-stream'})

@app.route('/keyed', api_key_required=True)
def keyed():
    return {}

@app.lambda_function()
def alone(event, context):
    return {'got': event}
"""


class Project:
    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        (folder / ".chalice").mkdir()
        (folder / ".chalice/config.json").write_text(json.dumps(
            {"version": "2.0", "app_name": "shop", "stages": {"dev": {"api_gateway_stage": "api", "autogen_policy": True}}}))
        (folder / "requirements.txt").write_text("")

    def chalice(self, *arguments, **more):
        program = pathlib.Path(sys.executable).with_name("chalice")
        done = subprocess.run([program, *arguments], cwd=self.folder, env=self.server.environment(), capture_output=True,
                              text=True, timeout=120, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy(self, source):
        (self.folder / "app.py").write_text(source)
        self.chalice("deploy")
        deployed = json.loads((self.folder / ".chalice/deployed/dev.json").read_text())
        return next(r["rest_api_id"] for r in deployed["resources"] if r["resource_type"] == "rest_api")


@pytest.fixture(scope="module")
def shop(shared, tmp_path_factory):
    project = Project(shared, tmp_path_factory.mktemp("shop"))
    project.api = project.deploy(APP)
    return project


def call(shop, path, method="GET", **more):
    return shop.server.http(f"/_aws/execute-api/{shop.api}/api{path}", method, **more)


def test_routes_answer(shop):
    assert call(shop, "/").json == {"shop": "open"}
    answer = call(shop, "/items/pen?colour=red", "PUT", body=b'{"n": 1}', headers={"Content-Type": "application/json"})
    assert answer.json == {"name": "pen", "query": {"colour": "red"}, "body": {"n": 1}, "method": "PUT"}
    answer = call(shop, "/missing")
    assert (answer.status, answer.json) == (404, {"Code": "NotFoundError", "Message": "no such item"})
    assert call(shop, "/items/pen", "DELETE").status == 403


def test_preflight_is_answered_by_a_mock(shop):
    answer = call(shop, "/items/pen", "OPTIONS")
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert sorted(answer.headers["access-control-allow-methods"].split(",")) == ["GET", "OPTIONS", "PUT"]
    assert answer.headers["access-control-max-age"] == "600"


def test_the_authorizer_decides(shop):
    assert call(shop, "/secret").status == 401
    answer = call(shop, "/secret", headers={"Authorization": "member"})
    assert (answer.status, answer.json["principalId"], answer.json["level"]) == (200, "member", "7")
    # No routes at all: Chalice returns a policy about an empty list of resources.
    answer = call(shop, "/secret", headers={"Authorization": "guest"})
    assert (answer.status, answer.json) == (
        403, {"Message": "User is not authorized to access this resource because no identity-based policy allows the "
                         "execute-api:Invoke action"})


def test_bytes_go_through_and_come_back(shop):
    sent = bytes(range(256))
    kind = "application/octet-stream"
    answer = call(shop, "/echo", "POST", body=sent, headers={"Content-Type": kind, "Accept": kind})
    assert answer.body == sent


def test_a_key_is_required(shop):
    answer = call(shop, "/keyed")
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


def test_a_function_alone_is_invoked(shop):
    assert json.loads(shop.chalice("invoke", "-n", "alone", input='{"n": 2}')) == {"got": {"n": 2}}


def test_deployed_again_then_deleted(shared, tmp_path):
    project = Project(shared, tmp_path)
    source = APP.replace("'shop'", "'stall'")
    project.api = project.deploy(source)
    changed = source.replace("{'stall': 'open'}", "{'stall': 'closed'}").replace("@app.route('/missing')", "@app.route('/gone')")
    assert project.deploy(changed) == project.api
    assert call(project, "/").json == {"stall": "closed"}
    assert (call(project, "/missing").status, call(project, "/gone").status) == (403, 404)
    project.chalice("delete")
    assert call(project, "/").status == 403
    roles = [r["RoleName"] for r in shared.client("iam").list_roles()["Roles"]]
    assert not [name for name in roles if name.startswith("stall")]
