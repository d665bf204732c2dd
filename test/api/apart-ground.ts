/**
 * Two tenants that have one of everything, the REST API before them, and a witness of the store: it tells which call of the API has led to
 * which access, also over the bus, and also after the answer.
 */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Store } from '../../lib/ports/store.ts';
import { readToken } from '../../lib/runtime/api-keys.ts';
import { Deliverer } from '../../lib/runtime/deliverer.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { apiApp } from '../../services/api/app.ts';
import { operations } from '../../services/router/operations/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { tokenSecrets } from '../../services/router/sasl/tokens.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import type { Answer } from './ground.ts';

export const domains = ['a.example', 'b.example'] as const;
export type Domain = (typeof domains)[number];

/** Stands in what a tenant has, and in no request. */
export const secretOf = (domain: string) => `hidden-${domain.replace('.', '-')}`;

export interface Access {
  /** The number of the call that has led to it. */
  readonly call: number;
  readonly method: string;
  readonly partition: string;
  readonly sort: string;
  readonly value: string;
}

/** By what a call may name: ids, addresses and names of a tenant. */
export type Names = Readonly<Record<string, string>>;

export interface ApartGround {
  readonly accesses: readonly Access[];
  readonly names: Readonly<Record<Domain, Names>>;
  key(given: Readonly<Record<string, unknown>>): Promise<string>;
  /** @param number tells the accesses of this call from others */
  call(number: number, token: string, line: string, body: unknown): Promise<Answer>;
  /** Asks for what has no route, as the API would. */
  ask(number: number, token: string, operation: string, given: Readonly<Record<string, unknown>>): Promise<boolean>;
  settle(): Promise<void>;
  close(): Promise<void>;
}

const acting = new AsyncLocalStorage<number>();
const outside = 0xffff_ffff;

export interface Plant {
  /** Changes a row that is read. */
  readonly onRead?: (partition: string, value: string) => string;
}

function witness(store: Store, accesses: Access[], { onRead }: Plant): Store {
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const method = Reflect.get(target, name) as unknown;
      if (typeof method !== 'function') return method;
      return async (...values: readonly unknown[]) => {
        const call = acting.getStore() ?? outside;
        const rows = name === 'close' ? [] : ([values[0]].flat() as readonly Partial<Access>[]);
        for (const { partition = '', sort = '', value = '' } of rows)
          if (call !== outside) accesses.push({ call, method: name, partition, sort, value });
        const found = (await Reflect.apply(method, target, values)) as { value: string; partition: string } | undefined;
        if (onRead === undefined || name !== 'get' || found === undefined) return found;
        return { ...found, value: onRead(found.partition, found.value) };
      };
    },
  });
}

const headBytes = 4;

/** Carries the number of the call before each payload: on the bus, a handler does not run in its sender's context. */
function tracing(bus: Bus): Bus {
  const marked = (payload: Uint8Array) => {
    const head = Buffer.alloc(headBytes);
    head.writeUInt32BE(acting.getStore() ?? outside);
    return Buffer.concat([head, payload]);
  };
  return {
    serve: (subject, handler, options) =>
      bus.serve(
        subject,
        (payload, name) => {
          const call = Buffer.from(payload.buffer, payload.byteOffset, headBytes).readUInt32BE();
          return acting.run(call, () => handler(payload.subarray(headBytes), name));
        },
        options,
      ),
    request: (subject, payload, options) => bus.request(subject, marked(payload), options),
    publish: (subject, payload) => bus.publish(subject, marked(payload)),
    close: () => bus.close(),
  };
}

