/** The shape of an ad-hoc command of a tenant's domain (XEP-0050). The operations make them; the feature XEP-0050 serves them. */
import type { Field, Submission } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { HostContext } from './host.ts';

export interface HostCommand {
  readonly node: string;
  readonly name: string;
  /** FORM_TYPE of its forms (XEP-0068). */
  readonly formType: string;
  /** Fields of its form; none: the command is done at once. */
  readonly fields: readonly Field[];
  /** What of the form somebody is shown; absent: all of it. */
  shown?(host: HostContext): Promise<readonly Field[]>;
  /** Whether the sender may use it. */
  isAllowed(host: HostContext): Promise<boolean>;
  /** @returns what is shown when it is done. @throws {StanzaError} */
  run(host: HostContext, submission: Submission): Promise<Element | undefined>;
}

/** Declared here, because commands know hosts, and hosts their turn's dependencies. */
declare module './dependencies.ts' {
  interface Dependencies {
    /** The commands of tenants' domains. */
    readonly hostCommands?: readonly HostCommand[];
  }
}
