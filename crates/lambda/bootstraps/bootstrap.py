"""Runs Python functions: speaks the Lambda Runtime API over an inherited socket.

Two ways to start, both by crossgate's executor:
  bootstrap.py zygote   control socket on descriptor 0; forks an environment per request, never runs a
                        customer's code itself
  bootstrap.py run      already jailed, everything in the environment, the Runtime API over TCP
Works with Python 3.7 and newer, imports the standard library only. What handlers see follows AWS's runtime
client for Python; the differences are listed in crates/lambda/src/execution/README.md.
"""

import array
import importlib
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback
from decimal import Decimal

# Loaded because AWS's own client has loaded them before a handler runs: handlers that use them start faster.
import datetime  # noqa: F401
import http.client  # noqa: F401
import select

API_FD = 3
PLACE = "/var/runtime/bootstrap.py"
NO_BREAK_SPACE = "\u00a0"
FRAME = b"\xa5\x5a\x00\x03"
FRAME_ERROR = b"\xa5\x5a\x00\x17"
PREFIX = "/2018-06-01/runtime/"
ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
    b'{"status":"OK"}\n'
)
NEXT = ("GET %sinvocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n" % PREFIX).encode()


# --- The Runtime API -------------------------------------------------------------------------------------------


class Api:
    """HTTP/1.1 with keep-alive over one connected socket."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.setblocking(True)
        self.buffer = b""
        self.ready = select.poll()
        self.ready.register(sock, select.POLLIN)

    def exactly(self, count):
        while len(self.buffer) < count:
            chunk = self.sock.recv(max(65536, min(count - len(self.buffer), 1 << 20)))
            if not chunk:
                os._exit(0)  # the server is gone
            self.buffer += chunk
        result, self.buffer = self.buffer[:count], self.buffer[count:]
        return result

    def frame(self):
        """What the executor sends before HTTP begins: a length and JSON."""
        (length,) = struct.unpack(">I", self.exactly(4))
        return json.loads(self.exactly(length).decode("utf-8"))

    def send(self, path, body, content_type="application/json", extra="", then=b""):
        head = "POST %s%s HTTP/1.1\r\nHost: runtime\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (
            PREFIX,
            path,
            content_type,
            len(body),
            extra,
        )
        self.sock.sendall(head.encode("latin-1", "replace") + body + then)

    def accepted(self):
        """Passes over the answer to a result, which is always the same."""
        if not self.buffer:
            # One who waits in recv is woken when the server has read what was sent, and goes back to sleep.
            self.ready.poll()
            self.buffer = self.sock.recv(65536)
        if self.buffer.startswith(ACCEPTED):
            self.buffer = self.buffer[len(ACCEPTED) :]
        else:
            self.answer()

    def answer(self):
        """(status, headers with lower-case names, body)"""
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            chunk = self.sock.recv(65536)
            if not chunk:
                os._exit(0)
            self.buffer += chunk
        head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(lines[0][9:12]), headers, self.exactly(int(headers.get("content-length", 0)))


# --- The context object ----------------------------------------------------------------------------------------


class Fields(object):
    """An object with a fixed set of fields, absent ones None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        inner = ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__)
        return "%s([%s])" % (type(self).__name__, inner)


class CognitoIdentity(Fields):
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]


class Client(Fields):
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]


class ClientContext(Fields):
    __slots__ = ["custom", "env", "client"]


class LambdaContext(object):
    def __init__(self, headers):
        env = os.environ.get
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = None
        client = parse_header(headers.get("lambda-runtime-client-context"), "Client Context")
        if client is not None:
            self.client_context = ClientContext(client)
            if self.client_context.client is not None:
                self.client_context.client = Client(self.client_context.client)
        identity = parse_header(headers.get("lambda-runtime-cognito-identity"), "Cognito Identity") or {}
        self.identity = CognitoIdentity(
            {
                "cognito_identity_id": identity.get("cognitoIdentityId"),
                "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
            }
        )
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, message):
        write_frame(str(message))

    def __repr__(self):
        names = ["aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb"]
        names += ["function_version", "invoked_function_arn", "client_context", "identity", "tenant_id"]
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in names)


def parse_header(value, name):
    if not value:
        return None
    try:
        # Bytes came through latin-1; the text is UTF-8.
        return json.loads(value.encode("latin-1").decode("utf-8"))
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


# --- Errors ----------------------------------------------------------------------------------------------------