function watchedParts(dependencies: EmbeddedDependencies, accesses: Access[], plant: Plant): EmbeddedDependencies {
  const store = witness(dependencies.store, accesses, plant);
  const bus = tracing(dependencies.bus);
  const { clock } = dependencies;
  const folder = mkdtempSync(join(tmpdir(), 'skylark-apart-'));
  const keys = openFileKeys({ path: join(folder, 'key'), clock });
  const parts = { store, bus, keys, tokenSecrets: tokenSecrets({ store, clock, keys }) };
  return {
    ...{ ...dependencies, ...parts, tenants: new Tenants(store, clock), deliverer: new Deliverer(bus) },
    async close() {
      await dependencies.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function openApart(plant: Plant = {}): Promise<ApartGround> {
  const accesses: Access[] = [];
  const stage = await openStage({ wrap: (dependencies) => watchedParts(dependencies, accesses, plant) });
  const { dependencies } = stage;
  const app = apiApp({
    ...{ bus: dependencies.bus, clock: dependencies.clock, log: pino({ level: 'silent' }), version: '0.0.0', operations },
    referenceFolder: dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist'))),
  });
  const [ofA, ofB] = [await furnish(stage, 'a.example', 'romeo'), await furnish(stage, 'b.example', 'juliet')];
  // Each call comes from another network: a key has a rate in each.
  const addressOf = (number: number) => `10.${(number >> 8) & 255}.${number & 255}.1`;
  return {
    accesses,
    names: { 'a.example': ofA, 'b.example': ofB },
    key: async (given) => (await operate(stage, 'key-add', given)).token as string,
    call: (number, token, line, body) =>
      acting.run(number, async () => {
        const [method, path] = line.split(' ') as [string, string];
        const response = await app.fetch(
          new Request(`https://chat.example/api/v1${path}`, {
            method,
            headers: {
              authorization: `Bearer ${token}`,
              ...(body !== undefined && { 'content-type': 'application/json' }),
            },
            ...(body !== undefined && { body: JSON.stringify(body) }),
          }),
          { address: addressOf(number) },
        );
        const text = await response.text();
        return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
      }),
    ask: (number, token, operation, given) =>
      acting.run(number, async () => {
        const by = { key: readToken(token)!, address: addressOf(number) };
        return (await perform(dependencies, { kind: 'admin', operation, arguments: given, by })).ok;
      }),
    settle: () => stage.settle(),
    close: () => stage.close(),
  };
}

type Result = Readonly<Record<string, unknown>>;

async function operate({ dependencies }: WholeStage, operation: string, given: Result): Promise<Result> {
  const { ok, error, result } = await perform(dependencies, { kind: 'admin', operation, arguments: given });
  assert.equal(ok, true, `${operation}: ${error}`);
  return result as Result;
}

/** Gives a tenant one of everything that can be named. */
async function furnish(stage: WholeStage, domain: Domain, local: string): Promise<Names> {
  const secret = secretOf(domain);
  const jid = `${local}@${domain}`;
  const room = `hall-of-${local}`;
  const roomJid = `${room}@conference.${domain}`;
  const group = `Friends of ${local}`;
  const component = `irc-${local}.${domain}`;
  const person = await stage.appear(`${jid}/${local}-home`);
  const foe = await stage.appear(`${secret}@${domain}/away`);
  await person.send(`<presence to='${roomJid}/${secret}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  const instant = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
  await person.send(`<iq type='set' id='instant' to='${roomJid}'>${instant}</iq>`);
  await foe.send(`<message to='${jid}' type='chat'><body>${secret}</body></message>`);
  const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>${secret}</text></report>`;
  const item = `<item jid='${foe.jid.bare}'>${report}</item>`;
  await person.send(`<iq type='set' id='report'><block xmlns='urn:xmpp:blocking'>${item}</block></iq>`);
  const made = (operation: string, given: Result) => operate(stage, operation, { domain, ...given });
  await made('tenant-set', { brandName: secret });
  await made('motd-set', { text: secret });
  await made('roster-group-set', { group, members: [jid, `${secret}@${domain}`] });
  await made('component-add', { component, sealedSecret: secret });
  const announcement = await made('announcement-send', { text: secret });
  const webhook = await made('webhook-add', { url: `https://app.example/${secret}`, events: ['report.filed'] });
  const invite = await made('invite-create', { name: `${secret}-invited` });
  const key = await made('key-add', { name: secret });
  const { reports } = (await made('report-list', {})) as { readonly reports: readonly { readonly id: string }[] };
  const ofJid = async (operation: string, list: string) =>
    ((await operate(stage, operation, { jid }))[list] as readonly { readonly id: string }[])[0]!.id;
  return {
    ...{ domain, local, jid, room, roomJid, group, component, rooms: `conference.${domain}` },
    ...{ announcement: `${announcement.id}`, webhook: `${webhook.id}`, invite: `${invite.id}`, key: `${key.id}` },
    ...{
      report: reports[0]!.id,
      session: await ofJid('session-list', 'sessions'),
      device: await ofJid('device-list', 'devices'),
    },
  };
}
