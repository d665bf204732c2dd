/** What operators of a tenant see of uploaded files, and that one is deleted: no name and no address, and no file of another tenant or account. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { type Item, Rows } from '../../lib/runtime/rows.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { operationLimits } from '../../services/router/operations/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { deleteDoomedFiles } from '../../services/router/removal/doomed-files.ts';
import { type SlotRow, slots, uploaded } from '../../services/router/uploads/uploaded-files.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const NS = 'urn:xmpp:http:upload:0';
let stage: RouterStage;
let clock: ReturnType<typeof steppedClock>;
let juliet: BatchActor;
beforeEach(async () => {
  clock = steppedClock();
  stage = await openRouter({ wrap: (parts) => ({ ...parts, clock: DeploymentClock.of(clock) }) });
  juliet = await stage.join('juliet@a.example/balcony');
});
afterEach(() => stage.close());

const jid = 'juliet@a.example';
const blobs = () => stage.dependencies.blobs!;

/** @returns the key of the file */
async function ask(size: number, purpose = '', actor = juliet): Promise<string> {
  const child = purpose && `<${purpose} xmlns='urn:xmpp:http:upload:purpose:0'/>`;
  const request = `<request xmlns='${NS}' filename='rose.png' size='${size}' content-type='image/png'>${child}</request>`;
  await actor.send(`<iq type='get' id='u' to='upload.${actor.jid.domain}'>${request}</iq>`);
  const iq = parseElement(await actor.next());
  return iq.getChild('slot', NS)!.getChild('get')!.attrs.url!.split('/files/')[1]!;
}

async function* bytes(size: number) {
  yield Buffer.alloc(size, 1);
}

async function upload(size: number, purpose = '', actor = juliet): Promise<string> {
  const key = await ask(size, purpose, actor);
  await blobs().put(key, { type: 'image/png', sizeBytes: size }, bytes(size));
  return key;
}

const operate = (operation: string, given: Readonly<Record<string, unknown>>) =>
  perform(stage.dependencies, { kind: 'admin', operation, arguments: given });

interface Listed {
  readonly files: readonly {
    readonly id: string;
    readonly sizeBytes: number;
    readonly isKept: boolean;
    readonly givenAt: string;
  }[];
  readonly next?: string;
}

async function list(given: Readonly<Record<string, unknown>> = {}): Promise<Listed> {
  const { ok, error, result } = await operate('file-list', { jid, ...given });
  assert.ok(ok, error);
  return result as Listed;
}

test('files are listed with type, size and date, without name and address; a slot that was not used is not a file', async () => {
  const at = new Date(stage.dependencies.clock.now()).toISOString();
  const key = await upload(4);
  await upload(5, 'permanent');
  await ask(6);
  const { files, next } = await list();
  assert.deepEqual(files.map(({ sizeBytes, isKept, givenAt }) => [sizeBytes, isKept, givenAt]).toSorted(), [
    [4, false, at],
    [5, true, at],
  ]);
  assert.equal(next, undefined);
  const text = JSON.stringify(files);
  for (const secret of ['rose', key.split('/')[1]!]) assert.ok(!text.includes(secret), text);
});

test('there are pages', async () => {
  const more = operationLimits.filePageMax + 3;
  for (let count = 0; count < more; count++) await upload(1);
  const first = await list();
  const second = await list({ after: first.next });
  assert.deepEqual([first.files.length, second.files.length, second.next], [operationLimits.filePageMax, 3, undefined]);
  assert.equal(new Set([...first.files, ...second.files].map(({ id }) => id)).size, more);
});

test('a tenant has the totals of its accounts, with what was asked for and not used', async () => {
  const romeo = await stage.join('romeo@b.example/orchard');
  await upload(4);
  await ask(6);
  await upload(100, '', romeo);
  await stage.join('nurse@a.example/house');
  const { result } = await operate('file-totals', { domain: 'a.example' });
  assert.deepEqual(result, { accounts: [{ jid, slots: 2, bytes: 10 }], next: undefined });
});

test('the row of an older version has its size from the file', async () => {
  await upload(4);
  const rows = Rows.ofAccount(stage.store, 'a.example', 'juliet');
  const [{ key, value }] = (await rows.list(slots, { limit: 1 })) as [Item<SlotRow>];
  await rows.put(slots, key, { key: value.key, untilMs: value.untilMs });
  assert.deepEqual(((await operate('file-totals', { domain: 'a.example' })).result as { accounts: unknown[] }).accounts, [
    { jid, slots: 1, bytes: 4 },
  ]);
});

test('a deleted file is gone, also when its upload comes again while the slot is good', async () => {
  const key = await upload(4);
  const [file] = (await list()).files;
  assert.deepEqual((await operate('file-remove', { jid, id: file!.id })).result, { jid, id: file!.id });
  assert.equal(await blobs().get(key), undefined);
  assert.deepEqual((await list()).files, []);
  await blobs().put(key, { type: 'image/png', sizeBytes: 4 }, bytes(4));
  await deleteDoomedFiles(stage.store, blobs(), clock.now());
  assert.equal(await blobs().get(key), undefined);
  assert.equal((await operate('file-remove', { jid, id: file!.id })).refusal, 'absent');
});

test('what was kept does not count any more, once, however many delete it; what was not goes on counting for its month', async () => {
  await upload(4, 'permanent');
  clock.advance(routerLimits.uploadSlotMs + serviceLimits.uploadRequestMs + 1);
  const month = new Date(stage.dependencies.clock.now()).toISOString().slice(0, 'yyyy-mm'.length);
  await upload(4);
  const rows = Rows.ofAccount(stage.store, 'a.example', 'juliet');
  const counted = async (where: string) => (await rows.get(uploaded, where))?.value;
  const most = routerLimits.uploadCountedBytesMin;
  assert.deepEqual([await counted('permanent'), await counted(month)], [most, most]);
  const { files } = await list();
  await Promise.all(files.flatMap(({ id }) => [1, 2, 3].map(() => operate('file-remove', { jid, id }))));
  assert.deepEqual([await counted('permanent'), await counted(month)], [0, most]);
});

test('no file of another account or tenant is reached, and whoever is not there has none', async () => {
  const romeo = await stage.join('romeo@b.example/orchard');
  const key = await upload(4, '', romeo);
  const { files } = await list({ jid: 'romeo@b.example' });
  assert.equal((await operate('file-remove', { jid, id: files[0]!.id })).refusal, 'absent');
  assert.ok(await blobs().get(key));
  for (const operation of ['file-list', 'file-remove'])
    assert.equal(
      (await operate(operation, { jid: 'nobody@a.example', ...(operation === 'file-remove' && { id: 'x' }) })).refusal,
      'absent',
    );
  assert.equal((await operate('file-totals', { domain: 'c.example' })).refusal, 'absent');
});