class Fault(Exception):
    """A failure of the runtime's own, with the error type AWS gives it."""

    def __init__(self, kind, message, trace=None):
        Exception.__init__(self, message)
        self.kind, self.message, self.trace = kind, message, trace


def describe(message, kind, trace, request_id):
    return {
        "errorMessage": message or "",
        "errorType": kind or "",
        "requestId": request_id or "",
        "stackTrace": trace or [],
    }


def describe_exception(request_id):
    """The error JSON of the exception being handled; frames of this file are left out at the top."""
    kind, value, tb = sys.exc_info()
    if isinstance(value, Fault):
        return describe(value.message, value.kind, value.trace, request_id)
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(tb)]
    for index, frame in enumerate(frames):
        if frame[0] != __file__:
            frames = frames[index:]
            break
    # Those that stay (a handler that cannot be called) have the place that AWS's client has.
    frames = [(PLACE, *frame[1:]) if frame[0] == __file__ else frame for frame in frames]
    return describe(str(value), kind.__name__, traceback.format_list(frames), request_id)


# AWS's text, logged when the init phase fails; it ends in a carriage return.
UNHANDLED = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
    "cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, "
    "runtime updates can be triggered by a function change, or can be applied automatically. To determine if the "
    "runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with a "
    "change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the previous "
    "runtime version. For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


def log_error(error):
    if LOG["json"]:
        record = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": "ERROR"}
        record.update(error)
        write_frame(json.dumps(record), FRAME_ERROR)
        return
    text = "[ERROR]"
    if error["errorType"]:
        text += " " + error["errorType"]
    if error["errorMessage"]:
        text += (": " if error["errorType"] else " ") + error["errorMessage"]
    lines = [text, "Traceback (most recent call last):"]
    for element in error["stackTrace"]:
        for line in element.splitlines() or [""]:
            bare = line.lstrip(" ")
            # CloudWatch trims blanks at the start of lines: AWS indents with U+00A0.
            lines.append(NO_BREAK_SPACE * (len(line) - len(bare)) + bare)
    write_frame("\n".join(lines), FRAME_ERROR)


# --- Logging ---------------------------------------------------------------------------------------------------

LOG = {"json": False, "request_id": ""}


