/** What a tenant's policy makes of the disco#info of its domain, as another tenant's account reads it. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { parseElement } from '../../lib/xmpp/element.ts';
import { capsHash, hostInfo } from '../../services/router/core/disco-info.ts';
import { features } from '../../services/router/features/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import type { WholeStage } from '../support/stage/whole-stage.ts';

const NS_DATA = 'jabber:x:data';

export async function setPolicy(stage: WholeStage, domain: string, given: object): Promise<void> {
  const input = { domain, ...given } as Record<string, unknown>;
  const { ok, error, result } = await perform(stage.dependencies, { kind: 'admin', operation: 'tenant-set', arguments: input });
  assert.ok(ok, error);
  const { policyVersion } = result as { policyVersion: number };
  for (let known = -1; known < policyVersion; await pause(20))
    known = (await stage.dependencies.tenants.find(domain))!.policyVersion;
}

/** @returns the forms of the domain: field → values, by FORM_TYPE. The hash that streams announce is that of this answer. */
export async function formsOf(
  stage: WholeStage,
  actor: StreamActor,
  domain: string,
): Promise<Record<string, Record<string, string[]>>> {
  actor.inbox.length = 0;
  await actor.send(`<iq type='get' id='d' to='${domain}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  const query = parseElement(actor.inbox.find((xml) => xml.includes(`id='d'`))!).getChildElements()[0]!;
  const forms = query.getChildren('x', NS_DATA).map((form) => {
    assert.equal(form.attrs.type, 'result');
    const fields = form
      .getChildren('field')
      .map((field) => [String(field.attrs.var), field.getChildren('value').map((value) => value.getText())]);
    const { FORM_TYPE: [type] = [], ...rest } = Object.fromEntries(fields) as Record<string, string[]>;
    return [type!, rest];
  });
  const tenant = (await stage.dependencies.tenants.find(domain))!;
  const hash = capsHash(hostInfo(features, tenant));
  assert.ok(stage.dependencies.features.boundFeatures(tenant).includes(`ver='${hash}'`));
  return Object.fromEntries(forms) as Record<string, Record<string, string[]>>;
}
