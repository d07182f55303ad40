// Runs one Node function, call after call, for flowd's runner. No dependencies; CommonJS, ES modules and callbacks.
//
// Started as `node node.mjs FD PATH HANDLER LAYER...`. FD is a socket: each message is two big-endian 32-bit lengths, then the
// head (JSON), then the body (JSON text). What user code prints goes to stdout and stderr, which the runner reads.
// The shapes of errors are those of Lambda's own Node runtime.

import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import util from "node:util";
import module, { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const MAX_RESPONSE = 6291556; // Lambda's limit of a synchronous response, in bytes
const MAX_WATCHED = 64;
const [fd, target, handlerName, ...layers] = process.argv.slice(2);
process.argv.length = 1;

const socket = new net.Socket({ fd: Number(fd), readable: true, writable: true });
let current = null; // the call that is being worked on

function fault(kind, message) {
  const error = new Error(message);
  error.name = kind;
  return error;
}

function describe(error) {
  try {
    if (util.types.isNativeError(error) || (error && error.name && error.message && error.stack)) {
      return { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split("\n") };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return { errorType: "handled", errorMessage: "the error has no name, message or stack that can be read", trace: [] };
  }
}

function send(verdict, body, then) {
  const head = Buffer.from(verdict);
  const data = Buffer.from(body);
  const message = Buffer.allocUnsafe(8 + head.length + data.length);
  message.writeUInt32BE(head.length, 0);
  message.writeUInt32BE(data.length, 4);
  head.copy(message, 8);
  data.copy(message, 8 + head.length);
  socket.write(message, then);
}

function sendError(verdict, error, then) {
  const report = describe(error);
  process.stderr.write(`[ERROR] ${report.errorType}: ${report.errorMessage}\n${report.trace.join("\n")}\n`);
  send(verdict, JSON.stringify(report), then);
}

// -- loading the function

const folder = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
const dot = handlerName.lastIndexOf(".");
const moduleName = folder ? handlerName.slice(0, dot) : path.basename(target);
const exportName = handlerName.slice(dot + 1);
const require = createRequire(folder ? path.join(target, "x") : target);

function locate() {
  if (!folder) return target;
  if (dot < 1 || moduleName.includes("..")) {
    throw fault("Runtime.MalformedHandlerName", `Bad handler '${handlerName}': it is not module.function`);
  }
  const found = ["", ".js", ".mjs", ".cjs"]
    .map((ending) => path.join(target, moduleName + ending))
    .find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
  if (!found) throw fault("Runtime.ImportModuleError", `Error: Cannot find module '${moduleName}' in ${target}`);
  return found;
}

// CommonJS finds installed packages by NODE_PATH; ES modules do not look there, so they get a resolver that does.
const HOOKS = `
  let places;
  export const initialize = (data) => { places = data.places; };
  export async function resolve(name, context, next) {
    try {
      return await next(name, context);
    } catch (error) {
      if (error?.code !== "ERR_MODULE_NOT_FOUND" || /^([./]|[a-z]+:)/.test(name)) throw error;
      for (const parentURL of places) {
        try {
          return await next(name, { ...context, parentURL });
        } catch (other) {
          if (other?.code !== "ERR_MODULE_NOT_FOUND") throw other;
        }
      }
      throw error;
    }
  }`;

function lookAtNodePath() {
  const folders = (process.env.NODE_PATH ?? "").split(path.delimiter).filter((each) => each);
  if (!folders.length) return;
  const places = folders.map((each) => pathToFileURL(path.join(path.dirname(each), "x")).href);
  module.register("data:text/javascript," + encodeURIComponent(HOOKS), { data: { places } });
}

async function importFile(file) {
  if (file.endsWith(".mjs")) return import(pathToFileURL(file));
  try {
    return require(file);
  } catch (error) {
    // The last: an ES module that this Node can `require`, which looks for its imports without our resolver.
    const again = ["ERR_REQUIRE_ESM", "ERR_REQUIRE_ASYNC_MODULE", "ERR_MODULE_NOT_FOUND"];
    if (!again.includes(error?.code)) throw error;
    return import(pathToFileURL(file));
  }
}

async function load() {
  const file = locate();
  lookAtNodePath();
  let loaded;
  try {
    loaded = await importFile(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`);
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND", "ENOENT"].includes(error?.code)) {
      throw fault("Runtime.ImportModuleError", `Error: ${error.message}`);
    }
    throw error;
  }
  const found = loaded[exportName] ?? loaded.default?.[exportName];
  if (found === undefined) {
    throw fault("Runtime.HandlerNotFound", `${moduleName}.${exportName} is undefined or not exported`);
  }
  if (typeof found !== "function") {
    throw fault("Runtime.HandlerNotFound", `${moduleName}.${exportName} is not a function`);
  }
  return [file, found];
}

// -- one call

function context(call) {
  return {
    awsRequestId: call.id,
    invokedFunctionArn: call.arn,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: call.client ? JSON.parse(call.client) : undefined,
    identity: undefined,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, call.deadline - Date.now()),
    succeed: (value) => settle(call, null, value),
    fail: (error) => settle(call, error ?? new Error("handled")),
    done: (error, value) => settle(call, error, value),
  };
}

function finish(call, error, value) {
  if (call !== current) return; // answered before
  let body = null;
  if (!error) {
    try {
      body = JSON.stringify(value === undefined ? null : value) ?? "null";
    } catch (problem) {
      error = box(fault("Runtime.MarshalError", `Unable to stringify response body: ${problem.message}`));
    }
  }
  if (body !== null && Buffer.byteLength(body) > MAX_RESPONSE) {
    const limit = `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE} bytes).`;
    error = box(fault("Function.ResponseSizeTooLarge", limit));
  }
  current = null;
  socket.ref();
  if (error) sendError("error", error.value);
  else send("ok", body);
}

// A thrown `null` is an error too, so errors travel in a box.
function box(error) {
  return { value: error };
}

function settle(call, error, value) {
  const failed = error !== null && error !== undefined;
  if (failed || !call.context.callbackWaitsForEmptyEventLoop) finish(call, failed ? box(error) : null, value);
  else call.waiting ??= { value }; // Lambda answers a callback once nothing is left to do: see beforeExit
}

function run(handler, call, body) {
  current = call;
  call.context = context(call);
  socket.unref();
  try {
    const event = JSON.parse(body);
    const returned = handler(event, call.context, (error, value) => settle(call, error, value));
    if (typeof returned?.then === "function") {
      returned.then(
        (value) => finish(call, null, value),
        (error) => finish(call, box(error)),
      );
    } else if (handler.length < 3 && returned !== undefined) {
      finish(call, null, returned);
    }
  } catch (error) {
    finish(call, box(error));
  }
}

// Nothing is left that could answer: the value given to the callback, or null, is the result.
process.on("beforeExit", () => {
  if (current) finish(current, null, current.waiting?.value);
});

function die(kind, code) {
  return (error) => {
    const shown = kind && util.types.isNativeError(error) ? fault(kind, `${error.name}: ${error.message}`) : error;
    if (shown !== error) shown.stack = error.stack;
    socket.ref();
    sendError(current ? "last-error" : "init-error", shown, () => process.exit(code));
  };
}
process.on("uncaughtException", die("", 129));
process.on("unhandledRejection", die("Runtime.UnhandledPromiseRejection", 128));

// -- the conversation

let buffered = Buffer.alloc(0);

function onData(handler) {
  return (data) => {
    buffered = buffered.length ? Buffer.concat([buffered, data]) : data;
    while (buffered.length >= 8) {
      const headSize = buffered.readUInt32BE(0);
      const end = 8 + headSize + buffered.readUInt32BE(4);
      if (buffered.length < end) return;
      const head = JSON.parse(buffered.toString("utf8", 8, 8 + headSize));
      const body = buffered.toString("utf8", 8 + headSize, end);
      buffered = buffered.subarray(end);
      run(handler, head, body);
    }
  };
}

function watched(file) {
  const roots = [process.env.LAMBDA_TASK_ROOT ?? path.dirname(file), ...layers].map((each) => each + "/");
  const loaded = Object.keys(require.cache).filter((name) => roots.some((root) => name.startsWith(root)));
  return [file, ...loaded.filter((name) => name !== file)].slice(0, MAX_WATCHED);
}

socket.on("end", () => process.exit(0));
socket.on("error", () => process.exit(0));

try {
  const [file, handler] = await load();
  socket.on("data", onData(handler));
  send("ready", JSON.stringify(watched(file)));
} catch (error) {
  sendError("init-error", error, () => process.exit(1));
}
