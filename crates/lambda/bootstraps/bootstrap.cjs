'use strict';
// Runs Node functions: speaks the Lambda Runtime API over an inherited socket (descriptor 3).
//
// Boots before it is known whose environment it becomes: it loads what every function needs, writes one byte, and
// waits for a frame (length, JSON) that names the function. HTTP follows on the same socket. Works with Node 18 and
// newer, uses Node's own modules only. What handlers see follows AWS's runtime client for Node.js (its public source,
// Apache-2.0, read for facts); the differences are listed in crates/lambda/src/execution/README.md.

const fs = require('fs');
const net = require('net');
const path = require('path');
const util = require('util');
const { Writable } = require('stream');
const { pathToFileURL } = require('url');
// Loaded because AWS's own client has loaded it before a handler runs: handlers that use it start faster.
require('http');

const API_FD = 3;
const PREFIX = '/2018-06-01/runtime/';
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
// The process's own, whatever a function does to the names later.
const { exit } = process;
const now = Date.now;

// --- The Runtime API -------------------------------------------------------------------------------------------

/** HTTP/1.1 with keep-alive over one connected socket. One request at a time. */
class Api {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.take = null;
    this.socket.on('data', (chunk) => {
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, chunk]) : chunk;
      this.look();
    });
    // The server is gone.
    this.socket.on('close', () => exit(0));
    this.socket.on('error', () => exit(0));
  }

  look() {
    const take = this.take;
    const taken = take && take(this.buffer);
    if (!taken) return;
    this.take = null;
    this.buffer = this.buffer.subarray(taken.used);
    taken.give();
  }

  wait(take) {
    this.take = take;
    this.look();
  }

  /** What the executor sends before HTTP begins. */
  frame(give) {
    this.wait((buffer) => {
      if (buffer.length < 4) return null;
      const end = 4 + buffer.readUInt32BE(0);
      if (buffer.length < end) return null;
      const settings = JSON.parse(buffer.toString('utf8', 4, end));
      return { used: end, give: () => give(settings) };
    });
  }

  /** `give(headers, body)` of the answer to the request that was sent. */
  answer(give) {
    let at = 0;
    let head = null;
    this.wait((buffer) => {
      if (!head) {
        const end = buffer.indexOf('\r\n\r\n', at);
        at = Math.max(0, buffer.length - 3);
        if (end < 0) return null;
        const headers = {};
        for (const line of buffer.latin1Slice(0, end).split('\r\n').slice(1)) {
          const colon = line.indexOf(':');
          headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
        }
        head = { headers, from: end + 4, end: end + 4 + Number(headers['content-length'] || 0) };
      }
      if (buffer.length < head.end) return null;
      const { headers, from, end } = head;
      const body = buffer.subarray(from, end);
      return { used: end, give: () => give(headers, body) };
    });
  }

  /** Keeps the process alive while the answer is awaited; `release` lets the event loop run empty. */
  hold() {
    this.socket.ref();
  }

  release() {
    this.socket.unref();
  }

  next(give) {
    this.hold();
    this.socket.write(`GET ${PREFIX}invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n`);
    this.answer((headers, body) => {
      this.release();
      give(headers, body);
    });
  }

  post(where, text, headers, give) {
    const body = Buffer.from(text, 'utf8');
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const head = `POST ${PREFIX}${where} HTTP/1.1\r\nHost: runtime\r\nContent-Type: application/json\r\n`;
    this.hold();
    this.socket.write(`${head}Content-Length: ${body.length}\r\n${more}\r\n`);
    this.socket.write(body);
    this.answer(() => {
      this.release();
      give();
    });
  }

  error(where, error, give) {
    const told = errorPayload(error);
    const kind = headerText(told.errorType);
    this.post(where, JSON.stringify(told), { 'Lambda-Runtime-Function-Error-Type': kind }, give);
  }
}

function headerText(text) {
  return String(text).replace(/[^ -~]/g, '?').slice(0, 256);
}

// --- Errors ----------------------------------------------------------------------------------------------------

