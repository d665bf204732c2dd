/** What a component may do with the accounts of its tenant (XEP-0356), as its row holds it and as it is told. */
import { type Element, xml } from '../xmpp/element.ts';

export const privilegeNs = 'urn:xmpp:privilege:2';

export type Access = 'get' | 'set' | 'both';

export interface Privileges {
  readonly roster?: Access | undefined;
  readonly message?: 'outgoing' | undefined;
  readonly presence?: 'managed_entity' | undefined;
  /** Requests in the name of an account, by the namespace of what they ask for. */
  readonly iq?: Readonly<Record<string, Access>> | undefined;
}

export function allows(access: Access | undefined, type: string | undefined): boolean {
  return access !== undefined && (access === 'both' || access === type);
}

/** What the server tells the component. Absent privileges are not named. */
export function privilegeElement({ roster, message, presence, iq = {} }: Privileges): Element {
  const perm = (access: string, type: string | undefined) => (type === undefined ? undefined : xml('perm', { access, type }));
  const namespaces = Object.entries(iq).map(([ns, type]) => xml('namespace', { ns, type }));
  return xml(
    'privilege',
    { xmlns: privilegeNs },
    perm('roster', roster),
    perm('message', message),
    perm('presence', presence),
    namespaces.length === 0 ? undefined : xml('perm', { access: 'iq' }, ...namespaces),
  );
}
