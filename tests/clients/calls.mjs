// The SDK for Node, asked line by line: {service, operation, members, keys} in, one answer out. It decides nothing.
// Daemon, region and keys are in the environment, as `flowd env` prints them.
import { createInterface } from "node:readline";

const packages = {
  stepfunctions: ["sfn", "SFN"], swf: ["swf", "SWF"], lambda: ["lambda", "Lambda"], ecs: ["ecs", "ECS"],
  dynamodb: ["dynamodb", "DynamoDB"], dynamodbstreams: ["dynamodb-streams", "DynamoDBStreams"], sqs: ["sqs", "SQS"],
  sns: ["sns", "SNS"], events: ["eventbridge", "EventBridge"], s3: ["s3", "S3"],
};
const clients = new Map();

async function client(service, keys) {
  const known = `${service} ${keys.AWS_ACCESS_KEY_ID ?? ""}`;
  if (!clients.has(known)) {
    const [folder, name] = packages[service];
    const sdk = await import(`@aws-sdk/client-${folder}`);
    // What docs/boto3.md says of this SDK: the bucket in the path, no prefix before the host's name.
    const settings = { maxAttempts: 1, ...(service === "s3" ? { forcePathStyle: true } : {}) };
    if (service === "stepfunctions") settings.disableHostPrefix = true;
    if (keys.AWS_ACCESS_KEY_ID)
      settings.credentials = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY };
    clients.set(known, { sdk, made: new sdk[`${name}Client`](settings), base: sdk[`${name}ServiceException`] });
  }
  return clients.get(known);
}

function revive(key, value) {
  if (value && typeof value === "object" && "$bytes" in value) return Buffer.from(value.$bytes, "base64");
  return value && typeof value === "object" && "$time" in value ? new Date(value.$time * 1000) : value;
}

async function plain(answer) {
  const found = {};
  for (const [name, value] of Object.entries(answer)) {
    if (name === "$metadata") continue;
    if (value?.transformToString) found[name] = await value.transformToString();
    else found[name] = value instanceof Uint8Array ? Buffer.from(value).toString() : value;
  }
  return found;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { service, operation, members, keys } = JSON.parse(line, revive);
  let told;
  try {
    const { sdk, made, base } = await client(service, keys);
    try {
      const answer = await made.send(new sdk[`${operation}Command`](members));
      told = { status: answer.$metadata.httpStatusCode, members: await plain(answer) };
    } catch (error) {
      const status = error.$metadata?.httpStatusCode ?? 0;
      const modelled = base !== undefined && error instanceof base && error.constructor !== base;
      told = { code: error.name, message: String(error.message), status, modelled };
    }
  } catch (error) {
    told = { code: "Script", message: String(error) };
  }
  process.stdout.write(JSON.stringify(told) + "\n");
}
