import type { Skylark } from '../support/skylark.ts';
import { Terminal } from './terminal.ts';

/** Debian's profanity in a terminal, signed in over STARTTLS, or over TLS from the first byte. */
export async function profanity(skylark: Skylark, local: string, password: string, isDirect = false): Promise<Terminal> {
  const terminal = new Terminal(local, 'profanity');
  await terminal.see(/Profanity/);
  // 'legacy' is its word for TLS from the first byte; it shows the certificate then and asks.
  const [port, policy] = isDirect ? [skylark.ports.c2sTls, 'legacy'] : [skylark.ports.c2s, 'trust'];
  terminal.type(`/connect ${local}@localhost server 127.0.0.1 port ${port} tls ${policy}`);
  await terminal.see(/[Pp]assword/);
  terminal.type(password);
  if (isDirect) {
    await terminal.see(/\/tls allow/);
    terminal.type('/tls allow');
  }
  await terminal.see(new RegExp(`${local}@localhost.*logged in successfully`));
  return terminal;
}
