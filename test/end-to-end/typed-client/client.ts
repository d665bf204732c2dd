/**
 * What a tenant's own program does with the types that `openapi-typescript` makes of our document (`schema.ts`, beside it where it is compiled):
 * no name, no field and no status here is checked by anything but these. `typed-client.test.ts` makes them, compiles this, and runs it.
 */
import createClient from 'openapi-fetch';
import type { paths } from './schema.ts';

export interface Told {
  readonly accounts: readonly string[];
  readonly invite: string;
  /** Such as `user-add: done`. */
  readonly audit: readonly string[];
  readonly refusal: { readonly status: number; readonly detail: string };
  readonly isUnchanged: boolean;
}

/** @param baseUrl that of the API: `https://chat.example.org/api/v1` */
export async function openTenant(baseUrl: string, token: string, domain: string): Promise<Told> {
  const api = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
  const path = { domain };

  const tenant = await api.POST('/tenants', { body: { domain, registration: 'closed' } });
  if (tenant.data === undefined) throw failed(tenant.error);

  const juliet = { local: 'juliet', password: 'capulet' };
  const account = await api.POST('/tenants/{domain}/accounts', {
    params: { path: { domain: tenant.data.domain }, header: { 'Idempotency-Key': 'juliet-1' } },
    body: juliet,
  });
  if (account.data === undefined) throw failed(account.error);
  const again = await api.POST('/tenants/{domain}/accounts', { params: { path }, body: juliet });
  if (again.data !== undefined) throw new Error(`${again.data.jid} was added twice`);

  const invite = await api.POST('/tenants/{domain}/invites', { params: { path }, body: { uses: 2, days: 1 } });
  if (invite.data === undefined) throw failed(invite.error);

  const accounts: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await api.GET('/tenants/{domain}/accounts', { params: { path, query: { after } } });
    if (page.data === undefined) throw failed(page.error);
    accounts.push(...page.data.users);
    after = page.data.next;
    if (after === undefined) break;
  }

  const policy = await api.GET('/tenants/{domain}/policy', { params: { path } });
  const etag = policy.response.headers.get('etag') ?? '';
  const known = await api.GET('/tenants/{domain}/policy', { params: { path, header: { 'If-None-Match': etag } } });

  const audit = await api.GET('/tenants/{domain}/audit', { params: { path, query: { order: 'oldest' } } });
  if (audit.data === undefined) throw failed(audit.error);

  return {
    accounts,
    invite: invite.data.uri,
    audit: audit.data.entries.map(({ operation, outcome }) => `${operation}: ${outcome}`),
    refusal: { status: again.response.status, detail: again.error?.detail ?? '' },
    isUnchanged: known.response.status === 304,
  };
}

/** Only the answer to a request whose head is too large (431) has no body. */
function failed(problem: { readonly detail: string } | undefined): Error {
  return new Error(problem?.detail ?? 'the head of the request is too large');
}