def write_frame(text, kind=FRAME):
    """One log event, however many lines it has, in order with what was printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    data = text.encode("utf-8", "replace")
    try:
        view = memoryview(kind + struct.pack(">IQ", len(data), int(time.time() * 1000000)) + data)
        while view:
            view = view[os.write(1, view) :]
    except OSError:
        pass  # the function closed its own standard output


class FrameHandler(logging.Handler):
    def emit(self, record):
        try:
            write_frame(self.format(record))
        except Exception:
            self.handleError(record)


class RequestIdFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = LOG["request_id"]
        return True


# What every record has: the rest is what `extra` brought.
OWN_FIELDS = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"aws_request_id", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record):
        plain = isinstance(record.msg, dict) and not record.args
        result = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            kind, value, tb = record.exc_info
            result["stackTrace"] = traceback.format_tb(tb)
            result["errorType"] = kind.__name__ if kind else None
            result["errorMessage"] = str(value)
        if record.aws_request_id:
            result["requestId"] = record.aws_request_id
        if record.exc_info:
            result["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
        for name, value in record.__dict__.items():
            if value is not None and name not in OWN_FIELDS and name not in result:
                result[name] = value
        return json.dumps(result, default=str, ensure_ascii=False)


def set_up_logging():
    LOG["json"] = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    logging.Formatter.converter = time.gmtime
    handler = FrameHandler()
    if LOG["json"]:
        handler.setFormatter(JsonFormatter())
    else:
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(text, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(RequestIdFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


# --- JSON ------------------------------------------------------------------------------------------------------


class Marshaller(object):
    def __init__(self):
        name = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python")[2]
        # From Python 3.12 on AWS sends other than ASCII characters as they are.
        ascii_only = tuple(int(p) for p in name.split(".") if p.isdigit()) < (3, 12)
        self.decimals = []
        self.encoder = json.JSONEncoder(ensure_ascii=ascii_only, default=self.other)

    def other(self, value):
        if isinstance(value, Decimal):
            if value.is_nan():
                return float("nan")
            # A number with all its digits: a mark that is replaced below, for the encoder has no raw output.
            self.decimals.append(str(value))
            return "\x00decimal%d\x00" % (len(self.decimals) - 1)
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)

    def encode(self, value):
        """(bytes, content type)"""
        if isinstance(value, bytes):
            return value, "application/unknown"
        try:
            del self.decimals[:]
            text = self.encoder.encode(value)
            for index, number in enumerate(self.decimals):
                text = text.replace('"\\u0000decimal%d\\u0000"' % index, number, 1)
            return text.encode("utf-8"), "application/json"
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)

    def decode(self, body, content_type):
        if content_type and content_type.split(";")[0].strip() != "application/json":
            return body
        try:
            return json.loads(body.decode("utf-8"))
        except Exception as error:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)


# --- The runtime -----------------------------------------------------------------------------------------------


def load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        message = "Syntax error in module '%s': %s" % (module_name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, trace)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def header_text(text):
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:256]


def serve(api, handler_name):
    """The init phase, then one invocation after the other until the socket closes."""
    set_up_logging()
    try:
        marshaller = Marshaller()
        handler = load_handler(handler_name)
    except Exception:
        error = describe_exception("")
        logging.warning(UNHANDLED)
        log_error(error)
        extra = "Lambda-Runtime-Function-Error-Type: %s\r\n" % header_text(error["errorType"])
        flush()
        api.send("init/error", json.dumps(error).encode(), extra=extra)
        api.answer()
        sys.exit(1)
    flush()
    api.sock.sendall(NEXT)
    while True:
        _, headers, body = api.answer()
        request_id = LOG["request_id"] = headers.get("lambda-runtime-aws-request-id", "")
        trace_id = headers.get("lambda-runtime-trace-id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        invoke(api, marshaller, handler, request_id, headers, body)
        body = None
        api.accepted()  # the next invocation was asked for in the same breath


def invoke(api, marshaller, handler, request_id, headers, body):
    try:
        context = LambdaContext(headers)
        event = marshaller.decode(body, headers.get("content-type"))
        result, content_type = marshaller.encode(handler(event, context))
        path, extra = "response", ""
    except Exception:
        error = describe_exception(request_id)
        log_error(error)
        result, content_type, path = json.dumps(error).encode(), "application/json", "error"
        extra = "Lambda-Runtime-Function-Error-Type: %s\r\n" % header_text(error["errorType"])
    flush()
    api.send("invocation/%s/%s" % (request_id, path), result, content_type, extra, then=NEXT)


def become(settings):
    """Turns this process into the environment that `settings` describes."""
    if settings.get("plan"):
        run_plan(settings["plan"])
    elif settings.get("directory"):
        os.chdir(settings["directory"])
    os.environ.clear()
    os.environ.update(settings["env"])
    start(settings["handler"])


def start(handler):
    time.tzset()
    root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    version = "python%d.%d" % sys.version_info[:2]
    extra = [root, "/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    extra += [p for p in os.environ.get("PYTHONPATH", "").split(":") if p and p not in extra]
    own = os.path.dirname(__file__)
    sys.path[:] = extra + [p for p in sys.path if p and p != own and p not in extra]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    sys.argv[:] = [PLACE]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    return handler


# --- The jail --------------------------------------------------------------------------------------------------

try:
    import ctypes

    SYSCALL = ctypes.CDLL(None, use_errno=True).syscall
    SYSCALL.argtypes = [ctypes.c_long] * 7
    SYSCALL.restype = ctypes.c_long
except Exception:  # a Python without ctypes: environments are jailed by the executor, one exec each
    ctypes = None


class StepFailed(Exception):
    pass


def run_plan(plan):
    """Makes the system calls that the executor planned (crate `jailer`)."""
    data = bytes.fromhex(plan["data"])
    memory = ctypes.create_string_buffer(data, len(data) + 16)
    base = ctypes.addressof(memory)
    for at, to in plan["pointers"]:
        struct.pack_into("=Q", memory, at, base + to)
    results = []
    for what, number, optional, store, args in plan["steps"]:
        values = [v if kind == 0 else base + v if kind == 1 else results[v] for kind, v in args]
        result = SYSCALL(number, *(values + [0] * (6 - len(values))))
        if result < 0 and not optional:
            raise StepFailed("%s: %s" % (what, os.strerror(ctypes.get_errno())))
        results.append(result)
        if store >= 0:
            struct.pack_into("=i", memory, store, result)


# --- The zygote ------------------------------------------------------------------------------------------------

CLONE_NEWPID = 0x20000000
PR_SET_PDEATHSIG = 1


def unshare_pid():
    if SYSCALL(NUMBERS["unshare"], CLONE_NEWPID, 0, 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "pid namespace")


NUMBERS = {}


def open_pid_namespace():
    for path in ("/.host/proc/self/ns/pid", "/proc/self/ns/pid"):
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            pass
    raise OSError("no /proc to return to the own pid namespace by")


def receive(control):
    """One message with its descriptors; None at the end."""
    message, ancillary, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(16 * 4))
    fds = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return (json.loads(message.decode()) if message else None), list(fds)


def zygote():
    control = socket.socket(fileno=0)
    os.set_inheritable(0, False)
    hello = {
        "version": "%d.%d" % sys.version_info[:2],
        "prefixes": sorted({sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}),
        "jail": ctypes is not None,
    }
    control.send(json.dumps({"hello": hello}).encode())
    settings, _ = receive(control)
    if settings is None:
        return
    NUMBERS.update(settings["numbers"])
    try:
        if settings.get("base"):
            run_plan(settings["base"])
    except Exception as error:
        control.send(json.dumps({"refused": str(error)}).encode())
        return
    if settings.get("pid"):
        # The zygote lives in a pid namespace of its own, as process 1: whatever environments do to the signal that
        # they get when their parent ends, the kernel ends them with it. And in a user namespace the way back to the
        # first pid namespace is closed.
        unshare_pid()
        first = os.fork()
        if first:
            os.close(0)
            os.waitpid(first, 0)
            os._exit(0)
        SYSCALL(NUMBERS["prctl"], PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0, 0)
    control.send(json.dumps({"ready": os.getpid()}).encode())
    child(fork_on_request(control, settings))


def fork_on_request(control, settings):
    """Returns in the child only."""
    own_pid_namespace = open_pid_namespace() if settings.get("pid") else -1
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    children = {}
    try:
        import gc

        gc.collect()
        gc.freeze()
    except Exception:
        pass
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if wake_read in ready:
            try:
                os.read(wake_read, 4096)
            except BlockingIOError:
                pass
            reap(control, children)
        if 0 not in ready:
            continue
        message, fds = receive(control)
        if message is None:
            os._exit(0)  # the server is gone, and environments die with this process
        key = message["fork"]
        try:
            if settings.get("pid"):
                unshare_pid()
            pid = os.fork()
        except OSError as error:
            control.send(json.dumps({"failed": key, "error": str(error)}).encode())
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.close(wake_read)
            os.close(wake_write)
            if own_pid_namespace >= 0:
                os.close(own_pid_namespace)
            control.detach()
            return adopt(fds, settings.get("prepare"))
        if own_pid_namespace >= 0:
            SYSCALL(NUMBERS["setns"], own_pid_namespace, CLONE_NEWPID, 0, 0, 0, 0)
        for fd in fds:
            os.close(fd)
        if pid > 0:
            children[pid] = key
            started(control, key, pid)


def started(control, key, pid):
    pidfd = SYSCALL(NUMBERS["pidfd_open"], pid, 0, 0, 0, 0, 0) if ctypes else -1
    message = json.dumps({"started": key, "pid": pid}).encode()
    if pidfd < 0:
        control.send(message)
        return
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))]
    control.sendmsg([message], rights)
    os.close(pidfd)


def reap(control, children):
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        key = children.pop(pid, None)
        if key is not None:
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
            control.send(json.dumps({"exit": key, "code": code}).encode())


def adopt(fds, prepare):
    """In the child: takes over its descriptors, joins its control groups, makes its namespaces."""
    api_fd, log_fd, groups = fds[0], fds[1], fds[2:]
    for group in groups:
        try:
            os.write(group, b"0")
        except OSError:
            pass
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    # Above every other descriptor first, so that nothing in the way is closed.
    high = max(fds) + 1
    os.dup2(api_fd, high)
    os.closerange(3, high)
    os.dup2(high, API_FD, inheritable=False)
    os.close(high)
    api = Api(socket.socket(fileno=API_FD))
    if prepare:
        try:
            run_plan(prepare)
        except Exception as error:
            refuse(api, error)
    return api


def refuse(api, error):
    """The jail could not be closed: nothing of the customer's may run."""
    try:
        api.send("init/jail", json.dumps({"error": str(error)}).encode())
    finally:
        os._exit(126)


def child(api):
    settings = api.frame()
    try:
        become(settings)
    except Exception as error:
        refuse(api, error)
    handler = settings["handler"]
    settings = None
    serve(api, handler)


def main():
    if sys.argv[1:2] == ["zygote"]:
        zygote()
    else:
        host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
        sock = socket.create_connection((host, int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start("")
        serve(Api(sock), os.environ["_HANDLER"])


if __name__ == "__main__":
    main()