/** A failure of the runtime's own, with the error type AWS gives it. */
class Fault extends Error {
  constructor(kind, message, stack) {
    super(message);
    Object.defineProperty(this, 'name', { value: `Runtime.${kind}`, configurable: true });
    const trace = stack || `${this.name}: ${this.message}\n${this.stack.split('\n').slice(1).join('\n')}`;
    Object.defineProperty(this, 'stack', { value: trace, configurable: true, writable: true });
  }
}

function looksLikeError(value) {
  return value && ['name', 'message', 'stack'].every((f) => value[f] && typeof value[f] === 'string');
}

/** The JSON of the error answer. */
function errorPayload(error) {
  try {
    if (util.types.isNativeError(error) || looksLikeError(error)) {
      return { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split('\n') };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch (_) {
    const message =
      'callback called with Error argument, but there was a problem while retrieving one or more of its message, ' +
      'name, and stack';
    return { errorType: 'handled', errorMessage: message };
  }
}

function asError(error) {
  return error instanceof Error ? error : new Error(error);
}

/** The error as the log shows it: with its message, code and stack, and what the function has set on it. */
function errorText(error) {
  const show = (_, value) => {
    if (!(value instanceof Error)) return value;
    const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
    if (typeof value.stack === 'string') shown.stack = value.stack.split('\n');
    return shown;
  };
  try {
    return `\t${JSON.stringify(error, show)}`;
  } catch (_) {
    return `\t${JSON.stringify(errorPayload(error))}`;
  }
}

// --- Logging ---------------------------------------------------------------------------------------------------

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const frameHead = Buffer.from([0xa5, 0x5a, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** One log event, however many lines it has, in order with what was printed. */
function writeFrame(kind, date, text) {
  const body = Buffer.from(text, 'utf8');
  frameHead[3] = kind;
  frameHead.writeUInt32BE(body.length, 4);
  frameHead.writeBigInt64BE(BigInt(date.valueOf()) * 1000n, 8);
  writeAll(Buffer.concat([frameHead, body]));
}

function writeAll(data) {
  for (let at = 0; at < data.length; ) {
    try {
      at += fs.writeSync(1, data, at);
    } catch (error) {
      // The function closed its own standard output, or made it non-blocking and the reader is slow.
      if (error.code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function textLog(level, params) {
  const date = new Date();
  const text = util.format(...params);
  writeFrame(3 | (LEVELS[level] << 2), date, `${date.toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${text}\n`);
}

function shownError(error) {
  const stack = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  // In AWS's client each of the runtime's own errors is a class, `Runtime.` before its name.
  const own = error instanceof Fault && error.name.slice('Runtime.'.length);
  const errorType = own || (error.constructor && error.constructor.name) || 'UnknownError';
  return { errorType, errorMessage: error.message, stackTrace: stack };
}

function jsonLog(level, params) {
  const date = new Date();
  const record = { timestamp: date.toISOString(), level, requestId: globalThis[REQUEST_ID] };
  let text;
  if (params.length === 1) {
    record.message = params[0];
    try {
      text = JSON.stringify(record, (_, v) => (v instanceof Error ? { ...shownError(v), ...v } : v));
    } catch (_) {
      record.message = util.format(params[0]);
    }
  } else {
    record.message = util.format(...params);
    const error = params.find((param) => param instanceof Error);
    if (error) Object.assign(record, shownError(error));
  }
  writeFrame(2 | (LEVELS[level] << 2), date, text || JSON.stringify(record));
}

let logError = () => {};

function patchConsole() {
  const json = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const least = LEVELS[(process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()] || LEVELS.TRACE;
  const log = json ? jsonLog : textLog;
  const at = (level) => (LEVELS[level] < least ? () => {} : (...params) => log(level, params));
  console.trace = at('TRACE');
  console.debug = at('DEBUG');
  console.info = at('INFO');
  console.log = console.info;
  console.warn = at('WARN');
  console.error = at('ERROR');
  console.fatal = (...params) => log('FATAL', params);
  logError = json
    ? (_, error) => console.error(asError(error))
    : (what, error) => console.error(what, errorText(asError(error)));
}

// --- Response streaming ----------------------------------------------------------------------------------------

const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';

/** What a streaming handler writes to: the body of the response, chunk by chunk, begun by the first write. */
class ResponseStream extends Writable {
  constructor(api, id, highWaterMark) {
    super(highWaterMark ? { highWaterMark } : {});
    this.api = api;
    this.where = `invocation/${id}/response`;
    this.contentType = 'application/octet-stream';
    this.begun = false;
    this.trailers = '';
    this._onBeforeFirstWrite = undefined;
    this.answered = new Promise((resolve) => {
      this.whenAnswered = resolve;
    });
  }

  setContentType(type) {
    if (this.begun) throw new Fault('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    this.contentType = type;
  }

  write(chunk, encoding, callback) {
    const raw = typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array;
    return super.write(raw ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    const type = headerText(this.contentType);
    this.api.hold();
    this.api.socket.write(
      `POST ${PREFIX}${this.where} HTTP/1.1\r\nHost: runtime\r\nContent-Type: ${type}\r\n` +
        'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n' +
        'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n',
    );
    this.api.answer(() => {
      this.api.release();
      this.whenAnswered();
    });
    if (this._onBeforeFirstWrite) this._onBeforeFirstWrite((part) => this.chunk(Buffer.from(part)));
  }

  chunk(data, callback) {
    if (!data.length) return callback && callback();
    this.api.socket.write(`${data.length.toString(16)}\r\n`);
    this.api.socket.write(data);
    return this.api.socket.write('\r\n', callback);
  }

  _write(chunk, encoding, callback) {
    this.begin();
    this.chunk(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, callback);
  }

  _final(callback) {
    this.begin();
    this.api.socket.write(`0\r\n${this.trailers}\r\n`, callback);
  }

  /** Ends the body with the error in its trailers. */
  fail(error) {
    const told = errorPayload(error);
    const body = Buffer.from(JSON.stringify(told)).toString('base64');
    const name = 'Lambda-Runtime-Function-Error-';
    this.trailers = `${name}Type: ${headerText(told.errorType)}\r\n${name}Body: ${body}\r\n`;
    if (this.destroyed || this.writableEnded) this._final(() => {});
    else this.end();
  }
}

const awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
    return handler;
  },
  HttpResponseStream: {
    /** Status, headers and cookies before the body: JSON, eight zero bytes, the body. */
    from(stream, prelude) {
      stream.setContentType(PRELUDE_TYPE);
      const text = JSON.stringify(prelude);
      stream._onBeforeFirstWrite = (write) => {
        write(text);
        write(new Uint8Array(8));
      };
      return stream;
    },
  },
};

// --- The handler -----------------------------------------------------------------------------------------------

/** Whether the nearest package.json says that `.js` files are ES modules. */
function isModuleFolder(folder) {
  for (let at = folder; !at.endsWith('/node_modules'); at = path.dirname(at)) {
    const file = path.join(at, 'package.json');
    if (fs.existsSync(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (at === '/') break;
  }
  return false;
}

/** The module of a handler: the file first, in AWS's order of extensions, then as `require` finds it. */
async function loadModule(root, folder, name) {
  const base = path.resolve(root, folder, name);
  const esm = isModuleFolder(path.dirname(base));
  const typescript = parseInt(process.versions.node, 10) >= 24;
  const ways = [['', false], ['.js', esm], ['.mjs', true], ['.cjs', false]];
  if (typescript) ways.push(['.ts', esm], ['.mts', true], ['.cts', false]);
  for (const [extension, asModule] of ways) {
    const file = base + extension;
    if (!fs.existsSync(file) || (extension === '' && fs.statSync(file).isDirectory() && !hasIndex(file))) continue;
    return asModule ? import(pathToFileURL(file).href) : require(file);
  }
  return require(require.resolve(name, { paths: [root, folder] }));
}

/** A folder stands for a module when `require` can load it. */
function hasIndex(folder) {
  return ['package.json', 'index.js', 'index.json', 'index.node'].some((f) => fs.existsSync(path.join(folder, f)));
}

async function loadHandler(root, name) {
  if (name.includes('..')) {
    const text = `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`;
    throw new Fault('MalformedHandlerName', text);
  }
  const last = path.basename(name);
  const parts = /^([^.]*)\.(.*)$/.exec(last);
  if (!parts) throw new Fault('MalformedHandlerName', 'Bad handler');
  const [, module, names] = parts;
  let loaded;
  try {
    loaded = await loadModule(root, name.slice(0, name.indexOf(last)), module);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('UserCodeSyntaxError', String(error), error.stack);
    if (error && error.code === 'MODULE_NOT_FOUND') throw new Fault('ImportModuleError', String(error));
    throw error;
  }
  const handler = names.split('.').reduce((at, key) => at && at[key], loaded);
  if (!handler) throw new Fault('HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new Fault('HandlerNotFound', `${name} is not a function`);
  return handler;
}

function parseHeader(text, name) {
  if (text === undefined) return undefined;
  try {
    // Bytes came through latin-1; the text is UTF-8.
    return JSON.parse(Buffer.from(text, 'latin1').toString('utf8'));
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

/** The fields of the context object that are not the callbacks. */
function contextFields(headers) {
  const env = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parseHeader(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - now(),
  };
}

// --- The runtime -----------------------------------------------------------------------------------------------

class Runtime {
  constructor(api) {
    this.api = api;
    this.handler = null;
    this.id = null;
    // What happens when the event loop runs empty.
    this.whenEmpty = null;
    // Init, or the invocation in progress: where an error of nobody's goes.
    this.errorPath = 'init/error';
  }

  start(handler) {
    const streaming = handler[STREAMING];
    if (streaming && streaming !== 'response') {
      throw new Fault('MalformedStreamingHandler', 'Only response streaming is supported.');
    }
    if (!streaming && handler.length >= 3 && /nodejs(2[4-9]|[3-9]\d)\./.test(process.env.AWS_EXECUTION_ENV || '')) {
      const text =
        'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You ' +
        'need to modify this function to use a supported handler signature to use Node.js 24 or later. For more ' +
        'information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';
      throw new Fault('CallbackHandlerDeprecated', text);
    }
    this.handler = handler;
    this.invoke = streaming ? this.invokeStreaming : this.invokeBuffered;
    this.isAsync = handler.constructor?.name === 'AsyncFunction';
    this.next();
  }

  next() {
    // After what the last invocation has left for this turn of the loop.
    setImmediate(() => {
      this.whenEmpty = null;
      this.api.next((headers, body) => {
        this.id = headers['lambda-runtime-aws-request-id'];
        this.errorPath = `invocation/${this.id}/error`;
        globalThis[REQUEST_ID] = this.id;
        const trace = headers['lambda-runtime-trace-id'];
        if (trace) process.env._X_AMZN_TRACE_ID = trace;
        else delete process.env._X_AMZN_TRACE_ID;
        this.invoke(headers, body.toString('utf8'));
      });
    });
  }

  /** An error nobody caught: reported, then the process ends with AWS's status. */
  lost(error, status) {
    this.api.error(this.errorPath, error, () => exit(status));
  }

  fail(error) {
    logError('Invoke Error', error);
    this.api.error(this.errorPath, error, () => this.next());
  }

  succeed(result) {
    let text;
    try {
      text = JSON.stringify(result === undefined ? null : result);
    } catch (_) {
      throw new Error('Unable to stringify response body');
    }
    // A function or a symbol has no JSON.
    this.api.post(`invocation/${this.id}/response`, text === undefined ? 'null' : text, {}, () => this.next());
  }

  invokeBuffered(headers, event) {
    let waits = true;
    let finished = false;
    const first = (action) => (...params) => {
      if (finished) return;
      action(...params);
      finished = true;
    };
    const done = (error, result) => {
      this.whenEmpty = null;
      if (error !== undefined && error !== null) this.fail(error);
      else this.succeed(result);
    };
    const callback = first((error, result) => {
      if (waits && (error === undefined || error === null)) this.whenEmpty = () => this.succeed(result);
      else done(error, result);
    });
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits = value;
      },
      succeed: first((result) => done(null, result)),
      fail: first((error) => done(error === undefined || error === null ? 'handled' : error)),
      done: first(done),
    };
    this.whenEmpty = () => {
      finished = true;
      if (!this.isAsync) return this.succeed(null);
      const text =
        'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a ' +
        'Promise that was never settled. For more information, see ' +
        'https://nodejs.org/docs/latest/api/process.html#exit-codes';
      return this.fail(new Fault('NodeJsExit', text));
    };
    try {
      const result = this.handler(JSON.parse(event), Object.assign(context, contextFields(headers)), callback);
      if (result && typeof result.then === 'function') {
        result.then(context.succeed, context.fail).catch(context.fail);
      }
    } catch (error) {
      callback(error);
    }
  }

  async invokeStreaming(headers, event) {
    let waits = true;
    const stream = new ResponseStream(this.api, this.id, this.handler[HIGH_WATER_MARK]);
    // Without a listener an error of the stream would end the process; the handler's own listeners still see it.
    stream.on('error', () => {});
    const fail = async (error) => {
      logError('Invoke Error', error);
      stream.fail(error);
      await stream.answered;
      this.next();
    };
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits = value;
      },
    };
    // A handler whose promise is never settled: the invocation ends by its time-out unless the body is complete.
    this.whenEmpty = () => {
      if (stream.writableFinished) this.next();
      else fail('Response stream is not finished.');
    };
    try {
      const result = this.handler(JSON.parse(event), stream, Object.assign(context, contextFields(headers)));
      if (!result || typeof result.then !== 'function') {
        return await fail('Streaming does not support non-async handlers.');
      }
      if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
      if (!stream.writableEnded) return await fail('Response stream is not finished.');
      await stream.answered;
      if (waits) this.whenEmpty = () => this.next();
      else this.next();
    } catch (error) {
      await fail(error);
    }
    return undefined;
  }
}

function become(settings) {
  if (settings.directory) process.chdir(settings.directory);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, settings.env);
  // Read when Node started; AWS sets it for CommonJS.
  require('module')._initPaths();
  patchConsole();
  const off = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (off !== '1' && off !== 'true') globalThis.awslambda = awslambda;
}

function connect() {
  const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
  return net.connect({ host, port: Number(port), noDelay: true });
}

function main() {
  // `run`: started for one function alone, with everything in the environment and the Runtime API over TCP.
  const alone = process.argv[2] === 'run';
  const api = new Api(alone ? connect() : new net.Socket({ fd: API_FD, readable: true, writable: true }));
  const runtime = new Runtime(api);
  const begin = (settings) => {
    api.release();
    process.on('uncaughtException', (error) => {
      logError('Uncaught Exception', error);
      runtime.lost(error, 129);
    });
    process.on('unhandledRejection', (reason, promise) => {
      const error = new Fault('UnhandledPromiseRejection', String(reason));
      Object.assign(error, { reason, promise });
      logError('Unhandled Promise Rejection', error);
      runtime.lost(error, 128);
    });
    process.on('beforeExit', () => {
      const action = runtime.whenEmpty;
      runtime.whenEmpty = null;
      if (action) action();
    });
    become(settings);
    loadHandler(settings.env.LAMBDA_TASK_ROOT || '/var/task', settings.handler)
      .then((handler) => runtime.start(handler))
      .catch((error) => {
        logError('Uncaught Exception', error);
        runtime.lost(error, 129);
      });
  };
  if (alone) {
    begin({ env: { ...process.env }, handler: process.env._HANDLER });
  } else {
    api.frame(begin);
    api.socket.write('R');
  }
}

main();
