/**
 * The web service as a function on AWS, behind an HTTP API (payload 2.0). It is the same app as in one process, without streams
 * and files, which are elsewhere on AWS. This is a main file: it reads the environment and chooses adapters.
 *
 * | Variable | What | Default |
 * |---|---|---|
 * | SKYLARK_DOMAIN | the tenant that a browser gets when it asks for an unknown name | `localhost` |
 * | SKYLARK_REGION, else AWS_REGION | the region of DynamoDB | |
 * | SKYLARK_TABLE_PREFIX | the prefix of the tables' names | `skylark-` |
 * | SKYLARK_DYNAMODB | the URL of a DynamoDB, or `aws` | `aws` |
 * | SKYLARK_WEBSOCKET_URL | where WebSocket streams are, `wss://…/xmpp-websocket` | below the name asked for, if it is a tenant's
 * |
 * | SKYLARK_FILES_ORIGINS | where browsers upload and fetch files: the origins of the bucket and of --files-url, separated by
 * spaces | none |
 * | SKYLARK_CLIENT_FOLDER | the files of the web client | `assets/client` beside the bundle |
 */
import { join } from 'node:path';
import { handle } from 'hono/aws-lambda';
import pino from 'pino';
import { openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { webApp } from './app.ts';

/** An empty variable counts as none. */
function variable(name: string): string | undefined {
  return process.env[name] || undefined;
}

const region = variable('SKYLARK_REGION') ?? variable('AWS_REGION');
if (region === undefined) throw new Error('SKYLARK_REGION is needed: the region of DynamoDB, such as eu-central-1');
const dynamodb = variable('SKYLARK_DYNAMODB') ?? 'aws';
const filesOrigins = variable('SKYLARK_FILES_ORIGINS')?.split(/\s+/) ?? [];

const store = await openDynamoStore({
  region,
  tablePrefix: variable('SKYLARK_TABLE_PREFIX') ?? 'skylark-',
  clock,
  ...(dynamodb !== 'aws' && { endpoint: dynamodb }),
});

const certificates = new Certificates(store);

export const handler = handle(
  webApp({
    tenants: new Tenants(store, clock),
    log: pino({ level: variable('SKYLARK_LOG_LEVEL') ?? 'info' }),
    defaultDomain: variable('SKYLARK_DOMAIN') ?? 'localhost',
    clientFolder: variable('SKYLARK_CLIENT_FOLDER') ?? join(import.meta.dirname, 'assets', 'client'),
    webSocketUrl: variable('SKYLARK_WEBSOCKET_URL'),
    filesOrigins: () => filesOrigins,
    fingerprintOf: async (domain) => (await certificates.find(domain))?.fingerprint,
  }),
);
