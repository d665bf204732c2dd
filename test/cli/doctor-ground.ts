/** Where `skylark doctor` is tried: an authority that it trusts, and name servers that say where the servers of a test are. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, createAuthority, type Identity } from '../support/authority.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { Examination } from './doctor-run.ts';
import { removeFolder, temporaryFolder } from './skylark-command.ts';

/** The domain that is examined. */
export const domain = 'example.org';

type Records = Parameters<typeof startDnsServer>[0];

/** A server of the test; one that has `close` ends with the file. */
export interface Examined {
  readonly port: number;
  close?(): void;
}

export class DoctorGround {
  readonly folder = temporaryFolder();
  /** A PEM file. */
  readonly ca = join(this.folder, 'ca.pem');
  readonly authority: Authority;
  /** Proves the domain. */
  readonly good: Identity;
  /** What ends with the file. */
  readonly closing: (() => void)[] = [];

  private constructor(authority: Authority, good: Identity) {
    this.authority = authority;
    this.good = good;
    writeFileSync(this.ca, authority.cert);
  }

  static async open(): Promise<DoctorGround> {
    const authority = await createAuthority();
    return new DoctorGround(authority, await authority.issue([domain]));
  }

  /** @param records of the name server. @param options of the command, behind the domain and the name server */
  async examine(records: Records, servers: readonly (Examined | undefined)[], options: readonly string[]): Promise<Examination> {
    const names = await startDnsServer(records);
    this.closing.push(names.close, ...servers.flatMap((server) => server?.close?.bind(server) ?? []));
    return Examination.run([domain, '--dns', names.address, ...options]);
  }

  close(): void {
    for (const close of this.closing) close();
    removeFolder(this.folder);
  }
}
