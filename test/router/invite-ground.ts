/** Two tenants that have people, and what is said to make an invite and to come by one. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { AdminReply } from '../../lib/runtime/admin-wire.ts';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

export const COMMANDS = 'http://jabber.org/protocol/commands';
export const PREAUTH = 'urn:xmpp:pars:0';

export interface Made {
  readonly id: string;
  readonly uri: string;
  readonly path: string;
}

export class InviteGround {
  readonly stage: WholeStage;

  private constructor(stage: WholeStage) {
    this.stage = stage;
  }

  static async open(policy: PolicyChange = {}): Promise<InviteGround> {
    const stage = await openStage();
    const ground = new InviteGround(stage);
    if (Object.keys(policy).length > 0) await ground.set(policy);
    return ground;
  }

  async set(policy: PolicyChange, domain = 'a.example'): Promise<void> {
    await this.stage.dependencies.tenants.setPolicy(domain, policy);
    // A node gives a router's greeting to other streams for so long.
    await pause(routerLimits.greetingKeepMs + 1);
  }

  ask(operation: string, given: Readonly<Record<string, unknown>>): Promise<AdminReply> {
    return perform(this.stage.dependencies, { kind: 'admin', operation, arguments: given });
  }

  async operate<Result = Readonly<Record<string, unknown>>>(
    operation: string,
    given: Readonly<Record<string, unknown>>,
  ): Promise<Result> {
    const { ok, error, result } = await this.ask(operation, given);
    assert.equal(ok, true, error);
    return result as Result;
  }

  make(given: Readonly<Record<string, unknown>> = {}): Promise<Made> {
    return this.operate<Made>('invite-create', { domain: 'a.example', ...given });
  }

  async users(domain = 'a.example'): Promise<readonly string[]> {
    return (await this.operate<{ users: string[] }>('user-list', { domain })).users;
  }

  /** Shows the token on a new stream. @returns the answer, and how to register then */
  async show(token: string, domain = 'a.example', address = '198.51.100.7') {
    const newcomer = this.stage.newcomer(domain, { address });
    const features = await newcomer.open();
    const answer = await newcomer.asks(
      `<iq xmlns='jabber:client' type='set' id='p' to='${domain}'><preauth xmlns='${PREAUTH}' token='${token}'/></iq>`,
    );
    const register = (username: string, password = 'secret') => newcomer.asks(registration(username, password));
    return { newcomer, features, answer, register };
  }
}

export function registration(username: string, password: string): string {
  const fields = `<username>${username}</username><password>${password}</password>`;
  return `<iq xmlns='jabber:client' type='set' id='r'><query xmlns='jabber:iq:register'>${fields}</query></iq>`;
}

export function tokenOf(uri: string): string {
  return /preauth=(\w+)/.exec(uri)![1]!;
}

/** The type and condition of an error, or `result`. */
export function outcomeOf(answer: string): string {
  const [, type, condition] =
    /<error type='([a-z]+)'><([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/.exec(answer) ??
    /<error type="([a-z]+)"><([a-z-]+) xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/.exec(answer) ??
    [];
  return type === undefined ? (/type=['"](\w+)['"]/.exec(answer)?.[1] ?? answer) : `${type} ${condition}`;
}
